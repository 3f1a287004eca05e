"""On/off control: stimulate while the biomarker is above a threshold, or between two with a hold."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..sim.pytree import component, static
from .shaping import Persistence, PersistenceMemory


@component
class Threshold:
    """Adaptive stimulation by a single threshold (Little 2013): ``high`` () where the feature is above ``threshold``
    () or (n_stim,), ``low`` () elsewhere. Levels are relative to the largest current."""

    threshold: Array | float
    high: Array | float = 1.0
    low: Array | float = 0.0
    persistence: Persistence = Persistence()
    n_stim: int = static(default=1)

    def init(self) -> PersistenceMemory:
        return self.persistence.init(self.n_stim)

    def step(
        self, memory: PersistenceMemory, features: Array, level: Array, seconds: Array
    ) -> tuple[PersistenceMemory, Array]:
        """features (1,) or (n_stim,) -> target (n_stim,)."""
        above = jnp.broadcast_to(features > self.threshold, (self.n_stim,))
        memory = self.persistence.step(memory, above, ~above)
        return memory, jnp.where(memory.zone > 0, self.high, self.low) + jnp.zeros(self.n_stim)


@component
class DualThreshold:
    """Adaptive stimulation by two thresholds (Velisar 2019): towards ``high`` () while the feature is above ``upper``,
    towards ``low`` () while it is below ``upper`` - ``gap``, and between them the amplitude is held where it is, also
    half way up a ramp. The width of the hold, ``gap`` (at least 0), is the parameter so that tuning cannot cross the
    thresholds."""

    upper: Array | float
    gap: Array | float
    high: Array | float = 1.0
    low: Array | float = 0.0
    persistence: Persistence = Persistence()
    n_stim: int = static(default=1)

    @property
    def lower(self) -> Any:
        return self.upper - jnp.maximum(self.gap, 0.0)

    def init(self) -> PersistenceMemory:
        return self.persistence.init(self.n_stim)

    def step(
        self, memory: PersistenceMemory, features: Array, level: Array, seconds: Array
    ) -> tuple[PersistenceMemory, Array]:
        """features (1,) or (n_stim,), level (n_stim,) as given out last -> target (n_stim,)."""
        above = jnp.broadcast_to(features > self.upper, (self.n_stim,))
        below = jnp.broadcast_to(features <= self.lower, (self.n_stim,)) & ~above
        memory = self.persistence.step(memory, above, below)
        return memory, jnp.where(memory.zone > 0, self.high, jnp.where(memory.zone < 0, self.low, level))
