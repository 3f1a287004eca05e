"""The stimulator: what was requested, what is delivered, and what it costs."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from .pytree import component, static


class Delivered(NamedTuple):
    requested: Array  # (n_stim,) A
    applied: Array  # (n_stim,) A
    charge: Array  # () C, sum over contacts of |current| x time
    cost: Array  # () number of contacts whose request broke a bound or was not finite


@component
class Stimulator:
    """Current-controlled contacts, bounded. max_current () A per contact; frequency () Hz, 0 for direct current."""

    max_current: Array
    frequency: Array
    n_stim: int = static()
    n_times: int = static()
    sfreq: float = static()

    @classmethod
    def create(
        cls, n_stim: int, sfreq: float, n_times: int, max_current: float = 2e-3, frequency: float = 0.0
    ) -> "Stimulator":
        """Default ceiling 2 mA a contact, the usual dose of transcranial stimulation."""
        return cls(
            max_current=jnp.float32(max_current), frequency=jnp.float32(frequency),
            n_stim=n_stim, n_times=n_times, sfreq=sfreq,
        )  # fmt: skip

    def step(self, action: Array, clock_tick: Array) -> tuple[Array, Delivered]:
        """action (n_stim,) A, held for one window -> current (n_stim, n_times) A and its account.

        A request beyond the bound is clipped, one that is not finite delivers nothing; both count as cost.
        """
        finite = jnp.isfinite(action)
        applied = jnp.clip(jnp.where(finite, action, 0.0), -self.max_current, self.max_current)
        broken = ~finite | (jnp.abs(action) > self.max_current)
        # alternating current keeps its phase across windows: whole samples since the start, wrapped at a second
        n = (clock_tick * self.n_times) % round(self.sfreq) + jnp.arange(self.n_times)
        current = applied[:, None] * jnp.cos(2 * jnp.pi * self.frequency * n / self.sfreq)
        charge = jnp.sum(jnp.abs(current)) / self.sfreq
        return current, Delivered(action, applied, charge, jnp.sum(broken).astype(jnp.float32))
