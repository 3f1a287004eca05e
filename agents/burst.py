"""Responsive stimulation: a burst of given length when a detector fires, with limits, as implanted in epilepsy."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..sim.pytree import component, static


class BurstMemory(NamedTuple):
    """left, refractory, quiet () s: of the running burst, until the next may begin, since the detector was last on;
    therapies () given in this episode; budget () therapies that may still be given."""

    left: Array
    refractory: Array
    quiet: Array
    therapies: Array
    budget: Array


@component
class Burst:
    """``level`` (), relative, for ``duration_s`` () s on all contacts when any feature exceeds ``threshold`` ().

    While a burst runs and for ``refractory_s`` () s afterwards the detector is not looked at (the artefact is in it).
    At most ``max_therapies`` () bursts an episode, which ends when the detector has been quiet for ``episode_s`` () s,
    and ``max_per_hour`` () in any hour: a budget that is full at the start and refills evenly, so an hour may hold up
    to twice as many after a quiet one. Implants give up to five therapies an episode and have a daily limit.
    """

    threshold: Array | float
    level: Array | float = 1.0
    duration_s: Array | float = 0.1
    refractory_s: Array | float = 0.0
    max_therapies: Array | float = 5.0
    episode_s: Array | float = 30.0
    max_per_hour: Array | float = jnp.inf
    n_stim: int = static(default=1)

    def init(self) -> BurstMemory:
        zero = jnp.zeros(())
        return BurstMemory(zero, zero, zero, zero, jnp.asarray(self.max_per_hour, jnp.float32))

    def step(self, memory: BurstMemory, features: Array, level: Array, seconds: Array) -> tuple[BurstMemory, Array]:
        """features (n_features,); ``seconds`` () since the last look -> target (n_stim,)."""
        # half a look of slack: sums of binary fractions do not end on the duration
        left = jnp.maximum(memory.left - seconds, 0.0)
        refractory = jnp.maximum(memory.refractory - seconds, 0.0)
        deaf = (left > 0.5 * seconds) | (refractory > 0.5 * seconds)
        detected = jnp.any(features > self.threshold) & ~deaf
        quiet = jnp.where(detected, 0.0, jnp.where(deaf, memory.quiet, memory.quiet + seconds))
        therapies = jnp.where(quiet >= self.episode_s, 0.0, memory.therapies)
        budget = jnp.minimum(memory.budget + self.max_per_hour / 3600.0 * seconds, self.max_per_hour)
        begin = detected & (therapies < self.max_therapies) & (budget >= 1.0)
        left = jnp.where(begin, self.duration_s, left)
        refractory = jnp.where(begin, self.duration_s + self.refractory_s, refractory)
        given = begin.astype(jnp.float32)
        on = left > 0.5 * seconds
        memory = BurstMemory(left, refractory, quiet, therapies + given, budget - given)
        return memory, jnp.where(on, self.level, 0.0) + jnp.zeros(self.n_stim)
