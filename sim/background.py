"""Background brain activity: 1/f dipoles all over the cortex, posterior alpha and frontal-midline theta."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .block_filter import BlockFilter
from .conditions import Conditions
from .noise import normal
from .phase import rotate
from .pytree import component, static


class BackgroundState(NamedTuple):
    pink: Array  # (n_dipoles, n_poles) filter memory
    envelope: Array  # (2 n_rhythms, 1) memory of the rhythms' real and imaginary envelopes
    phase: Array  # (n_rhythms,) rad


@component
class Background:
    """Ongoing activity that carries no information about the task.

    positions (n, 3) m and orientations (n, 3) of the 1/f dipoles and then of the rhythms (two alpha, one theta);
    moment () A·m rms of each 1/f dipole; rhythm_moment (n_rhythms,) A·m rms; rhythm_frequency (n_rhythms,) Hz.
    Resting alpha of 20-50 uV peak to peak over the back of the head; 1/f background 5-15 uV rms at the scalp.
    """

    positions: Array
    orientations: Array
    moment: Array
    rhythm_moment: Array
    rhythm_frequency: Array
    pink: BlockFilter
    ou: BlockFilter
    n_dipoles: int = static()
    n_times: int = static()
    sfreq: float = static()

    @classmethod
    def sample(
        cls,
        key: Array,
        sfreq: float,
        n_times: int,
        n_dipoles: int = 60,
        moment: float = 11e-9,
        radius: float = 0.09,
        depth: float = 0.016,
    ) -> "Background":
        """Draw one person's background: ``n_dipoles`` at ``depth`` m below the upper scalp, randomly oriented."""
        k = jax.random.split(key, 4)
        direction = jax.random.normal(k[0], (n_dipoles, 3))
        direction = direction / jnp.linalg.norm(direction, axis=1, keepdims=True)
        # the cortex reaches a little below the equator of the head, not down to its base
        z = jnp.where(direction[:, 2] < -0.3, -direction[:, 2], direction[:, 2])
        direction = direction.at[:, 2].set(z)
        orientation = jax.random.normal(k[1], (n_dipoles, 3))
        orientation = orientation / jnp.linalg.norm(orientation, axis=1, keepdims=True)
        # alpha generators left and right of the parieto-occipital midline, theta at the frontal midline
        rhythm = jnp.asarray([[-0.33, -0.93, 0.10], [0.33, -0.93, 0.10], [0.0, 0.62, 0.78]])
        rhythm = rhythm / jnp.linalg.norm(rhythm, axis=1, keepdims=True)
        alpha = 10.0 + 0.5 * jax.random.normal(k[2], (1,))
        theta = 6.0 + 0.4 * jax.random.normal(k[3], (1,))
        return cls(
            positions=jnp.concatenate([direction, rhythm]) * (radius - depth),
            orientations=jnp.concatenate([orientation, rhythm]),
            moment=jnp.float32(moment),
            rhythm_moment=jnp.asarray([32e-9, 32e-9, 6e-9]),
            rhythm_frequency=jnp.concatenate([alpha, alpha, theta]),
            pink=BlockFilter.one_over_f(sfreq, n_times),
            # envelopes of 3/s: the rhythms wax and wane over a third of a second, about 1 Hz wide
            ou=BlockFilter.ornstein_uhlenbeck(3.0, sfreq, n_times),
            n_dipoles=n_dipoles,
            n_times=n_times,
            sfreq=sfreq,
        )

    def init(self, key: Array) -> BackgroundState:
        k = jax.random.split(key, 3)
        n_rhythms = self.rhythm_frequency.shape[0]
        return BackgroundState(
            pink=self.pink.init(jax.random.normal(k[0], (self.n_dipoles, self.pink.decay.shape[0]))),
            envelope=self.ou.init(jax.random.normal(k[1], (2 * n_rhythms, 1))),
            phase=jax.random.uniform(k[2], (n_rhythms,), maxval=2 * np.pi),
        )

    def step(self, state: BackgroundState, conditions: Conditions, key: Array) -> tuple[BackgroundState, Array]:
        """One window of moments (n_dipoles + n_rhythms, n_times) A·m."""
        k_pink, k_envelope = jax.random.split(key)
        noise = normal(k_pink, (self.n_dipoles, self.n_times))
        pink_state, pink = self.pink.step(state.pink, noise)

        n_rhythms = self.rhythm_frequency.shape[0]
        noise = normal(k_envelope, (2 * n_rhythms, self.n_times))
        envelope_state, envelope = self.ou.step(state.envelope, noise)
        is_alpha = jnp.arange(n_rhythms) < 2
        frequency = self.rhythm_frequency + jnp.where(is_alpha, conditions.alpha_shift, 0.0)
        phase, end_phase = rotate(state.phase, frequency, self.n_times, self.sfreq)
        rhythm = envelope[:n_rhythms] * jnp.cos(phase) - envelope[n_rhythms:] * jnp.sin(phase)
        gain = jnp.where(is_alpha, conditions.alpha_gain, conditions.theta_gain) * self.rhythm_moment
        moments = jnp.concatenate([self.moment * pink, gain[:, None] * rhythm])
        return BackgroundState(pink_state, envelope_state, end_phase), moments
