"""What a transfer is judged by: accuracy, balanced accuracy, kappa or the area under the ROC curve, of one arm."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from .. import metrics

MEASURES: Mapping[str, str] = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "kappa": "Cohen's kappa",
    "auc": "area under the ROC curve",
}


def area_under_curve(evidence: ArrayLike, positive: ArrayLike) -> float:
    """Area under the ROC curve of evidence (n_trials,) for the trials that are ``positive`` (n_trials,) bool.

    The Mann-Whitney statistic: ties count one half. NaN where one of the two classes does not occur.
    """
    positive = np.asarray(positive, bool)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return np.nan
    above = rankdata(np.asarray(evidence, float))[positive].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def score(measure: str, proba: ArrayLike, y: ArrayLike) -> float:
    """The measure of proba (n_trials, n_classes) beside the classes y (n_trials,), trials with y -1 left out.

    NaN where no probability is finite, for an arm that has no answer; a trial without an answer among others is wrong.
    The area is of the last class against the others.
    """
    proba, y = np.asarray(proba, float), np.asarray(y)
    proba, y = proba[y >= 0], y[y >= 0]
    answered = np.isfinite(proba).all(-1)
    if not answered.any():
        return np.nan
    if measure == "auc":
        return area_under_curve(np.where(answered, proba[:, -1], -np.inf), y == proba.shape[-1] - 1)
    predicted = metrics.predictions(proba)
    if measure == "accuracy":
        return float((predicted == y).mean())
    counts = metrics.confusion(y, predicted, proba.shape[-1])
    return float(metrics.kappa(counts) if measure == "kappa" else metrics.balanced_accuracy(counts))
