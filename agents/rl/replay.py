"""What off-policy learning looks back on: a ring of steps, inside the compiled program."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .shuffle import mix, words


class Steps(NamedTuple):
    """Leaves (n, ...): observation before and after, the *delivered* action (I18), reward, cost, terminated, weight 0
    where nothing may be learnt (I16)."""

    observation: Array
    action: Array
    reward: Array
    cost: Array
    following: Array
    terminated: Array
    weight: Array


class Replay(NamedTuple):
    """steps: leaves (capacity, ...); at, size () int32: where the next step goes, and how many there are."""

    steps: Steps
    at: Array
    size: Array


def no_replay(n_observations: int, n_actions: int, capacity: int) -> Replay:
    """Room for ``capacity`` steps."""
    flat = jnp.zeros(capacity)
    seen = jnp.zeros((capacity, n_observations))
    steps = Steps(seen, jnp.zeros((capacity, n_actions)), flat, flat, seen, jnp.zeros(capacity, bool), flat)
    return Replay(steps, jnp.int32(0), jnp.int32(0))


def remember(replay: Replay, steps: Steps) -> Replay:
    """The replay after ``steps``, leaves (n, ...), n at most its capacity; the oldest give way."""
    n, capacity = steps.reward.shape[0], replay.steps.reward.shape[0]
    index = (replay.at + jnp.arange(n)) % capacity
    kept: Any = jax.tree.map(lambda old, new: old.at[index].set(new), replay.steps, steps)
    return Replay(kept, (replay.at + n) % capacity, jnp.minimum(replay.size + n, capacity))


def sample(replay: Replay, key: Array, n: int) -> Steps:
    """``n`` steps drawn with replacement, each alike."""
    low, high = words(key)
    bits = mix(mix(jnp.arange(n, dtype=jnp.uint32) * jnp.uint32(0x9E3779B9) + low) + high)
    # a remainder favours none by more than size / 2^32
    index = (bits % replay.size.astype(jnp.uint32)).astype(jnp.int32)
    return jax.tree.map(lambda leaf: leaf[index], replay.steps)
