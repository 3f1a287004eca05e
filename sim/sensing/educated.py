"""Phase by educated temporal prediction.

Shirinpour et al. (2020), J. Neural Eng. 17:046002: a recording at rest teaches how long the rhythm takes from peak to
peak; then the last peak in the filtered past, away from the end where the filter is wrong, foretells the next ones. No
model and no Hilbert transform, and as accurate as theirs, because the filter may be sharp.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..errors import InputError
from ..loop.reading import Reading
from ..pytree import component, static
from .iir import check_positive
from .phase import (
    N_FEATURES,
    Lateness,
    Rhythm,
    arrive,
    check_estimator,
    first_value,
    on_time,
    predicted,
    push,
    short_filter,
    zero_phase,
)


class EducatedState(NamedTuple):
    past: Array  # (n_past,) V
    late: Lateness
    rhythm: Rhythm


@component
class EducatedPrediction:
    """Features (4,): cosine and sine of the phase at the effect, amplitude V, frequency Hz (what was taught).

    smooth (n_kept, n_past): filters and throws ``edge`` samples at the end away; period () s from peak to peak;
    weights (n_channels,): the signal, a sum of channels.
    """

    smooth: Array
    weights: Array
    period: Array
    sfreq: float = static()
    edge: int = static()
    band: tuple[float, float] = static()
    n_taps: int = static()

    @classmethod
    def create(
        cls, band: Sequence[float], sfreq: float, n_times: int, *, seconds: float | None = None,
        edge_s: float | None = None, filter_s: float | None = None, period: float | None = None,
        weights: ArrayLike = 1.0,
    ) -> "EducatedPrediction":  # fmt: skip
        """band (low, high) Hz around the rhythm; ``seconds`` of past, by default ten cycles of its centre; ``edge_s``
        at its end, by default 0.4 cycles; ``filter_s``: length of the filter, by default one and a quarter; ``period``
        s, by default of the centre: better :meth:`taught`."""
        (low, high), mixing = check_estimator((band[0], band[1]), sfreq, n_times, weights)
        centre = 0.5 * (low + high)
        n = round((10.0 / centre if seconds is None else seconds) * sfreq)
        edge = round((0.4 / centre if edge_s is None else edge_s) * sfreq)
        n_taps = round((1.25 / centre if filter_s is None else filter_s) * sfreq)
        length = 1 / centre if period is None else period
        check_positive(seconds=n, edge_s=edge, period=length)
        if n - edge < 2.5 * sfreq / low:
            raise InputError(
                f"{n / sfreq:g} s of past less {edge / sfreq:g} s; wanted at least {2.5 / low:g} s, two and a half"
                f" cycles of {low:g} Hz, for a peak to be among them"
            )
        return cls(
            smooth=jnp.asarray(zero_phase((low, high), sfreq, n, n_taps)[: n - edge], jnp.float32),
            weights=jnp.asarray(mixing), period=jnp.float32(length), sfreq=float(sfreq), edge=edge,
            band=(low, high), n_taps=n_taps,
        )  # fmt: skip

    def taught(self, v: ArrayLike) -> "EducatedPrediction":
        """The same with the period that v (n_channels, n) or (n,) V, some minutes at rest, teaches: the one with which
        peaks of the whole recording, filtered forth and back, foretell the next peak without bias."""
        from scipy.signal import filtfilt, find_peaks

        signal = np.asarray(self.weights, float) @ np.atleast_2d(np.asarray(v, float))
        peaks, _ = find_peaks(filtfilt(short_filter(self.band, self.sfreq, self.n_taps), [1.0], signal))
        if len(peaks) < 20:
            raise InputError(f"the recording has {len(peaks)} peaks between {self.band} Hz; wanted at least 20")
        between = np.diff(peaks) / self.sfreq
        between = between[(between > 0.5 / self.band[1]) & (between < 2.0 / self.band[0])]
        # the circular mean of the phase errors is 0: intervals of one and a half cycles count as half a cycle late
        length = float(np.median(between))
        for _ in range(20):
            error = np.angle(np.mean(np.exp(2j * np.pi * (between / length - 1))))
            length *= 1 + error / (2 * np.pi)
        return dataclasses.replace(self, period=jnp.float32(length))

    @property
    def n_features(self) -> int:
        return N_FEATURES

    def init(self) -> EducatedState:
        zero = jnp.zeros(())
        return EducatedState(jnp.zeros(self.smooth.shape[1]), on_time(), Rhythm(zero, zero, 1 / self.period))

    def step(self, state: EducatedState, reading: Reading) -> tuple[EducatedState, Array]:
        late, arrival = arrive(state.late, reading, self.weights, self.sfreq)
        past = jnp.where(state.late.seen, state.past, first_value(arrival))
        past = push(past, arrival, state.rhythm, self.sfreq)
        x = self.smooth @ past
        top = (x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:])
        k = 1 + jnp.max(jnp.where(top, jnp.arange(top.shape[0]), -1))
        here = jnp.clip(k, 1, x.shape[0] - 2)
        before, at, after = x[here - 1], x[here], x[here + 1]
        bend = before - 2 * at + after
        peak = here + jnp.where(bend < 0, 0.5 * (before - after) / jnp.where(bend < 0, bend, 1.0), 0.0)
        # seconds from the peak to the newest sample, which lies ``edge`` samples after the end of x
        since = (x.shape[0] - 1 + self.edge - peak) / self.sfreq
        found = k > 0
        moved_on = state.rhythm.phase + 2 * jnp.pi * arrival.n_new / (self.sfreq * self.period)
        rhythm = Rhythm(
            phase=jnp.where(found, jnp.mod(2 * jnp.pi * since / self.period, 2 * jnp.pi), moved_on),
            amplitude=jnp.where(found, at, 0.0), frequency=1 / self.period,
        )  # fmt: skip
        return EducatedState(past, late, rhythm), predicted(*rhythm, arrival.age)
