"""Channels that fall out at random (Saeed et al 2021)."""

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Trials
from .apply import each


@component
class ChannelDropout:
    """Each channel of each window is zero with probability ``rate``; one is always left."""

    rate: float = 0.2

    def __call__(self, trials: Trials, key: Array) -> Trials:
        return each(self.window, trials, key)

    def window(self, x: Array, key: Array) -> Array:
        luck = jax.random.uniform(key, x.shape[:1])
        kept = (luck >= self.rate) | (jnp.arange(x.shape[0]) == jnp.argmax(luck))
        return x * kept[:, None]
