"""A-GEM: learn from the new trials only in directions that do not raise the loss on the old ones."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from ...sim.pytree import component
from ..contract import Decoder, Trials, Variables
from .objectives import Problem


def projected(g: Array, reference: Array) -> Array:
    """g - (g·r / r·r) r where g·r < 0, else g: the nearest gradient that does not oppose r (Chaudhry 2019). (n,)"""
    against = g @ reference
    share = against / jnp.maximum(reference @ reference, jnp.finfo(g.dtype).tiny)
    return jnp.where(against < 0, g - share * reference, g)


@component
class AveragedGem:
    """The gradient of the new trials' loss, projected against that of the old trials' (averaged gradient episodic
    memory). Adam scales its elements afterwards, so that the loss on old trials is kept from rising to first order
    in the raw gradient only, as in every use of it with an adaptive optimiser."""

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials) -> tuple[()]:
        return ()

    def gradient(self, memory: tuple[()], problem: Problem, theta: Any, old: Trials, new: Trials) -> Any:
        def slope(trials: Trials) -> Any:
            return jax.grad(lambda theta: problem.loss(problem.params(theta), trials))(theta)

        g, unravel = ravel_pytree(slope(new))
        return unravel(projected(g, ravel_pytree(slope(old))[0]))
