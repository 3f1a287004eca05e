"""The trace itself, one number a window: for rhythms that are slow against the control window."""

import jax.numpy as jnp
from jax import Array

from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import usable


@component
class WindowMean:
    """Mean of the usable samples of each channel in the window, V; where there are none, the last one known."""

    n_channels: int = static(default=1)

    @property
    def n_features(self) -> int:
        return self.n_channels

    def init(self) -> Array:
        """(n_channels,) V."""
        return jnp.zeros(self.n_channels)

    def step(self, state: Array, reading: Reading) -> tuple[Array, Array]:
        good = usable(reading)
        n = jnp.sum(good, axis=1)
        mean = jnp.sum(jnp.where(good, reading.v, 0.0), axis=1) / jnp.maximum(n, 1)
        mean = jnp.where(n > 0, mean, state)
        return mean, mean
