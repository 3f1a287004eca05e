"""One row of the table: everything measured of one method at one severity, with intervals and reasons."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import metrics
from .statistics import (
    Floats,
    Interval,
    Statistic,
    bootstrap,
    median_time,
    paired_wilcoxon,
    weighted_ratio,
)
from .streams import Run, Units

NO_BASELINE = "no trials before the onset"
ONE_UNIT = "a single unit: no interval"
ONE_STREAM = "one stream: no interval"
TIMINGS = (
    "predict_ms_p50",
    "predict_ms_p99",
    "update_ms_p50",
    "update_ms_p99",
    "normalised_latency",
)


def put(row: dict[str, Any], name: str, interval: Interval, reason: str | None = None) -> None:
    """Write value, ends and, where one of them is missing, the reason into the row."""
    ends = [float(x) if np.isfinite(x) else None for x in interval]
    row[name], row[f"{name}_lo"], row[f"{name}_hi"] = ends
    if None in ends:
        row[f"{name}_reason"] = (reason or "undefined here") if ends[0] is None else ONE_UNIT


def undefined(row: dict[str, Any], name: str, reason: str) -> None:
    """Write that the measure has no value, and why."""
    put(row, name, Interval(np.nan, np.nan, np.nan), reason)


def seconds_per_trial(runs: Sequence[Run]) -> float:
    """Median time from one trial to the next within a session, s; NaN where there is none."""
    gaps = np.concatenate([np.diff(run.time_s)[np.diff(run.session) == 0] for run in runs])
    gaps = gaps[np.isfinite(gaps) & (gaps > 0)]
    return float(np.median(gaps)) if gaps.size else np.nan


class Comparison:
    """The runs of one severity, their units and the bootstrap weights that all methods share (so they pair)."""

    def __init__(self, runs: Sequence[Run], units: Units, weights: Floats, chance: float, frozen: str, oracle: str):
        self.runs, self.units, self.weights, self.chance = list(runs), units, weights, chance
        self.frozen = frozen if all(frozen in run.answers for run in runs) else None
        self.oracle = oracle if all(oracle in run.answers for run in runs) else None
        self.n_classes = next(iter(runs[0].answers.values())).proba.shape[-1]
        self.after = [piece.trials & (np.arange(piece.trials.size) >= runs[piece.run].onset) for piece in units.pieces]
        self.before = [self._window(i, before=True) for i in range(len(units.pieces))]
        self.end = self.after if units.unit == "session" else [self._window(i) for i in range(len(self.after))]
        self.n_after = [int(trials.sum()) for trials in self.after]

    def _window(self, i: int, before: bool = False) -> np.ndarray:
        """The piece's share of the 50 trials before the onset, or of the last 50."""
        run, piece = self.runs[self.units.pieces[i].run], self.units.pieces[i]
        index = np.arange(run.y.size)
        if before:
            return piece.trials & (index >= run.onset - metrics.PLATEAU) & (index < run.onset)
        return piece.trials & (index >= max(run.onset, run.y.size - metrics.PLATEAU))

    def bootstrap(self, statistic: Statistic) -> Interval:
        return bootstrap(statistic, self.weights)

    def pieces(self, method: str, trials: Sequence[np.ndarray]) -> list[float]:
        """Accuracy of the method over some trials of every piece; NaN where it has none."""
        return [
            self.runs[piece.run].accuracy(method, chosen) if chosen.any() else np.nan
            for piece, chosen in zip(self.units.pieces, trials)
        ]

    def accuracy(self, method: str, trials: Sequence[np.ndarray]) -> Statistic:
        return self.units.mean(self.pieces(method, trials), [float(chosen.sum()) for chosen in trials])

    def differences(self, method: str) -> list[float]:
        """A - A_F over all trials from the onset on, one per piece."""
        ours, base = self.pieces(method, self.after), self.pieces(self.frozen or method, self.after)
        return [a - b for a, b in zip(ours, base)]

    def recoveries(self, method: str) -> list[metrics.Recovery]:
        """Time to recovery of every run."""
        return [
            metrics.time_to_recovery(a.correct, run.onset, self.chance, time_s=run.time_s, labels=a.labels)
            for run, a in ((run, run.answers[method]) for run in self.runs)
        ]

    def p_value(self, method: str) -> float:
        """Wilcoxon over units of the difference from frozen; NaN without frozen."""
        return np.nan if self.frozen is None else paired_wilcoxon(self.unit_differences(method))

    def unit_differences(self, method: str) -> np.ndarray:
        """Mean difference from frozen (n,) of the units that have one: not a day before the onset."""
        of = np.array([piece.unit for piece in self.units.pieces])
        d = np.array(self.differences(method))
        known = np.isfinite(d)
        count = np.bincount(of[known], minlength=len(self.units.names))
        total = np.bincount(of[known], d[known], len(self.units.names))
        return total[count > 0] / count[count > 0]


def measure(c: Comparison, method: str, seconds: float, timing: Mapping[str, Any]) -> dict[str, Any]:
    """Every measured value of one method at one severity (see docs of the table's columns in the glossary)."""
    row: dict[str, Any] = {}
    has_before = any(chosen.any() for chosen in c.before)
    labels = [run.answers[method].labels for run in c.runs]
    row["labels"] = float(np.mean([used[-1] for used in labels]))
    row["labels_after_onset"] = float(
        np.mean([used[-1] - (used[run.onset - 1] if run.onset else 0) for run, used in zip(c.runs, labels)])
    )
    before = c.bootstrap(c.accuracy(method, c.before))
    if len({piece.unit for piece, chosen in zip(c.units.pieces, c.before) if chosen.any()}) < 2:
        before = Interval(before.value, np.nan, np.nan)
    put(row, "accuracy_pre", before, None if has_before else NO_BASELINE)
    put(row, "accuracy_post", c.bootstrap(c.accuracy(method, c.end)))
    put(row, "accuracy_post_all", c.bootstrap(c.accuracy(method, c.after)))
    _over_runs(c, row, method, has_before)
    _times(c, row, method, has_before)
    _against_bounds(c, row, method)
    _agreement(c, row, method, has_before)
    _probabilities(c, row, method)
    _rate(c, row, method, seconds)
    _there_and_back(c, row, method)
    for name in TIMINGS:
        value, lo, hi = (timing.get(f"{name}{end}") for end in ("", "_lo", "_hi"))
        known = Interval(*(np.nan if x is None else float(x) for x in (value, lo, hi)))
        put(row, name, known, "not timed in this run" if value is None else "one timing per run: no interval")
    return row


def _over_runs(c: Comparison, row: dict[str, Any], method: str, has_before: bool) -> None:
    """Measures of a whole stream; sessions of one stream cannot be resampled for them."""
    answers = [run.answers[method] for run in c.runs]
    values = {
        "drop": [metrics.drop(a.correct, run.onset) for a, run in zip(answers, c.runs)],
        "aud": [metrics.area_under_drift(a.correct, run.onset) for a, run in zip(answers, c.runs)],
    }
    for n in (10, 20):
        values[f"accuracy_at_{n}_labels"] = [
            metrics.accuracy_at_labels(a.correct, a.labels, run.onset, n) for a, run in zip(answers, c.runs)
        ]
    for name, value in values.items():
        interval = c.bootstrap(c.units.mean_of_runs(value))
        reason = None
        if np.isnan(interval.value):
            reason = "so many labels were never used, or fewer than 20 trials were left"
            reason = NO_BASELINE if name in ("drop", "aud") and not has_before else reason
        elif c.units.unit == "session":
            interval, reason = Interval(interval.value, np.nan, np.nan), ONE_STREAM
        put(row, name, interval, reason)


def _times(c: Comparison, row: dict[str, Any], method: str, has_before: bool) -> None:
    found = c.recoveries(method)
    censored = [one.censored for one in found]
    row["censored"] = int(sum(censored)) if has_before else None
    if not has_before:
        row["censored_reason"] = NO_BASELINE
    recovered = sum(not one.censored and not np.isnan(one.trials) for one in found)
    never = f"{recovered} of {len(found)} recovered while watched: the median, or an end of it, is not reached"
    for name in ("trials", "minutes", "labels"):
        interval = c.bootstrap(median_time([getattr(one, name) for one in found], censored, c.units.of_run))
        reason = never if has_before else NO_BASELINE
        if c.units.unit == "session" or len(c.units.names) < 2:
            interval = Interval(interval.value, np.nan, np.nan)
            reason = ONE_STREAM if np.isfinite(interval.value) else reason
        put(row, f"ttr90_{name}", interval, reason)


def _against_bounds(c: Comparison, row: dict[str, Any], method: str) -> None:
    bounds = ("naud", "recovery_fraction")
    harms = ("harm", "harm_5pp", "harm_cvar10", "harm_worst")
    if c.frozen is None:
        for name in (*bounds, *harms, "gain"):
            undefined(row, name, "frozen was not run")
        return
    d = c.differences(method)
    put(row, "gain", c.bootstrap(c.units.mean(d, c.n_after)))
    values, of = _subject_sessions(c, method)
    for i, name in enumerate(harms):
        put(row, name, c.bootstrap(lambda w, i=i: metrics.harm(values, w[..., of])[i]))
    if c.oracle is None:
        for name in bounds:
            undefined(row, name, "the oracle was not run")
        return
    short, span = np.zeros(len(c.after)), np.zeros(len(c.after))
    for i, (piece, after) in enumerate(zip(c.units.pieces, c.after)):
        run = c.runs[piece.run]
        ours, low, high = (run.answers[m].fading[after] for m in (method, c.frozen, c.oracle))
        short[i], span[i] = (high - ours).sum(), (high - low).sum()
    _normalised(c, row, "naud", short, span, c.n_after)
    sizes = [int(chosen.sum()) for chosen in c.end]
    ends = [np.nan_to_num(c.pieces(m, c.end)) * sizes for m in (method, c.frozen, c.oracle)]
    _normalised(c, row, "recovery_fraction", ends[0] - ends[1], ends[2] - ends[1], sizes)


def _normalised(
    c: Comparison, row: dict[str, Any], name: str, part: Floats, span: Floats, n_trials: Sequence[int]
) -> None:
    """A share of the oracle's gain over frozen: undefined where that gain cannot be told from nothing."""
    part, span = c.units.sums(part), c.units.sums(span)
    gap = c.bootstrap(weighted_ratio(span, c.units.sums(np.asarray(n_trials, float))))
    if np.isnan(gap.value) or gap.value < metrics.NOISE_GAP or not (np.isnan(gap.lo) or gap.lo > 0):
        ends = "" if np.isnan(gap.lo) else f" [{100 * gap.lo:.1f}, {100 * gap.hi:.1f}]"
        undefined(row, name, f"the oracle is {100 * gap.value:.1f}{ends} points above frozen: below noise")
    else:
        put(row, name, c.bootstrap(weighted_ratio(part, span)))


def _subject_sessions(c: Comparison, method: str) -> tuple[Floats, np.ndarray]:
    """D = A - A_F of every subject-session under drift, and the unit each belongs to."""
    values, of = [], []
    for piece, after in zip(c.units.pieces, c.after):
        run = c.runs[piece.run]
        for session in np.unique(run.session[after]):
            chosen = after & (run.session == session)
            values.append(run.accuracy(method, chosen) - run.accuracy(c.frozen or method, chosen))
            of.append(piece.unit)
    return np.array(values), np.array(of, np.int64)


def _agreement(c: Comparison, row: dict[str, Any], method: str, has_before: bool) -> None:
    def counts(trials: Sequence[np.ndarray]) -> Floats:
        return np.array(
            [
                metrics.confusion(run.y[chosen], run.answers[method].predicted[chosen], c.n_classes)
                for run, chosen in ((c.runs[p.run], chosen) for p, chosen in zip(c.units.pieces, trials))
            ],
            float,
        )

    def statistic(measure: Any, confusion: Floats) -> Statistic:
        if c.units.unit == "subject":
            return c.units.mean(measure(confusion), confusion.sum((1, 2)))
        flat = c.units.sums(confusion).reshape(len(c.units.names), -1)
        return lambda w: measure((w @ flat).reshape(*w.shape[:-1], *confusion.shape[1:]))

    after, before = counts(c.after), counts(c.before)
    put(row, "balanced_accuracy", c.bootstrap(statistic(metrics.balanced_accuracy, after)))
    post, pre = statistic(metrics.kappa, after), statistic(metrics.kappa, before)
    one_class = "a single class was seen and predicted"
    put(row, "kappa", c.bootstrap(post), one_class)
    ahead = c.bootstrap(pre)
    if not has_before:
        undefined(row, "retained_kappa", NO_BASELINE)
    elif np.isnan(ahead.value) or ahead.value <= 0 or ahead.lo <= 0:
        undefined(row, "retained_kappa", "kappa before the onset cannot be told from 0")
    else:
        put(row, "retained_kappa", c.bootstrap(_quotient(post, pre)), one_class)


def _quotient(above: Statistic, below: Statistic) -> Statistic:
    def statistic(w: Floats) -> Floats:
        base = np.asarray(below(w), float)
        return np.where(base > 0, np.asarray(above(w), float) / np.where(base > 0, base, 1.0), np.nan)

    return statistic


def _probabilities(c: Comparison, row: dict[str, Any], method: str) -> None:
    bins, squares, areas = [], [], []
    for piece, after in zip(c.units.pieces, c.after):
        run = c.runs[piece.run]
        proba, y = run.answers[method].proba[after], run.y[after]
        bins.append(metrics.calibration_bins(proba, y))
        squares.append(metrics.brier(proba, y) if y.size else np.nan)
        areas.append(metrics.risk_coverage_area(proba, y) if y.size else np.nan)
    pooled = c.units.sums(np.array(bins))
    flat = pooled.reshape(len(pooled), -1)

    def ece(w: Floats) -> Floats:
        return metrics.expected_calibration_error((w @ flat).reshape(*w.shape[:-1], *pooled.shape[1:]))

    put(row, "ece", c.bootstrap(ece))
    put(row, "brier", c.bootstrap(c.units.mean(squares, c.n_after)))
    put(row, "risk_coverage", c.bootstrap(c.units.mean(areas, c.n_after)))


def _rate(c: Comparison, row: dict[str, Any], method: str, seconds: float) -> None:
    if np.isnan(seconds):
        undefined(row, "itr", "the time of the trials is not known")
    elif c.units.unit == "subject":
        rates = metrics.itr(c.pieces(method, c.after), c.n_classes, seconds)
        put(row, "itr", c.bootstrap(c.units.mean(list(rates), c.n_after)))
    else:
        accuracy = c.accuracy(method, c.after)
        put(row, "itr", c.bootstrap(lambda w: metrics.itr(accuracy(w), c.n_classes, seconds)))


def _there_and_back(c: Comparison, row: dict[str, Any], method: str) -> None:
    """Transfer between what was before the onset and what followed it, where the first comes back."""
    if any(run.back is None for run in c.runs):
        return
    names = ("backward_transfer", "forgetting", "forward_transfer")
    if c.frozen is None:
        for name in names:
            undefined(row, name, "frozen was not run")
        return
    found = [
        metrics.transfer(run.answers[method].correct, run.answers[c.frozen].correct, run.onset, run.back or 0)
        for run in c.runs
    ]
    for i, name in enumerate(names):
        put(row, name, c.bootstrap(c.units.mean_of_runs([one[i] for one in found])))
