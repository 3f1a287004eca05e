"""Online readout: the last layer follows every label, as fast as the calibration left it uncertain. Labels: all."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from ..linalg import inv, solve
from ..trials import usable
from .gate import when


class OnlineMemory(NamedTuple):
    """covariance (n, n) of the readout's n parameters, what calibration and labels so far leave open."""

    covariance: Array


@component
class OnlineReadout:
    """Bayesian logistic regression of the readout, one label at a time (Penny & Roberts 1999, without their drift).

    The readout starts as trained, with the covariance of Laplace's approximation over the calibration: the inverse of
    the log-loss's curvature plus a ridge of ``ridge`` times its mean. Every label then takes one Newton step on the
    posterior, an extended Kalman filter whose steps shrink as labels add up; a direction that the calibration settled
    hardly moves. Layers below are left alone.
    """

    ridge: float = 1.0

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> OnlineMemory:
        def curvature(x: Array, weight: Array) -> Array:
            _, p, slope = linearised(decoder, variables, x)
            return weight * slope.T @ spread(p) @ slope

        def add(total: Array, trial: tuple[Array, Array]) -> tuple[Array, None]:
            return total + curvature(*trial), None

        calibration = usable(calibration)
        n = ravel_pytree(variables.params[decoder.layers[-1]])[0].shape[0]
        total, _ = jax.lax.scan(add, jnp.zeros((n, n)), (calibration.x, calibration.weight))
        ridge = self.ridge * jnp.trace(total) / n + jnp.finfo(total.dtype).tiny
        return OnlineMemory(inv(total + ridge * jnp.eye(n)))

    def observe(
        self, memory: OnlineMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[OnlineMemory, Variables]:
        return memory, variables

    def learn(
        self, memory: OnlineMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[OnlineMemory, Variables, Array]:
        used = feedback.available
        readout = decoder.layers[-1]
        moved = (memory, variables.params[readout])
        memory, learnt = when(used, _step, moved, decoder, variables, feedback.window, feedback.label)
        return memory, variables._replace(params={**variables.params, readout: learnt}), used


def _step(
    moved: tuple[OnlineMemory, Any], decoder: Any, variables: Variables, x: Array, label: Array
) -> tuple[OnlineMemory, Any]:
    memory, _ = moved
    theta, p, slope = linearised(decoder, variables, x)
    error = jax.nn.one_hot(label, p.shape[0] + 1)[1:] - p
    theta, memory = newton_step(theta, memory, slope, error, spread(p))
    return memory, ravel_pytree(variables.params[decoder.layers[-1]])[1](theta)


def newton_step(
    theta: Array, memory: OnlineMemory, slope: Array, gradient: Array, curvature: Array
) -> tuple[Array, OnlineMemory]:
    """theta (n,) and its covariance after an observation whose log-likelihood has, in the logits, the ``gradient``
    (n_classes - 1,) and the negative ``curvature`` (n_classes - 1, n_classes - 1); ``slope`` is that of the logits."""
    reach = memory.covariance @ slope.T
    # (I + W M)⁻¹ exists where W⁻¹ does not: a prediction that is certain has no spread.
    shrink = jnp.eye(curvature.shape[0]) + curvature @ (slope @ reach)
    theta = theta + reach @ solve(shrink, gradient)
    covariance = memory.covariance - reach @ solve(shrink, curvature) @ reach.T
    return theta, OnlineMemory(0.5 * (covariance + covariance.T))


def linearised(decoder: Any, variables: Variables, x: Array) -> tuple[Array, Array, Array]:
    """The readout's parameters (n,), probabilities of the classes after the first, and the slope of their logits
    against the first's (n_classes - 1, n)."""
    readout = decoder.layers[-1]
    theta, unravel = ravel_pytree(variables.params[readout])

    def logits(theta: Array) -> Array:
        return decoder.apply(variables._replace(params={**variables.params, readout: unravel(theta)}), x)

    slope = jax.jacrev(logits)(theta)
    return theta, jax.nn.softmax(logits(theta))[1:], slope[1:] - slope[0]


def spread(p: Array) -> Array:
    """Covariance (n_classes - 1, n_classes - 1) of the class under the prediction."""
    return jnp.diag(p) - jnp.outer(p, p)
