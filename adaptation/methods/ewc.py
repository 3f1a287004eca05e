"""Elastic weight consolidation: parameters that the calibration settled are held, the others are free to move."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Trials, Variables
from ..trials import usable
from .layers import Params
from .objectives import Problem, squared_distance, together


def fisher(decoder: Decoder, variables: Variables, trials: Trials) -> Params:
    """Diagonal of the Fisher information of the params, shaped as they are: the weighted mean over trials of
    E[(d log p(y) / d theta)²], the expectation over classes as the decoder itself predicts them."""
    trials = usable(trials)

    def log_p(params: Params, x: Array) -> Array:
        return jax.nn.log_softmax(decoder.apply(variables._replace(params=params), x))

    def add(total: Params, trial: tuple[Array, Array]) -> tuple[Params, None]:
        x, weight = trial
        p = jnp.exp(log_p(variables.params, x))
        slopes = jax.jacrev(log_p)(variables.params, x)
        return jax.tree.map(lambda t, s: t + weight * jnp.tensordot(p, s**2, axes=1), total, slopes), None

    total, _ = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, variables.params), (trials.x, trials.weight))
    return jax.tree.map(lambda t: t / jnp.maximum(trials.weight.sum(), 1e-12), total)


@component
class ElasticWeights:
    """Cross-entropy + ½ strength Σ F (params - base)², F the Fisher information of the calibration (Kirkpatrick 2017).

    F is per trial, so ``strength`` counts the trials that the calibration weighs beside the mean loss of a batch.
    """

    strength: float = 10.0

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials) -> Params:
        return fisher(decoder, variables, calibration)

    def gradient(self, memory: Params, problem: Problem, theta: Any, old: Trials, new: Trials) -> Any:
        def loss(theta: Any) -> Array:
            params = problem.params(theta)
            penalty = squared_distance(params, problem.base, memory)
            return problem.loss(params, together(old, new)) + 0.5 * self.strength * penalty

        return jax.grad(loss)(theta)
