"""Bringing people onto one scale before anything is learnt: covariances whitened, or features standardised.

Both are means over windows of something that a single window has, so that a running, causal version costs a cumulative
sum, and one code serves both.
"""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from ...adaptation.contract import Trials
from ...adaptation.spd import covariance, inv_sqrtm, regularised
from ...sim.pytree import component

FLOOR = 1e-6  # of the mean variance: a feature that never varied must not be blown up


class Alignment(Protocol):
    """What a window says of the person's scale, and windows on that scale; all jittable."""

    @property
    def start(self) -> Array | float:
        """Windows that the source's mean counts beside those of the person."""
        ...

    @property
    def most(self) -> Array | float:
        """Windows that all that was known before the test counts at most, when it begins."""
        ...

    def moments(self, x: Array) -> Any:
        """Of one window x (n_channels, n_times): whatever is averaged over windows."""
        ...

    def apply(self, mean: Any, x: Array) -> Array:
        """The window x (n_channels, n_times) on the scale of a mean of moments."""
        ...


@component
class Euclidean:
    """Whitened by the inverse root of the mean covariance (He & Wu 2020)."""

    start: float = 1.0
    most: float = 100.0

    def moments(self, x: Array) -> Array:
        return regularised(covariance(x))

    def apply(self, mean: Array, x: Array) -> Array:
        return inv_sqrtm(mean) @ x


@component
class Standardised:
    """Features less their mean, over their standard deviation; time is part of the feature."""

    start: float = 300.0
    most: float = 300.0

    def moments(self, x: Array) -> tuple[Array, Array]:
        return x, x**2

    def apply(self, mean: tuple[Array, Array], x: Array) -> Array:
        first, second = mean
        variance = jnp.maximum(second - first**2, 0.0)
        return (x - first) * jax.lax.rsqrt(variance + FLOOR * variance.mean() + jnp.finfo(x.dtype).tiny)


def mean_moments(alignment: Alignment, trials: Trials) -> Any:
    """Weighted mean over the trials of one person of what their windows say."""
    weight = trials.weight / jnp.maximum(trials.weight.sum(), 1e-12)
    return jax.tree.map(lambda m: jnp.tensordot(weight, m, axes=1), jax.vmap(alignment.moments)(trials.x))


def aligned(alignment: Alignment, trials: Trials, mean: Any = None) -> Trials:
    """The trials of one person on the scale of ``mean``, or of themselves."""
    mean = mean_moments(alignment, trials) if mean is None else mean
    return trials._replace(x=jax.vmap(lambda x: alignment.apply(mean, x))(trials.x))


def running(alignment: Alignment, before: Any, count: Array | float, trials: Trials) -> Trials:
    """Each trial on the scale of what is known when it comes: ``before``, counted ``count`` () times, and all trials up
    to this one, those of weight 0 left out. No label, and nothing of what comes after, is looked at."""
    total = count + jnp.cumsum(trials.weight)

    def mean(before: Array, moments: Array) -> Array:
        spread = (slice(None),) + (None,) * (moments.ndim - 1)
        summed = jnp.cumsum(trials.weight[spread] * moments, axis=0)
        return (count * before + summed) / jnp.maximum(total[spread], 1e-12)

    means = jax.tree.map(mean, before, jax.vmap(alignment.moments)(trials.x))
    return trials._replace(x=jax.vmap(alignment.apply)(means, trials.x))
