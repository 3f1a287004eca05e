"""What the benchmark measures of every arm, over all its scenarios, with intervals over people."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import metrics
from ..rows import put, undefined
from ..statistics import (
    Floats,
    Interval,
    Statistic,
    bootstrap,
    kaplan_meier,
    median_time,
    paired_wilcoxon,
    resample,
    weighted_ratio,
)
from ..streams import Run

SEED = 20220301


class Meeting(NamedTuple):
    """One arm on one stream, beside the bounds: accuracies from the onset on, and what the measures sum.

    differences (n_sessions,): from frozen, session by session; short, span: summed distance of the arm and of frozen to
    the oracle, n trials; recovery: None where nothing drifts; backward: transfer, NaN where nothing comes back.
    """

    scenario: str
    person: str
    accuracy: float
    difference: float
    differences: Floats
    short: float
    span: float
    n_trials: int
    labels: float
    recovery: metrics.Recovery | None
    backward: float


def meet(scenario: str, run: Run, arm: str, drifting: bool, chance: float, person: str | None = None) -> Meeting:
    """What one arm does on one stream; ``person``: who it is, where that is not the run's subject."""
    after = np.arange(run.y.size) >= run.onset
    ours, low, high = (run.answers[name] for name in (arm, "frozen", "oracle"))
    sessions = np.unique(run.session[after])
    differences = [
        run.accuracy(arm, after & (run.session == s)) - run.accuracy("frozen", after & (run.session == s))
        for s in sessions
    ]
    used = ours.labels[-1] - (ours.labels[run.onset - 1] if run.onset else 0.0)
    return Meeting(
        scenario=scenario,
        person=person or run.subject,
        accuracy=run.accuracy(arm, after),
        difference=run.accuracy(arm, after) - run.accuracy("frozen", after),
        differences=np.array(differences),
        short=float((high.fading - ours.fading)[after].sum()) if drifting else 0.0,
        span=float((high.fading - low.fading)[after].sum()) if drifting else 0.0,
        n_trials=int(after.sum()) if drifting else 0,
        labels=float(used),
        recovery=metrics.time_to_recovery(ours.correct, run.onset, chance, time_s=run.time_s, labels=ours.labels)
        if drifting
        else None,
        backward=np.nan
        if run.back is None or not drifting
        else metrics.transfer(ours.correct, low.correct, run.onset, run.back).backward,
    )


class Field:
    """All meetings by arm, the people that intervals are over, and bootstrap weights that every arm shares."""

    def __init__(self, meetings: Mapping[str, Sequence[Meeting]]):
        self.meetings = {arm: list(found) for arm, found in meetings.items()}
        some = next(iter(self.meetings.values()))
        where: dict[str, set[str]] = {}
        for one in some:
            where.setdefault(one.person, set()).add(one.scenario)
        self.people = sorted(where)
        self.index = {person: i for i, person in enumerate(self.people)}
        # people of the same scenarios are drawn among themselves, so that no scenario is ever left without any
        kinds = sorted({tuple(sorted(s)) for s in where.values()})
        groups = [[i for i, p in enumerate(self.people) if tuple(sorted(where[p])) == kind] for kind in kinds]
        drawn = np.concatenate([resample(len(group), SEED) for group in groups], -1)
        self.weights = drawn[:, np.argsort(np.concatenate(groups), kind="stable")]

    def bootstrap(self, statistic: Statistic) -> Interval:
        return bootstrap(statistic, self.weights)

    def pairs(self, arm: str, what: str, scenario: str | None = None) -> dict[tuple[str, str], float]:
        """Mean over repetitions of one value per (scenario, person)."""
        found: dict[tuple[str, str], list[float]] = {}
        for one in self.meetings[arm]:
            if scenario in (None, one.scenario):
                found.setdefault((one.scenario, one.person), []).append(getattr(one, what))
        return {key: float(np.mean(values)) for key, values in found.items()}

    def mean(self, arm: str, what: str, scenario: str | None = None) -> Statistic:
        """The mean over (scenario, person), as a statistic over people."""
        total, count = np.zeros(len(self.people)), np.zeros(len(self.people))
        for (_, person), value in self.pairs(arm, what, scenario).items():
            if np.isnan(value):
                continue
            total[self.index[person]] += value
            count[self.index[person]] += 1
        return weighted_ratio(total, count)

    def by_person(self, arm: str, what: str) -> Floats:
        """Mean over the scenarios that each person takes part in, (n_people,)."""
        found: dict[str, list[float]] = {person: [] for person in self.people}
        for (_, person), value in self.pairs(arm, what).items():
            found[person].append(value)
        return np.array([float(np.mean(found[person])) for person in self.people], np.float64)


def measure(field: Field, arm: str) -> dict[str, Any]:
    """Everything measured of one arm."""
    row: dict[str, Any] = {}
    met = field.meetings[arm]
    of = np.array([field.index[one.person] for one in met])
    row["labels"] = float(np.mean(list(field.pairs(arm, "labels").values())))
    put(row, "accuracy", field.bootstrap(field.mean(arm, "accuracy")))
    put(row, "gain", field.bootstrap(field.mean(arm, "difference")))
    _area(field, row, met, of)
    _recovery(field, row, met, of)
    values = np.concatenate([one.differences for one in met])
    people = np.repeat(of, [one.differences.size for one in met])
    for i, name in enumerate(("harm", "harm_5pp", "harm_cvar10", "harm_worst")):
        put(row, name, field.bootstrap(lambda w, i=i: metrics.harm(values, w[..., people])[i]))
    put(row, "backward", field.bootstrap(field.mean(arm, "backward")), "nothing comes back")
    row["p"] = paired_wilcoxon(field.by_person(arm, "difference"))
    return row


def _area(field: Field, row: dict[str, Any], met: Sequence[Meeting], of: np.ndarray) -> None:
    n = len(field.people)
    short, span, trials = (np.bincount(of, [getattr(m, k) for m in met], n) for k in ("short", "span", "n_trials"))
    gap = field.bootstrap(weighted_ratio(span, trials))
    if np.isnan(gap.value):
        undefined(row, "naud", "nothing drifts")
    elif gap.value < metrics.NOISE_GAP or not (np.isnan(gap.lo) or gap.lo > 0):
        undefined(row, "naud", f"the oracle is {100 * gap.value:.1f} points above frozen: below noise")
    else:
        put(row, "naud", field.bootstrap(weighted_ratio(short, span)))


def _recovery(field: Field, row: dict[str, Any], met: Sequence[Meeting], of: np.ndarray) -> None:
    known = [(one.recovery, person) for one, person in zip(met, of) if one.recovery is not None]
    row["n_streams"] = len(known)
    row["censored"] = sum(r.censored for r, _ in known)
    if not known:
        undefined(row, "ttr90_trials", "nothing drifts")
        return
    people = np.array([person for _, person in known])
    median = median_time([r.trials for r, _ in known], [r.censored for r, _ in known], people)
    back = len(known) - row["censored"]
    reason = f"{back} of {len(known)} recovered while watched: the median, or an end of it, is not reached"
    put(row, "ttr90_trials", field.bootstrap(median), reason)


def recovery_curve(field: Field, arm: str) -> dict[str, Any] | None:
    """Kaplan and Meier's share of streams not yet recovered, over all drifting scenarios; None where nothing drifts.

    ``usual``: how long the median stream is watched, for an axis that one long recording does not stretch.
    """
    drifting = [one for one in field.meetings[arm] if one.recovery is not None]
    known = [one.recovery for one in drifting if one.recovery is not None]
    if not known:
        return None
    curve = kaplan_meier([r.trials for r in known], [r.censored for r in known])
    return {
        "arm": arm,
        "trial": curve.times.tolist(),
        "unrecovered": curve.survival.tolist(),
        "watched": max(r.trials for r in known),
        "usual": float(np.median([one.n_trials for one in drifting])) - metrics.RUNNING,
        "n": len(known),
    }
