"""Minimum class confusion: predictions on unlabelled trials are not to hesitate between classes (Jin 2020)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .contract import Batch


def class_confusion(logits: Array, weight: Array, temperature: Array | float = 2.5) -> Array:
    """() share of confusion between classes, logits (n_trials, n_classes), weight (n_trials,).

    C = P' diag(w) P of the tempered probabilities P, w proportional to 1 + exp(-entropy) and without gradient; rows of
    C normalised; (sum C - trace C) / n_classes.
    """
    log_p = jax.nn.log_softmax(logits / temperature)
    p = jnp.exp(log_p)
    sure = weight * (1.0 + jnp.exp(jnp.sum(p * log_p, axis=-1)))
    sure = jax.lax.stop_gradient(sure * weight.sum() / jnp.maximum(sure.sum(), 1e-12))
    confusion = (sure[:, None] * p).T @ p
    confusion = confusion / jnp.maximum(confusion.sum(axis=1, keepdims=True), 1e-12)
    return (confusion.sum() - jnp.trace(confusion)) / logits.shape[-1]


@component
class MCC:
    """Class confusion of the people whose labels are hidden; of everybody's where none are. Known to break where
    classes are unbalanced."""

    temperature: float = 2.5

    def init(self, n_features: int, n_people: int, key: Array) -> Any:
        return {}

    def __call__(self, extra: Any, features: Array, logits: Array, batch: Batch) -> Array:
        hidden = batch.trials.weight * (1.0 - batch.labelled)[:, None]
        weight = jnp.where(hidden.sum() > 0, hidden, batch.trials.weight)
        return class_confusion(logits.reshape(-1, logits.shape[-1]), weight.reshape(-1), self.temperature)
