"""Towards a seizure and back."""

import dataclasses

import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Stateless

_SLOW, _FAST = (1.0, 0.5, 0.1, 1.0), (1.0, 1.5, 2.0, 1.0)
"""Inhibition at the four knots: interictal, sustained spikes, fast activity, interictal again."""


@component
class SeizureRamp(Stateless):
    """Inhibition fails on the way that Wendling et al. (2002) read from intracerebral recordings, then recovers.

    Dendritic (slow) inhibition B falls linearly through a half of its value (sustained spikes) to a tenth (low-voltage
    fast activity), while somatic (fast) inhibition G doubles; after the seizure both return. With the nominal B = 50
    and G = 15 mV that is (50, 15) -> (25, 22.5) -> (5, 30). Their trajectory in the conditions is the truth.
    depth () 1 for the whole way; times (4,) s: begin, sustained spikes, fast activity reached, recovered.
    """

    depth: Array
    times: Array

    @classmethod
    def create(
        cls, depth: float | Array = 1.0, onset_s: float | Array = 0.0, preictal_s: float = 60.0, ictal_s: float = 30.0,
        recovery_s: float = 60.0,
    ) -> "SeizureRamp":  # fmt: skip
        """``preictal_s`` s to sustained spikes, ``ictal_s`` s to fast activity, ``recovery_s`` s back (assumed)."""
        ends = jnp.cumsum(jnp.asarray([0.0, preictal_s, ictal_s, recovery_s], jnp.float32))
        return cls(depth=jnp.asarray(depth, jnp.float32), times=jnp.asarray(onset_s, jnp.float32) + ends)

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        slow, fast = (jnp.interp(clock.seconds, self.times, jnp.asarray(path)) for path in (_SLOW, _FAST))
        return state, dataclasses.replace(
            conditions,
            slow_inhibition=conditions.slow_inhibition * (1.0 + self.depth * (slow - 1.0)),
            fast_inhibition=conditions.fast_inhibition * (1.0 + self.depth * (fast - 1.0)),
        )


@component
class ExcitabilityRamp(Stateless):
    """Excitability rises to a plateau and comes back: the Epileptor's x0 across its threshold and back.

    rise () in the unit of x0 (seizures iff x0 > -2.06; +0.6 takes -2.2, a silent patient, to -1.6); times (4,) s: rise
    begins, plateau begins, ends, rise undone.
    """

    rise: Array
    times: Array

    @classmethod
    def create(
        cls, rise: float | Array = 0.6, onset_s: float | Array = 0.0, duration_s: float = 600.0,
        plateau_s: float = 3600.0,
    ) -> "ExcitabilityRamp":  # fmt: skip
        ends = jnp.cumsum(jnp.asarray([0.0, duration_s, plateau_s, duration_s], jnp.float32))
        return cls(rise=jnp.asarray(rise, jnp.float32), times=jnp.asarray(onset_s, jnp.float32) + ends)

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        level = jnp.interp(clock.seconds, self.times, jnp.asarray([0.0, 1.0, 1.0, 0.0]))
        return state, dataclasses.replace(conditions, excitability=conditions.excitability + self.rise * level)
