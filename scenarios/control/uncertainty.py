"""Intervals over patients and, where an arm is several trainings, over these too: the two are resampled crossed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..statistics import Interval, bootstrap, kaplan_meier, median_time, resample

Floats = NDArray[np.float64]
SEED = 20


class Weights(NamedTuple):
    """seeds (n_resamples, n_seeds): how often each patient is drawn; n_seeds."""

    seeds: Floats
    n_seeds: int


def weights_of(n_seeds: int) -> Weights:
    """The same resampled patients for every statistic, so that all of them are paired."""
    return Weights(resample(n_seeds, SEED), n_seeds)


def mean_over(values: ArrayLike, weights: Weights) -> Interval:
    """Mean of values (n_policies, n_seeds) with its 95 % interval; NaN where any value is."""
    values = np.asarray(values, float)
    return ratio_over(values, np.ones(values.shape[1:]), weights)


def ratio_over(numerator: ArrayLike, denominator: ArrayLike, weights: Weights) -> Interval:
    """sum(numerator) / sum(denominator) over patients; numerator (n_policies, n_seeds), denominator (n_seeds,) or
    (1, n_seeds), with its interval. A single patient has an estimate alone."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float).reshape(-1)
    n_policies = numerator.shape[0]

    def statistic(weight: Floats) -> Floats:
        seeds, policies = weight[..., : weights.n_seeds], weight[..., weights.n_seeds :]
        above = np.einsum("...p,ps,...s->...", policies, numerator, seeds) / n_policies
        below = seeds @ denominator
        return np.where(below != 0, above / np.where(below != 0, below, 1.0), np.nan)

    if weights.n_seeds < 2:
        return Interval(float(statistic(np.ones(weights.n_seeds + n_policies))), np.nan, np.nan)
    policies = resample(n_policies, SEED + 1, len(weights.seeds))
    return bootstrap(statistic, np.concatenate([weights.seeds, policies], axis=1))


def survival(
    times: ArrayLike, censored: ArrayLike, unit: ArrayLike, weights: Weights
) -> tuple[Interval, dict[str, Any]]:
    """(median with its interval over patients, infinite where it is not reached; the Kaplan-Meier curve)."""
    found = kaplan_meier(times, censored)
    interval = bootstrap(median_time(times, censored, unit), weights.seeds)
    watched = float(np.max(np.asarray(times, float)))
    return interval, {"seconds": found.times.tolist(), "away": found.survival.tolist(), "watched": watched}
