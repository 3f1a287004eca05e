"""Gradient steps on all of a new user's few trials at once, and what each step predicts."""

from typing import Any

import jax
import optax
from jax import Array

from ...sim.pytree import component, static
from ..contract import Decoder, Trials, Variables
from ..decoders.training import cross_entropy
from ..meta.steps import move
from ..methods.gate import select
from ..methods.layers import LayerDecay


@component
class FewTrials:
    """At most ``max_steps`` Adam steps on all trials, dropout off and feature statistics as stored.

    ``reach`` says what moves and how fast (adaptation/methods/layers.py, lora.py): LayerDecay(decay=.9) as LaBraM has
    it, AllLayers(lower=0 or .1) with the lower layers frozen or slow, LastLayer, LowRank. ``learning_rate`` is relative
    to the size of a layer's parameters.
    """

    learning_rate: float = 1e-2
    max_steps: int = static(default=40)
    reach: Any = LayerDecay()

    def tuned(
        self, decoder: Decoder, variables: Variables, trials: Trials, n_steps: Array | int, key: Array
    ) -> Variables:
        """``variables`` after the first ``n_steps`` steps on the trials."""
        own, step = self._steps(decoder, variables, trials, key)

        def one(carry: Any, i: Array) -> tuple[Any, None]:
            return select(i < n_steps, step(carry), carry), None

        (theta, _), _ = jax.lax.scan(one, self._start(decoder, own, variables), jax.numpy.arange(self.max_steps))
        return variables._replace(params=self.reach.params(variables.params, variables.params, theta))

    def path(self, decoder: Decoder, variables: Variables, trials: Trials, key: Array) -> Array:
        """Logits (max_steps + 1, n_trials, n_classes) of every trial, weight 0 included, before and after each step."""
        own, step = self._steps(decoder, variables, trials, key)
        base = variables.params

        def seen(theta: Any) -> Array:
            now = variables._replace(params=self.reach.params(base, base, theta))
            return jax.vmap(lambda x: decoder.apply(now, x))(trials.x)

        def one(carry: Any, _: None) -> tuple[Any, Array]:
            return step(carry), seen(carry[0])

        _, logits = jax.lax.scan(one, self._start(decoder, own, variables), length=self.max_steps + 1)
        return logits

    def _start(self, decoder: Decoder, own: Any, variables: Variables) -> Any:
        theta = self.reach.theta(decoder, own, variables.params)
        return theta, optax.scale_by_adam().init(theta)

    def _steps(self, decoder: Decoder, variables: Variables, trials: Trials, key: Array) -> tuple[Any, Any]:
        base, reach = variables.params, self.reach
        rates = reach.rates(decoder, base, self.learning_rate)

        def loss(theta: Any) -> Array:
            return cross_entropy(decoder, variables._replace(params=reach.params(base, base, theta)), trials, None)

        def step(carry: Any) -> Any:
            theta, state = carry
            updates, state = optax.scale_by_adam().update(jax.grad(loss)(theta), state)
            return move(theta, updates, rates), state

        return reach.start(decoder, base, key), step
