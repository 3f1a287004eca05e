"""What the body adds to the EEG: blinks and muscle."""

import jax
import jax.numpy as jnp
from jax import Array

from .noise import normal
from .pytree import component, static

EYES = ((-0.37, 0.90, -0.22), (0.37, 0.90, -0.22))
TEMPLES = ((-0.97, 0.15, 0.10), (0.97, 0.15, 0.10))


@component
class Artefacts:
    """Blinks from two frontal dipoles and muscle bursts from two temporal ones.

    blink_rate () 1/s (4.5-17 a minute); blink_moment () A·m (100-300 uV at Fp1 and Fp2); muscle_rate () bursts/s;
    muscle_moment () A·m rms (10-100 uV over T7 and T8); positions (4, 3) m, orientations (4, 3).
    """

    positions: Array
    orientations: Array
    blink_rate: Array
    blink_moment: Array
    muscle_rate: Array
    muscle_moment: Array
    n_times: int = static()
    sfreq: float = static()

    @classmethod
    def create(
        cls, sfreq: float, n_times: int, blinks_per_minute: float = 10.0, bursts_per_minute: float = 2.0,
        radius: float = 0.09,
    ) -> "Artefacts":  # fmt: skip
        direction = jnp.asarray(EYES + TEMPLES)
        direction = direction / jnp.linalg.norm(direction, axis=1, keepdims=True)
        # the eyes' dipoles point forward, the muscles' outward, both just under the scalp
        forward = jnp.asarray([[0.0, 1.0, 0.0]] * 2)
        return cls(
            positions=direction * (radius - 0.012),
            orientations=jnp.concatenate([forward, direction[2:]]),
            blink_rate=jnp.float32(blinks_per_minute / 60.0),
            blink_moment=jnp.float32(500e-9),
            muscle_rate=jnp.float32(bursts_per_minute / 60.0),
            muscle_moment=jnp.float32(80e-9),
            n_times=n_times,
            sfreq=sfreq,
        )

    def step(self, key: Array) -> Array:
        """Moments (4, n_times) A·m of one window. A blink (250 ms Hann, size .5-1.5) lies inside its window, at most
        one a window; a muscle burst fills a Hann-shaped half of it."""
        k = jax.random.split(key, 6)
        seconds = jnp.arange(self.n_times) / self.sfreq
        length = self.n_times / self.sfreq

        width = min(0.25, length)
        start = jax.random.uniform(k[0]) * (length - width)
        happens = jax.random.uniform(k[1]) < self.blink_rate * length
        size = jax.random.uniform(k[2], minval=0.5, maxval=1.5)
        blink = jnp.where(happens, size * self.blink_moment, 0.0) * _hann((seconds - start) / width)

        bursts = jax.random.uniform(k[3], (2,)) < self.muscle_rate * length
        begin = jax.random.uniform(k[4], (2,)) * 0.5 * length
        noise = normal(k[5], (2, self.n_times + 1))
        # the first difference of white noise has the rising spectrum of surface muscle activity above 20 Hz
        muscle = (noise[:, 1:] - noise[:, :-1]) * (self.muscle_moment / jnp.sqrt(2.0))
        muscle = muscle * _hann((seconds - begin[:, None]) / (0.5 * length)) * bursts[:, None]
        return jnp.concatenate([jnp.broadcast_to(blink, (2, self.n_times)), muscle])


def _hann(t: Array) -> Array:
    """One Hann bump over t in [0, 1], zero outside."""
    return jnp.where((t > 0) & (t < 1), 0.5 - 0.5 * jnp.cos(2 * jnp.pi * t), 0.0)
