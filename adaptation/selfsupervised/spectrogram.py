"""Log-power of short frames of every channel, and the scale on which a person's are comparable with others'."""

from typing import NamedTuple, Self

import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static


@component
class Spectrogram:
    """Hann-windowed frames, their power at whole multiples of 1/frame Hz between two frequencies, its logarithm.

    basis: (2 n_freqs, frame) cosines then sines, Hann-weighted; hop in samples.
    """

    basis: Array
    n_times: int = static()
    hop: int = static()
    freqs: tuple[float, ...] = static()

    @classmethod
    def create(
        cls,
        n_times: int,
        sfreq: float,
        l_freq: float = 6.0,
        h_freq: float = 32.0,
        frame_s: float = 0.5,
        hop_s: float = 0.25,
    ) -> Self:
        """For windows of ``n_times`` samples at ``sfreq`` Hz. InputError where a window holds fewer than two frames."""
        frame, hop = round(frame_s * sfreq), max(1, round(hop_s * sfreq))
        if n_times < frame + hop or not 0 < l_freq < h_freq < sfreq / 2:
            raise InputError(
                f"a window of {n_times} samples at {sfreq:g} Hz cannot carry two frames of {frame_s:g} s every "
                f"{hop_s:g} s at {l_freq:g} to {h_freq:g} Hz: use longer windows, shorter frames or another band"
            )
        every = np.arange(1, frame // 2)
        harmonics = every[(every * sfreq / frame >= l_freq) & (every * sfreq / frame <= h_freq)]
        if not harmonics.size:
            raise InputError(f"no harmonic of {sfreq / frame:g} Hz lies in {l_freq:g} to {h_freq:g} Hz: widen the band")
        turns = 2 * np.pi * np.outer(harmonics, np.arange(frame)) / frame
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(frame) + 0.5) / frame)
        basis = np.concatenate([np.cos(turns), np.sin(turns)]) * hann / np.sqrt((hann**2).sum())
        freqs = tuple(float(f) for f in harmonics * sfreq / frame)
        return cls(basis=jnp.asarray(basis, jnp.float32), n_times=n_times, hop=hop, freqs=freqs)

    @property
    def n_frames(self) -> int:
        return (self.n_times - self.basis.shape[1]) // self.hop + 1

    def __call__(self, x: Array) -> Array:
        """Log-power (n_channels, n_frames, n_freqs) of x (n_channels, n_times) V, ln V²."""
        frame = self.basis.shape[1]
        at = np.arange(self.n_frames)[:, None] * self.hop + np.arange(frame)
        parts = jnp.einsum("cnt,ft->cnf", x[:, at], self.basis)
        real, imaginary = jnp.split(parts, 2, axis=-1)
        power = real**2 + imaginary**2
        return jnp.log(jnp.maximum(power, jnp.finfo(power.dtype).tiny))


class Scale(NamedTuple):
    """mean, deviation (n_channels, 1, n_freqs) of a person's log-power over windows and frames."""

    mean: Array
    deviation: Array

    @classmethod
    def of(cls, spectra: Array, weight: Array | None = None) -> "Scale":
        """Of spectra (n_windows, n_channels, n_frames, n_freqs), windows weighted (n_windows,)."""
        weight = jnp.ones(spectra.shape[0]) if weight is None else weight
        share = (weight / jnp.maximum(weight.sum(), 1e-12))[:, None, None, None] / spectra.shape[2]
        mean = (share * spectra).sum((0, 2), keepdims=True)
        deviation = jnp.sqrt((share * (spectra - mean) ** 2).sum((0, 2), keepdims=True))
        return cls(mean[0], jnp.maximum(deviation[0], 1e-3))

    def __call__(self, spectra: Array) -> Array:
        """The same in deviations from the person's mean."""
        return (spectra - self.mean) / self.deviation
