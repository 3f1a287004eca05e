"""Conditional work that stays conditional under vmap."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

T = TypeVar("T")


def select(predicate: Array, new: T, old: T) -> T:
    """``new`` where ``predicate`` (), else ``old``; leaves that are the very same array cost nothing."""
    return jax.tree.map(lambda n, o: o if n is o else jnp.where(predicate, n, o), new, old)


def when(predicate: Array, function: Callable[..., T], value: T, *args: Any) -> T:
    """``function(value, *args)`` where ``predicate`` (), else ``value``.

    Under vmap ``lax.cond`` runs both branches at every step for every row. Here the work is skipped as long as
    no row asks for it, however many vmaps are stacked: a refit every hundred trials costs what one refit costs.
    ``function`` must not close over traced values: pass them in ``args``.
    """

    @jax.custom_batching.custom_vmap
    def gated(predicate: Array, value: Any, args: Any) -> Any:
        return jax.lax.cond(predicate, lambda v, a: function(v, *a), lambda v, a: v, value, args)

    @gated.def_vmap
    def rule(axis_size: int, in_batched: Any, predicate: Array, value: Any, args: Any) -> tuple[Any, Any]:
        axes = jax.tree.map(lambda batched: 0 if batched else None, in_batched)
        spread = jax.tree.map(
            lambda leaf, batched: leaf if batched else jnp.broadcast_to(leaf, (axis_size, *leaf.shape)),
            value,
            in_batched[1],
        )

        def rows(value: Any, predicate: Array, args: Any) -> Any:
            one = jax.vmap(lambda p, v, a: select(p, function(v, *a), v), in_axes=(axes[0], 0, axes[2]))
            return one(predicate, value, args)

        result = when(jnp.any(predicate), rows, spread, predicate, args)
        return result, jax.tree.map(lambda _: True, result)

    return gated(predicate, value, args)
