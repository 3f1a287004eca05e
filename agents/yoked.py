"""Yoked stimulation: what a controller gave to somebody else, played back."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..sim.pytree import component


@component
class Yoked:
    """Plays ``applied`` (n_windows, n_stim), relative, window by window from the second on (the first of a run is
    without stimulation), and the last of it for ever.

    What another patient's controller gave is matched in dose, in the law of its amplitudes and in their course over
    time; that it is not an answer to this brain is the only difference. For controllers that are never off, which
    :class:`RandomMatched` cannot imitate.
    """

    applied: Array

    def init(self) -> Array:
        return jnp.int32(1)

    def act(self, memory: Array, reading: Any, key: Array) -> tuple[Array, Array]:
        """(memory, request (n_stim,)); nothing is read, nothing drawn."""
        return memory + 1, self.applied[jnp.minimum(memory, self.applied.shape[0] - 1)]
