"""Batch normalisation by stored statistics, which works for a single window; three ways to come by the statistics."""

from collections.abc import Callable
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

Moments = tuple[Array, Array]
Stats = dict[str, dict[str, Array]]


class Statistics(Protocol):
    """Gives the (mean, var) a norm uses. ``own`` computes this window's, over ``count`` samples a feature."""

    def __call__(self, name: str, own: Callable[[], Moments], count: int) -> Moments: ...


class Stored:
    """The running statistics: evaluation, the only mode in which nothing depends on other windows."""

    def __init__(self, stats: Stats) -> None:
        self.stats = stats

    def __call__(self, name: str, own: Callable[[], Moments], count: int) -> Moments:
        return self.stats[name]["mean"], self.stats[name]["var"]


class Own:
    """Normalises by the running statistics and notes this window's own ones in ``seen``."""

    def __init__(self, stats: Stats) -> None:
        self.stats = stats
        self.seen: Stats = {}

    def __call__(self, name: str, own: Callable[[], Moments], count: int) -> Moments:
        mean, var = own()
        self.seen[name] = {"mean": mean, "var": var}
        return self.stats[name]["mean"], self.stats[name]["var"]


class Batch:
    """Normalises by the weighted statistics over the mapped axis ``axis`` and time: training.

    ``seen`` holds the running averages after this batch, r <- (1 - momentum) r + momentum batch with the unbiased
    variance, as PyTorch does; a batch of no weight leaves them as they were.
    """

    def __init__(self, stats: Stats, weight: Array, momentum: Array | float, axis: str) -> None:
        self.stats = stats
        self.axis = axis
        self.weight = weight
        self.total = jax.lax.psum(weight, axis)
        self.momentum = jnp.where(self.total > 0, momentum, 0.0)
        self.seen: Stats = {}

    def __call__(self, name: str, own: Callable[[], Moments], count: int) -> Moments:
        mean, var = own()
        mean_all = self._average(mean)
        # Between- and within-window parts apart: no cancellation as in E[x^2] - E[x]^2.
        var_all = self._average(var + (mean - mean_all) ** 2)
        n = self.total * count
        unbiased = var_all * n / jnp.maximum(n - 1, 1)
        self.seen[name] = {
            "mean": (1 - self.momentum) * self.stats[name]["mean"] + self.momentum * mean_all,
            "var": (1 - self.momentum) * self.stats[name]["var"] + self.momentum * unbiased,
        }
        return mean_all, var_all

    def _average(self, value: Array) -> Array:
        total = jnp.where(self.total > 0, self.total, 1.0)
        return jax.lax.psum(self.weight * value, self.axis) / total


def over_time(z: Array) -> Moments:
    """Mean and variance (n_rows,) over the time axis of z (n_rows, n_times)."""
    return jnp.mean(z, axis=-1), jnp.var(z, axis=-1)


def gain_offset(moments: Moments, layer: dict[str, Array], eps: float) -> tuple[Array, Array]:
    """The norm as gain and offset per feature: scale (z - mean) / sqrt(var + eps) + bias = gain z + offset."""
    mean, var = moments
    gain = layer["scale"] * jax.lax.rsqrt(var + eps)
    return gain, layer["bias"] - mean * gain
