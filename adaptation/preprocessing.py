"""Band-pass, notch and decimation of one window as a single matrix on its time axis."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component, static
from .linalg import qr_r
from .spd import covariance, oas, sqrtm


@component
class Preprocessing:
    """Linear, zero-phase filtering of one window, from that window alone: nothing leaks between windows.

    operator: (n_times_in, n_times_out); built once in float64 by SciPy, applied as one matmul.
    sfreq is the sampling rate of the output, Hz.
    """

    operator: Array
    sfreq: float = static()

    @classmethod
    def create(
        cls,
        sfreq: float,
        n_times: int,
        l_freq: float = 8.0,
        h_freq: float = 30.0,
        sfreq_out: float | None = None,
        notch: float | None = None,
        order: int = 4,
    ) -> "Preprocessing":
        """Mean removal, optional notch at ``notch`` Hz (Q 30), Butterworth ``l_freq``-``h_freq``, decimation.

        The filters run forward and backward (``scipy.signal.sosfiltfilt``), which doubles their order.
        ``sfreq_out`` must divide ``sfreq``; the band-pass is the anti-aliasing filter.
        Raises InputError where the rate cannot carry the band or the window is too short to filter.
        """
        from scipy import signal

        if not 0 < l_freq < h_freq:
            raise InputError(f"band {l_freq}-{h_freq} Hz is empty; give 0 < l_freq < h_freq.")
        if sfreq <= 2 * h_freq:
            raise InputError(
                f"sfreq is {sfreq:g} Hz but a band up to {h_freq:g} Hz needs more than {2 * h_freq:g} Hz; "
                "record faster or lower h_freq."
            )
        step = 1 if sfreq_out is None else round(sfreq / sfreq_out)
        if sfreq_out is not None and (step < 1 or abs(step * sfreq_out - sfreq) > 1e-6 * sfreq):
            raise InputError(
                f"sfreq_out {sfreq_out:g} Hz does not divide sfreq {sfreq:g} Hz; "
                f"use {sfreq / max(step, 1):g} Hz or resample first."
            )
        if sfreq / step <= 2 * h_freq:
            raise InputError(
                f"sfreq_out is {sfreq_out:g} Hz but a band up to {h_freq:g} Hz needs more than "
                f"{2 * h_freq:g} Hz; decimate less."
            )
        sections = [np.asarray(signal.butter(order, (l_freq, h_freq), "bandpass", fs=sfreq, output="sos"))]
        # A notch at or above the Nyquist rate has nothing to remove.
        if notch is not None and notch < sfreq / 2:
            sections.insert(0, np.asarray(signal.tf2sos(*signal.iirnotch(notch, 30.0, fs=sfreq))))
        operator = np.eye(n_times) - 1.0 / n_times
        for sos in sections:
            # SciPy's default padding, which the window must exceed.
            padding = 3 * (2 * len(sos) + 1 - min((sos[:, 2] == 0).sum(), (sos[:, 5] == 0).sum()))
            if n_times <= padding:
                raise InputError(
                    f"a window of {n_times} samples is too short to filter; give more than {padding} "
                    f"samples ({padding / sfreq:.2f} s)."
                )
            operator = signal.sosfiltfilt(sos, operator, axis=-1)
        return cls(operator=jnp.asarray(operator[:, ::step]), sfreq=sfreq / step)

    @property
    def n_times_in(self) -> int:
        return self.operator.shape[0]

    @property
    def n_times_out(self) -> int:
        return self.operator.shape[1]

    def apply(self, x: Array) -> Array:
        """Filtered windows (..., n_channels, n_times_out) of x (..., n_channels, n_times_in), same unit."""
        if x.shape[-1] != self.n_times_in:
            raise InputError(
                f"a window has {x.shape[-1]} samples but this preprocessing was made for {self.n_times_in}: cut "
                "windows of that length, or make another with Preprocessing.create"
            )
        return x @ self.operator


def compressed(x: Array) -> Array:
    """A window (n_channels, n_channels) with the covariance of x (n_channels, n_times), n_times >= n_channels.

    x = R' Q' (QR of x'), so x x'/n_times = R'R/n_times whatever Q. A decoder that sees a window only through its
    covariance predicts and learns exactly the same from it, with a fraction of the memory and arithmetic.
    """
    n_channels, n_times = x.shape
    return qr_r(x.T).T * np.float32(np.sqrt(n_channels / n_times))


def shrunk(x: Array, n_samples: int) -> Array:
    """A window (n_channels, n_channels) whose covariance is that of x (n_channels, n_times) shrunk by OAS.

    ``n_samples``: how many of its samples were recorded. Single trials with a railing electrode have covariances next
    to singular, which pull a Riemannian mean away; estimating them by OAS before anything else is the usual order.
    """
    return sqrtm(oas(covariance(x), n_samples)) * np.float32(np.sqrt(x.shape[0]))
