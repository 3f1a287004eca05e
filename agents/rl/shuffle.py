"""Random orders, without the sort that drawing one by threefry costs (more than learning from a minibatch)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def mix(x: Array) -> Array:
    """A bijection of uint32 that avalanches (constants of C. Wellons' lowbias32)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def words(key: Array) -> tuple[Array, Array]:
    """Two uint32 () of a random key."""
    data = jax.random.key_data(key).reshape(-1)
    return data[0], data[-1]


def order(key: Array, n: int) -> Array:
    """A random order of 0 .. n - 1, int32 (n,).

    Where n is a power of two, rounds of bijections of its bits (an odd factor, a shift and a sum, all from the key);
    any other n is sorted by hashes, of which equal ones are too rare to matter.
    """
    low, high = words(key)
    index = jnp.arange(n, dtype=jnp.uint32)
    if n & (n - 1):
        return jnp.argsort(mix(mix(index + low) ^ high)).astype(jnp.int32)
    bits = int(np.log2(n))
    if bits == 0:
        return jnp.zeros(1, jnp.int32)
    mask, half = jnp.uint32(n - 1), max(bits // 2, 1)
    for i in range(4):
        factor = mix(low + jnp.uint32(2 * i)) | jnp.uint32(1)
        index = (index * factor + mix(high + jnp.uint32(2 * i + 1))) & mask
        index = index ^ (index >> half)
    return index.astype(jnp.int32)
