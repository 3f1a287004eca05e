"""Average ranks of several methods over people: Friedman's test and Nemenyi's critical difference (Demsar 2006)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import f as f_distribution
from scipy.stats import rankdata, studentized_range

Floats = NDArray[np.float64]
LEVEL = 0.05


class Ranking(NamedTuple):
    """mean_rank (k,), 1 is best; chi2 and f: Friedman's statistic and Iman and Davenport's; p of the latter.

    critical: Nemenyi's critical difference at .05: mean ranks nearer than that cannot be told apart. groups: the
    largest sets of neighbours (indices, best first) that cannot.
    """

    mean_rank: Floats
    chi2: float
    f: float
    p: float
    critical: float
    groups: list[list[int]]


def rank(score: ArrayLike, level: float = LEVEL) -> Ranking:
    """Rank k methods on n people by score (n, k), higher is better; equal scores share their ranks.

    Demsar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7:1 (2006), eq. 9-10.
    ValueError for fewer than two people or methods.
    """
    score = np.asarray(score, float)
    n, k = score.shape
    if n < 2 or k < 2:
        raise ValueError(f"got scores of {n} people and {k} methods; ranking wants two or more of both")
    mean = rankdata(-score, axis=1).mean(0)
    chi2 = 12 * n / (k * (k + 1)) * ((mean**2).sum() - k * (k + 1) ** 2 / 4)
    below = n * (k - 1) - chi2
    f = (n - 1) * chi2 / below if below > 1e-9 else np.inf
    p = float(f_distribution.sf(f, k - 1, (k - 1) * (n - 1)))
    critical = critical_difference(n, k, level)
    return Ranking(mean, float(chi2), float(f), p, critical, groups(mean, critical))


def critical_difference(n: int, k: int, level: float = LEVEL) -> float:
    """q sqrt(k (k + 1) / 6 n), q the studentised range's upper quantile over the square root of two."""
    q = studentized_range.ppf(1.0 - level, k, np.inf) / np.sqrt(2.0)
    return float(q * np.sqrt(k * (k + 1) / (6.0 * n)))


def groups(mean_rank: ArrayLike, critical: float) -> list[list[int]]:
    """The largest sets of two or more, best first, whose mean ranks lie within the critical difference."""
    mean_rank = np.asarray(mean_rank, float)
    order = [int(i) for i in np.argsort(mean_rank, kind="stable")]
    out: list[list[int]] = []
    last_end = -1
    for start in range(len(order)):
        end = start
        while end + 1 < len(order) and mean_rank[order[end + 1]] - mean_rank[order[start]] <= critical:
            end += 1
        if end > start and end > last_end:
            out.append(order[start : end + 1])
            last_end = end
    return out
