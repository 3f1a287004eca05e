"""Gradients through a plant: of what was recorded, by the stimulation."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .errors import InputError
from .plant import Plant, PlantState, Window


def rollout(plant: Plant, state: PlantState, actions: Array, horizon: int | None = None) -> tuple[PlantState, Window]:
    """One control window per row of actions (n_windows, n_stim) A; differentiable by them.

    ``horizon``: the gradient looks back over at most this many windows: every ``horizon`` windows the state is carried
    on as a constant. None looks back to the start; brains are chaotic or nearly so, and such a gradient grows
    exponentially with time (a noisy alpha column's is useful over a few hundred milliseconds). The forward run does
    not depend on it. Windows have a leading axis n_windows.
    """
    if horizon is not None and horizon < 1:
        raise InputError(f"horizon is {horizon} windows; wanted 1 or more, or None for no limit")

    def step(carry: tuple[PlantState, Array], action: Array) -> Any:
        state, n = carry
        if horizon is not None:
            cut = n % horizon == 0
            state = jax.tree.map(lambda x: jnp.where(cut, jax.lax.stop_gradient(x), x) if _is_real(x) else x, state)
        state, window = plant.step(state, action)
        return (state, n + 1), window

    (state, _), windows = jax.lax.scan(step, (state, jnp.int32(0)), actions)
    return state, windows


def _is_real(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jnp.floating)
