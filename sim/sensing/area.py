"""Area under the rectified trace: a seizure detector's measure of amplitude at any frequency."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..errors import InputError, check_window
from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import usable


class AreaState(NamedTuple):
    area: Array  # (n_channels, n_windows) V, sum over the usable samples of a window
    samples: Array  # (n_channels, n_windows), how many they were


@component
class Area:
    """Mean absolute value of each channel over the last ``n_windows`` windows, V: area per second, so that gaps do not
    count. The signal is taken to be free of an offset, as that of an amplifier coupled by capacitors."""

    n_channels: int = static()
    n_windows: int = static()

    @classmethod
    def create(cls, sfreq: float, n_times: int, *, seconds: float = 1.0, n_channels: int = 1) -> "Area":
        """``seconds`` of memory, rounded to whole control windows. InputError for less than one window."""
        check_window("area", sfreq, n_times)
        n_windows = round(seconds * sfreq / n_times) if seconds > 0 else 0
        if n_windows < 1:
            raise InputError(f"seconds is {seconds:g}; wanted at least one control window, {n_times / sfreq:g} s")
        return cls(n_channels=n_channels, n_windows=n_windows)

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> AreaState:
        none = jnp.zeros((self.n_channels, self.n_windows))
        return AreaState(none, none)

    def step(self, state: AreaState, reading: Reading) -> tuple[AreaState, Array]:
        """Features (n_channels,) V; 0 before the first usable sample."""
        good = usable(reading)
        newest = jnp.sum(jnp.where(good, jnp.abs(reading.v), 0.0), axis=1), jnp.sum(good, axis=1).astype(jnp.float32)
        area, samples = (
            jnp.where(reading.fresh, jnp.concatenate([past[:, 1:], new[:, None]], axis=1), past)
            for past, new in zip(state, newest)
        )
        return AreaState(area, samples), jnp.sum(area, axis=1) / jnp.maximum(jnp.sum(samples, axis=1), 1)
