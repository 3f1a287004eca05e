"""What is installed: every package, the recordings with their licences, and nothing that makes an import slow."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import neurodrift

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
SOURCES = ("sim", "adaptation", "agents", "scenarios")
HEAVY = ("jax", "flax", "optax", "mne", "brian2", "matplotlib", "scipy", "gymnasium", "rich", "joblib")


def _in_python(code: str, **options) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that the checkout stays clean, without a network."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE.md", "__init__.py", "__main__.py"):
        shutil.copy(ROOT / name, copy / name)
    _in_python("from setuptools.build_meta import build_wheel; build_wheel('dist')", cwd=copy)
    (found,) = (copy / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with what the wheel installs."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_every_folder_with_an_init_is_listed_as_a_package():
    folders = [path.parent.relative_to(ROOT) for name in SOURCES for path in (ROOT / name).rglob("__init__.py")]
    assert sorted(PACKAGES) == sorted(["neurodrift", *(".".join(["neurodrift", *folder.parts]) for folder in folders)])


def test_no_folder_with_code_lacks_an_init():
    folders = {path.parent for name in SOURCES for path in (ROOT / name).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_wheel_holds_every_module(installed):
    modules = {path.relative_to(ROOT) for name in SOURCES for path in (ROOT / name).rglob("*.py")}
    assert modules <= {path.relative_to(installed / "neurodrift") for path in installed.rglob("*.py")}


def test_the_wheel_installs_one_top_level_name(installed):
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"neurodrift"}


def test_the_wheel_holds_the_recordings_beside_their_licences(installed):
    shipped = {path.name for path in (installed / "neurodrift/sim/recordings/data").iterdir()}
    assert shipped == {path.name for path in (ROOT / "sim/recordings/data").iterdir()}
    assert {"LICENCE.eegmmidb.txt", "LICENCE.p01.txt", "README.md"} <= shipped
    assert sum(name.endswith(".npz") for name in shipped) == 3


def test_the_wheel_holds_the_head_model_beside_where_it_comes_from(installed):
    assert {path.name for path in (installed / "neurodrift/sim/head/data").iterdir()} == {"README.md", "template.npz"}
    assert "FreeSurfer" in (ROOT / "NOTICE.md").read_text(encoding="utf-8")


def test_the_wheel_holds_the_checkpoints_beside_their_cards(installed):
    shipped = {path.name for path in (installed / "neurodrift/adaptation/transfer/data").iterdir()}
    assert shipped == {path.name for path in (ROOT / "adaptation/transfer/data").iterdir()}
    assert {name.removesuffix(".json") + ".safetensors" for name in shipped if name.endswith(".json")} <= shipped


def test_the_wheel_states_its_licence_version_and_notices(wheel, installed):
    (folder,) = installed.glob("*.dist-info")
    metadata = Parser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert metadata.get_all("License-File") == ["LICENSE", "NOTICE.md"]
    assert (folder / "licenses/NOTICE.md").read_text(encoding="utf-8") == (ROOT / "NOTICE.md").read_text(
        encoding="utf-8"
    )
    assert metadata["Version"] == neurodrift.__version__ == PROJECT["project"]["version"]
    assert "neurodrift = neurodrift.__main__:main" in (folder / "entry_points.txt").read_text(encoding="utf-8")


def test_the_wheel_is_small_enough_to_ship_recordings(wheel):
    assert wheel.stat().st_size < 20e6


@pytest.mark.parametrize("words", [["--help"], ["list"]], ids=" ".join)
def test_the_installed_wheel_answers(installed, tmp_path, words):
    environment = {**os.environ, "PYTHONPATH": str(installed), "NEURODRIFT_NO_CACHE": "1"}
    code = f"import neurodrift.__main__ as m; assert m.__file__.startswith({str(installed)!r}), m.__file__; m.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mi_cap_shift" in done.stdout


def test_importing_the_package_imports_nothing_heavy(tmp_path):
    code = f"import sys, neurodrift; print([name for name in {HEAVY} if name in sys.modules])"
    assert _in_python(code, cwd=tmp_path).strip() == "[]"


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["rnu"]], ids=" ".join)
def test_help_and_a_mistyped_command_import_nothing_heavy(words, tmp_path):
    code = (
        "import sys; from neurodrift.scenarios.cli.main import main; main(sys.argv[1:]);"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_spiking_alone_imports_brian2(tmp_path):
    code = "import sys, neurodrift.sim.sources, neurodrift.sim.recordings; print({'brian2', 'mne'} & set(sys.modules))"
    assert _in_python(code, cwd=tmp_path).strip() == "set()"


def _pinned() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([\w.-]+)==(\S+)", line) for line in lines if line and not line.startswith("#")]
    assert all(pins), "a line of requirements.lock is no pin"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


@pytest.mark.parametrize(
    "text", [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["test"]]
)
def test_the_lock_pins_every_dependency_within_its_range(text):
    wanted = Requirement(text)
    assert wanted.specifier.contains(_pinned()[canonicalize_name(wanted.name)])
