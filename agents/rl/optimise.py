"""One step of an optimiser that never takes what is not finite."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array


def norm(tree: Any) -> Array:
    """() Euclidean norm of all leaves together."""
    return jnp.sqrt(sum((jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)), start=jnp.zeros(())))


def adam(max_norm: Array | float) -> optax.GradientTransformation:
    """Adam after a bound on the gradient's norm; flat, as many small arrays cost more than their arithmetic."""
    return optax.flatten(optax.chain(optax.clip_by_global_norm(max_norm), optax.scale_by_adam(eps=1e-5)))  # type: ignore[arg-type]


def descend(
    method: optax.GradientTransformation, gradient: Any, memory: Any, params: Any, rate: Array | float
) -> tuple[Any, Any]:
    """(params, the optimiser's memory) after a step of length ``rate``; as before where the gradient is not finite."""
    updates, after = method.update(gradient, memory, params)
    fine = jnp.isfinite(norm(gradient))
    moved = jax.tree.map(lambda p, u: p - rate * u, params, updates)
    return jax.tree.map(lambda new, old: jnp.where(fine, new, old), (moved, after), (params, memory))
