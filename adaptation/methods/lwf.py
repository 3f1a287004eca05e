"""Learning without forgetting: on the new windows, keep saying what the old decoder would have said."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Trials, Variables
from .objectives import Problem, together


def distillation(old_logits: Array, logits: Array, weight: Array, temperature: Array | float) -> Array:
    """T² KL(p_old || p), both softened by temperature T: weighted mean over trials; logits (n_trials, n_classes)."""
    old = jax.nn.log_softmax(old_logits / temperature)
    kl = (jnp.exp(old) * (old - jax.nn.log_softmax(logits / temperature))).sum(-1)
    return temperature**2 * (weight * kl).sum() / jnp.maximum(weight.sum(), 1e-12)


@component
class WithoutForgetting:
    """Cross-entropy + strength · T² KL(p_old^T || p_new^T) on the batch (Li & Hoiem 2017: strength 1, T 2).

    p_old is what the params before the stream make of the very windows that the labels belong to: no old window need
    be kept.
    """

    strength: float = 1.0
    temperature: float = 2.0

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials) -> tuple[()]:
        return ()

    def gradient(self, memory: tuple[()], problem: Problem, theta: Any, old: Trials, new: Trials) -> Any:
        # Imported here as in Problem.loss.
        from ..decoders.training import weighted_cross_entropy

        batch = together(old, new)
        teacher = problem.logits(problem.base, batch.x)

        def loss(theta: Any) -> Array:
            logits = problem.logits(problem.params(theta), batch.x)
            kept = distillation(teacher, logits, batch.weight, self.temperature)
            return weighted_cross_entropy(logits, batch.y, batch.weight) + self.strength * kept

        return jax.grad(loss)(theta)
