"""SAR: entropy minimisation on sure windows, towards flat minima, started afresh when it collapses."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .entropy import entropy
from .testtime import Adam, Batch


class SARMemory(NamedTuple):
    """loss: () running mean of the loss, negative before the first; n_resets: () int32."""

    loss: Array
    n_resets: Array


@component
class SAR:
    """Windows of H < E₀ alone; the gradient is taken at θ + ρ g/‖g‖, g the gradient at θ; back to θ₀ once the running
    loss is below e_m, a sign that everything is predicted alike (Niu 2023; Foret 2021 for the two passes).

    E₀ is ``margin`` · ln K. The published e_m, .2, is for a thousand classes: with two, windows that pass the filter
    have less than .28 nats, and every second step would be a reset. ``recovery`` is e_m at a thousand classes, scaled
    by ln K / ln 1000.
    """

    margin: float = 0.4
    recovery: float = 0.2
    radius: float = 0.05

    def start(self, fisher: Callable[[], Array], theta: Array, n_classes: int) -> SARMemory:
        return SARMemory(jnp.full((), -1.0), jnp.zeros((), jnp.int32))

    def step(self, memory: SARMemory, theta: Array, adam: Adam, batch: Batch) -> tuple[SARMemory, Array, Adam, Any]:
        def objective(theta: Array, among: Array | bool) -> tuple[Array, tuple[Array, Array, Array, Any]]:
            logits, stats = batch.forward(theta)
            h = jax.vmap(entropy)(jax.nn.softmax(logits))
            scale = jnp.log(logits.shape[-1])
            keep = jax.lax.stop_gradient(h < self.margin * scale) & among
            return (keep * h).sum() / jnp.maximum(keep.sum(), 1), (keep, h, scale, stats)

        slope = jax.grad(objective, has_aux=True)
        gradient, (sure, _, scale, stats) = slope(theta, True)
        ascent = self.radius * gradient / (jnp.linalg.norm(gradient) + 1e-12)
        sharp, (kept, h, _, _) = slope(theta + ascent, sure)
        some = kept.any()
        value = (kept * h).sum() / jnp.maximum(kept.sum(), 1)
        loss = jnp.where(memory.loss < 0, value, 0.9 * memory.loss + 0.1 * value)
        loss = jnp.where(some, loss, memory.loss)
        moved = batch.descend(theta, adam, sharp)
        collapsed = (loss >= 0) & (loss < self.recovery * scale / jnp.log(1000.0))
        fresh = batch.source, jax.tree.map(jnp.zeros_like, adam)

        def choose(new: Array, old: Array, first: Array) -> Array:
            return jnp.where(collapsed, first, jnp.where(some, new, old))

        theta, adam = jax.tree.map(choose, moved, (theta, adam), fresh)
        return SARMemory(jnp.where(collapsed, -1.0, loss), memory.n_resets + collapsed), theta, adam, stats
