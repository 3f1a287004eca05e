"""Deep brain stimulation in the recording: a train of pulses far above the sampling rate, folded into the band."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..anatomy import SUBTHALAMIC
from ..errors import InputError
from ..pytree import component, static
from .base import Scene

# axis of a lead that comes from the frontal burr hole
LEAD_AXIS = ((-0.35, 0.50, 0.79), (0.35, 0.50, 0.79))


@component
class DBSArtefact:
    """Contacts as current dipoles under the head's own leadfield; each pulse at its true time, through the amplifier's
    analogue filter, then sampled.

    positions (n_stim, 3) m; orientations (n_stim, 3); separation () m between the contact and its return, so that the
    moment is current x separation; bandwidth () Hz of the analogue low-pass (Butterworth of ``order``), infinity for
    none. The periodic train is summed from its Fourier series, evaluated at the exact phase of every sample
    (``n_harmonics`` x frequency should lie well above the bandwidth): each harmonic m f appears at its alias
    |m f - n fs|, as 130 Hz does at 120 Hz when sampled at 250 Hz. The train is in its steady state within each window:
    the filter's ringing where the amplitude changes is not there.
    """

    positions: Array
    orientations: Array
    separation: Array
    bandwidth: Array
    order: int = static(default=4)
    n_harmonics: int = static(default=64)

    @classmethod
    def create(
        cls,
        sfreq: float,
        positions: Any = SUBTHALAMIC,
        orientations: Any = LEAD_AXIS,
        separation: float = 50e-3,
        bandwidth: float | None = None,
        order: int = 4,
        n_harmonics: int = 64,
    ) -> "DBSArtefact":
        """Defaults: both subthalamic nuclei, monopolar against a case in the chest (of which 50 mm lie in the head,
        assumed; bipolar contacts are 2 mm apart), and an anti-alias filter at .4 sfreq."""
        place, axis = np.atleast_2d(np.asarray(positions, float)), np.atleast_2d(np.asarray(orientations, float))
        if place.shape != axis.shape or place.shape[-1] != 3:
            raise InputError(f"positions {place.shape} and orientations {axis.shape}; wanted (n_stim, 3) both")
        if not (order >= 1 and n_harmonics >= 1):
            raise InputError(f"order {order} and n_harmonics {n_harmonics}; wanted 1 or more of each")
        axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
        return cls(
            positions=jnp.asarray(place, jnp.float32), orientations=jnp.asarray(axis, jnp.float32),
            separation=jnp.float32(separation), bandwidth=jnp.float32(0.4 * sfreq if bandwidth is None else bandwidth),
            order=order, n_harmonics=n_harmonics,
        )  # fmt: skip

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], scene: Scene) -> tuple[tuple[()], Array]:
        return state, (self.gain(scene) @ scene.delivered.applied)[:, None] * self.wave(scene)

    def gain(self, scene: Scene) -> Array:
        """(n_sensors, n_stim) V/A, following cap and skull."""
        head = scene.projection.head.under(scene.conditions)
        return self.separation * head.leadfield(scene.electrodes, self.positions, self.orientations)

    def wave(self, scene: Scene) -> Array:
        """(n_times,) current at the sampling instants after the analogue filter, relative to its amplitude."""
        stimulator = scene.stimulator
        train = stimulator.waveform
        if train is None:
            raise InputError("a DBSArtefact wants pulses; give the stimulator a waveform=PulseTrain.create(sfreq)")
        phase = train.cycle(scene.tick, stimulator.n_times).fraction
        m = jnp.arange(1, self.n_harmonics + 1)
        real, imag = train.harmonics(self.n_harmonics)
        h_real, h_imag = self._filter(m * train.frequency)
        real, imag = real * h_real - imag * h_imag, real * h_imag + imag * h_real
        angle = 2 * jnp.pi * m[:, None] * phase
        return 2.0 * (real @ jnp.cos(angle) - imag @ jnp.sin(angle))

    def _filter(self, frequency: Array) -> tuple[Array, Array]:
        """Response of the Butterworth low-pass at ``frequency`` (n,) Hz, real and imaginary parts."""
        real, imag = jnp.ones_like(frequency), jnp.zeros_like(frequency)
        x = frequency / self.bandwidth
        for k in range(self.order):
            pole = np.exp(1j * np.pi * (2 * k + self.order + 1) / (2 * self.order))
            # 1 / (1 - i x / pole), and 1 / pole is the pole's conjugate on the unit circle
            below_real, below_imag = 1.0 - x * float(pole.imag), -x * float(pole.real)
            size = below_real**2 + below_imag**2
            real, imag = (
                (real * below_real + imag * below_imag) / size,
                (imag * below_real - real * below_imag) / size,
            )
        return real, imag
