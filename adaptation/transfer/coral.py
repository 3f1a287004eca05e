"""Deep CORAL: people's features are to have one covariance (Sun & Saenko 2016)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .contract import Batch
from .domains import mean_over_pairs, share_of_domains


def feature_covariance(features: Array, weight: Array) -> Array:
    """Unbiased covariance (n_features, n_features) of features (n_trials, n_features), weight (n_trials,) 0 or 1."""
    total = weight.sum()
    mean = weight @ features / jnp.maximum(total, 1.0)
    centred = features - mean
    return (weight[:, None] * centred).T @ centred / jnp.maximum(total - 1.0, 1.0)


def coral_distance(features: Array, weight: Array) -> Array:
    """() mean over pairs of people of |C_p - C_q|²_F / 4d², features (n_people, n_trials, d), weight (n_people,
    n_trials)."""
    covs = jax.vmap(feature_covariance)(features, weight)
    _, present = share_of_domains(weight)
    away = covs - jnp.tensordot(present / jnp.maximum(present.sum(), 1.0), covs, axes=1)
    spread = jnp.sum(present * jnp.sum(away**2, axis=(1, 2)))
    return mean_over_pairs(spread, present) / (4.0 * features.shape[-1] ** 2)


@component
class DeepCoral:
    """Mean over pairs of people in the minibatch of the squared distance between their features' covariances."""

    def init(self, n_features: int, n_people: int, key: Array) -> Any:
        return {}

    def __call__(self, extra: Any, features: Array, logits: Array, batch: Batch) -> Array:
        return coral_distance(features, batch.trials.weight)
