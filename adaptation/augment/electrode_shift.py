"""Electrodes elsewhere: the window as a cap that sits a little differently would have recorded it."""

import dataclasses
from typing import Any, Self

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.conditions import Conditions
from ...sim.head.montage import Montage, make_montage
from ...sim.head.projection import Reprojection
from ...sim.pytree import component
from ..contract import Trials
from .apply import each


@component
class ElectrodeShift:
    """Each window under a cap turned by a random rotation that moves the vertex by ``shift`` m (standard deviation).

    Minimum-norm sources at the montage's positions, seen at the moved ones (:class:`Reprojection`, which says what it
    leaves out). 5 mm is what two operators differ by when they place a cap.
    """

    projection: Reprojection
    shift: float = 0.005

    @classmethod
    def create(cls, montage: str | tuple[str, ...] | Montage, shift: float = 0.005, **options: Any) -> Self:
        """For windows in the montage's channels; ``options`` as of :meth:`Reprojection.create`."""
        montage = montage if isinstance(montage, Montage) else make_montage(montage)
        return cls(projection=Reprojection.create(montage, **options), shift=shift)

    def __call__(self, trials: Trials, key: Array) -> Trials:
        return each(self.window, trials, key)

    def window(self, x: Array, key: Array) -> Array:
        turn = self.shift / self.projection.head.radius * jax.random.normal(key, (3,))
        return self.under(turn) @ x

    def under(self, rotation: Array) -> Array:
        """What a cap turned by ``rotation`` (3,) rad makes of the channels (n_channels, n_channels)."""
        nominal = Conditions.nominal(self.projection.montage.n_channels)
        turned = dataclasses.replace(nominal, cap_rotation=jnp.asarray(rotation, jnp.float32))
        return self.projection.matrix(turned, ())
