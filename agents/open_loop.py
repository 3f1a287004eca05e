"""Stimulation that does not look: the baselines every closed loop is compared with."""

from typing import Any, NamedTuple

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

    @property
    def n_stim(self) -> int:
        return jnp.size(self.level)

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


class CoinMemory(NamedTuple):
    left: Array  # () int32 windows until the next toss
    on: Array  # () 1 or 0


@component
class Coin:
    """On at ``level`` () with ``probability`` (), tossed anew every ``period_s`` () s: the simplest random stimulation.
    ``window_s`` () s of a control window; all contacts do the same."""

    period_s: Array | float
    window_s: Array | float
    probability: Array | float = 0.5
    level: Array | float = 1.0
    n_stim: int = static(default=1)

    def init(self) -> CoinMemory:
        return CoinMemory(jnp.int32(0), jnp.zeros(()))

    def act(self, memory: CoinMemory, reading: Any, key: Array) -> tuple[CoinMemory, Array]:
        """Action (n_stim,), drawn from ``key``; nothing else is read."""
        toss = memory.left <= 0
        on = jnp.where(toss, jax.random.bernoulli(key, self.probability).astype(jnp.float32), memory.on)
        whole = jnp.maximum(jnp.round(self.period_s / self.window_s).astype(jnp.int32), 1)
        left = jnp.where(toss, whole, memory.left) - 1
        return CoinMemory(left, on), jnp.full(self.n_stim, self.level * on)
