"""Plain gradient steps that can themselves be differentiated."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array


def descend(loss: Callable[[Any], Array], theta: Any, rates: Any, n_steps: int, *, first_order: bool = False) -> Any:
    """``theta`` after ``n_steps`` steps theta <- theta - rates * gradient of ``loss``.

    rates: a number, or numbers shaped as the upper levels of theta. first_order: the steps count as constants when the
    result is differentiated, so that its derivative by the theta it started from is the identity.
    """

    def step(theta: Any, _: None) -> tuple[Any, None]:
        gradient = jax.grad(loss)(theta)
        if first_order:
            gradient = jax.lax.stop_gradient(gradient)
        return move(theta, gradient, rates), None

    return jax.lax.scan(step, theta, None, length=n_steps)[0]


def move(theta: Any, by: Any, rates: Any) -> Any:
    """theta - rates * by, rates shaped as the upper levels of theta."""
    return jax.tree.map(lambda rate, part, of: jax.tree.map(lambda p, u: p - rate * u, part, of), rates, theta, by)
