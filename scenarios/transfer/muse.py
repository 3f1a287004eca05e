"""Recordings of a four-electrode headband: visual P300 on several days, and flicker at two rates (muse-lsl's files)."""

import csv
import functools
import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.signal import butter, sosfilt

from ...sim.errors import InputError

SFREQ = 256.0  # Hz
CHANNELS = ("TP9", "AF7", "AF8", "TP10")
REJECT = 100e-6  # V peak to peak
WANTED = (
    "wanted a folder with P300/S1_D1/run_*.csv.gz and so on, of columns timestamps, TP9, AF7, AF8, TP10 in microvolts "
    "and Marker (github.com/alexandrebarachant/muse-lsl)"
)


class Session(NamedTuple):
    """x (n_trials, 4, n_times) V, y (n_trials,) 0 or 1: standard or target; flicker at 30 or 20 Hz."""

    x: np.ndarray
    y: np.ndarray


def days(folder: str, experiment: str) -> dict[str, tuple[Path, ...]]:
    """The files of every day of an experiment ("P300", "SSVEP"), in the order in which they were recorded."""
    root = Path(folder).expanduser() / experiment
    found = {path.name: tuple(sorted(path.glob("*.csv.gz"))) for path in sorted(root.glob("S*_D*"))}
    return {name: files for name, files in found.items() if files}


@functools.lru_cache(maxsize=64)
def read(file: Path, band: tuple[float, float], span: tuple[float, float]) -> Session:
    """The trials of one file from ``span`` s after each marker, in a causal filter's ``band`` Hz; InputError where the
    file is no such recording. Trials above 100 uV peak to peak are left out."""
    try:
        with gzip.open(file, "rt", newline="") as stream:
            rows = csv.reader(stream)
            head = next(rows)
            table = np.array(list(rows), float)
        columns = [head.index(name) for name in CHANNELS]
        marker = table[:, next(i for i, name in enumerate(head) if name.startswith("Marker"))]
    except (OSError, ValueError, StopIteration, IndexError) as error:
        raise InputError(f"{file} can't be read ({error}); {WANTED}") from error
    onsets = np.flatnonzero(marker > 0)
    if not len(onsets) or not np.isfinite(table[:, columns]).all():
        raise InputError(
            f"{file} has {len(onsets)} markers and {int((~np.isfinite(table[:, columns])).sum())} values that are not "
            "finite: wanted a recording with markers and without gaps; take the file out of the folder"
        )
    found = epochs(1e-6 * table[:, columns].T, onsets, marker[onsets] - 1, band, span)
    if not len(found.y):
        raise InputError(
            f"{file} has no trial of {len(onsets)} below {1e6 * REJECT:g} uV peak to peak: take it out of the folder"
        )
    return found


def epochs(
    signal: np.ndarray, onsets: np.ndarray, y: np.ndarray, band: tuple[float, float], span: tuple[float, float]
) -> Session:
    """The trials of a recording (4, n_times) V at ``SFREQ`` whose stimuli of classes y (n_trials,) come at the samples
    ``onsets``; ``band``, ``span`` and what is left out as for :func:`read`."""
    signal = np.asarray(sosfilt(butter(4, band, "bandpass", fs=SFREQ, output="sos"), signal, axis=-1))
    first, stop = (round(s * SFREQ) for s in span)
    inside = (onsets + first >= 0) & (onsets + stop <= signal.shape[1])
    onsets, y = onsets[inside], y[inside]
    x = np.stack([signal[:, n + first : n + stop] for n in onsets])
    kept = np.ptp(x, axis=-1).max(-1) < REJECT
    return Session(x[kept].astype(np.float32), y[kept].astype(int))


def joined(files: tuple[Path, ...], band: tuple[float, float], span: tuple[float, float]) -> Session:
    """The trials of several files, one after the other."""
    parts = [read(file, band, span) for file in files]
    return Session(np.concatenate([p.x for p in parts]), np.concatenate([p.y for p in parts]))
