"""Sensing that wraps sensing: a device's averaging window, and a feature relative to its own long-term trend."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component, static

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading


class AverageState(NamedTuple):
    sensing: Any
    past: Array  # (n_max, n_features), the newest first
    seen: Array  # () int32


@component
class Average:
    """The mean of the last ``count`` () values of a sensing's features, as many as there are at the beginning.

    ``count`` is a leaf, so that it can be tuned, up to ``n_max``.
    """

    sensing: Any
    count: Array | float
    n_max: int = static()

    @classmethod
    def seconds(cls, sensing: Any, seconds: float, window_s: float, longest_s: float | None = None) -> "Average":
        """The mean over ``seconds`` s of control windows of ``window_s`` s; room for ``longest_s``, by default as
        much."""
        longest_s = seconds if longest_s is None else longest_s
        if not 0 < window_s <= seconds <= longest_s:
            raise InputError(
                f"an average over {seconds:g} s with room for {longest_s:g} s of windows of {window_s:g} s; wanted"
                " at least one window, and room for all"
            )
        return cls(sensing=sensing, count=jnp.float32(seconds / window_s), n_max=round(longest_s / window_s))

    @property
    def n_features(self) -> int:
        return self.sensing.n_features

    def init(self) -> AverageState:
        return AverageState(self.sensing.init(), jnp.zeros((self.n_max, self.n_features)), jnp.int32(0))

    def step(self, state: AverageState, reading: "Reading") -> tuple[AverageState, Array]:
        """(n_features,)."""
        sensing, features = self.sensing.step(state.sensing, reading)
        past = jnp.concatenate([features[None], state.past[:-1]])
        seen = jnp.minimum(state.seen + 1, self.n_max)
        n = jnp.clip(jnp.round(self.count).astype(jnp.int32), 1, seen)
        mean = jnp.sum(jnp.where(jnp.arange(self.n_max)[:, None] < n, past, 0.0), axis=0) / n
        return AverageState(sensing, past, seen), mean


class TrendState(NamedTuple):
    sensing: Any
    trend: Array  # (n_features,)
    seconds: Array  # () s that the trend has followed


@component
class RelativeToTrend:
    """Features divided by their own long-term trend, an exponential mean over ``trend_s`` () s: 1 is usual.

    Implanted seizure detectors compare the last seconds with the last minutes, so that slow changes of the signal's
    size do not move the threshold. At the beginning the trend is the mean of what there is. ``window_s`` () s of a
    control window.
    """

    sensing: Any
    trend_s: Array | float
    window_s: Array | float

    @property
    def n_features(self) -> int:
        return self.sensing.n_features

    def init(self) -> TrendState:
        return TrendState(self.sensing.init(), jnp.zeros(self.n_features), jnp.zeros(()))

    def step(self, state: TrendState, reading: "Reading") -> tuple[TrendState, Array]:
        """(n_features,)."""
        sensing, features = self.sensing.step(state.sensing, reading)
        seconds = jnp.minimum(state.seconds + self.window_s, self.trend_s)
        trend = state.trend + (features - state.trend) * jnp.minimum(self.window_s / seconds, 1.0)
        # a feature that has been exactly 0 so far has no trend to be compared with
        ratio = features / jnp.where(trend > 0, trend, jnp.inf)
        return TrendState(sensing, trend, seconds), ratio
