"""How right a decoder will be on a user, from how many of a few held-out trials it got right."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from ...sim.errors import InputError

LEVEL = 0.95


class AccuracyEstimate(NamedTuple):
    """accuracy: expected share of right predictions, with the ends of its interval; n_right of n_trials held out."""

    accuracy: float
    lo: float
    hi: float
    n_right: int
    n_trials: int


def estimate_accuracy(
    right: ArrayLike, prior: tuple[float, float] = (1.0, 1.0), level: float = LEVEL
) -> AccuracyEstimate:
    """Mean of the Beta posterior, Clopper and Pearson's interval, for held-out trials that were ``right`` or not.

    right: (n_trials,) bool, each predicted by a decoder that has not seen it. ``prior`` is a Beta's (a, b), uniform or
    :func:`prior_of_people`. The folds share trials, so that their predictions agree more than independent ones would;
    the exact interval is wider than the posterior's, and its coverage is measured
    (tests/adaptation/test_finetune.py).
    """
    right = np.asarray(right, bool)
    if right.ndim != 1 or not right.size:
        raise InputError(f"held-out predictions have shape {right.shape}: wanted (n_trials,) of one trial or more")
    n, k = right.size, int(right.sum())
    lo, hi = clopper_pearson(k, n, level)
    return AccuracyEstimate((prior[0] + k) / (sum(prior) + n), lo, hi, k, n)


def posterior_interval(
    n_right: int, n_trials: int, prior: tuple[float, float] = (1.0, 1.0), level: float = LEVEL
) -> tuple[float, float]:
    """Equal-tailed interval of the Beta posterior."""
    a, b = prior[0] + n_right, prior[1] + n_trials - n_right
    tail = (1.0 - level) / 2.0
    return float(betaincinv(a, b, tail)), float(betaincinv(a, b, 1.0 - tail))


def clopper_pearson(n_right: int, n_trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a binomial share: at least ``level`` whatever the share is (Clopper & Pearson 1934)."""
    tail = (1.0 - level) / 2.0
    lo = 0.0 if n_right == 0 else float(betaincinv(n_right, n_trials - n_right + 1, tail))
    hi = 1.0 if n_right == n_trials else float(betaincinv(n_right + 1, n_trials - n_right, 1.0 - tail))
    return lo, hi


def prior_of_people(accuracy: ArrayLike, most: float = 50.0) -> tuple[float, float]:
    """(a, b) of the Beta whose mean and variance are those of other people's accuracies (n_people,), 2 or more.

    Its weight a + b is at most ``most`` trials and at least 2, the uniform's: a handful of people who happen to be
    alike must not outweigh the user's own trials.
    """
    accuracy = np.asarray(accuracy, float)
    if accuracy.size < 2 or not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise InputError(f"accuracies of other people are {accuracy}: wanted two or more between 0 and 1")
    mean = float(np.clip(accuracy.mean(), 0.02, 0.98))
    variance = float(accuracy.var(ddof=1))
    weight = most if variance == 0 else mean * (1 - mean) / variance - 1.0
    weight = float(np.clip(weight, 2.0, most))
    return mean * weight, (1 - mean) * weight
