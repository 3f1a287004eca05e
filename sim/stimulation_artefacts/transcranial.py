"""Current through the scalp in the recording: millivolts to a tenth of a volt, at the stimulation's own frequency."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..errors import InputError
from ..pytree import component
from .base import Scene


@component
class TranscranialArtefact:
    """Voltage of alternating or direct current between pairs of scalp electrodes, at the recording electrodes.

    positions and returns (n_stim, 3), directions of the stimulating electrodes and their returns; size () m, radius
    of the electrodes, below which the voltage no longer rises; sigma () S/m. Closed form for current entering and
    leaving a homogeneous sphere of scalp conductivity at points of its surface: V = I/(4 pi sigma R) (g(x) - g(y)),
    g(x) = sum (2 n + 1)/n P_n(x), x and y the cosines to the two electrodes. 1 mA gives some 1e3-1e5 uV, so that an
    EEG amplifier saturates near the electrodes. The skull, which keeps current in the scalp, makes it larger still.
    """

    positions: Array
    returns: Array
    size: Array
    sigma: Array

    @classmethod
    def create(
        cls, positions: Any, returns: Any, size: float = 0.02, sigma: float = 0.33
    ) -> "TranscranialArtefact":  # fmt: skip
        """Electrodes and returns (n_stim, 3), of any length; ``size`` .02 m is about a 35 cm2 pad's half width."""
        pair = [np.atleast_2d(np.asarray(place, float)) for place in (positions, returns)]
        if pair[0].shape != pair[1].shape or pair[0].shape[-1] != 3:
            raise InputError(f"positions {pair[0].shape} and returns {pair[1].shape}; wanted (n_stim, 3) both")
        unit = [jnp.asarray(p / np.linalg.norm(p, axis=-1, keepdims=True), jnp.float32) for p in pair]
        return cls(positions=unit[0], returns=unit[1], size=jnp.float32(size), sigma=jnp.float32(sigma))

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], scene: Scene) -> tuple[tuple[()], Array]:
        shape = scene.stimulator.shape(scene.tick)
        return state, (self.gain(scene) @ scene.delivered.applied)[:, None] * shape

    def gain(self, scene: Scene) -> Array:
        """(n_sensors, n_stim) V/A."""
        electrodes = scene.electrodes
        radius = jnp.linalg.norm(electrodes, axis=-1, keepdims=True)
        shortest = self.size / radius
        toward = electrodes / radius
        near, far = (_surface_source(toward @ place.T, shortest) for place in (self.positions, self.returns))
        return (near - far) / (4 * jnp.pi * self.sigma * radius)


def _surface_source(cosine: Array, shortest: Array) -> Array:
    """sum_n (2 n + 1)/n P_n(cosine) in closed form, for chords of ``shortest`` radii at least."""
    chord = jnp.maximum(jnp.sqrt(jnp.maximum(2.0 - 2.0 * cosine, 0.0)), shortest)
    return 2.0 / chord - 2.0 - jnp.log((0.5 * chord**2 + chord) / 2.0)
