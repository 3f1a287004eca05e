"""Features over time as decoders of transfers are given them: on one scale for all, beside their recent means."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from ...adaptation.contract import Trials
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


def in_turn(x: np.ndarray, stretch: int = 1) -> Trials:
    """Features (n_people, n_classes, n_rows, n_features), as many rows of each class, as the trials (n_people,
    n_classes n_rows, ...) of each person: the classes take turns, each in the order in which it was recorded.

    stretch: rows of a class that come together, a divisor of n_rows.
    """
    n_people, n_classes, n_rows, n_features = x.shape
    turns = x.reshape(n_people, n_classes, n_rows // stretch, stretch, n_features)
    rows = np.swapaxes(turns, 1, 2).reshape(n_people, -1, n_features)
    y = np.tile(np.repeat(np.arange(n_classes), stretch), n_rows // stretch)
    return as_trials(rows, np.broadcast_to(y, rows.shape[:2]))


def as_trials(x: np.ndarray, y: np.ndarray) -> Trials:
    """Features (..., n_rows, n_features) of classes y (..., n_rows) as trials."""
    return Trials(jnp.asarray(x, jnp.float32)[..., None], jnp.asarray(y, jnp.int32), jnp.ones(y.shape))
