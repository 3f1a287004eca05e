"""The activity of many units during a block of cursor control, through the sums that decoders are fitted on.

A unit's activity is y = T u + noise with the user's push u and independent noise. The loop feels two directions of that
noise only, those that the decoder reads; the rest is independent of all that happens, so that the sums of y y' and y w'
over a block can be drawn straight from their distribution (normal and Wishart) with no need for n_bins x n_units random
numbers. What comes out is exactly as likely as if every bin had been drawn (tests/intracortical).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...adaptation.intracortical.kalman import LinearDecoder
from ...adaptation.intracortical.retrospective import Sums
from ...adaptation.linalg import qr
from ...adaptation.spd import sqrtm
from .cursor import NOISE, SMOOTHING, Bin, Loop


class Reading(NamedTuple):
    """basis (n_units, 2): the directions of activity that a decoder reads; mix (2, 2): from there to its output."""

    basis: Array
    mix: Array


def reading(weights: Array) -> Reading:
    """Of decoder weights (2, n_units)."""
    q, r = qr(weights.T)
    return Reading(q, r.T)


def loop_of(tuning: Array, weights: Array, offset: Array, gain: Array) -> Loop:
    """The closed loop of units with this tuning (n_units, 2) through this decoder."""
    return Loop(weights @ tuning, offset, NOISE * reading(weights).mix, gain)


def sums(
    key: Array, tuning: Array, weights: Array | None, push: Array, noise: Array, wanted: Array, weight: Array
) -> Sums:
    """Sums over the bins of weight 1, weight (n_bins,) of 0 and 1, of activity and ``wanted`` (n_bins, 2).

    push (n_bins, 2) and noise (n_bins, 2): of the block, as recorded behind the decoder ``weights`` (2, n_units); None
    where nothing was decoded, and noise is not looked at.
    """
    n_units = tuning.shape[0]
    basis = jnp.zeros((n_units, 2)) if weights is None else reading(weights).basis
    z = jnp.concatenate([push, noise, wanted, jnp.ones_like(push[:, :1])], axis=1) * weight[:, None]
    gram = z.T @ z
    n, n_z = weight.sum(), gram.shape[0]
    loads = jnp.concatenate([tuning, NOISE * basis, jnp.zeros((n_units, 3))], axis=1)
    k_z, k_rest = jax.random.split(key)
    along = jax.random.normal(k_z, (n_z, n_units))
    across = sqrtm(gram) @ along
    scatter = along.T @ along + wishart(k_rest, n_units, n - n_z)

    def free(m: Array) -> Array:
        return m - (m @ basis) @ basis.T

    scatter = free(free(scatter).T)
    across = free(across)
    mixed = NOISE * loads @ across
    yy = loads @ gram @ loads.T + mixed + mixed.T + NOISE**2 * scatter
    zy = gram @ loads.T + NOISE * across
    return Sums(yy, zy[4:6].T, zy[6], gram[4:6, 6], n)


def wishart(key: Array, n: int, freedom: Array) -> Array:
    """Sum (n, n) of as many outer products of standard normal vectors as ``freedom`` () says, by Bartlett's
    decomposition; chi-squared by the approximation of Wilson & Hilferty, 1 % right from 5 degrees on."""
    k_low, k_diagonal = jax.random.split(key)
    low = jnp.tril(jax.random.normal(k_low, (n, n)), -1)
    k = jnp.maximum(freedom - jnp.arange(n), 1.0)
    cube = 1.0 - 2.0 / (9.0 * k) + jax.random.normal(k_diagonal, (n,)) * jnp.sqrt(2.0 / (9.0 * k))
    low = low + jnp.diag(jnp.sqrt(jnp.maximum(k * cube**3, 0.0)))
    return low @ low.T


def block_sums(key: Array, tuning: Array, weights: Array, block: Bin, wanted: Array, weight: Array) -> Sums:
    """:func:`sums` of a recorded block."""
    return sums(key, tuning, weights, block.push, block.noise, wanted, weight)


def open_loop(key: Array, tuning: Array, n_bins: int) -> Sums:
    """Sums of a training block in which random pushes are imagined and known."""
    k_push, k_sums = jax.random.split(key)
    push = jax.random.normal(k_push, (n_bins, 2))
    # the push is what is wanted: the two columns coincide, which only a weight of nothing is missing
    return sums(k_sums, tuning, None, push, jnp.zeros((n_bins, 2)), push, jnp.ones(n_bins))


def linear(weights: Array, offset: Array) -> LinearDecoder:
    """A decoder of directions, smoothed as the cursor is."""
    return LinearDecoder(SMOOTHING * jnp.eye(2), weights, offset)
