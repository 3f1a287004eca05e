"""Long runs in chunks: one compiled piece at a time, checked before the next."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .errors import InputError

Progress = Callable[[float, float], None]
"""(seconds done, seconds) after each chunk."""


def count_windows(seconds: float, source: Any) -> int:
    """Windows of ``source`` in ``seconds``, rounded up; InputError for a time that cannot be."""
    if not 0.0 < seconds < np.inf:
        raise InputError(f"{seconds:g} s to run; wanted a positive, finite time")
    # a millionth of a window is rounding
    return int(np.ceil(seconds * source.sfreq / source.n_times - 1e-6))


def run_chunks(
    advance: Callable[[int, int], Any], seconds: float, chunk_s: float, source: Any, progress: Progress | None
) -> int:
    """Call advance(windows done, n) -> (n,) bool, whether each window was in order, until ``seconds`` are over or one
    was not; gives the number of windows before that one."""
    n_windows, window_s = count_windows(seconds, source), source.n_times / source.sfreq
    per_chunk, done = max(round(chunk_s / window_s), 1), 0
    while done < n_windows:
        n = min(per_chunk, n_windows - done)
        fine = np.asarray(advance(done, n))
        good = n if fine.all() else int(np.argmin(fine))
        done += good
        if progress is not None:
            progress(done * window_s, seconds)
        if good < n:
            break
    return done
