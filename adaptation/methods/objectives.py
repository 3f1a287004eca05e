"""What a step of fine-tuning descends: cross-entropy, and what keeps it near the parameters it started from."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Trials, Variables
from .layers import Params

M = TypeVar("M")


class Problem(NamedTuple):
    """Fine-tuning as an objective sees it; trials hold windows that are aligned already.

    decoder; variables: in force, ``align`` the identity; base: params before the stream; params: theta -> params.
    """

    decoder: Any
    variables: Variables
    base: Params
    params: Callable[[Any], Params]

    def logits(self, params: Params, x: Array) -> Array:
        """Logits (n_trials, n_classes) of windows x (n_trials, n_channels, n_times), dropout off."""
        variables = self.variables._replace(params=params)
        return jax.vmap(lambda x: self.decoder.apply(variables, x))(x)

    def loss(self, params: Params, trials: Trials) -> Array:
        """Weighted mean cross-entropy of ``trials``; 0 where none has weight."""
        # Here, so that the classical decoders do without the networks' library.
        from ..decoders.training import cross_entropy

        return cross_entropy(self.decoder, self.variables._replace(params=params), trials, None)


class Objective(Protocol[M]):
    """Gives the direction of a step; its memory, made once, is what it knows of the calibration."""

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials) -> M: ...

    def gradient(self, memory: M, problem: Problem, theta: Any, old: Trials, new: Trials) -> Any:
        """Gradient shaped as theta on a batch of ``old`` (possibly none) and ``new`` trials."""
        ...


def together(old: Trials, new: Trials) -> Trials:
    """One batch of both."""
    return Trials(*(jnp.concatenate(pair) for pair in zip(old, new)))


def squared_distance(params: Params, base: Params, weight: Params | None = None) -> Array:
    """Sum of (params - base)², each element times its ``weight`` (1 without)."""
    leaves = zip(jax.tree.leaves(params), jax.tree.leaves(base))
    if weight is None:
        return sum((((p - b) ** 2).sum() for p, b in leaves), jnp.zeros(()))
    weights = jax.tree.leaves(weight)
    return sum(((w * (p - b) ** 2).sum() for w, (p, b) in zip(weights, leaves)), jnp.zeros(()))


@component
class Anchored:
    """Cross-entropy + ½ strength ‖params - base‖²; strength 0 is cross-entropy alone."""

    strength: float = 0.0

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials) -> tuple[()]:
        return ()

    def gradient(self, memory: tuple[()], problem: Problem, theta: Any, old: Trials, new: Trials) -> Any:
        def loss(theta: Any) -> Array:
            params = problem.params(theta)
            drift = squared_distance(params, problem.base)
            return problem.loss(params, together(old, new)) + 0.5 * self.strength * drift

        return jax.grad(loss)(theta)
