"""What control of one patient is worth, in NumPy, from what was kept of each window. Undefined values are NaN."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics import causal_mean

Floats = NDArray[np.float64]

BURST_QUANTILE = 0.85
"""A burst is a stretch of the marker above this quantile of the same patient's without stimulation."""
LONG_BURST = 0.5  # s
LARGEST_BURST_WINDOW = 0.25  # s: longer windows can't tell a burst from a long one
RECOVERED = 0.1  # of the level that counts as recovered
SMOOTHED = 0.05  # of a run, in the mean that recovery and curves use, and at least
SMOOTHED_WINDOWS = 20


def dose(applied: ArrayLike) -> dict[str, Floats]:
    """time_on, dose_abs (mean |u|) and dose_square (mean u^2) of amplitudes (..., n_windows, n_stim), each (...)."""
    u = np.asarray(applied, float)
    return {
        "time_on": (np.abs(u) > 1e-6).any(-1).mean(-1),
        "dose_abs": np.abs(u).mean((-2, -1)),
        "dose_square": (u**2).mean((-2, -1)),
    }


def burst_durations(marker: ArrayLike, threshold: float, window_s: float) -> Floats:
    """s of each stretch of the marker (n_windows,) above the threshold."""
    above = np.concatenate([[0], (np.asarray(marker, float) > threshold).astype(int), [0]])
    edges = np.flatnonzero(np.diff(above))
    return np.asarray((edges[1::2] - edges[::2]) * window_s, float)


def long_bursts(marker: ArrayLike, off: ArrayLike, window_s: float) -> float:
    """Share of the bursts that last longer than half a second; a burst is above the .85 quantile of ``off``, the same
    patient's marker without stimulation. 0 where there is no burst at all, NaN for windows longer than .25 s."""
    if window_s > LARGEST_BURST_WINDOW:
        return np.nan
    lasting = burst_durations(marker, float(np.quantile(np.asarray(off, float), BURST_QUANTILE)), window_s)
    # half a second to the rounding of so many windows
    return float(np.mean(lasting > LONG_BURST + 1e-6)) if lasting.size else 0.0


def veto_shares(vetoes: ArrayLike, names: Mapping[int, str]) -> dict[str, Floats]:
    """Share of the windows (..., n_windows) in which each kind of veto was set, by its name; kinds never set are left
    out. ``names``: bit mask to name; a bit without a name is called by its number."""
    vetoes = np.asarray(vetoes, np.uint32)
    seen = int(np.bitwise_or.reduce(vetoes.ravel())) if vetoes.size else 0
    bits = [1 << n for n in range(32) if seen >> n & 1]
    return {names.get(bit, f"bit {bit.bit_length() - 1}"): ((vetoes & bit) != 0).mean(-1) for bit in bits}


def smoothing(n_windows: int) -> int:
    """Windows in the causal mean of a run: a twentieth of it, at least twenty."""
    return min(max(round(SMOOTHED * n_windows), SMOOTHED_WINDOWS), n_windows)


class Back(NamedTuple):
    """s from the onset until the marker is back; where ``censored``, how long was watched in vain. NaN: undefined."""

    seconds: float
    censored: bool


def recovery(
    marker: ArrayLike, onset: int, until: int, window_s: float, reference: ArrayLike | None = None, before: int = 0
) -> Back:
    """Time from window ``onset`` until the marker (n_windows,), in a causal mean, is back within 10 % of its level.

    The level is the mean of ``reference`` (n_windows,), the oracle's marker on the same patient, from the onset until
    window ``until``; without one, the marker's own between ``before`` and the onset. It has to stay there as long as
    the mean is wide. What happens after ``until``, the next onset or the end, says nothing. NaN without a window
    before.
    """
    marker = np.asarray(marker, float)
    wide = smoothing(len(marker))
    if reference is None:
        level = float(np.mean(marker[before:onset])) if onset > before else np.nan
    else:
        level = float(np.mean(np.asarray(reference, float)[onset:until]))
    if not np.isfinite(level) or until - onset < 2 * wide:
        return Back(np.nan, False)
    fine = causal_mean(marker, wide) <= level + RECOVERED * abs(level)
    # windows whose mean reaches back before the onset have not seen it yet
    first = onset + wide - 1
    streak = np.convolve(fine[first:until], np.ones(wide), "valid")
    starts = np.flatnonzero(streak > wide - 0.5)
    if not starts.size:
        return Back(float((until - wide - onset) * window_s), True)
    return Back(float(starts[0] * window_s), False)


def stretches(seconds: ArrayLike, moments: Sequence[float]) -> list[tuple[int, int, int]]:
    """(before, onset, until) in windows for each moment of drift time that lies inside the run, whose windows begin at
    ``seconds`` (n_windows,); moments that fall into one window count once."""
    seconds = np.asarray(seconds, float)
    inside = [moment for moment in moments if seconds[0] < moment <= seconds[-1]]
    at = sorted({int(np.searchsorted(seconds, moment - 1e-6)) for moment in inside})
    edges = [0, *at, len(seconds)]
    return [(edges[n], edges[n + 1], edges[n + 2]) for n in range(len(at))]


def binned(values: ArrayLike, n_bins: int) -> Floats:
    """Means of (..., n_windows) over at most ``n_bins`` stretches of equal length (the last may be longer)."""
    values = np.asarray(values, float)
    n = values.shape[-1]
    starts = np.unique(np.linspace(0, n, min(n_bins, n) + 1).astype(int)[:-1])
    sizes = np.diff(np.append(starts, n))
    return np.add.reduceat(values, starts, axis=-1) / sizes
