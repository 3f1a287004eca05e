"""The time of day in a Parkinsonian loop's own strength, and not in the size of what is recorded of it."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component


@component
class Diurnal:
    """Adds to ``medication`` what the night does: ``depth`` () at the deepest, ``night_s`` () s after the start and
    every 24 h, nothing half a day apart, and slow fluctuation beside it of sd ``wander`` () and correlation time
    ``tau_s`` () s. (:class:`Circadian` scales the rhythm as it is recorded, which stimulation cannot answer.)"""

    depth: Array
    night_s: Array
    wander: Array
    tau_s: Array
    DAY_S = 86400.0

    @classmethod
    def beta(
        cls, depth: float | Array = 0.2, night_s: float | Array = 0.0, explained: float = 0.41, tau_s: float = 3600.0
    ) -> "Diurnal":
        """The time of day explains 41 +- 9 % of the variance of beta in chronic recordings; ``depth`` and ``tau_s`` are
        assumed, the fluctuation follows from the share."""
        d = jnp.asarray(depth, jnp.float32)
        return cls(
            depth=d, night_s=jnp.asarray(night_s, jnp.float32), tau_s=jnp.float32(tau_s),
            wander=jnp.abs(d) * jnp.sqrt((1.0 - explained) / explained / 8.0),
        )  # fmt: skip

    def init(self, key: Array) -> Array:
        return self.wander * jax.random.normal(key)

    def step(self, state: Array, conditions: Conditions, clock: Clock, key: Array) -> tuple[Array, Conditions]:
        # an Ornstein-Uhlenbeck process sampled exactly, whatever the window's length
        keep = jnp.exp(-clock.window_s / self.tau_s)
        state = keep * state + self.wander * jnp.sqrt(1.0 - keep**2) * jax.random.normal(key)
        night = 0.5 * (1.0 + jnp.cos(2 * jnp.pi * (clock.seconds - self.night_s) / self.DAY_S))
        medication = jnp.clip(conditions.medication + self.depth * night + state, 0.0, 1.0)
        return state, dataclasses.replace(conditions, medication=medication)
