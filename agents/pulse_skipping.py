"""Frequency control on a stimulator of fixed rate: windows of pulses are given or left out."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..sim.pytree import component

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading


class PulseSkippingMemory(NamedTuple):
    policy: Any
    owed: Array  # (n_stim,) windows of pulses that were asked for and not given yet


@component
class PulseSkipping:
    """Gives ``level`` () in so many windows that the mean pulse rate is the share of the stimulator's own rate that
    ``policy`` asks for.

    The remainder is carried over (a first-order sigma-delta modulator), so that the mean rate is exact and windows are
    spread as evenly as can be. Charge and energy are proportional to the rate, as in frequency modulation.
    """

    policy: Any
    level: Array | float = 1.0

    def init(self) -> PulseSkippingMemory:
        memory = self.policy.init()
        return PulseSkippingMemory(memory, jnp.zeros(self.n_stim))

    @property
    def n_stim(self) -> int:
        return self.policy.n_stim

    def act(self, memory: PulseSkippingMemory, reading: "Reading", key: Array) -> tuple[PulseSkippingMemory, Array]:
        """(memory, request (n_stim,)): ``level`` or 0."""
        policy, share = self.policy.act(memory.policy, reading, key)
        owed = memory.owed + jnp.clip(share, 0.0, 1.0)
        # just under a whole window: ten times a tenth is a little less than one in binary
        given = (owed >= 1.0 - 1e-4).astype(jnp.float32)
        return PulseSkippingMemory(policy, owed - given), given * self.level
