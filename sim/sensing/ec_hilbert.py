"""Phase by the endpoint-corrected Hilbert transform.

Schreglmann et al. (2021), Nature Communications 12:363: in the Fourier transform of the last samples the negative
frequencies are taken away and the rest is multiplied by the response of a causal band-pass filter; that closes the gap
between the two ends of the window, which is what spoils the Hilbert transform at its last sample, the one that is
wanted. All of it is linear, so for the last sample alone it is one complex weight for each sample of the past.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..loop.reading import Reading
from ..pytree import component, static
from .iir import check_positive
from .phase import (
    N_FEATURES,
    Lateness,
    Rhythm,
    arrive,
    averaged_turn,
    check_estimator,
    first_value,
    on_time,
    predicted,
    push,
    turning,
)


class EcHilbertState(NamedTuple):
    past: Array  # (n_past,) V
    late: Lateness
    rhythm: Rhythm
    turn: Array  # (2,) V^2


@component
class EcHilbert:
    """Features (4,): cosine and sine of the phase at the effect, amplitude V, frequency Hz.

    corrected (2, n): real and imaginary weights of the past; shift (2, n_grid): frequencies Hz and by how much the
    filter turns them, rad, taken off the phase; weights (n_channels,): the signal, a sum of channels;
    keep (): of the running mean over which the frequency is found, from how far the rhythm turns within ``lag``
    samples.
    """

    corrected: Array
    shift: Array
    weights: Array
    band: Array
    keep: Array
    sfreq: float = static()
    lag: int = static()

    @classmethod
    def create(
        cls, band: Sequence[float], sfreq: float, n_times: int, *, seconds: float | None = None, order: int = 1,
        tau: float = 0.5, compensated: bool = True, weights: ArrayLike = 1.0,
    ) -> "EcHilbert":  # fmt: skip
        """band (low, high) Hz around the rhythm, for example its frequency +- a quarter; ``seconds`` of past, by
        default five cycles of the centre; ``order`` of the Butterworth filter per edge; ``tau`` s over which the
        frequency is averaged; compensated: take the filter's own phase off, False for the published form."""
        from scipy.signal import butter, sosfreqz

        (low, high), mixing = check_estimator((band[0], band[1]), sfreq, n_times, weights, order)
        centre = 0.5 * (low + high)
        n = round((5.0 / centre if seconds is None else seconds) * sfreq)
        check_positive(tau=tau, seconds=n - 3)
        f = np.fft.fftfreq(n, 1 / sfreq)
        sos = butter(order, (low, high), "bandpass", fs=sfreq, output="sos")
        _, response = sosfreqz(sos, np.abs(f), fs=sfreq)
        analytic = np.where(f > 0, 2.0, 0.0) * response
        # the last sample of the inverse transform, as a sum over the samples of the window
        z = np.fft.fft(analytic)[(np.arange(n) + 1) % n] / n
        kernel = np.stack([z.real, z.imag])
        grid = np.linspace(low, high, 33)
        turned = np.exp(2j * np.pi * np.outer(grid, np.arange(n) - (n - 1)) / sfreq) @ z
        shift = np.unwrap(np.angle(turned)) * compensated
        return cls(
            corrected=jnp.asarray(kernel, jnp.float32), shift=jnp.asarray([grid, shift], jnp.float32),
            weights=jnp.asarray(mixing), band=jnp.asarray([low, high], jnp.float32),
            keep=jnp.float32(np.exp(-1.0 / (tau * sfreq))), sfreq=float(sfreq), lag=max(round(sfreq / (4 * centre)), 1),
        )  # fmt: skip

    @property
    def n_features(self) -> int:
        return N_FEATURES

    def init(self) -> EcHilbertState:
        zero = jnp.zeros(())
        rhythm = Rhythm(zero, zero, jnp.mean(self.band))
        return EcHilbertState(jnp.zeros(self.corrected.shape[1] + self.lag), on_time(), rhythm, jnp.zeros(2))

    def step(self, state: EcHilbertState, reading: Reading) -> tuple[EcHilbertState, Array]:
        late, arrival = arrive(state.late, reading, self.weights, self.sfreq)
        past = jnp.where(state.late.seen, state.past, first_value(arrival))
        past = push(past, arrival, state.rhythm, self.sfreq)
        z, then = self.corrected @ past[self.lag :], self.corrected @ past[: -self.lag]
        turn = averaged_turn(state.turn, z, then, arrival.n_new, self.keep)
        frequency = turning(turn, self.lag / self.sfreq, self.band, jnp.mean(self.band))
        phase = jnp.arctan2(z[1], z[0]) - jnp.interp(frequency, *self.shift)
        rhythm = Rhythm(phase, jnp.hypot(z[0], z[1]), frequency)
        return EcHilbertState(past, late, rhythm, turn), predicted(*rhythm, arrival.age)
