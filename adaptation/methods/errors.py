"""Learning from signs of errors: the user's reaction tells right from wrong, some of the time, and never the class."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from .gate import when
from .online import OnlineMemory, OnlineReadout, linearised, newton_step


class ErrorMemory(NamedTuple):
    """posterior: covariance of the readout; x: (n_channels, n_times), the last finite window; fresh: () bool, whether
    it came since something was last learnt."""

    posterior: OnlineMemory
    x: Array
    fresh: Array


@component
class ErrorSigns:
    """A contextual bandit: the readout climbs the likelihood of the sign (Feedback.error) that followed its prediction.

    A detector sees an error after a right prediction with probability ``false_positive`` and misses one after a wrong
    prediction with probability ``miss`` (.24 both: detectors of error potentials are right some 76 % of the time within
    a person). So p(sign) = Σ_y p(y | x) p(sign | y, prediction), and the gradient of its logarithm in the logits is
    posterior - prior, the class's probabilities after and before the sign. The step is that of OnlineReadout, with the
    Fisher information of the sign in place of that of a label: signs right every time, of two classes, are labels;
    signs right as often as wrong say nothing and move nothing.

    No label is asked for and none counted: a sign costs the user nothing. The prediction that a sign speaks of is made
    again here from the state in force, so this part belongs behind those that follow windows and before any other that
    learns from feedback; and what is decoded must be what this state predicts.
    """

    false_positive: float = 0.24
    miss: float = 0.24
    ridge: float = 1.0

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> ErrorMemory:
        posterior = OnlineReadout(ridge=self.ridge).start(decoder, variables, calibration, key)
        return ErrorMemory(posterior, jnp.zeros_like(calibration.x[0]), jnp.zeros((), bool))

    def observe(
        self, memory: ErrorMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[ErrorMemory, Variables]:
        return memory._replace(x=x, fresh=jnp.ones((), bool)), variables

    def learn(
        self, memory: ErrorMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[ErrorMemory, Variables, Array]:
        error = jnp.asarray(feedback.error, jnp.int32)
        # A window that could not be read was not predicted from: a sign after it speaks of nothing that is known.
        seen = memory.fresh & ((error == 0) | (error == 1))
        readout = decoder.layers[-1]
        moved = (memory.posterior, variables.params[readout])
        posterior, learnt = when(seen, _step, moved, self, decoder, variables, memory.x, error)
        memory = memory._replace(posterior=posterior, fresh=jnp.zeros((), bool))
        return memory, variables._replace(params={**variables.params, readout: learnt}), jnp.zeros((), bool)


def heard(error: Array | int, own: Array, decoded: Array) -> Array:
    """Feedback.error for a copy that would have answered ``own`` where the user met ``decoded``, logits (n_classes,):
    a sign of an error about another answer says nothing of its own, and it hears none."""
    return jnp.where(own.argmax() == decoded.argmax(), jnp.asarray(error, jnp.int32), -1)


def sign_likelihood(
    predicted: Array, n_classes: int, false_positive: Array | float, miss: Array | float
) -> tuple[Array, Array]:
    """Probability of no sign and of a sign of an error, each (n_classes,) over the class that was meant."""
    right = jnp.arange(n_classes) == predicted
    sign = jnp.where(right, false_positive, 1.0 - jnp.asarray(miss))
    return 1.0 - sign, sign


def posterior(logits: Array, likelihood: Array) -> Array:
    """Probabilities (n_classes,) of the classes after an observation of this ``likelihood`` (n_classes,)."""
    # The floor keeps an observation that was thought impossible from undoing everything.
    return jax.nn.softmax(logits + jnp.log(jnp.maximum(likelihood, 1e-30)))


def _step(
    moved: tuple[OnlineMemory, Any], method: ErrorSigns, decoder: Any, variables: Variables, x: Array, error: Array
) -> tuple[OnlineMemory, Any]:
    memory, _ = moved
    theta, _, slope = linearised(decoder, variables, x)
    logits = decoder.apply(variables, x)
    p = jax.nn.softmax(logits)
    signs = sign_likelihood(logits.argmax(), p.shape[0], method.false_positive, method.miss)
    gradients = [(posterior(logits, likelihood) - p)[1:] for likelihood in signs]
    information = sum(((p @ likelihood) * jnp.outer(g, g) for g, likelihood in zip(gradients, signs)), jnp.zeros(()))
    gradient = jnp.where(error == 1, gradients[1], gradients[0])
    theta, memory = newton_step(theta, memory, slope, gradient, information)
    return memory, ravel_pytree(variables.params[decoder.layers[-1]])[1](theta)
