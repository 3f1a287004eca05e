"""Features over time as decoders of transfers are given them: on one scale for all, beside their recent means."""

from collections.abc import Callable, Sequence

import numpy as np

from ..metrics import causal_mean

FLOOR = 1e-6


def centred(source: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What takes the mean of all the source's rows (..., n_features) off features, and divides by their deviation.

    One pair of numbers per feature for everybody, known before anybody new comes: squares of what lies far from zero
    would leave single precision.
    """
    rows = np.asarray(source, float).reshape(-1, source.shape[-1])
    mean, spread = rows.mean(0), np.maximum(rows.std(0), FLOOR)
    return lambda x: (np.asarray(x, float) - mean) / spread


def with_context(x: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """Rows (..., n_rows, n_features) beside their means over the last rows, of each of ``lengths``, fewer at first."""
    swapped = np.swapaxes(x, -1, -2)
    return np.concatenate([x, *(np.swapaxes(causal_mean(swapped, n), -1, -2) for n in lengths)], axis=-1)
