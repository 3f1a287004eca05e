"""How strong a rhythm is: band-pass, rectify or square, low-pass."""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import hold, usable
from .iir import Filter, FilterState, check_positive


class EnvelopeState(NamedTuple):
    filter: FilterState
    last: Array  # (n_channels,) V, the newest usable sample
    value: Array  # (n_channels,)


@component
class Envelope:
    """Amplitude of a band in each channel, V (of a sinusoid, its peak), or with ``squared`` its power, V^2 (mean
    square).

    filter: causal, so the envelope lags by its group delay; keep (): what a sample leaves of the low-pass's memory.
    Unusable samples enter the filter as the last usable one, and the low-pass not at all: it stands still meanwhile,
    as it does while packets are lost.
    """

    filter: Filter
    keep: Array
    n_channels: int = static()
    squared: bool = static(default=False)

    @classmethod
    def create(
        cls, band: Sequence[float], sfreq: float, n_times: int, *, tau: float = 0.2, n_channels: int = 1,
        order: int = 2, squared: bool = False,
    ) -> "Envelope":  # fmt: skip
        """band (low, high) Hz; ``tau`` s of the low-pass; ``order`` of the Butterworth band-pass per edge."""
        check_positive(tau=tau, n_channels=n_channels)
        return cls(
            filter=Filter.band_pass(band, sfreq, n_times, order), keep=jnp.float32(np.exp(-1.0 / (tau * sfreq))),
            n_channels=n_channels, squared=squared,
        )  # fmt: skip

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> EnvelopeState:
        zero = jnp.zeros(self.n_channels)
        return EnvelopeState(self.filter.init(self.n_channels), zero, zero)

    def step(self, state: EnvelopeState, reading: Reading) -> tuple[EnvelopeState, Array]:
        """Features (n_channels,): V, or V^2 with ``squared``. From 0 at the start."""
        good = usable(reading)
        # before the first usable sample the filter waits
        filled, last = hold(reading.v, good, state.last)
        seen = state.filter.started | jnp.any(good, axis=1)
        filtered_state, x = self.filter.step(state.filter, filled)
        memory = jnp.where(seen[:, None], filtered_state.memory, state.filter.memory)
        # of a sinusoid the mean of the rectified signal is 2 / pi of the peak
        strength = x * x if self.squared else 0.5 * jnp.pi * jnp.abs(x)
        value = low_pass(state.value, strength, good, self.keep)
        return EnvelopeState(FilterState(memory, seen), last, value), value


def low_pass(value: Array, x: Array, good: Array, keep: Array) -> Array:
    """(n_channels,) after the first-order recursion over the ``good`` samples of x (n_channels, n_times)."""
    n_after = jnp.cumsum(good[:, ::-1], axis=1)[:, ::-1] - good
    weight = jnp.where(good, (1 - keep) * keep**n_after, 0.0)
    return keep ** jnp.sum(good, axis=1) * value + jnp.sum(weight * x, axis=1)
