"""Line length: how far the trace travels, which rises with amplitude and with frequency; the seizure detector's."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..errors import InputError, check_window
from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import usable


class LineLengthState(NamedTuple):
    last: Array  # (n_channels,) V
    seen: Array  # (n_channels,) bool, whether ``last`` is a usable sample
    length: Array  # (n_channels, n_windows) V, per window
    steps: Array  # (n_channels, n_windows), how many steps between usable neighbours


@component
class LineLength:
    """Mean absolute slope of each channel over the last ``n_windows`` windows, V/s: line length per second, so that
    windows of different lengths and gaps in them compare. Only steps between two usable neighbours count."""

    n_channels: int = static()
    n_windows: int = static()
    sfreq: float = static()

    @classmethod
    def create(cls, sfreq: float, n_times: int, *, seconds: float = 1.0, n_channels: int = 1) -> "LineLength":
        """``seconds`` of memory, rounded to whole control windows. InputError for less than one window."""
        check_window("line length", sfreq, n_times)
        n_windows = round(seconds * sfreq / n_times) if seconds > 0 else 0
        if n_windows < 1:
            raise InputError(f"seconds is {seconds:g}; wanted at least one control window, {n_times / sfreq:g} s")
        return cls(n_channels=n_channels, n_windows=n_windows, sfreq=float(sfreq))

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> LineLengthState:
        zero = jnp.zeros(self.n_channels)
        many = jnp.zeros((self.n_channels, self.n_windows))
        return LineLengthState(zero, jnp.zeros(self.n_channels, bool), many, many)

    def step(self, state: LineLengthState, reading: Reading) -> tuple[LineLengthState, Array]:
        """Features (n_channels,) V/s; 0 before the first usable step."""
        good = usable(reading)
        v = jnp.where(good, reading.v, 0.0)
        both = good & jnp.concatenate([state.seen[:, None], good[:, :-1]], axis=1)
        step = jnp.where(both, jnp.abs(v - jnp.concatenate([state.last[:, None], v[:, :-1]], axis=1)), 0.0)
        newest = jnp.sum(step, axis=1), jnp.sum(both, axis=1).astype(v.dtype)
        length, steps = (
            jnp.where(reading.fresh, jnp.concatenate([past[:, 1:], new[:, None]], axis=1), past)
            for past, new in zip((state.length, state.steps), newest)
        )
        # across a lost packet there is no step
        state = LineLengthState(v[:, -1], good[:, -1], length, steps)
        return state, self.sfreq * jnp.sum(length, axis=1) / jnp.maximum(jnp.sum(steps, axis=1), 1)
