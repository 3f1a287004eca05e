"""Fine-tuning on the latest labelled windows alone: nothing old is kept, so nothing stands against forgetting."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from .replay import indices, put


class RecentMemory(NamedTuple):
    """x: (window, n_channels, n_times), y: (window,) int32, a ring of windows as aligned when they came;
    n_new: () int32, labels since it was emptied; n_seen: () int32, labels in all; key: of the sampling."""

    x: Array
    y: Array
    n_new: Array
    n_seen: Array
    key: Array


@component
class Recent:
    """The last ``window`` labelled trials: ``batch_size`` of them drawn for each step, or all of them with 0.

    A session's end empties it unless ``across_sessions``.
    """

    window: int = static(default=64)
    batch_size: int = static(default=20)
    across_sessions: bool = static(default=False)

    def start(self, variables: Variables, calibration: Trials, n_classes: int, key: Array) -> RecentMemory:
        zero = jnp.zeros((), jnp.int32)
        x = jnp.zeros((self.window, *calibration.x.shape[1:]), calibration.x.dtype)
        return RecentMemory(x, jnp.zeros(self.window, jnp.int32), zero, zero, key)

    def store(self, memory: RecentMemory, x: Array, y: Array, used: Array) -> RecentMemory:
        ring, one = memory.n_new % self.window, used.astype(jnp.int32)
        return memory._replace(
            x=put(memory.x, ring, x, used),
            y=put(memory.y, ring, y, used),
            n_new=memory.n_new + one,
            n_seen=memory.n_seen + one,
        )

    def draw(self, memory: RecentMemory, n_steps: int) -> Array:
        if not self.batch_size:
            return jnp.broadcast_to(jnp.arange(self.window), (n_steps, self.window))
        key = stream_key(memory.key, "batches", memory.n_seen)
        uniform = jax.random.uniform(key, (n_steps, self.batch_size))
        return indices(uniform, jnp.minimum(memory.n_new, self.window))

    def batch(self, memory: RecentMemory, row: Array) -> tuple[Trials, Trials]:
        weight = (row < memory.n_new).astype(jnp.float32)
        none = Trials(memory.x[:0], memory.y[:0], weight[:0])
        return none, Trials(memory.x[row], memory.y[row], weight)

    def end_session(self, memory: RecentMemory, ended: Array) -> RecentMemory:
        if self.across_sessions:
            return memory
        return memory._replace(n_new=jnp.where(ended, 0, memory.n_new))
