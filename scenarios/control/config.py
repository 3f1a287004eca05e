"""What an evaluation of policies depends on, and the command that makes it again. Imported without JAX."""

import dataclasses
import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...sim.errors import InputError
from ..contract import digest
from ..lookup import did_you_mean, is_plugin, load_attribute

DRIFTS = {
    "none": "without drift",
    "standard": "under drifts as in training",
    "held-out": "on patients and drifts that training never sees",
}
OPEN = ("off", "continuous", "random")
SEEDS, CANDIDATES, TUNING_SEEDS = 16, 16, 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class ControlConfig:
    """Everything an evaluation's numbers depend on, apart from the code.

    task:       its name, or ``module:attribute`` of a task of the user's own
    drifts:     names of :data:`DRIFTS`
    arms:       off, continuous, random, and names of the task's controllers; "oracle" where the task has one
    policies:   files of learned policies; digests: SHA-256 of each, so that results of two never mix
    seeds:      patients, each with a drift and noise of its own, the same for every arm
    n_windows:  control windows of a run
    candidates: settings tried for each controller, on seeds that the evaluation never uses
    """

    task: str
    drifts: tuple[str, ...]
    arms: tuple[str, ...]
    policies: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    seeds: int = SEEDS
    n_windows: int = 0
    candidates: int = CANDIDATES
    quick: bool = False

    def to_json(self) -> dict[str, Any]:
        """A dict of JSON types; ``from_json`` gives back an equal configuration."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ControlConfig":
        """The configuration that ``to_json`` wrote. TypeError when a field is missing or not known."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**fields)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, as hex."""
        return digest(self.to_json())


def find_task(name: str) -> Any:
    """The registry's entry of a task, or a user's own, ``module:attribute``. InputError when there is none."""
    from ...sim.tasks.registry import TASKS

    if is_plugin(name):
        found = load_attribute(name)
        missing = [m for m in ("make", "draw", "n_windows", "marker", "title") if not hasattr(found, m)]
        if missing:
            raise InputError(f"{name} is not a task: it has no {', '.join(missing)} (see neurodrift.sim.tasks)")
        return found
    if name not in TASKS:
        raise InputError(f"unknown task '{name}'{did_you_mean(name, TASKS)} (neurodrift list)")
    return TASKS[name]


def make_control_config(
    task: str,
    *,
    drifts: Sequence[str] | None = None,
    arms: Sequence[str] | None = None,
    policies: Sequence[str | Path] = (),
    seeds: int | None = None,
    n_windows: int | None = None,
    candidates: int | None = None,
    quick: bool = False,
) -> ControlConfig:
    """The configuration with the defaults of the task wherever None was given. InputError for what can't be."""
    from .controllers import controller_names

    spec = find_task(task)
    oracle = ("oracle",) if getattr(spec, "oracle", None) is not None else ()
    known = (*OPEN, *controller_names(task), *oracle)
    chosen = tuple(dict.fromkeys(known if arms is None else arms))
    for name in chosen:
        if name not in known:
            raise InputError(f"unknown arm '{name}' of {task}{did_you_mean(name, known)}")
    # without it nothing can be given in % of OFF
    chosen = chosen if "off" in chosen else ("off", *chosen)
    levels = tuple(dict.fromkeys(DRIFTS if drifts is None else drifts))
    for name in levels:
        if name not in DRIFTS:
            raise InputError(f"unknown drift '{name}'{did_you_mean(name, DRIFTS)}")
    if not levels:
        raise InputError(f"no drift given; choose from {', '.join(DRIFTS)}")
    files = tuple(str(path) for path in policies)
    digests = tuple(map(_digest, files))
    for n, one in enumerate(digests):
        if one in digests[:n]:
            first = files[digests.index(one)]
            raise InputError(f"{files[n]} is the same policy as {first}: it would count twice; give each once")
    return ControlConfig(
        task=task,
        drifts=levels,
        arms=chosen,
        policies=files,
        digests=digests,
        seeds=_count("seeds", seeds, 4 if quick else SEEDS),
        n_windows=_count("windows", n_windows, max(int(spec.n_windows) // (4 if quick else 1), 2), least=2),
        candidates=_count("candidates", candidates, 4 if quick else CANDIDATES),
        quick=quick,
    )


def _digest(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"the policy {path} can't be read ({error.strerror or error}); give a file of train") from None


def _count(name: str, value: int | None, default: int, least: int = 1) -> int:
    value = default if value is None else int(value)
    if value < least:
        raise InputError(f"--{name} is {value}: wanted {least} or more")
    return value


def evaluate_command(config: ControlConfig) -> str:
    """The command that makes this evaluation again, every choice spelled out."""
    words: list[Any] = ["neurodrift", "evaluate", *config.policies, "--task", config.task]
    words += ["--drift", ",".join(config.drifts), "--arms", ",".join(config.arms), "--seeds", config.seeds]
    words += ["--windows", config.n_windows, "--candidates", config.candidates]
    words += ["--quick"] if config.quick else []
    return shlex.join(str(word) for word in words)
