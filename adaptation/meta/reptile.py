"""Reptile: the start moves towards where steps on one person end (Nichol et al 2018)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Trials
from ..methods.layers import AllLayers
from .steps import move


@component
class Reptile:
    """theta <- theta + e (theta_k - theta), theta_k after ``n_steps`` steps on minibatches of one person's trials.

    e falls from ``outer_rate`` to 0 in a line. rate, reach: of the steps, as in MAML; support and query serve alike.
    """

    rate: float = 0.3
    n_steps: int = static(default=8)
    batch_size: int = static(default=10)
    reach: Any = AllLayers(lower=1.0)
    outer_rate: float = 0.3

    def direction(
        self, loss: Any, params: Any, theta_of: Any, rates: Any, support: Trials, query: Trials, key: Array
    ) -> tuple[Array, Any]:
        """(loss of the whole episode before the steps (), params - params after them).

        loss(params, theta, trials) -> (); theta_of(params) -> theta, what the steps move.
        """
        trials = jax.tree.map(lambda *parts: jnp.concatenate(parts), support, query)
        start = theta_of(params)

        def step(theta: Any, rows: Array) -> tuple[Any, None]:
            batch = jax.tree.map(lambda a: a[rows], trials)
            return move(theta, jax.grad(lambda theta: loss(params, theta, batch))(theta), rates), None

        end, _ = jax.lax.scan(step, start, self._rows(len(trials.y), key))
        moved = {**jax.tree.map(jnp.zeros_like, params), **jax.tree.map(jnp.subtract, start, end)}
        return loss(params, start, trials), moved

    def _rows(self, n_trials: int, key: Array) -> Array:
        """Trials (n_steps, batch_size) of each step: without replacement until all have been seen."""
        size = min(self.batch_size, n_trials)
        per_pass = n_trials // size
        n_passes = -(-self.n_steps // per_pass)
        orders = [
            jax.random.permutation(stream_key(key, "pass", i), n_trials)[: per_pass * size] for i in range(n_passes)
        ]
        return jnp.concatenate(orders).reshape(-1, size)[: self.n_steps]

    def optimizer(self, n_iterations: int) -> optax.GradientTransformation:
        """Of the outer loop."""
        return optax.sgd(optax.linear_schedule(self.outer_rate, 0.0, n_iterations))
