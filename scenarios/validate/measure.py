"""What is measured in a signal: cycles, peaks, band fractions."""

import numpy as np
from scipy.signal import welch


def cycle(v: np.ndarray, sfreq: float) -> tuple[float, float]:
    """(frequency in Hz, peak to peak) of a regular oscillation v (n,), from upward crossings of the middle of its
    range; (0, peak to peak) where there are fewer than two."""
    level = 0.5 * (v.max() + v.min())
    up = np.flatnonzero((v[:-1] < level) & (v[1:] >= level))
    if len(up) < 2:
        return 0.0, float(np.ptp(v))
    times = up + (level - v[up]) / (v[up + 1] - v[up])
    return float((len(times) - 1) / (times[-1] - times[0]) * sfreq), float(np.ptp(v))


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
