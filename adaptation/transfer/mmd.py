"""Maximum mean discrepancy between people's features: the penalty of deep adaptation networks (Long 2015)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..monitors.mmd import kernel_matrix, squared_distances
from .contract import Batch
from .domains import mean_over_pairs, share_of_domains

#: Widths of the kernels as multiples of the mean squared distance.
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def mean_squared_distance(points: Array, weight: Array) -> Array:
    """() mean squared distance between two different points (n, n_features), each of weight (n,) 0 or more."""
    pairs = weight[:, None] * weight[None, :] * (1.0 - jnp.eye(points.shape[0]))
    found = jnp.sum(pairs * squared_distances(points)) / jnp.maximum(jnp.sum(pairs), 1e-12)
    return jnp.maximum(found, jnp.finfo(points.dtype).tiny)


def mmd_squared(features: Array, weight: Array, scales: tuple[float, ...] = SCALES) -> Array:
    """() mean over pairs of people of the squared discrepancy between features (n_people, n_trials, n_features).

    weight (n_people, n_trials). Biased (V-statistic), a mean of Gaussian kernels exp(-d²/(s·mean d²)) over ``scales``;
    the mean squared distance is that of all the points together and no gradient goes through it.
    """
    points = features.reshape(-1, features.shape[-1])
    width = jax.lax.stop_gradient(mean_squared_distance(points, weight.reshape(-1)))
    kernel = kernel_matrix(points, scales, width)
    share, present = share_of_domains(weight)
    n_people, n_trials = weight.shape
    kernel = kernel.reshape(n_people, n_trials, n_people, n_trials)
    between = jnp.einsum("pi,piqj,qj->pq", share, kernel, share)
    return mean_over_pairs(jnp.trace(between) - between.sum() / jnp.maximum(present.sum(), 1.0), present)


@component
class MMD:
    """Mean over pairs of people in the minibatch of the squared discrepancy between their features."""

    scales: tuple[float, ...] = static(default=SCALES)

    def init(self, n_features: int, n_people: int, key: Array) -> Any:
        return {}

    def __call__(self, extra: Any, features: Array, logits: Array, batch: Batch) -> Array:
        return mmd_squared(features, batch.trials.weight, self.scales)
