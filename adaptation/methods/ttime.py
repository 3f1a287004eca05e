"""T-TIME's imbalance prior: what a frequent class is owed is less diversity."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .entropy import entropy, mean_entropy
from .testtime import Adam, Batch


def prior(p: Array, counts: Array, c: Array | float) -> Array:
    """q (n_classes,) = p̄_k / (c + z_k), normalised, of p (n_windows, n_classes) and counts z (n_classes,)."""
    q = p.mean(0) / (c + counts)
    return q / q.sum()


@component
class ImbalancePrior:
    """Loss H - H(q), H the mean entropy of the windows and q their mean prediction divided by how often a class came.

    Li 2024, eq. for class-imbalanced streams: z_k counts windows predicted as k with more than ``confidence``, each
    once, and ``c`` is how many are taken for granted. The loss is least where p̄_k is in proportion to c + z_k, so the
    stream's own imbalance, as far as the decoder sees it, takes the place of equal shares. Memory: z (n_classes,).
    """

    temperature: float = 2.0
    confidence: float = 0.7
    c: float = 4.0

    def start(self, fisher: Callable[[], Array], theta: Array, n_classes: int) -> Array:
        return jnp.zeros(n_classes)

    def loss(self, counts: Array, logits: Array) -> tuple[Array, Array]:
        """The loss () of logits (n_windows, n_classes), and their softened probabilities."""
        p = jax.nn.softmax(logits / self.temperature)
        return mean_entropy(p) - entropy(prior(p, counts, self.c)), p

    def count(self, counts: Array, p: Array, is_new: Array) -> Array:
        """``counts`` with the new ones among the windows added where they are sure."""
        sure = is_new & (p.max(-1) > self.confidence)
        return counts + (jax.nn.one_hot(p.argmax(-1), p.shape[-1]) * sure[:, None]).sum(0)

    def step(self, memory: Array, theta: Array, adam: Adam, batch: Batch) -> tuple[Array, Array, Adam, Any]:
        def objective(theta: Array) -> tuple[Array, tuple[Array, Any]]:
            logits, stats = batch.forward(theta)
            loss, p = self.loss(memory, logits)
            return loss, (p, stats)

        gradient, (p, stats) = jax.grad(objective, has_aux=True)(theta)
        return self.count(memory, p, batch.is_new), *batch.descend(theta, adam, gradient), stats
