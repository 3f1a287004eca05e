"""What every algorithm tells of a rollout."""

import jax.numpy as jnp
from jax import Array

from .population import Ended


def told(reward: Array, cost: Array, weight: Array, delivered: Array, ended: Ended) -> dict[str, Array]:
    """Metrics () of steps: mean reward, cost and |delivered action| per step, the share that could be learnt from, and
    the mean return, cost and length of the ``episodes`` that ended (NaN where none did). Arrays of any shape."""
    n_ended, counted = jnp.sum(ended.done), jnp.maximum(jnp.sum(weight), 1.0)

    def mean(total: Array) -> Array:
        return jnp.where(n_ended > 0, jnp.sum(total) / jnp.maximum(n_ended, 1), jnp.nan)

    return {
        "reward": jnp.sum(weight * reward) / counted, "cost": jnp.sum(weight * cost) / counted, "episodes": n_ended,
        "return": mean(ended.total), "episode_cost": mean(ended.cost), "length": mean(ended.length),
        "usable": jnp.mean(weight), "dose": jnp.mean(jnp.abs(delivered)),
    }  # fmt: skip
