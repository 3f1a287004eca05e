"""Stimulation that does not look: the baselines every closed loop is compared with."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..sim.pytree import component, static


@component
class Off:
    """No stimulation."""

    n_stim: int = static()

    def act(self, params: Any, observation: Array, key: Array) -> Array:
        """Action (n_stim,), relative to the largest current; nothing is read."""
        return jnp.zeros(self.n_stim)


@component
class Constant:
    """The same current for ever: ``level`` (n_stim,) in [-1, 1], relative to the largest current."""

    level: Array

    def act(self, params: Any, observation: Array, key: Array) -> Array:
        """Action (n_stim,); nothing is read."""
        return jnp.asarray(self.level, jnp.float32)


@component
class Random:
    """Independent uniform currents in [-scale, scale] in each window; ``scale`` () in [0, 1]."""

    n_stim: int = static()
    scale: Array | float = 1.0

    def act(self, params: Any, observation: Array, key: Array) -> Array:
        """Action (n_stim,), drawn from ``key``; nothing else is read."""
        return self.scale * jax.random.uniform(key, (self.n_stim,), minval=-1.0, maxval=1.0)
