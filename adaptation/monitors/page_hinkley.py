"""Page-Hinkley test: the cumulative deviation from the running mean leaves its extreme (Page 1954)."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from .contract import restart, skip


class PageHinkleyState(NamedTuple):
    """n: () int32, values seen; mean, rise, fall: (), running mean and the two cumulative sums; lowest, highest: (),
    their extremes; alarm: () bool."""

    n: Array
    mean: Array
    rise: Array
    fall: Array
    lowest: Array
    highest: Array
    alarm: Array


@component
class PageHinkley:
    """Alarm when S = Σ αᵏ (x - mean ∓ δ) is more than ``threshold`` above its lowest or below its highest.

    ``direction`` "up" looks for a rise of the mean, "down" for a fall, "both" for either. Defaults are river's, but the
    usual threshold of 50 is meant for thousands of values: tune it (:func:`tune_to_run_length`). Alarms are those of
    river.
    """

    threshold: float = 50.0
    delta: float = 0.005
    alpha: float = 1 - 1e-4
    min_instances: int = 30
    direction: str = static(default="both")

    def __post_init__(self) -> None:
        if self.direction not in ("up", "down", "both"):
            raise InputError(f"direction is {self.direction!r}; use 'up', 'down' or 'both'")

    @property
    def tuned_by(self) -> str:
        return "threshold"

    @property
    def rises(self) -> bool:
        return False

    def init(self) -> PageHinkleyState:
        zero = jnp.zeros(())
        # -1, as in river: the highest of a sum of deviations about 0
        return PageHinkleyState(
            jnp.zeros((), jnp.int32), zero, zero, zero, zero + jnp.inf, zero - 1.0, jnp.zeros((), bool)
        )

    def update(self, state: PageHinkleyState, value: Array) -> tuple[PageHinkleyState, Array]:
        """Add ``value`` (): (state, alarm () bool)."""
        old = restart(state.alarm, self.init(), state)
        n = old.n + 1
        mean = old.mean + (value - old.mean) / n
        rise = self.alpha * old.rise + value - mean - self.delta
        fall = self.alpha * old.fall + value - mean + self.delta
        lowest, highest = jnp.minimum(old.lowest, rise), jnp.maximum(old.highest, fall)
        up, down = rise - lowest > self.threshold, highest - fall > self.threshold
        beyond = {"up": up, "down": down, "both": up | down}[self.direction]
        alarm = beyond & (n >= self.min_instances)
        return skip(value, (PageHinkleyState(n, mean, rise, fall, lowest, highest, alarm), alarm), state)
