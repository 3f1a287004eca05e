"""Uncertainty over units (subjects, or the days of one subject): bootstrap, paired tests, censored times.

Every statistic is a function of unit weights: ``statistic(weight (..., n_units)) -> (...)``. Weights of one
give the estimate, multinomial counts the bootstrap, one unit at zero the jackknife; so a replicate costs a
matrix product.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata, wilcoxon
from scipy.stats import t as student

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], ArrayLike]

N_RESAMPLES = 2000
LEVEL = 0.95
EXACT_UNITS = 60
UNDEFINED_SHARE = 0.05  # more replicates than this without a value, and the interval has none either


class Interval(NamedTuple):
    """An estimate and the ends of its interval; NaN where undefined, inf where beyond what was watched."""

    value: float
    lo: float
    hi: float


def resample(n_units: int, seed: int, n_resamples: int = N_RESAMPLES) -> Floats:
    """How often each unit is drawn in each bootstrap replicate, (n_resamples, n_units), rows summing to
    n_units.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_units, np.full(n_units, 1.0 / n_units), n_resamples).astype(float)


def weighted_mean(values: ArrayLike, size: ArrayLike | None = None) -> Statistic:
    """The statistic sum(size * values) / sum(size) over units; units whose value is NaN are left out."""
    values = np.asarray(values, float)
    known = np.isfinite(values)
    size = np.where(known, 1.0 if size is None else np.asarray(size, float), 0.0)
    return weighted_ratio(size * np.where(known, values, 0.0), size)


def weighted_ratio(numerator: ArrayLike, denominator: ArrayLike) -> Statistic:
    """The statistic sum(numerator) / sum(denominator) over units; NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, float), np.asarray(denominator, float)

    def statistic(weight: Floats) -> Floats:
        below = weight @ denominator
        return np.where(below != 0, weight @ numerator / np.where(below != 0, below, 1.0), np.nan)

    return statistic


def _ends(replicates: Floats, shares: tuple[float, float]) -> tuple[float, float]:
    """Quantiles of the replicates; NaN ones left out, infinite ones kept as the largest."""
    known = np.sort(replicates[~np.isnan(replicates)])
    if known.size < (1.0 - UNDEFINED_SHARE) * replicates.size:
        return np.nan, np.nan
    method = "linear" if np.isfinite(known).all() else "inverted_cdf"
    lo, hi = np.quantile(known, shares, method=method)
    return float(lo), float(hi)


def bootstrap(
    statistic: Statistic,
    weights: Floats,
    *,
    level: float = LEVEL,
    method: Literal["percentile", "bca"] = "percentile",
) -> Interval:
    """Estimate and bootstrap interval of a statistic, weights (n_resamples, n_units) from :func:`resample`.

    Sharing the weights between statistics pairs them. BCa corrects for bias and skew (Efron 1987). A single
    unit has an estimate but no interval.
    """
    n_units = weights.shape[-1]
    value = float(np.asarray(statistic(np.ones(n_units))))
    if n_units < 2 or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    replicates = np.asarray(statistic(weights), float)
    shares = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    if method == "bca":
        shares = _bca_shares(replicates, value, np.asarray(statistic(1.0 - np.eye(n_units)), float), shares)
    return Interval(value, *_ends(replicates, shares))


def mean_interval(
    values: ArrayLike, *, level: float = LEVEL, bounds: tuple[float, float] = (-np.inf, np.inf)
) -> Interval:
    """Mean of units (n_units,) and Student's interval; NaNs are left out, of a single unit there is none. Ends stop at
    ``bounds``, those of the measure.

    For few units: of a normal mean the percentile bootstrap's nominal 95 % are 84 at 5 units and 92 at 16.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size < 2:
        return Interval(float(values[0]) if values.size else np.nan, np.nan, np.nan)
    half = student.ppf((1.0 + level) / 2.0, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size)
    low, high = np.clip((values.mean() - half, values.mean() + half), *bounds)
    return Interval(float(values.mean()), float(low), float(high))


def _bca_shares(
    replicates: Floats, value: float, jackknife: Floats, shares: tuple[float, float]
) -> tuple[float, float]:
    spread = jackknife.mean() - jackknife
    square = (spread**2).sum()
    if not np.isfinite(square) or square == 0 or np.ptp(replicates) == 0:
        return shares
    accel = (spread**3).sum() / (6.0 * square**1.5)
    bias = ndtri((np.mean(replicates < value) + np.mean(replicates <= value)) / 2.0)
    if not np.isfinite(bias):
        return shares
    z = bias + ndtri(np.array(shares))
    lo, hi = ndtr(bias + z / (1.0 - accel * z))
    return float(lo), float(hi)


def paired_wilcoxon(difference: ArrayLike) -> float:
    """Two-sided p of the Wilcoxon signed-rank test that paired differences (n_units,) are symmetric about 0.

    Exact up to 60 units, ties included. Zero differences are dropped, as Wilcoxon did; p = 1 where all are
    zero, NaN where there is none.
    """
    difference = np.asarray(difference, float)
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return np.nan
    moved = np.round(difference[np.abs(difference) > 1e-12], 12)
    if not moved.size:
        return 1.0
    if moved.size > EXACT_UNITS:
        return float(np.asarray(wilcoxon(moved))[1])
    # Accuracies are counts, so that differences tie; SciPy would then fall back on the normal approximation, whose
    # smallest p at 16 units is ten times too large.
    twice = np.rint(2 * rankdata(np.abs(moved))).astype(int)
    ways = np.ones(1)
    for rank in twice:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    share = ways / ways.sum()
    above = int(twice[moved > 0].sum())
    return float(min(1.0, 2.0 * min(share[: above + 1].sum(), share[above:].sum())))


def holm(p: ArrayLike) -> Floats:
    """Holm's step-down adjusted p values, in the order given; NaNs are no part of the family."""
    p = np.asarray(p, float)
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factor = np.arange(order.size, 0, -1)
    out[order] = np.minimum(np.maximum.accumulate(p[order] * factor), 1.0)
    return out


class Survival(NamedTuple):
    """Kaplan-Meier estimate: the share not yet recovered from each event time on; starts at (0, 1)."""

    times: Floats
    survival: Floats


def _ordered(time: ArrayLike, censored: ArrayLike) -> tuple[Floats, NDArray[np.bool_], NDArray[np.int64]]:
    time, censored = np.asarray(time, float), np.asarray(censored, bool)
    order = np.lexsort((censored, time))  # at equal times an event comes before a censoring
    return time[order], ~censored[order], order


def _product_limit(event: NDArray[np.bool_], weight: Floats) -> Floats:
    """Survival after each ordered observation; one factor each telescopes to (r - d) / r over ties."""
    at_risk = np.cumsum(weight[..., ::-1], -1)[..., ::-1]
    share = np.where(at_risk > 0, weight / np.where(at_risk > 0, at_risk, 1.0), 0.0)
    return np.cumprod(np.where(event, 1.0 - share, 1.0), -1, dtype=float)


def kaplan_meier(time: ArrayLike, censored: ArrayLike) -> Survival:
    """Product-limit estimate of times (n,) of which ``censored`` (n,) are only known to be longer."""
    ordered, event, _ = _ordered(time, censored)
    survival = _product_limit(event, np.ones(ordered.shape))
    last = np.append(ordered[1:] != ordered[:-1], True) if ordered.size else np.zeros(0, bool)
    steps = last & np.isin(ordered, ordered[event])
    return Survival(np.concatenate([[0.0], ordered[steps]]), np.concatenate([[1.0], survival[steps]]))


def median_time(time: ArrayLike, censored: ArrayLike, unit: ArrayLike | None = None) -> Statistic:
    """The statistic "Kaplan-Meier median": the first time at which at most half are left; inf if never
    reached.

    time, censored (n,); unit (n,) says which unit each observation belongs to (its own by default).
    Observations whose time is NaN are left out.
    """
    time, censored = np.asarray(time, float), np.asarray(censored, bool)
    unit = np.arange(time.size) if unit is None else np.asarray(unit)
    known = ~np.isnan(time)
    ordered, event, order = _ordered(time[known], censored[known])
    of = unit[known][order]

    def statistic(weight: Floats) -> Floats:
        if not ordered.size:
            return np.full(weight.shape[:-1], np.nan)
        observed = weight[..., of]
        left = _product_limit(event, observed)
        half = (left <= 0.5 + 1e-9) & event
        first = ordered[np.argmax(half, -1)]
        median = np.where(half.any(-1), first, np.inf)
        return np.where(observed.sum(-1) > 0, median, np.nan)

    return statistic


def wilson(n_right: float, n_trials: float, level: float = LEVEL) -> Interval:
    """A share with Wilson's score interval, for a single day of trials; NaN without a trial."""
    if n_trials == 0:
        return Interval(np.nan, np.nan, np.nan)
    z = float(ndtri((1.0 + level) / 2.0))
    p = n_right / n_trials
    centre = (p + z * z / (2 * n_trials)) / (1 + z * z / n_trials)
    half = z * np.sqrt(p * (1 - p) / n_trials + z * z / (4 * n_trials**2)) / (1 + z * z / n_trials)
    return Interval(p, float(centre - half), float(centre + half))
