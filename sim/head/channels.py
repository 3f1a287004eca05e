"""Sources that are recorded as they are: no head in between."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array

from ..conditions import Conditions
from ..pytree import component
from .montage import Montage


@component
class DirectProjection:
    """Each source is one channel of ``montage``, and there is no ``head``: ``gain`` () V/(A·m) for local field
    potentials. For intracortical units, whose "moments" are spike counts, it is 1: a window then holds counts per
    sample in the array that holds volts elsewhere."""

    montage: Montage
    gain: Array
    head: Any = None

    @classmethod
    def create(cls, positions: Array, names: Sequence[str], gain: float = 1.0) -> "DirectProjection":
        """positions (n_channels, 3) m."""
        montage = Montage(positions=positions, ch_names=tuple(names), reference_names=())
        return cls(montage=montage, gain=jnp.float32(gain))

    def matrix(self, conditions: Conditions, parts: Sequence[Any]) -> Array:
        return self.gain * jnp.eye(self.montage.n_channels)
