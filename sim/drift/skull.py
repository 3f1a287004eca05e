"""The skull conducts better or worse than was assumed."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import ramp


class SkullState(NamedTuple):
    side: Array  # () +1 conducts better, -1 worse


@component
class SkullConductivity:
    """The skull's conductivity becomes ``factor`` () times its own, or 1/factor, from ``onset_s`` () s on.

    Published values differ by a factor of three; within a person it changes with age, with surgery (a burr hole
    conducts) and with whatever was assumed for another. At once, or geometrically over ``duration_s`` () s.
    random_side () 1 to draw the direction per run, 0 for better. Heads follow it from a third to three times.
    """

    factor: Array
    onset_s: Array
    duration_s: Array
    random_side: Array

    @classmethod
    def create(
        cls, factor: float | Array, onset_s: float | Array = 0.0, duration_s: float = 0.0, random_side: bool = True
    ) -> "SkullConductivity":
        return cls(
            factor=jnp.asarray(factor, jnp.float32), onset_s=jnp.asarray(onset_s, jnp.float32),
            duration_s=jnp.float32(duration_s), random_side=jnp.float32(random_side),
        )  # fmt: skip

    def init(self, key: Array) -> SkullState:
        coin = jnp.where(jax.random.bernoulli(key), 1.0, -1.0)
        return SkullState(jnp.where(self.random_side > 0, coin, 1.0))

    def step(
        self, state: SkullState, conditions: Conditions, clock: Clock, key: Array
    ) -> tuple[SkullState, Conditions]:  # fmt: skip
        exponent = state.side * ramp(clock, self.onset_s, self.duration_s)
        conductivity = conditions.skull_conductivity * jnp.exp(exponent * jnp.log(self.factor))
        return state, dataclasses.replace(conditions, skull_conductivity=conductivity)
