"""What the user meant, bin by bin: what closed-loop recalibration takes for the truth."""

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from .contract import Feedback


@component
class Given:
    """The velocity that the experimenter says was meant, where it is known."""

    def __call__(self, feedback: Feedback, velocity: Array) -> tuple[Array, Array]:
        """Intended velocity (2,) and whether it is known (): ``velocity`` (2,) is what was decoded."""
        return feedback.intent, feedback.has_intent


@component
class TowardsTarget:
    """ReFIT: the decoded velocity, turned towards the target at the speed it had, and none at all while the cursor is
    within ``radius`` of it (Gilja et al. 2012, Nat. Neurosci. 15:1752). Known where the target is."""

    radius: float = 0.075

    def __call__(self, feedback: Feedback, velocity: Array) -> tuple[Array, Array]:
        return towards(feedback.cursor, feedback.target, velocity, self.radius), feedback.has_target


def towards(cursor: Array, target: Array, velocity: Array, radius: Array | float) -> Array:
    """``velocity`` (..., 2) turned from ``cursor`` to ``target`` (..., 2) at its own speed; 0 within ``radius``."""
    error = target - cursor
    distance = jnp.sqrt((error**2).sum(-1, keepdims=True))
    speed = jnp.sqrt((velocity**2).sum(-1, keepdims=True))
    return jnp.where(distance > radius, speed * error / jnp.maximum(distance, 1e-12), 0.0)
