"""Stimulation that does not look: the baselines every closed loop is compared with."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..sim.pytree import component, static


@component
class Off:
    """No stimulation."""

    n_stim: int = static(default=1)

    def init(self) -> tuple[()]:
        return ()

    def act(self, memory: tuple[()], reading: Any, key: Array) -> tuple[tuple[()], Array]:
        """Action (n_stim,), relative to the largest current; nothing is read."""
        return memory, jnp.zeros(self.n_stim)


@component
class Constant:
    """The same current for ever, as continuous deep brain stimulation: ``level`` (n_stim,) in [-1, 1], relative to the
    largest current."""

    level: Array

    def init(self) -> tuple[()]:
        return ()

    def act(self, memory: tuple[()], reading: Any, key: Array) -> tuple[tuple[()], Array]:
        """Action (n_stim,); nothing is read."""
        return memory, jnp.atleast_1d(jnp.asarray(self.level, jnp.float32))


@component
class Random:
    """Independent uniform currents in [-scale, scale] in each window; ``scale`` () in [0, 1]."""

    n_stim: int = static(default=1)
    scale: Array | float = 1.0

    def init(self) -> tuple[()]:
        return ()

    def act(self, memory: tuple[()], reading: Any, key: Array) -> tuple[tuple[()], Array]:
        """Action (n_stim,), drawn from ``key``; nothing else is read."""
        return memory, self.scale * jax.random.uniform(key, (self.n_stim,), minval=-1.0, maxval=1.0)
