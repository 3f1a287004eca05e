"""The cap moves on the head."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..head.montage import lateral_rotation
from ..pytree import component
from .base import ramp


class CapState(NamedTuple):
    side: Array  # () +1 or -1, to which side a lateral shift goes


@component
class CapShift:
    """A rigid shift of the whole cap: at once (``duration_s`` 0, a step) or linearly over ``duration_s`` (a creep).

    rotation (3,) rad is reached in the end; onset_s () s; random_side () 1 to draw the sign of the shift per run.
    Repositioning a cap has a standard deviation of 5-10 mm (assumed; no clean published figure).
    """

    rotation: Array
    onset_s: Array
    duration_s: Array
    random_side: Array

    @classmethod
    def lateral(
        cls, shift: float | Array, onset_s: float | Array, duration_s: float = 0.0, random_side: bool = True
    ) -> "CapShift":
        """Electrodes at the vertex move by ``shift`` m sideways over a 90 mm head; to which side is drawn per run."""
        return cls(
            rotation=lateral_rotation(shift),
            onset_s=jnp.asarray(onset_s, jnp.float32),
            duration_s=jnp.float32(duration_s),
            random_side=jnp.float32(random_side),
        )

    def init(self, key: Array) -> CapState:
        coin = jnp.where(jax.random.bernoulli(key), 1.0, -1.0)
        return CapState(jnp.where(self.random_side > 0, coin, 1.0))

    def step(self, state: CapState, conditions: Conditions, clock: Clock, key: Array) -> tuple[CapState, Conditions]:
        rotation = conditions.cap_rotation + state.side * self.rotation * ramp(clock, self.onset_s, self.duration_s)
        return state, dataclasses.replace(conditions, cap_rotation=rotation)
