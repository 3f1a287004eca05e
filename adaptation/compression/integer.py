"""Integer arithmetic as a microcontroller has it: exact products, fixed-point rescaling, tables.

Everything here maps integers to integers and gives the same bits on any machine. Rescaling multiplies 16-bit numbers
into 32 bits (Jacob et al 2018, with half their word), so that no 64-bit product is ever needed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

#: Largest magnitude of an 8-bit number; -128 is left out, which makes the range symmetric.
INT8 = 127
#: Integers of up to this magnitude are exact in float32.
EXACT = 2**24
_MULTIPLIER_BITS = 15
_MOST_SHIFT = 20
_MOST_BIAS = 2**30 - 2**20


class Rescale(NamedTuple):
    """From accumulators to 8 bits, row by row: (rounded(acc / 2^before) multiplier + bias) / 2^after, rounded.

    multiplier (n_rows,) int32 of at most 15 bits and a sign; bias (n_rows,) int32; after (n_rows,) int32.
    """

    multiplier: Array
    bias: Array
    after: Array


def product(subscripts: str, a: Array, b: Array, bound: int) -> Array:
    """``einsum`` of two int32 arrays, in int32; ``bound`` is the largest magnitude that a sum of products can reach.

    Sums below 2^24 are left to the float32 units, which hold every partial sum exactly, in whatever order: the same
    bits as in integers, and many times faster where a processor's integer products are not vectorised.
    """
    if bound < EXACT:
        exact = jnp.einsum(
            subscripts, a.astype(jnp.float32), b.astype(jnp.float32), precision=jax.lax.Precision.HIGHEST
        )
        return exact.astype(jnp.int32)
    return jnp.einsum(subscripts, a, b, preferred_element_type=jnp.int32)


def shift_before(bound: int) -> int:
    """By how many bits accumulators of magnitude ``bound`` are shortened to 16, their sign included."""
    return max(0, int(bound).bit_length() - _MULTIPLIER_BITS)


def rescaling(factor: Array, offset: Array, bound: int) -> Rescale:
    """What turns accumulators of magnitude ``bound`` into round(factor acc + offset), factor and offset (n_rows,)."""
    wanted = factor * 2.0 ** shift_before(bound)
    # wanted = mantissa 2^exponent with a mantissa in [.5, 1): exact, where a logarithm would round.
    _, exponent = jnp.frexp(wanted)
    after = jnp.clip(_MULTIPLIER_BITS - exponent, 1, _MOST_SHIFT).astype(jnp.int32)
    unit = jnp.ldexp(jnp.ones_like(wanted), after)
    most = 2**_MULTIPLIER_BITS - 1
    multiplier = jnp.clip(jnp.round(wanted * unit), -most, most).astype(jnp.int32)
    bias = jnp.clip(jnp.round(offset * unit), -_MOST_BIAS, _MOST_BIAS).astype(jnp.int32)
    return Rescale(multiplier, bias, after)


def rescale(acc: Array, by: Rescale, bound: int) -> Array:
    """8-bit numbers (n_rows, n), held in int32, of accumulators (n_rows, n); what is too large saturates."""
    short = _halved(acc, shift_before(bound))
    wide = short * by.multiplier[:, None] + by.bias[:, None]
    half = jnp.left_shift(1, by.after - 1)[:, None]
    return jnp.clip(jnp.right_shift(wide + half, by.after[:, None]), -INT8, INT8)


def _halved(acc: Array, times: int) -> Array:
    return jnp.right_shift(acc + (1 << (times - 1)), times) if times else acc


def elu_table(scale: Array) -> Array:
    """ELU of the 8-bit numbers 0, -1, ... -127 in steps of ``scale``, in the same steps (128,) int32."""
    return jnp.round(jnp.expm1(-jnp.arange(INT8 + 1) * scale) / scale).astype(jnp.int32)


def elu(x: Array, table: Array) -> Array:
    """ELU of 8-bit numbers by its table; positive ones are their own."""
    return jnp.where(x > 0, x, table[jnp.maximum(-x, 0)])


def pool_sum(x: Array, size: int) -> Array:
    """Sums over ``size`` samples of x (n_rows, n_times); what is left at the end is dropped."""
    n_pools = x.shape[-1] // size
    return x[:, : n_pools * size].reshape(x.shape[0], n_pools, size).sum(-1)
