"""EATA: entropy minimisation on sure and novel windows, held by the Fisher information of the calibration."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .entropy import entropy
from .testtime import Adam, Batch


class EATAMemory(NamedTuple):
    """fisher: (n_params,); mean: (n_classes,), running mean prediction; started: () bool, whether there is one;
    n_kept: () int32, windows that passed the filter so far."""

    fisher: Array
    mean: Array
    started: Array
    n_kept: Array


@component
class EATA:
    """Keep windows with H < E₀ and |cos(p, p̄)| < d, weigh them e^(E₀ - H), anchor by β Σ F (θ - θ₀)² (Niu 2022).

    E₀ is ``margin`` · ln K. p̄ follows the kept predictions by a tenth of theirs. The published d, .05 for a thousand
    classes and .4 for ten, cannot be kept with few: two vectors of K probabilities have a cosine of 1/√K at the least
    where one of them is even. ``novelty`` is d at ten classes, and d = novelty · √(10/K). F is the mean square of the
    gradients of the calibration's likeliest classes.
    """

    margin: float = 0.4
    novelty: float = 0.4
    anchor: float = 2000.0

    def start(self, fisher: Callable[[], Array], theta: Array, n_classes: int) -> EATAMemory:
        return EATAMemory(fisher(), jnp.zeros(n_classes), jnp.zeros((), bool), jnp.zeros((), jnp.int32))

    def weights(self, memory: EATAMemory, p: Array) -> Array:
        """e^(E₀ - H) of the windows that are kept, 0 of the others (n_windows,); p (n_windows, n_classes)."""
        n_classes = p.shape[-1]
        e0 = self.margin * jnp.log(n_classes)
        d = self.novelty * jnp.sqrt(10.0 / n_classes)
        h = jax.vmap(entropy)(p)
        norm = jnp.linalg.norm(p, axis=-1) * jnp.linalg.norm(memory.mean)
        cosine = p @ memory.mean / jnp.maximum(norm, 1e-8)
        keep = (h < e0) & (~memory.started | (jnp.abs(cosine) < d))
        return jnp.where(keep, jnp.exp(e0 - h), 0.0)

    def step(self, memory: EATAMemory, theta: Array, adam: Adam, batch: Batch) -> tuple[EATAMemory, Array, Adam, Any]:
        def objective(theta: Array) -> tuple[Array, tuple[Array, Array, Any]]:
            logits, stats = batch.forward(theta)
            p = jax.nn.softmax(logits)
            weight = jax.lax.stop_gradient(self.weights(memory, p))
            n = jnp.maximum((weight > 0).sum(), 1)
            anchor = self.anchor * (memory.fisher * (theta - batch.source) ** 2).sum()
            return (weight * jax.vmap(entropy)(p)).sum() / n + anchor, (p, weight > 0, stats)

        gradient, (p, kept, stats) = jax.grad(objective, has_aux=True)(theta)
        some, n = kept.any(), jnp.maximum(kept.sum(), 1)
        mean = (kept[:, None] * p).sum(0) / n
        mean = jnp.where(memory.started, 0.9 * memory.mean + 0.1 * mean, mean)
        after = (mean, *batch.descend(theta, adam, gradient))
        mean, theta, adam = jax.tree.map(lambda new, old: jnp.where(some, new, old), after, (memory.mean, theta, adam))
        return EATAMemory(memory.fisher, mean, memory.started | some, memory.n_kept + kept.sum()), theta, adam, stats
