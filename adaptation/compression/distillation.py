"""Distillation: a small network learns what a large one thinks of each window (Hinton et al 2015)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ..contract import Decoder, Trials, Variables
from ..decoders.training import Network, fit_network, weighted_cross_entropy
from ..trials import usable


def distillation_loss(
    logits: Array, teacher_logits: Array, y: Array, weight: Array, temperature: Array | float, share: Array | float
) -> Array:
    """share T² KL(softmax(teacher / T) ‖ softmax(student / T)) + (1 - share) cross-entropy, a weighted mean.

    logits, teacher_logits (n_trials, n_classes); y, weight (n_trials,). T² keeps the gradient's size as T grows.
    """
    soft = optax.kl_divergence(jax.nn.log_softmax(logits / temperature), jax.nn.softmax(teacher_logits / temperature))
    kl = jnp.sum(weight * soft) / jnp.maximum(jnp.sum(weight), 1e-12)
    return share * temperature**2 * kl + (1 - share) * weighted_cross_entropy(logits, y, weight)


def distil(
    teacher: Decoder,
    teacher_variables: Variables,
    student: Network,
    student_variables: Variables,
    trials: Trials,
    key: Array,
    *,
    temperature: float = 2.0,
    share: float = 0.9,
) -> Variables:
    """The student's variables, trained on the teacher's opinion of ``trials`` and on their classes.

    Both see the windows behind their own ``align``. With ``share`` 1 the classes play no part, so the windows may be
    of anybody. Trained as ``fit`` does, with the student's own epochs and rates.
    """
    return _distil(teacher, teacher_variables, student, student_variables, trials, key, temperature, share)


@jax.jit
def _distil(
    teacher: Any,
    teacher_variables: Variables,
    student: Any,
    student_variables: Variables,
    trials: Trials,
    key: Array,
    temperature: float,
    share: float,
) -> Variables:
    trials = usable(trials)
    told = jax.lax.map(lambda x: teacher.apply(teacher_variables, x), trials.x)

    def loss(logits: Array, index: Array, weight: Array) -> Array:
        return distillation_loss(logits, told[index], trials.y[index], weight, temperature, share)

    numbered = trials._replace(y=jnp.arange(trials.y.shape[0]))
    return fit_network(student, student_variables, numbered, key, loss=loss)
