"""What fine-tuning trains on: stored labelled windows, a uniform sample of all and the latest of the session."""

from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from ..trials import usable

M = TypeVar("M")


class Buffer(Protocol[M]):
    """A store of labelled windows, each as aligned when it came (by the alignment of its own session).

    Its memory has ``n_new`` () int32, the labels of this session, and ``n_seen`` () int32, a count of labels that
    never falls: a clock for keys.
    """

    def start(self, variables: Variables, calibration: Trials, n_classes: int, key: Array) -> M: ...

    def store(self, memory: M, x: Array, y: Array, used: Array) -> M:
        """Take in window x (n_channels, n_times) of class y where ``used``."""
        ...

    def draw(self, memory: M, n_steps: int) -> Any:
        """Which trials to train on: a pytree with a leading axis of ``n_steps``, its rows for :meth:`batch`."""
        ...

    def batch(self, memory: M, row: Any) -> tuple[Trials, Trials]:
        """(old, new) trials of one step, in which a weight of 0 leaves a trial out."""
        ...

    def end_session(self, memory: M, ended: Array) -> M:
        """After the last label of a session where ``ended``."""
        ...


class ReplayMemory(NamedTuple):
    """Windows as aligned when they came.

    old_x, old_y: (capacity, n_channels, n_times), (capacity,) int32, uniform sample of calibration and stream
    new_x, new_y: (n_recent, n_channels, n_times), (n_recent,) int32, the latest of this session, a ring
    n_seen:  () int32, trials the old sample stands for; n_new: () int32, labels of this session
    key: of the sampling
    """

    old_x: Array
    old_y: Array
    new_x: Array
    new_y: Array
    n_seen: Array
    n_new: Array
    key: Array


@component
class Replay:
    """Batches of ``old_share`` old trials, the rest new (60 % new as CORP, Fan 2023).

    Old trials are a reservoir over calibration and stream (algorithm R, Vitter 1985): every trial seen so far is in it
    with the same probability. New ones are the last ``n_recent`` of the session.
    """

    capacity: int = static(default=100)
    n_recent: int = static(default=64)
    batch_size: int = static(default=20)
    old_share: float = static(default=0.4)

    def start(self, variables: Variables, calibration: Trials, n_classes: int, key: Array) -> ReplayMemory:
        calibration = usable(calibration)
        n_trials, *shape = calibration.x.shape
        # A random subset in random order, real trials before those of weight 0.
        order = jax.random.permutation(stream_key(key, "subset"), n_trials)
        order = order[jnp.argsort(calibration.weight[order] <= 0, stable=True)][: self.capacity]
        kept = order.shape[0]
        dtype = calibration.x.dtype
        return ReplayMemory(
            old_x=jnp.zeros((self.capacity, *shape), dtype).at[:kept].set(variables.align @ calibration.x[order]),
            old_y=jnp.zeros(self.capacity, jnp.int32).at[:kept].set(calibration.y[order].astype(jnp.int32)),
            new_x=jnp.zeros((self.n_recent, *shape), dtype),
            new_y=jnp.zeros(self.n_recent, jnp.int32),
            n_seen=(calibration.weight > 0).sum().astype(jnp.int32),
            n_new=jnp.zeros((), jnp.int32),
            key=key,
        )

    def store(self, memory: ReplayMemory, x: Array, y: Array, used: Array) -> ReplayMemory:
        n_seen = memory.n_seen + used.astype(jnp.int32)
        draw = indices(jax.random.uniform(stream_key(memory.key, "reservoir", n_seen)), n_seen)
        slot = jnp.where(n_seen <= self.capacity, n_seen - 1, draw)
        keep = used & (slot < self.capacity)
        slot = jnp.clip(slot, 0, self.capacity - 1)
        ring = memory.n_new % self.n_recent
        return memory._replace(
            old_x=put(memory.old_x, slot, x, keep),
            old_y=put(memory.old_y, slot, y, keep),
            new_x=put(memory.new_x, ring, x, used),
            new_y=put(memory.new_y, ring, y, used),
            n_seen=n_seen,
            n_new=memory.n_new + used.astype(jnp.int32),
        )

    def draw(self, memory: ReplayMemory, n_steps: int) -> Array:
        filled = jnp.where(
            jnp.arange(self.batch_size) < self.n_old,
            jnp.minimum(memory.n_seen, self.capacity),
            jnp.minimum(memory.n_new, self.n_recent),
        )
        key = stream_key(memory.key, "batches", memory.n_seen)
        return indices(jax.random.uniform(key, (n_steps, self.batch_size)), filled)

    def batch(self, memory: ReplayMemory, row: Array) -> tuple[Trials, Trials]:
        old, new = row[: self.n_old], row[self.n_old :]
        return (
            Trials(memory.old_x[old], memory.old_y[old], jnp.ones(old.shape[0])),
            Trials(memory.new_x[new], memory.new_y[new], jnp.ones(new.shape[0])),
        )

    def end_session(self, memory: ReplayMemory, ended: Array) -> ReplayMemory:
        return memory._replace(n_new=jnp.where(ended, 0, memory.n_new))

    @property
    def n_old(self) -> int:
        """Old trials in a batch."""
        return round(self.old_share * self.batch_size)


def indices(uniform: Array, count: Array) -> Array:
    """Integers in 0 .. count - 1 from numbers uniform in [0, 1): cheaper to compile than exact integer draws."""
    return jnp.clip((uniform * count).astype(jnp.int32), 0, jnp.maximum(count - 1, 0))


def put(array: Array, slot: Array, value: Array, where: Array) -> Array:
    """``array`` with ``value`` in ``slot`` where ``where`` () bool."""
    return array.at[slot].set(jnp.where(where, value, array[slot]))
