"""How far a signal is from its own slow mean: what proportional control of a mean field goes by."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import check_window
from ..loop.reading import Reading
from ..pytree import component, static
from .envelope import low_pass
from .gaps import hold, usable
from .iir import check_positive


class DeviationState(NamedTuple):
    mean: Array  # (n_channels,) V
    last: Array  # (n_channels,) V
    seen: Array  # (n_channels,) bool
    value: Array  # (n_channels,) V


@component
class Deviation:
    """The newest usable sample of each channel less its low-pass, V. keep (): what a sample leaves of the low-pass."""

    keep: Array
    n_channels: int = static()

    @classmethod
    def create(cls, sfreq: float, n_times: int, *, tau: float, n_channels: int = 1) -> "Deviation":
        """``tau`` s of the low-pass, which begins at the first sample."""
        check_window("deviation", sfreq, n_times)
        check_positive(tau=tau, n_channels=n_channels)
        return cls(keep=jnp.float32(np.exp(-1.0 / (tau * sfreq))), n_channels=n_channels)

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> DeviationState:
        zero = jnp.zeros(self.n_channels)
        return DeviationState(zero, zero, jnp.zeros(self.n_channels, bool), zero)

    def step(self, state: DeviationState, reading: Reading) -> tuple[DeviationState, Array]:
        good = usable(reading)
        first = jnp.take_along_axis(jnp.where(good, reading.v, 0.0), jnp.argmax(good, axis=1)[:, None], axis=1)[:, 0]
        mean = low_pass(jnp.where(state.seen, state.mean, first), reading.v, good, self.keep)
        _, last = hold(reading.v, good, state.last)
        seen = state.seen | jnp.any(good, axis=1)
        value = jnp.where(seen & reading.fresh, last - mean, state.value)
        return DeviationState(mean, last, seen, value), value
