"""What a result was made with: a digest of the code its numbers depend on, and the versions around it."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import platform
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
_NUMERICAL = ("sim", "adaptation", "agents", "scenarios")
# What only shows results may change without the finished cells being worth less.
_PRESENTATION = (
    *("scenarios/cli/", "scenarios/report/", "scenarios/bench/", "scenarios/check.py", "scenarios/laws.py"),
    *("scenarios/comparison.py", "scenarios/components.py", "scenarios/progress.py", "scenarios/rows.py"),
    *("scenarios/series.py", "scenarios/tables.py", "scenarios/verdict.py"),
    *("scenarios/benchmark/measures.py", "scenarios/benchmark/plan.py", "scenarios/benchmark/ranking.py"),
    *("scenarios/benchmark/results.py", "scenarios/benchmark/run.py", "scenarios/benchmark/text.py"),
    "scenarios/benchmark/verdict.py",
)
_DISTRIBUTIONS = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "mne", "brian2", "gymnasium", "joblib")


@functools.lru_cache(maxsize=8)
def code_version(plugin_module: str | None = None) -> str:
    """SHA-256 (12 hex digits) of the package's source files, and of a plug-in scenario's own file.

    Files that only present results (command line, report, progress) are left out.
    """
    total = hashlib.sha256()
    for path in sorted(p for folder in _NUMERICAL for p in (PACKAGE / folder).rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith(_PRESENTATION):
            total.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    if plugin_module is not None:
        spec = importlib.util.find_spec(plugin_module)
        if spec is not None and spec.origin is not None and Path(spec.origin).is_file():
            total.update(plugin_module.encode() + Path(spec.origin).read_bytes())
    return total.hexdigest()[:12]


def versions() -> dict[str, str]:
    """Versions of neurodrift, Python and the libraries that numbers depend on, and the kind of machine."""
    found = {"neurodrift": _installed("neurodrift"), "python": platform.python_version()}
    found |= {name: _installed(name) for name in _DISTRIBUTIONS}
    return found | {"machine": f"{platform.system()}-{platform.machine()}"}


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def data_version(data: str | None) -> str | None:
    """SHA-256 (16 hex digits) of the file or folder that ``data`` names; None where it names neither."""
    path = Path(data).expanduser() if data else None
    if path is None or not path.exists():
        return None
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        total.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                total.update(block)
    return total.hexdigest()[:16]
