"""The classical controllers that a task's policies are compared with, and over what each of them is tuned."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...sim.pytree import component, static

# Nothing heavy is imported above: a mistyped name must be answered at once.

TITLES = {
    "threshold": "Threshold, on and off",
    "dual-threshold": "Two thresholds with hold",
    "proportional": "Proportional",
    "pi": "PI",
    "burst": "Responsive bursts",
}
AMPLITUDE = ("threshold", "dual-threshold", "proportional", "pi")
FAMILIES: dict[str, tuple[str, ...]] = {
    "sync_rl_suppress": ("proportional",),
    "sz_responsive_abort": ("threshold", "burst"),
    "sz_onset_detect": ("threshold",),
}
"""Controllers of tasks for which those of amplitude make no sense; all work on the loop's first feature."""


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
        return state, features[self.index : self.index + 1]


def controller_names(task: str) -> tuple[str, ...]:
    """The controllers that a task is evaluated with."""
    return FAMILIES.get(task, AMPLITUDE)


def usual_range(level: np.ndarray) -> tuple[float, float]:
    """The 5th and 95th percentile of a feature's values (n,), those that are finite."""
    known = level[np.isfinite(level)]
    low, high = (float(q) for q in np.quantile(known, [0.05, 0.95])) if known.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0


def make_controller(name: str, loop: Any, usual: tuple[float, float]) -> Tunable:
    """The controller called ``name`` for a loop whose first feature lies in ``usual`` without stimulation: thresholds
    and set points are searched there."""
    from ...agents import PI, Burst, Controller, DualThreshold, Proportional, Range, Threshold

    source, n_stim = loop.plant.source, loop.n_stim
    window_s = source.n_times / source.sfreq
    low, high = usual
    width = high - low
    middle, where = 0.5 * (low + high), (low, high)
    least = -1.0 if loop.bipolar else 0.0
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
            Proportional(gain=1.0, setpoint=middle, scale=width, low=least, n_stim=n_stim),
            {"law.gain": Range(0.1, 10.0, log=True), "law.setpoint": (low - 0.5 * width, high)},
        ),
        "pi": lambda: (
            PI(gain=0.3, setpoint=middle, integral_s=1.0, scale=width, low=least, n_stim=n_stim),
            {
                "law.gain": Range(0.02, 5.0, log=True),
                "law.setpoint": (low - 0.5 * width, high),
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
    sensing = Feature(sensing=loop.sensing)
    return Tunable(TITLES[name], Controller.create(sensing, law, window_s), space)
