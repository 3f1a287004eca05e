"""The risks of a transfer, from its outcome alone: who gained over scratch, who lost, what was forgotten.

Harm is counted as everywhere (``metrics.harm``), here of the difference from the same person trained from scratch on
the same labelled trials: a transfer that loses to that is a negative transfer.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ...adaptation.finetune.confidence import clopper_pearson
from .. import metrics
from ..rows import put, undefined
from ..statistics import Floats, Interval, bootstrap, mean_interval, resample, weighted_mean
from ..tables import strict
from .measures import MEASURES
from .outcome import Outcome

SCRATCH, FROZEN, ORACLE = "scratch", "frozen", "oracle"
OVER = {"gain": SCRATCH, "over_scratch_aligned": "scratch_aligned", "over_frozen": FROZEN, "over_aligned": "aligned"}
"""Differences in a row, and the arm that they are from."""
BOOTSTRAP_SEED = 20220301
SHARES = ("negative", "negative_5pp")
HARMS = (*SHARES, "cvar10", "worst")
ONE_TENTH = 10  # people, of whom the worst tenth is one
EXTREME = "one person, the worst: no interval"
NO_SCRATCH = "nothing can be trained from scratch here"
NO_PROBABILITIES = "probabilities were not kept"
NO_SOURCE = "accuracy on the source was not measured"
BOUNDS = (-1.0, 1.0)  # of every measure, kappa's below 0
NEAR = 0.95  # of the oracle, what counts as there


def risks(outcome: Outcome, audit: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Everything a risk report says, as strict JSON: rows of arm x budget, people, audit.

    A row has, each with a 95 % interval over people: ``value`` of the measure; ``gain`` over scratch, and those over
    the other arms of ``OVER``, as fractions; ``negative`` and ``negative_5pp``, the shares of people more than 1 and 5
    points below scratch; ``cvar10``, the mean of the worst tenth, and ``worst``; ``forgetting``, what was lost on the
    source (positive is a loss); ``ece`` and ``brier``. Means over people have Student's interval, of paired differences
    where they are differences; shares the exact one (Clopper and Pearson), since resampling people of whom none lost
    says [0, 0], of however few; the rest a percentile bootstrap, which is too narrow for few. ``worst`` has none, nor
    ``cvar10`` where it is that person: no resampling goes beyond an extreme.
    ``spread``: the standard deviation, least and greatest over people. audit: what a privacy audit found, shown as it
    is.
    """
    weights = resample(len(outcome.people), BOOTSTRAP_SEED)
    rows = [_row(outcome, arm, b, weights) for arm in outcome.arms for b in range(len(outcome.budgets))]
    found = {
        "measure": outcome.measure,
        "measure_title": MEASURES[outcome.measure],
        "people": list(outcome.people),
        "budgets": list(outcome.budgets),
        "arms": list(outcome.arms),
        "rows": rows,
        "values": np.asarray(outcome.accuracy, float),
        "needed": [_needed(outcome, arm) for arm in outcome.arms if arm != ORACLE and ORACLE in outcome.arms],
        "audit": None if audit is None else dict(audit),
    }
    return strict(found)


def gain(outcome: Outcome, arm: str, over: str = SCRATCH) -> Floats:
    """The measure (n_people, n_budgets) of one arm less that of another, as fractions; NaN where either is."""
    return outcome.of(arm) - outcome.of(over)


def _row(outcome: Outcome, arm: str, b: int, weights: Floats) -> dict[str, Any]:
    a = outcome.arms.index(arm)
    values = np.asarray(outcome.accuracy, float)[:, b, a]
    row: dict[str, Any] = {"arm": arm, "budget": outcome.budgets[b], "n_people": int(np.isfinite(values).sum())}
    nothing = "needs labels" if arm == SCRATCH and not outcome.budgets[b] else "no answer"
    put(row, "value", mean_interval(values, bounds=BOUNDS), nothing)
    known = values[np.isfinite(values)]
    row["spread"] = {
        "sd": known.std(ddof=1) if known.size > 1 else None,
        "least": known.min() if known.size else None,
        "greatest": known.max() if known.size else None,
    }
    for name, over in OVER.items():
        if over in outcome.arms:
            put(row, name, mean_interval(gain(outcome, arm, over)[:, b]), f"{over}: no answer")
        else:
            undefined(row, name, f"{over} was not run")
    _harm(outcome, row, arm, b, weights)
    if outcome.source_before is None or outcome.source_after is None:
        undefined(row, "forgetting", NO_SOURCE)
    else:
        lost = np.asarray(outcome.source_before, float)[:, a] - np.asarray(outcome.source_after, float)[:, b, a]
        put(row, "forgetting", mean_interval(lost), NO_SOURCE)
    _calibration(outcome, row, a, b, weights)
    return row


def _harm(outcome: Outcome, row: dict[str, Any], arm: str, b: int, weights: Floats) -> None:
    difference = gain(outcome, arm)[:, b] if SCRATCH in outcome.arms else np.full(len(outcome.people), np.nan)
    known = np.isfinite(difference)
    for i, name in enumerate(HARMS):
        if arm == SCRATCH or not known.any():
            undefined(row, name, "it is what others are compared with" if arm == SCRATCH else NO_SCRATCH)
        elif name in SHARES:
            share = metrics.harm(difference[known])[i]
            n = int(known.sum())
            put(row, name, Interval(float(share), *clopper_pearson(round(float(share) * n), n)))
        else:
            found = bootstrap(partial(_harm_of, i, difference[known], known), weights)
            extreme = name == "worst" or known.sum() <= ONE_TENTH
            put(row, name, found._replace(lo=np.nan, hi=np.nan) if extreme else found)
            if extreme:
                row[f"{name}_reason"] = EXTREME


def _harm_of(i: int, difference: Floats, known: np.ndarray, weight: Floats) -> Floats:
    """The i-th measure of harm; of a replicate that drew nobody with a known difference nothing is known."""
    weight = weight[..., known]
    some = weight.sum(-1) > 0
    return np.where(some, metrics.harm(difference, np.where(some[..., None], weight, 1.0))[i], np.nan)


def _calibration(outcome: Outcome, row: dict[str, Any], a: int, b: int, weights: Floats) -> None:
    if outcome.probabilities is None or outcome.y is None:
        for name in ("ece", "brier"):
            undefined(row, name, NO_PROBABILITIES)
        return
    bins, squares, sizes = [], [], []
    for proba, y in zip(outcome.probabilities[:, b, a], outcome.y):
        told = (y >= 0) & np.isfinite(proba).all(-1)
        bins.append(metrics.calibration_bins(proba[told], y[told]).ravel())
        squares.append(metrics.brier(proba[told], y[told]) if told.any() else np.nan)
        sizes.append(told.sum())
    flat = np.array(bins)

    def ece(w: Floats) -> Floats:
        return metrics.expected_calibration_error((w @ flat).reshape(*w.shape[:-1], -1, 3))

    put(row, "ece", bootstrap(ece, weights))
    put(row, "brier", bootstrap(weighted_mean(squares, sizes), weights))


def _needed(outcome: Outcome, arm: str) -> dict[str, Any]:
    """Labelled trials until an arm is within 5 % of the oracle, person by person: the first budget there.

    None for a person whose arm never is; the median counts those as more than the largest budget.
    """
    best = outcome.of(ORACLE).max(axis=1)
    there = outcome.of(arm) >= NEAR * best[:, None] - metrics.ROUNDING
    first = [float(outcome.budgets[int(np.argmax(row))]) if row.any() else np.inf for row in there]
    middle = np.quantile(first, 0.5, method="inverted_cdf")
    never = int(np.isinf(first).sum())
    return {"arm": arm, "median": middle, "never": never, "n_people": len(first), "by_person": first}


def find(risk: Mapping[str, Any], arm: str, budget: int) -> Mapping[str, Any]:
    """The row of an arm at a budget."""
    return next(row for row in risk["rows"] if (row["arm"], row["budget"]) == (arm, budget))


def interval_of(row: Mapping[str, Any], name: str) -> Interval:
    """The measure of a row with its ends; NaN where undefined."""
    ends = (row[name], row[f"{name}_lo"], row[f"{name}_hi"])
    return Interval(*(np.nan if x is None else float(x) for x in ends))
