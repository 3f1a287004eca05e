"""What stands in for samples that cannot be used."""

import jax
import jax.numpy as jnp
from jax import Array

from ..loop.reading import Reading


def usable(reading: Reading) -> Array:
    """(n_channels, n_times) bool: neither blanked nor clipped, finite, and of a packet that arrived."""
    return ~reading.blanked & jnp.isfinite(reading.v) & reading.fresh


def hold(v: Array, good: Array, last: Array) -> tuple[Array, Array]:
    """v (n_channels, n_times) whose samples that are not ``good`` repeat the good one before them, which may be
    ``last`` (n_channels,) of the window before; and its own last sample (n_channels,)."""
    n_times = v.shape[-1]
    index = jax.lax.cummax(jnp.where(good, jnp.arange(1, n_times + 1), 0), axis=1)
    filled = jnp.take_along_axis(jnp.concatenate([last[:, None], jnp.where(good, v, 0.0)], axis=1), index, axis=1)
    return filled, filled[:, -1]
