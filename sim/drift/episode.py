"""A drift that ends: conditions go and come back."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Drift


@component
class Episode:
    """``process`` until ``return_s`` () s, and from then on as if it had never been: A, B, then A again.

    The process itself goes on unseen, so what it remembers stays in step with the clock.
    """

    process: Drift[Any]
    return_s: Array

    @classmethod
    def create(cls, process: Drift[Any], return_s: float | Array) -> "Episode":
        return cls(process=process, return_s=jnp.asarray(return_s, jnp.float32))

    def init(self, key: Array) -> Any:
        return self.process.init(key)

    def step(self, state: Any, conditions: Conditions, clock: Clock, key: Array) -> tuple[Any, Conditions]:
        state, inside = self.process.step(state, conditions, clock, key)
        over = clock.seconds >= self.return_s
        return state, jax.tree.map(lambda during, before: jnp.where(over, before, during), inside, conditions)
