"""What a decoding stream is worth: the metrics every scenario reports, in NumPy, for one stream each.

A stream is one subject seen by one method: ``correct`` (n_trials,) bool, whether the prediction made before
the update was right, and ``onset``, the index of the first trial under drift. Undefined values are NaN,
never zero.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FORGETTING = 0.98  # prequential fading factor: an effective memory of 1/(1 - alpha) = 50 trials
SMOOTHING = 20  # trials in the causal mean that drop, time to recovery and the curves use
PLATEAU = 50  # trials in "before the drift" and "at the end"
RUNNING = 10  # trials the smoothed accuracy has to stay above the target to count as recovered
NOISE_GAP = 0.01  # an oracle less than one point above frozen leaves nothing to normalise by
ROUNDING = 1e-9  # so that 0.8 >= 0.5 + 0.75 * 0.4 holds in floating point
LABELS_PER_CLASS = (0, 2, 5, 10, 20, 40)


def predictions(proba: ArrayLike) -> NDArray[np.int64]:
    """Predicted class of each trial, (..., n_trials); -1 where proba (..., n_trials, n_classes) is not
    finite.
    """
    proba = np.asarray(proba)
    return np.where(np.isfinite(proba).all(-1), np.nan_to_num(proba).argmax(-1), -1)


def prequential(correct: ArrayLike, alpha: float = FORGETTING, weight: ArrayLike | None = None) -> Floats:
    """Fading accuracy P_t = S_t / B_t with S_t = a_t + alpha S_(t-1), B_t = 1 + alpha B_(t-1) (Gama 2013).

    weight (n_trials,), all above 0: trial t counts as so many, a_t and 1 times it.
    """
    correct = np.asarray(correct, float)
    count = np.ones(correct.shape[-1]) if weight is None else np.asarray(weight, float)
    out = np.empty_like(correct)
    total, trials = np.zeros(correct.shape[:-1]), 0.0
    for t in range(correct.shape[-1]):
        total = count[t] * correct[..., t] + alpha * total
        trials = count[t] + alpha * trials
        out[..., t] = total / trials
    return out


def class_weights(y: ArrayLike) -> Floats:
    """Weights (n_trials,) with which every class of y (n_trials,) that occurs counts alike; their mean is 1."""
    _, which, count = np.unique(np.asarray(y), return_inverse=True, return_counts=True)
    return (which.size / (count.size * count))[which]


def causal_mean(values: ArrayLike, window: int = SMOOTHING) -> Floats:
    """Mean of the last ``window`` trials along the last axis; of the trials so far while there are fewer."""
    values = np.asarray(values, float)
    total = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, -1)], -1)
    stop = np.arange(1, values.shape[-1] + 1)
    start = np.maximum(stop - window, 0)
    return (total[..., stop] - total[..., start]) / (stop - start)


def _mean(values: NDArray) -> float:
    return float(np.mean(values)) if values.size else np.nan


def accuracy_before(correct: ArrayLike, onset: int, n_trials: int = PLATEAU) -> float:
    """A_pre: accuracy over the last ``n_trials`` before the onset (all of them where there are fewer)."""
    return _mean(np.asarray(correct, float)[max(onset - n_trials, 0) : onset])


def accuracy_after(correct: ArrayLike, onset: int, n_trials: int | None = PLATEAU) -> float:
    """Accuracy over the last ``n_trials`` of the trials from the onset on (all of them with None)."""
    after = np.asarray(correct, float)[onset:]
    return _mean(after if n_trials is None else after[-n_trials:])


def drop(correct: ArrayLike, onset: int) -> float:
    """A_pre minus the accuracy over the first 20 trials after the onset."""
    after = np.asarray(correct, float)[onset : onset + SMOOTHING]
    return accuracy_before(correct, onset) - _mean(after)


def recovery_target(before: float, chance: float, fraction: float = 0.9) -> float:
    """The accuracy that counts as recovered, c + x (A_pre - c)."""
    return chance + fraction * (before - chance)


class Recovery(NamedTuple):
    """Time from the onset to recovery; where ``censored`` the three are how long we watched in vain.

    trials: t - t0; minutes: on the stream's own clock; labels: those used between onset and the prediction
    of t.
    """

    trials: float
    minutes: float
    labels: float
    censored: bool


def time_to_recovery(
    correct: ArrayLike,
    onset: int,
    chance: float,
    *,
    time_s: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    fraction: float = 0.9,
) -> Recovery:
    """TTR_x: the first t - t0 from which the causal 20-trial mean stays >= c + x (A_pre - c) for 10 trials.

    time_s (n_trials,) s and labels (n_trials,), cumulative and counting the trial's own update, translate
    it into minutes and labels (NaN without them). The windows of the first 19 trials reach back before the
    onset, so a stream that never falls recovers in 0 trials. A stream that is not seen to recover is
    censored at the last trial from which 10 trials could still be watched. All NaN without a trial before
    the onset.
    """
    correct = np.asarray(correct, float)
    n_trials = correct.shape[-1]
    before = accuracy_before(correct, onset)
    if np.isnan(before):
        return Recovery(np.nan, np.nan, np.nan, False)
    above = causal_mean(correct) >= recovery_target(before, chance, fraction) - ROUNDING
    above[: SMOOTHING - 1] = False
    last = max(n_trials - RUNNING, onset)
    streak = np.convolve(above[onset:], np.ones(RUNNING), "valid") if n_trials - onset >= RUNNING else np.zeros(0)
    starts = np.flatnonzero(streak > RUNNING - 0.5)
    t = onset + int(starts[0]) if starts.size else last
    minutes = used = np.nan
    if time_s is not None:
        time_s = np.asarray(time_s, float)
        minutes = (time_s[min(t, n_trials - 1)] - time_s[min(onset, n_trials - 1)]) / 60.0
    if labels is not None:
        cumulative = np.concatenate([[0.0], np.asarray(labels, float)])
        used = cumulative[t] - cumulative[onset]
    return Recovery(float(t - onset), float(minutes), float(used), not starts.size)


def area_under_drift(correct: ArrayLike, onset: int) -> float:
    """AUD: sum over the trials from the onset on of max(0, A_pre - P_t), P_t prequential; in trials."""
    lost = accuracy_before(correct, onset) - prequential(correct)[onset:]
    return float(np.maximum(lost, 0.0).sum())


def area_terms(correct: ArrayLike, frozen: ArrayLike, oracle: ArrayLike, onset: int) -> tuple[Floats, Floats]:
    """Per trial from the onset on, how far the method (first) and frozen (second) lie below the oracle.

    All three are prequential, so that frozen scores exactly 1 and the oracle exactly 0.
    """
    method, low, high = (prequential(stream)[onset:] for stream in (correct, frozen, oracle))
    return high - method, high - low


def normalised_area(correct: ArrayLike, frozen: ArrayLike, oracle: ArrayLike, onset: int) -> float:
    """nAUD = sum(A_O - P) / sum(A_O - A_F): 0 as the oracle, 1 as frozen, > 1 harm.

    NaN where the denominator is below noise: the oracle less than 1 point above frozen per trial.
    """
    short, span = area_terms(correct, frozen, oracle, onset)
    return float(short.sum() / span.sum()) if span.size and span.mean() >= NOISE_GAP else np.nan


def recovery_fraction(accuracy: float, frozen: float, oracle: float) -> float:
    """(A - A_F) / (A_O - A_F) of accuracies over the last 50 trials; NaN where the oracle gains < 1 point."""
    return (accuracy - frozen) / (oracle - frozen) if oracle - frozen >= NOISE_GAP - ROUNDING else np.nan


def confusion(y: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Counts (n_classes, n_classes + 1), true class by prediction; the last column is -1, no answer."""
    predicted = np.asarray(predicted)
    out = np.zeros((n_classes, n_classes + 1), np.int64)
    np.add.at(out, (np.asarray(y), np.where(predicted < 0, n_classes, predicted)), 1)
    return out


def balanced_accuracy(counts: ArrayLike) -> Floats:
    """Mean recall over the classes that occur, from confusion counts (..., n_classes, n_classes + 1)."""
    counts = np.asarray(counts, float)
    seen = counts.sum(-1)
    recall = np.where(seen > 0, np.diagonal(counts, axis1=-2, axis2=-1) / np.where(seen > 0, seen, 1.0), 0.0)
    present = (seen > 0).sum(-1)
    return np.where(present > 0, recall.sum(-1) / np.maximum(present, 1), np.nan)


def kappa(counts: ArrayLike) -> Floats:
    """Cohen's kappa from confusion counts (..., n_classes, n_classes + 1); NaN if chance agrees fully."""
    counts = np.asarray(counts, float)
    total = np.maximum(counts.sum((-2, -1)), 1.0)
    observed = np.trace(counts, axis1=-2, axis2=-1) / total
    expected = (counts.sum(-1) * counts.sum(-2)[..., :-1]).sum(-1) / total**2
    known = (counts.sum((-2, -1)) > 0) & (expected < 1.0 - ROUNDING)
    return np.where(known, (observed - expected) / np.where(known, 1.0 - expected, 1.0), np.nan)


def accuracy_at_labels(correct: ArrayLike, labels: ArrayLike, onset: int, n_labels: int) -> float:
    """Accuracy over the 20 trials that follow once ``n_labels`` labels were used since the onset.

    labels (n_trials,) is cumulative and counts the trial's own update. NaN where so many were never used or
    fewer than 20 trials were left.
    """
    cumulative = np.concatenate([[0], np.asarray(labels)])
    enough = np.flatnonzero(cumulative[onset:-1] - cumulative[onset] >= n_labels)
    if not enough.size:
        return np.nan
    after = np.asarray(correct, float)[onset + enough[0] :][:SMOOTHING]
    return _mean(after) if after.size == SMOOTHING else np.nan


class LabelCurve(NamedTuple):
    """Accuracy by labels per class, and the fewest that reach the target (NaN if none does)."""

    labels_per_class: tuple[int, ...]
    accuracy: Floats
    labels_to_target: float


def labels_to_recovery(
    correct: ArrayLike, labels: ArrayLike, onset: int, n_classes: int, *, fraction: float = 0.9
) -> LabelCurve:
    """Labels-to-90 % curve over k = 0, 2, 5, 10, 20, 40 labels per class; the target is that of TTR."""
    target = recovery_target(accuracy_before(correct, onset), 1.0 / n_classes, fraction)
    accuracy = np.array([accuracy_at_labels(correct, labels, onset, k * n_classes) for k in LABELS_PER_CLASS])
    reached = np.flatnonzero(accuracy >= target - ROUNDING)
    return LabelCurve(LABELS_PER_CLASS, accuracy, float(LABELS_PER_CLASS[reached[0]]) if reached.size else np.nan)


class Transfer(NamedTuple):
    """What learning B did to A (backward, forgetting) and what A had done for B (forward)."""

    backward: float
    forgetting: float
    forward: float


def transfer(correct: ArrayLike, frozen: ArrayLike, onset: int, back: int) -> Transfer:
    """Transfer on an A-B-A stream: B begins at ``onset``, A returns at ``back``.

    backward = first 20 trials of the returned A minus the last 50 of the first A; forgetting = its loss, at
    least 0; forward = first 20 trials of B minus frozen's (after Lopez-Paz & Ranzato 2017, on one stream).
    """
    correct, frozen = np.asarray(correct, float), np.asarray(frozen, float)
    backward = _mean(correct[back : back + SMOOTHING]) - accuracy_before(correct, onset)
    in_b = slice(onset, min(onset + SMOOTHING, back))
    return Transfer(backward, max(0.0, -backward), _mean(correct[in_b]) - _mean(frozen[in_b]))


class Harm(NamedTuple):
    """The bad end of D = A - A_F over subject-sessions, as fractions."""

    below_1pp: float
    below_5pp: float
    cvar10: float
    worst: float


def harm(difference: ArrayLike, weight: ArrayLike | None = None) -> Harm:
    """P(D < -1 pp), P(D < -5 pp), CVaR10 (mean of the worst tenth, at least one) and the worst D.

    difference (n,); weight (..., n) counts how often each D is taken (a bootstrap's weights) and gives the
    shape.
    """
    difference = np.asarray(difference, float)
    order = np.argsort(difference, kind="stable")
    sorted_d = difference[order]
    weight = np.ones(difference.shape) if weight is None else np.asarray(weight, float)
    weight = weight[..., order]
    total = weight.sum(-1)
    tail = np.ceil(0.1 * total - ROUNDING)[..., None]
    upto = np.cumsum(weight, -1)
    taken = np.minimum(upto, tail) - np.minimum(upto - weight, tail)
    return Harm(
        (weight * (sorted_d < -0.01 - ROUNDING)).sum(-1) / total,
        (weight * (sorted_d < -0.05 - ROUNDING)).sum(-1) / total,
        (taken * sorted_d).sum(-1) / tail[..., 0],
        np.where(weight > 0, sorted_d, np.inf).min(-1),
    )


def calibration_bins(proba: ArrayLike, y: ArrayLike, n_bins: int = 10) -> Floats:
    """Per bin of equal width (lo, hi] of confidence: trials, sum of confidence, number right; (n_bins, 3).

    The counts add up over subjects, so that :func:`expected_calibration_error` can be taken of any pool of
    them.
    """
    proba = np.asarray(proba, float)
    confidence = proba.max(-1)
    right = proba.argmax(-1) == np.asarray(y)
    which = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    columns = (np.ones_like(confidence), confidence, right.astype(float))
    return np.stack([np.bincount(which, column, n_bins).astype(float) for column in columns], -1)


def expected_calibration_error(bins: ArrayLike) -> Floats:
    """ECE: mean over trials of |accuracy - confidence| of their bin; bins (..., n_bins, 3) of
    calibration_bins.
    """
    count, confidence, right = np.moveaxis(np.asarray(bins, float), -1, 0)
    total = count.sum(-1)
    return np.where(total > 0, np.abs(right - confidence).sum(-1) / np.where(total > 0, total, 1.0), np.nan)


def brier(proba: ArrayLike, y: ArrayLike) -> float:
    """Brier score summed over classes, 0 (certain and right) to 2 (certain and wrong); proba (n_trials,
    n_classes).
    """
    proba = np.asarray(proba, float)
    return float(((proba - np.eye(proba.shape[-1])[np.asarray(y)]) ** 2).sum(-1).mean())


def risk_coverage_area(proba: ArrayLike, y: ArrayLike) -> float:
    """Mean error rate over all coverages when the least confident trials are left out first (AURC; 0 is
    best).

    Trials of equal confidence share their mean error, so that the order of the trials never counts.
    """
    proba = np.asarray(proba, float)
    wrong = (proba.argmax(-1) != np.asarray(y)).astype(float)
    _, group = np.unique(-proba.max(-1), return_inverse=True)
    shared = (np.bincount(group, wrong) / np.bincount(group))[np.sort(group)]
    return float((np.cumsum(shared) / np.arange(1, shared.size + 1)).mean())


def itr(accuracy: ArrayLike, n_classes: int, seconds: float) -> Floats:
    """Information transfer rate, bits/min, of one selection every ``seconds`` (Wolpaw); 0 at chance and
    below.
    """
    p = np.asarray(accuracy, float)
    q = 1.0 - p
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.log2(n_classes) + np.where(p > 0, p * np.log2(p), 0.0)
        bits = bits + np.where(q > 0, q * np.log2(q / (n_classes - 1)), 0.0)
    rate = np.where(p > 1.0 / n_classes, np.maximum(bits, 0.0), 0.0) * 60.0 / seconds
    return np.where(np.isnan(p), np.nan, rate)


def normalised_latency(compute_s: ArrayLike, signal_s: ArrayLike) -> float:
    """sum(compute time) / sum(signal time); below 1 keeps up with real time (FALCON)."""
    return float(np.sum(compute_s) / np.sum(signal_s))


class Detection(NamedTuple):
    """A drift monitor on one stream: trials from onset to the first alarm (NaN if missed)."""

    delay: float
    missed: bool
    false_alarms: int


def detection(alarm: ArrayLike, onset: int) -> Detection:
    """Score alarm (n_trials,) bool against the onset of the drift."""
    alarm = np.asarray(alarm, bool)
    hits = np.flatnonzero(alarm[onset:])
    return Detection(float(hits[0]) if hits.size else np.nan, not hits.size, int(alarm[:onset].sum()))


def average_run_length(alarm: ArrayLike) -> float:
    """ARL0: trials per alarm on streams without drift, alarm (..., n_trials); inf where none was raised."""
    alarm = np.asarray(alarm, bool)
    return alarm.size / alarm.sum() if alarm.any() else np.inf
