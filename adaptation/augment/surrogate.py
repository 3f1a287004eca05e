"""Surrogates: windows of exactly the same amplitude spectrum, their phases moved at random (Schwabedal et al 2019)."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.pytree import component, static
from ..contract import Trials
from .apply import each


@component
class SurrogatePhases:
    """Every Fourier phase but those of 0 Hz and the Nyquist frequency moves by a uniform draw from ±``magnitude`` π.

    Channels move together unless ``independent``: then every cross-spectrum, and with it every covariance between
    channels, stays as it was, so that a decoder that sees a window through its covariance sees the same window.
    The transform is a product with cosines and sines (n_times², no FFT).
    """

    magnitude: float = 1.0
    independent: bool = static(default=False)

    def __call__(self, trials: Trials, key: Array) -> Trials:
        return each(self.window, trials, key)

    def window(self, x: Array, key: Array) -> Array:
        n_moved = (x.shape[1] - 1) // 2
        shape = (x.shape[0] if self.independent else 1, n_moved)
        return rephased(x, jnp.pi * self.magnitude * jax.random.uniform(key, shape, x.dtype, -1.0, 1.0))


def rephased(x: Array, phase: Array) -> Array:
    """x (n_channels, n_times) with the phases of its harmonics 1 ... (n_times - 1) // 2 moved by ``phase``
    (n_channels or 1, n_moved) rad.

    x' = x + sum over k of 2/n Re[(e^(i phase_k) - 1) X_k e^(2 pi i k t / n)]: what does not move stays to the bit.
    """
    n = x.shape[1]
    cosine, sine = (jnp.asarray(table, x.dtype) for table in _harmonics(n))
    real, imaginary = x @ cosine, -(x @ sine)  # of X_k = sum x e^(-2 pi i k t / n)
    along, across = jnp.cos(phase) - 1.0, jnp.sin(phase)
    moved = (along * real - across * imaginary) @ cosine.T - (along * imaginary + across * real) @ sine.T
    return x + 2.0 / n * moved


def _harmonics(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines (n, (n - 1) // 2) of the harmonics that have a phase, float64."""
    turns = np.outer(np.arange(n), np.arange(1, (n - 1) // 2 + 1)) % n  # whole turns out, for the precision
    return np.cos(2 * np.pi * turns / n), np.sin(2 * np.pi * turns / n)
