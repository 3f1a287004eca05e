"""Linear time filters of the networks as matrix products: grouped convolutions have very slow gradients on CPUs."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError


def banded(kernel: Array, n_out: int, n_in: int) -> Array:
    """Toeplitz matrices (..., n_out, n_in) whose row i is ``kernel`` (..., n_taps) shifted right by i.

    Built by tiling and reshaping, whose gradient is a sum; indexing would give a scatter.
    Needs n_in >= n_out + n_taps - 1.
    """
    n_taps = kernel.shape[-1]
    lead = kernel.shape[:-1]
    padded = jnp.pad(kernel, [(0, 0)] * len(lead) + [(0, n_in + 1 - n_taps)])
    tiled = jnp.broadcast_to(padded[..., None, :], (*lead, n_out, n_in + 1))
    return tiled.reshape(*lead, -1)[..., : n_out * n_in].reshape(*lead, n_out, n_in)


def frames(x: Array, n_out: int, block: int) -> Array:
    """Time axis of x (..., n) cut into (..., n_blocks, 2 block) pieces that overlap by ``block``, zero padded."""
    n_blocks = -(-n_out // block)
    length = (n_blocks + 1) * block
    x = jnp.pad(x[..., :length], [(0, 0)] * (x.ndim - 1) + [(0, max(0, length - x.shape[-1]))])
    blocks = x.reshape(*x.shape[:-1], n_blocks + 1, block)
    return jnp.concatenate([blocks[..., :-1, :], blocks[..., 1:, :]], axis=-1)


def filter_bank(x: Array, kernel: Array, padding: int) -> Array:
    """Cross-correlate the rows of each group: x (n_filters, n_rows, n_times), kernel (n_filters, n_taps).

    Returns (n_filters, n_rows, n_times + 2 padding - n_taps + 1), zeros outside the window. Done block by block as a
    product with one small Toeplitz matrix per filter, about twice the minimum of operations, all of it matmul.
    """
    n_taps = kernel.shape[-1]
    n_out = x.shape[-1] + 2 * padding - n_taps + 1
    block = n_taps
    x = jnp.pad(x, [(0, 0), (0, 0), (padding, padding)])
    y = jnp.einsum("frnl,fbl->frnb", frames(x, n_out, block), banded(kernel, block, 2 * block))
    return y.reshape(*x.shape[:-1], -1)[..., :n_out]


def unfold(x: Array, n_taps: int) -> Array:
    """Lagged copies (n_channels, n_taps, n_times - n_taps + 1) of x (n_channels, n_times)."""
    n_out = x.shape[-1] - n_taps + 1
    return jnp.stack([x[:, k : k + n_out] for k in range(n_taps)], axis=1)


def lag_moments(x: Array, n_taps: int, padding: int) -> tuple[Array, Array]:
    """Mean (n_taps,) and covariance (n_taps, n_taps) of the lag vectors of x (n_channels, n_times).

    A filter k over the zero-padded x then has mean k.m and variance k'Ck over all channels and times, without
    being applied to a single channel. The Gram matrix is Toeplitz but for its edges, so one row of it suffices.
    """
    n_channels = x.shape[0]
    n_out = x.shape[-1] + 2 * padding - n_taps + 1
    x = jnp.pad(x, [(0, 0), (padding, padding)])
    # First row: sum over channels and t < n_out of x[t] x[t + j], by blocks, then along the diagonals.
    start = frames(x[:, :n_out], n_out, n_taps)[..., :n_taps]
    cross = jnp.einsum("cnb,cnl->bl", start, frames(x, n_out, n_taps))
    first = _sum_diagonals(cross, n_taps)
    # G[i+1, j+1] = G[i, j] - x[i] x[j] + x[i + n_out] x[j + n_out]
    head, tail = x[:, : n_taps - 1], x[:, n_out : n_out + n_taps - 1]
    step = jnp.pad(tail.T @ tail - head.T @ head, ((1, 0), (1, 0)))
    toeplitz = first[np.abs(np.subtract.outer(np.arange(n_taps), np.arange(n_taps)))]
    gram = toeplitz + _cumsum_diagonals(step)
    edges = jnp.cumsum(jnp.pad(tail - head, ((0, 0), (1, 0))), axis=-1)
    mean = (jnp.sum(x[:, :n_out]) + jnp.sum(edges, axis=0)) / (n_channels * n_out)
    return mean, gram / (n_channels * n_out) - jnp.outer(mean, mean)


def _sum_diagonals(cross: Array, n_lags: int) -> Array:
    """Sum of cross[b, b + j] (n, 2n) over b, for j < n_lags."""
    n, width = cross.shape
    flat = jnp.pad(cross.reshape(-1), (0, n))  # a row one longer moves each diagonal into a column
    return jnp.sum(flat.reshape(n, width + 1), axis=0)[:n_lags]


def _cumsum_diagonals(step: Array) -> Array:
    """Running sums of a square matrix along its diagonals."""
    n = step.shape[0]
    # Row i shifted left by i (mod 2n) puts diagonals into columns; cumsum; shift back.
    wide = jnp.pad(step, ((0, 0), (0, n))).reshape(-1)
    skewed = jnp.pad(wide, (0, n)).reshape(n, 2 * n + 1)
    total = jnp.cumsum(skewed, axis=0).reshape(-1)[: n * 2 * n].reshape(n, 2 * n)
    return total[:, :n]


def mean_pool(x: Array, size: int, stride: int) -> Array:
    """Means (n_rows, n_pools) over windows of ``size`` samples every ``stride``; what is left at the end is dropped."""
    n_pools = (x.shape[-1] - size) // stride + 1
    if size == stride:
        return jnp.mean(x[:, : n_pools * size].reshape(x.shape[0], n_pools, size), axis=-1)
    start = np.arange(n_pools) * stride
    time = np.arange(x.shape[-1])[:, None]
    weights = ((time >= start) & (time < start + size)) / size
    return x @ jnp.asarray(weights, x.dtype)


def check_window(name: str, n_channels: int, n_times: int, n_classes: int, sfreq: float, shortest: int) -> None:
    """Raise InputError where a network of this name cannot work on such windows."""
    if n_channels < 1 or n_classes < 2:
        raise InputError(
            f"{name} got {n_channels} channels and {n_classes} classes; it needs at least 1 channel and 2 classes: "
            "check the channel selection and the event codes."
        )
    if not sfreq >= LOWEST_SFREQ:
        raise InputError(
            f"{name} got a sampling rate of {sfreq:g} Hz but needs at least {LOWEST_SFREQ:g} Hz to see the beta band "
            "(13-30 Hz): use the recording at a higher rate."
        )
    if n_times < shortest:
        raise InputError(
            f"{name} got windows of {n_times} samples ({n_times / sfreq:.2f} s) but needs at least {shortest} "
            f"({shortest / sfreq:.2f} s at {sfreq:g} Hz): use longer windows."
        )


LOWEST_SFREQ = 64.0  # Hz, twice the upper edge of the beta band with room for an anti-aliasing filter
