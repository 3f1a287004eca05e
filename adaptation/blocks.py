"""Block-diagonal matrices: a filter bank's covariances, one block a band, nothing between bands.

A factorisation of each block by itself gives the same as one of the whole and costs n_blocks² times less.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def diagonal_blocks(a: Array, n_blocks: int) -> Array:
    """The blocks (n_blocks, m, m) on the diagonal of a (n_blocks m, n_blocks m)."""
    m = a.shape[-1] // n_blocks
    grid = a.reshape(n_blocks, m, n_blocks, m)
    return jnp.stack([grid[k, :, k] for k in range(n_blocks)])


def block_diagonal(blocks: Array) -> Array:
    """The matrix (n_blocks m, n_blocks m) with these blocks (n_blocks, m, m) on its diagonal and 0 elsewhere."""
    n_blocks, m, _ = blocks.shape
    grid = jnp.einsum("kij,kl->kilj", blocks, jnp.eye(n_blocks, dtype=blocks.dtype))
    return grid.reshape(n_blocks * m, n_blocks * m)


def by_block(function: Callable[..., Array], n_blocks: int) -> Callable[..., Array]:
    """``function`` of matrices (m, m), to one of block-diagonal matrices (n_blocks m, n_blocks m)."""
    if n_blocks == 1:
        return function

    def of_blocks(*matrices: Array) -> Array:
        return block_diagonal(jax.vmap(function)(*(diagonal_blocks(a, n_blocks) for a in matrices)))

    return of_blocks


def mean_by_block(mean: Callable[[Array, Array], Array], n_blocks: int) -> Callable[[Array, Array], Array]:
    """A weighted ``mean(matrices (n_matrices, m, m), weight (n_matrices,))`` of block-diagonal matrices."""
    if n_blocks == 1:
        return mean

    def of_blocks(matrices: Array, weight: Array) -> Array:
        blocks = jax.vmap(lambda a: diagonal_blocks(a, n_blocks))(matrices)
        return block_diagonal(jax.vmap(mean, in_axes=(1, None))(blocks, weight))

    return of_blocks


def stacked(windows: Array) -> Array:
    """A window (n_blocks m, n_blocks m) whose covariance has those of windows (n_blocks, m, m) as its blocks."""
    return block_diagonal(windows) * jnp.sqrt(jnp.asarray(windows.shape[0], windows.dtype))
