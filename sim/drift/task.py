"""What is asked of the person changes: one class becomes more frequent than the other."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component


class LabelShiftState(NamedTuple):
    second: Array  # () bool, whether it is the second class that becomes frequent


@component
class LabelShift:
    """Label shift: from ``onset_s`` () s on there are ``ratio`` () trials of one class for each of the other.

    Which class becomes frequent is drawn per run. What a trial of either class looks like stays as it was. A ratio of 1
    or less leaves the classes balanced.
    """

    ratio: Array
    onset_s: Array

    @classmethod
    def create(cls, ratio: float | Array, onset_s: float | Array) -> "LabelShift":
        return cls(ratio=jnp.asarray(ratio, jnp.float32), onset_s=jnp.asarray(onset_s, jnp.float32))

    def init(self, key: Array) -> LabelShiftState:
        return LabelShiftState(jax.random.bernoulli(key))

    def step(
        self, state: LabelShiftState, conditions: Conditions, clock: Clock, key: Array
    ) -> tuple[LabelShiftState, Conditions]:
        ratio = jnp.maximum(self.ratio, 1.0)
        prior = jnp.where(state.second, ratio, 1.0) / (1.0 + ratio)
        shifted = (clock.seconds >= self.onset_s) & (ratio > 1.0)
        return state, dataclasses.replace(conditions, class_prior=jnp.where(shifted, prior, conditions.class_prior))
