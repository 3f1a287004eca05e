"""Entropy minimisation and information maximisation: predictions that are sure, and not all alike."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .testtime import Adam, Batch

#: Keeps the logarithm of a class that is never predicted finite (Liang 2020, Li 2024).
EPSILON = 1e-5


def entropy(p: Array) -> Array:
    """Entropy () in nats of class probabilities p (n_classes,)."""
    return -(p * jnp.log(p + EPSILON)).sum()


def mean_entropy(p: Array) -> Array:
    """Mean () over windows of the entropy of p (n_windows, n_classes)."""
    return jax.vmap(entropy)(p).mean()


@component
class InformationMaximisation:
    """Loss H - ``diversity`` · H(p̄): mean entropy of the windows less that of their mean prediction p̄.

    ``diversity`` 0 is entropy minimisation (TENT, Wang 2021; in online decoding of EEG, Wimpff 2024); 1 is the mutual
    information of SHOT-IM (Liang 2020) and, at ``temperature`` 2, of T-TIME (Li 2024), which keeps it from predicting
    one class for ever and takes classes to be equally frequent.
    """

    temperature: float = 1.0
    diversity: float = 0.0

    def start(self, fisher: Callable[[], Array], theta: Array, n_classes: int) -> tuple[()]:
        return ()

    def loss(self, logits: Array) -> Array:
        """The loss () of logits (n_windows, n_classes)."""
        p = jax.nn.softmax(logits / self.temperature)
        return mean_entropy(p) - self.diversity * entropy(p.mean(0))

    def step(self, memory: tuple[()], theta: Array, adam: Adam, batch: Batch) -> tuple[tuple[()], Array, Adam, Any]:
        def objective(theta: Array) -> tuple[Array, Any]:
            logits, stats = batch.forward(theta)
            return self.loss(logits), stats

        gradient, stats = jax.grad(objective, has_aux=True)(theta)
        return (), *batch.descend(theta, adam, gradient), stats
