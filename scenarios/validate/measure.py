"""What is measured in a signal and in a linearised model: cycles, peaks, band fractions, Hopf points."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.signal import welch


def crossings(v: np.ndarray, level: float) -> np.ndarray:
    """Times, in samples and interpolated, at which v (n,) crosses ``level`` upwards."""
    up = np.flatnonzero((v[:-1] < level) & (v[1:] >= level))
    return up + (level - v[up]) / (v[up + 1] - v[up])


def cycle(
    v: np.ndarray, sfreq: float, level: float | None = None, smallest: float = 0.0, least: int = 2
) -> tuple[float, float]:
    """(frequency in Hz, peak to peak) of a regular oscillation v (n,), from upward crossings of ``level``, by default
    the middle of its range; (0, peak to peak) where there are fewer than ``least`` or it is smaller than
    ``smallest``."""
    size = float(np.ptp(v))
    times = crossings(v, 0.5 * (v.max() + v.min()) if level is None else level)
    if size < smallest or len(times) < least:
        return 0.0, size
    return float((len(times) - 1) / (times[-1] - times[0]) * sfreq), size


def spectrum(v: np.ndarray, sfreq: float, seconds: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    """Welch's spectrum, mean over rows: v (n,) or (n_rows, n) -> frequencies Hz, power."""
    f, power = welch(v, sfreq, nperseg=min(round(seconds * sfreq), v.shape[-1]))
    return f, power if power.ndim == 1 else power.mean(axis=0)


def peak(f: np.ndarray, power: np.ndarray, low: float, high: float) -> float:
    """Hz, where power is greatest between low and high, refined by a parabola through the logarithms."""
    inside = np.flatnonzero((f >= low) & (f <= high))
    k = inside[np.argmax(power[inside])]
    if k in (0, len(f) - 1):
        return float(f[k])
    a, b, c = np.log(power[k - 1 : k + 2])
    bend = a - 2 * b + c
    return float(f[k] + (0.5 * (a - c) / bend if bend < 0 else 0.0) * (f[1] - f[0]))


def fraction(f: np.ndarray, power: np.ndarray, band: tuple[float, float], total: tuple[float, float]) -> float:
    """Share of the power within ``total`` that is within ``band`` (Hz)."""
    inside, all_ = ((f >= low) & (f <= high) for low, high in (band, total))
    return float(power[inside].sum() / power[all_].sum())


def leading(jacobian: np.ndarray) -> complex:
    """1/s, the eigenvalue of greatest real part among those that oscillate, its imaginary part positive; -1 where none
    does. jacobian in 1/s."""
    values = np.linalg.eigvals(jacobian)
    values = values[values.imag > 1.0]
    return complex(values[np.argmax(values.real)]) if len(values) else complex(-1.0)


def hopf_points(mode: Callable[[float], complex], grid: np.ndarray) -> list[tuple[float, float]]:
    """[(parameter, Hz)] where the growth of ``mode(parameter)``, 1/s, changes sign on ``grid``."""
    growth = [mode(float(x)).real for x in grid]
    found = []
    for i in np.flatnonzero(np.diff(np.sign(growth))):
        at: float = brentq(lambda x: mode(x).real, grid[i], grid[i + 1], xtol=1e-10)  # pyright: ignore
        found.append((at, mode(at).imag / (2 * np.pi)))
    return found
