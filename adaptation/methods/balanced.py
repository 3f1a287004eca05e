"""Replay in which every class counts alike, whatever its share of the trials."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from ..trials import usable
from .replay import indices, put


class BalancedMemory(NamedTuple):
    """Windows as aligned when they came, by class.

    old_x: (n_classes, quota, n_channels, n_times), a reservoir for each class over calibration and stream
    new_x: (n_classes, share, n_channels, n_times), the latest of each class in this session, rings
    seen_of, new_of: (n_classes,) int32, trials that each reservoir stands for, and each class's labels of this session
    n_seen, n_new: () int32, their sums; key: of the sampling
    """

    old_x: Array
    new_x: Array
    seen_of: Array
    new_of: Array
    key: Array

    @property
    def n_seen(self) -> Array:
        return self.seen_of.sum()

    @property
    def n_new(self) -> Array:
        return self.new_of.sum()


@component
class BalancedReplay:
    """Replay with the ``capacity`` and the ``n_recent`` places shared out equally among the classes.

    Each class has a reservoir and a ring of its own, and a step draws the class first, uniformly among those seen, then
    one of its trials: a class that comes one time in ten is half of what is trained on (class-balancing reservoir
    sampling, Chrysakis & Moens 2020, with a fixed share for each class).
    """

    capacity: int = static(default=100)
    n_recent: int = static(default=64)
    batch_size: int = static(default=20)
    old_share: float = static(default=0.4)

    def start(self, variables: Variables, calibration: Trials, n_classes: int, key: Array) -> BalancedMemory:
        quota, share = self.capacity // n_classes, self.n_recent // n_classes
        if not quota or not share:
            raise InputError(
                f"balanced replay got capacity {self.capacity} and n_recent {self.n_recent} for {n_classes} classes: "
                f"wanted {n_classes} places or more in each, one a class"
            )
        calibration = usable(calibration)
        aligned = variables.align @ calibration.x
        order = jax.random.permutation(stream_key(key, "subset"), calibration.y.shape[0])

        def of_class(c: Array) -> tuple[Array, Array]:
            member = (calibration.y == c) & (calibration.weight > 0)
            # Members first, in random order: the first places of the reservoir.
            rows = order[jnp.argsort(~member[order], stable=True)][:quota]
            places = jnp.zeros((quota, *aligned.shape[1:]), aligned.dtype)
            return places.at[: rows.shape[0]].set(aligned[rows]), member.sum().astype(jnp.int32)

        old_x, seen_of = jax.vmap(of_class)(jnp.arange(n_classes))
        new_x = jnp.zeros((n_classes, share, *aligned.shape[1:]), aligned.dtype)
        return BalancedMemory(old_x, new_x, seen_of, jnp.zeros(n_classes, jnp.int32), key)

    def store(self, memory: BalancedMemory, x: Array, y: Array, used: Array) -> BalancedMemory:
        quota, share = memory.old_x.shape[1], memory.new_x.shape[1]
        one = used.astype(jnp.int32)
        y = jnp.clip(y, 0, memory.seen_of.shape[0] - 1)
        seen = memory.seen_of[y] + one
        draw = indices(jax.random.uniform(stream_key(memory.key, "reservoir", memory.n_seen)), seen)
        slot = jnp.where(seen <= quota, seen - 1, draw)
        keep = used & (slot < quota)
        ring = memory.new_of[y] % share
        return memory._replace(
            old_x=memory.old_x.at[y].set(put(memory.old_x[y], jnp.clip(slot, 0, quota - 1), x, keep)),
            new_x=memory.new_x.at[y].set(put(memory.new_x[y], ring, x, used)),
            seen_of=memory.seen_of.at[y].add(one),
            new_of=memory.new_of.at[y].add(one),
        )

    def draw(self, memory: BalancedMemory, n_steps: int) -> tuple[Array, Array]:
        key = stream_key(memory.key, "batches", memory.n_seen)
        of_class, of_trial = jax.random.uniform(key, (2, n_steps, self.batch_size))
        is_old = jnp.arange(self.batch_size) < self.n_old
        quota, share = memory.old_x.shape[1], memory.new_x.shape[1]
        filled = jnp.where(
            is_old[:, None], jnp.minimum(memory.seen_of, quota), jnp.minimum(memory.new_of, share)
        )  # (batch_size, n_classes)
        present = jnp.cumsum(filled > 0, axis=-1)
        # The class whose rank among those present is drawn.
        rank = indices(of_class, present[:, -1])
        y = jnp.argmax(present > rank[..., None], axis=-1)
        count = jnp.take_along_axis(jnp.broadcast_to(filled, (*y.shape, filled.shape[-1])), y[..., None], -1)[..., 0]
        return y, indices(of_trial, count)

    def batch(self, memory: BalancedMemory, row: tuple[Array, Array]) -> tuple[Trials, Trials]:
        y, slot = row
        n = self.n_old
        return (
            Trials(memory.old_x[y[:n], slot[:n]], y[:n], jnp.ones(n)),
            Trials(memory.new_x[y[n:], slot[n:]], y[n:], jnp.ones(self.batch_size - n)),
        )

    def end_session(self, memory: BalancedMemory, ended: Array) -> BalancedMemory:
        return memory._replace(new_of=jnp.where(ended, 0, memory.new_of))

    @property
    def n_old(self) -> int:
        """Old trials in a batch."""
        return round(self.old_share * self.batch_size)
