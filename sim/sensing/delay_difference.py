"""A signal a moment ago less the signal now: what delayed feedback goes by.

Rosenblum & Pikovsky (2004), Phys. Rev. Lett. 92:114102, for an ensemble's mean field, with a delay of about half a
period; Pyragas (1992), Phys. Lett. A 170:421, with a delay of one period, which vanishes on the periodic orbit that it
stabilises; Socolar et al. (1994), Phys. Rev. E 50:3245, with the memory of earlier periods:
F(t) = x(t - delay) - x(t) + memory F(t - delay).
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..errors import InputError, check_window
from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import hold, usable


class DelayDifferenceState(NamedTuple):
    x: Array  # (n_channels, n_delay) V
    F: Array  # (n_channels, n_delay) V
    last: Array  # (n_channels,) V
    filled: Array  # () int32, samples that have come, at most n_delay
    value: Array  # (n_channels,) V


@component
class DelayDifference:
    """F of each channel at the newest sample, V; 0 until a delay has passed. ``memory`` () in [0, 1): 0 for none;
    ``n_delay`` samples. Unusable and lost samples are those before them."""

    memory: Array
    n_channels: int = static()
    n_delay: int = static()

    @classmethod
    def create(
        cls, sfreq: float, n_times: int, *, delay: float, memory: float = 0.0, n_channels: int = 1
    ) -> "DelayDifference":
        """``delay`` s, in whole samples. InputError for one shorter than a control window, and a memory that grows."""
        check_window("delay difference", sfreq, n_times)
        n_delay = round(delay * sfreq) if 0 < delay < 1e6 else 0
        if n_delay < n_times:
            raise InputError(f"delay is {delay:g} s; wanted at least one control window, {n_times / sfreq:g} s")
        if not 0.0 <= memory < 1.0:
            raise InputError(f"memory is {memory:g}; wanted 0 or more and below 1")
        return cls(memory=jnp.float32(memory), n_channels=n_channels, n_delay=n_delay)

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> DelayDifferenceState:
        past, zero = jnp.zeros((self.n_channels, self.n_delay)), jnp.zeros(self.n_channels)
        return DelayDifferenceState(past, past, zero, jnp.int32(0), zero)

    def step(self, state: DelayDifferenceState, reading: Reading) -> tuple[DelayDifferenceState, Array]:
        n_times = reading.v.shape[-1]
        if n_times > self.n_delay:
            raise InputError(f"the reading has {n_times} samples; wanted at most the delay's {self.n_delay}")
        v, last = hold(reading.v, usable(reading), state.last)
        known = state.filled + jnp.arange(n_times) >= self.n_delay
        F = jnp.where(known, state.x[:, :n_times] - v + self.memory * state.F[:, :n_times], 0.0)
        value = jnp.where(reading.fresh, F[:, -1], state.value)
        filled = jnp.minimum(state.filled + n_times, self.n_delay)
        x, F = (jnp.concatenate([a[:, n_times:], b], axis=1) for a, b in ((state.x, v), (state.F, F)))
        return DelayDifferenceState(x, F, last, filled, value), value
