"""A tremor's frequency wanders."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component


@component
class TremorDrift:
    """The rhythm's frequency as an Ornstein-Uhlenbeck process about its nominal value, from ``onset_s`` s on.

    sd () Hz at steady state; tau_s () s correlation time (essential tremor stays within about +-1 Hz over minutes;
    sizes assumed).
    """

    sd: Array
    tau_s: Array
    onset_s: Array

    @classmethod
    def create(cls, sd: float | Array = 0.3, onset_s: float | Array = 0.0, tau_s: float = 60.0) -> "TremorDrift":
        return cls(sd=jnp.asarray(sd, jnp.float32), tau_s=jnp.float32(tau_s), onset_s=jnp.asarray(onset_s, jnp.float32))

    def init(self, key: Array) -> Array:
        return jnp.zeros_like(self.sd)

    def step(self, state: Array, conditions: Conditions, clock: Clock, key: Array) -> tuple[Array, Conditions]:
        keep = jnp.exp(-clock.window_s / self.tau_s)
        moved = keep * state + self.sd * jnp.sqrt(1.0 - keep**2) * jax.random.normal(key)
        state = jnp.where(clock.seconds >= self.onset_s, moved, state)
        return state, dataclasses.replace(conditions, frequency_shift=conditions.frequency_shift + state)
