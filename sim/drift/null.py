"""No drift at all: the control of every comparison."""

from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Stateless


@component
class NullDrift(Stateless):
    """Leaves every condition as it is."""

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        return state, conditions
