"""The classical controllers that a task's policies are compared with, and over what each of them is tuned."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...sim.pytree import component, static

# Nothing heavy is imported above: a mistyped name must be answered at once.

TITLES = {
    "constant": "Constant, its level tuned",
    "threshold": "Threshold, on and off",
    "dual-threshold": "Two thresholds with hold",
    "proportional": "Proportional",
    "pi": "PI",
    "burst": "Responsive bursts",
    "phase-locked": "Phase-locked",
    "clicks": "Clicks in the up state",
}
AMPLITUDE = ("threshold", "dual-threshold", "proportional", "pi", "constant")


class Family(NamedTuple):
    """Controllers of a task: names; index of the loop's feature that they read, from the end where negative; sign -1
    where more of it asks for less stimulation; beyond: how far below what is usual without stimulation a set point is
    searched, in widths of that; least, most: windows of a run in tuning, whatever the evaluation has."""

    names: tuple[str, ...] = AMPLITUDE
    index: int = 0
    sign: float = 1.0
    beyond: float = 0.5
    least: int = 0
    most: int = 600


FAMILIES: dict[str, Family] = {
    # the newest of a history of the mean field, against which the kicks go
    **dict.fromkeys(
        ("sync_rl_suppress", "neurodrift.sim.tasks.sync_rl_suppress:SPARING"), Family(("proportional",), -1, -1.0)
    ),
    # set points far below what there is leave a level in the mean, without which nothing is suppressed there
    "neurodrift.sim.tasks.sync_rl_suppress:DBS_GYM": Family(("proportional", "pi", "constant"), -1, beyond=2.0),
    "et_phaselock": Family(("phase-locked", "threshold"), 2),
    "sleep_so_clicks": Family(("clicks",)),
    # ten minutes: there are six seizures an hour
    "sz_responsive_abort": Family(("threshold", "burst"), least=2400, most=2400),
    "sz_onset_detect": Family(("threshold",), least=2400, most=2400),
    # of wakefulness, of which no person has as little by themselves as under the drug
    "anaes_depth": Family(("proportional", "pi", "constant"), beyond=2.0),
}
"""Of tasks for which amplitude by the first feature makes no sense."""


class Tunable(NamedTuple):
    """A controller, and the leaves that are tuned with their ranges (see :mod:`neurodrift.agents.tuning`)."""

    title: str
    policy: Any
    space: dict[str, Any]


@component
class Feature:
    """One feature of a sensing, by its index."""

    sensing: Any
    index: int = static(default=0)

    @property
    def n_features(self) -> int:
        return 1

    def init(self) -> Any:
        return self.sensing.init()

    def step(self, state: Any, reading: Any) -> tuple[Any, Any]:
        """(memory, feature (1,))."""
        state, features = self.sensing.step(state, reading)
        return state, features[self.index, None]


def controller_names(task: str) -> tuple[str, ...]:
    """The controllers that a task is evaluated with."""
    return FAMILIES.get(task, Family()).names


def usual_range(level: np.ndarray) -> tuple[float, float]:
    """The 5th and 95th percentile of a feature's values (n,), those that are finite."""
    known = level[np.isfinite(level)]
    low, high = (float(q) for q in np.quantile(known, [0.05, 0.95])) if known.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def make_controller(task: str, name: str, loop: Any, usual: tuple[float, float]) -> Tunable:
    """The controller called ``name`` for a task whose feature lies in ``usual`` without stimulation: thresholds and set
    points are searched there."""
    if name in ("phase-locked", "clicks"):
        return (_phase_locked if name == "phase-locked" else _clicks)(loop, usual)
    from ...agents import PI, Burst, Constant, Controller, DualThreshold, Proportional, Range, Threshold

    if name == "constant":
        import jax.numpy as jnp

        return Tunable(TITLES[name], Constant(level=jnp.full(loop.n_stim, 0.5)), {"level": (0.0, 1.0)})
    source, n_stim = loop.plant.source, loop.n_stim
    window_s = source.n_times / source.sfreq
    low, high = usual
    width = high - low
    middle, where = 0.5 * (low + high), (low, high)
    family = FAMILIES.get(task, Family())
    least = -1.0 if loop.bipolar else 0.0
    # a feature of both signs is fed back against zero
    around = {} if loop.bipolar else {"law.setpoint": (low - family.beyond * width, high)}
    centre, scale = (0.0, family.sign * width) if loop.bipolar else (middle, family.sign * width)
    laws: dict[str, Callable[[], tuple[Any, dict[str, Any]]]] = {
        "threshold": lambda: (
            Threshold(threshold=middle, n_stim=n_stim),
            {"law.threshold": where, "law.high": (0.3, 1.0)},
        ),
        "dual-threshold": lambda: (
            DualThreshold(upper=middle, gap=0.3 * width, n_stim=n_stim),
            {"law.upper": where, "law.gap": (0.05 * width, 0.8 * width), "law.high": (0.3, 1.0)},
        ),
        "proportional": lambda: (
            Proportional(gain=1.0, setpoint=centre, scale=scale, low=least, n_stim=n_stim),
            {"law.gain": Range(0.1, 10.0, log=True), **around},
        ),
        "pi": lambda: (
            PI(gain=0.3, setpoint=centre, integral_s=1.0, scale=scale, low=least, n_stim=n_stim),
            {
                "law.gain": Range(0.02, 5.0, log=True),
                **around,
                "law.integral_s": Range(2 * window_s, 500 * window_s, log=True),
            },
        ),
        "burst": lambda: (
            Burst(threshold=middle, duration_s=10 * window_s, max_therapies=1e6, n_stim=n_stim),
            {
                "law.threshold": (middle, high + 2.0 * width),
                "law.duration_s": Range(2 * window_s, 100 * window_s, log=True),
            },
        ),
    }
    law, space = laws[name]()
    sensing = Feature(sensing=loop.sensing, index=family.index)
    return Tunable(TITLES[name], Controller.create(sensing, law, window_s), space)


def _phase_locked(loop: Any, usual: tuple[float, float]) -> Tunable:
    """Pulses at one phase, by the estimator that the task observes the rhythm with."""
    from ...agents.phase_locked import PhaseLocked

    source = loop.plant.source
    estimator = loop.sensing.parts[0].sensing
    policy = PhaseLocked.create(estimator, source.n_times / source.sfreq, width=0.5, n_stim=loop.n_stim)
    space = {"target": (-np.pi, np.pi), "width": (0.0, 0.5 * np.pi), "level": (0.3, 1.0)}
    return Tunable(TITLES["phase-locked"], policy, space)


def _clicks(loop: Any, usual: tuple[float, float]) -> Tunable:
    """Clicks after the trough of the slow wave that the task observes."""
    from ...agents.clicks import Clicks

    source = loop.plant.source
    trace = loop.sensing.parts[0].sensing
    volts = float(trace.sd)
    deep, shallow = (min(x, -1e-3) * volts for x in (usual[0], 0.5 * (usual[0] + usual[1])))
    policy = Clicks.create(trace.sensing, min(deep, shallow), source.n_times / source.sfreq, n_stim=loop.n_stim)
    space = {"threshold": (1.2 * deep, max(shallow, 0.3 * deep)), "delay_s": (0.2, 1.2), "level": (0.3, 1.0)}
    return Tunable(TITLES["clicks"], policy, space)
