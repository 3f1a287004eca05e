"""Detections: seizures found, how late, and how often for nothing, of every arm and budget."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...adaptation.finetune.confidence import clopper_pearson
from ...sim.tasks.seizures import score
from ..metrics import causal_mean
from ..report.text import UNDEFINED
from ..statistics import Floats, Interval, bootstrap, resample, weighted_ratio
from .infos import ARMS
from .risk import BOOTSTRAP_SEED
from .scenario import Table

SMOOTH, THRESHOLD = 5, 0.9  # a flag is up where the mean probability over so many s is above this
NONE_SEEN = 3.689  # the mean of a Poisson count that is none in 2.5 % of cases: -ln .025
COUNTS = ("detected", "seizures", "false", "hours", "delay")
PATIENTS = (
    "{n} seizures, {hours:.1f} h outside them. Beside it: 97 % of 67 seizures, median delay 5 s (here: means), .6 "
    "false alarms in 24 h, of patient-specific detectors on intracranial recordings (PMC3713785)."
)
SEGMENTS = (
    "{n} ictal segments, detected where a flag is up in any of their 23 s, and {hours:.1f} h of others; a segment has "
    "no onset and so no delay. False alarms are scaled up from segments that were chosen without artefacts; a day has "
    "more."
)


def detections(proba: np.ndarray, seizing: np.ndarray, impending: np.ndarray) -> dict[str, np.ndarray]:
    """Counts (n_patients, n_budgets, n_arms) of ``COUNTS``: delay is the sum over detected seizures, s.

    proba (n_patients, n_budgets, n_arms, n_seconds, 2); seizing, impending (n_patients, n_seconds), or (n_patients,
    n_segments, n_seconds) where the seconds are of segments one after the other, each by itself.
    """
    shape = seizing.shape[1:]
    flag = causal_mean(proba[..., 1].reshape(*proba.shape[:3], *shape), SMOOTH) > THRESHOLD
    found = np.zeros((len(COUNTS), *flag.shape[:3]))
    for place in np.ndindex(*flag.shape[:3]):
        one = score(flag[place], seizing[place[0]], impending[place[0]], 1.0)
        false = one.false_per_day * one.hours / 24.0 if one.hours else 0.0
        found[(slice(None), *place)] = len(one.delays), one.n_seizures, false, one.hours, one.delays.sum()
    return {what: found[i] for i, what in enumerate(COUNTS)}


def detection_table(
    name: str, arms: Sequence[str], budgets: Sequence[int], cells: Sequence[Mapping[str, np.ndarray]], segments: bool
) -> Table:
    """Sensitivity, delay and false alarms of every arm and budget; of segments, which have no onset, no delay."""
    counts = {what: np.concatenate([c[what] for c in cells]) for what in COUNTS}
    weights = resample(len(counts["hours"]), BOOTSTRAP_SEED)
    rows = []
    for b, budget in enumerate(budgets):
        for arm in arms:
            if arm.startswith("scratch") and not budget:
                continue
            mine = {what: values[:, b, ARMS.index(arm)] for what, values in counts.items()}
            delay = bootstrap(weighted_ratio(mine["delay"], mine["detected"]), weights)
            rows.append([
                f"{budget}", arm, _text(sensitivity(mine["detected"], mine["seizures"], weights), 0),
                UNDEFINED if segments else _text(delay, 1), _text(alarms(mine["false"], mine["hours"], weights), 1),
            ])  # fmt: skip
    n, hours = int(counts["seizures"][:, 0, 0].sum()), counts["hours"][:, 0, 0].sum()
    heads = ("labelled seconds", "arm", "sensitivity, %", "mean delay, s", "false alarms in 24 h")
    caption = SEGMENTS if segments else PATIENTS
    return Table(f"Detections: {name}", heads, rows, caption.format(n=n, hours=hours))


def sensitivity(detected: Floats, seizures: Floats, weights: Floats) -> Interval:
    """%, over patients; where none or all of the seizures were detected, which no resampling changes, the exact
    interval of as many independent ones (Clopper and Pearson)."""
    found = bootstrap(weighted_ratio(100 * detected, seizures), weights)
    hits, n = round(float(detected.sum())), round(float(seizures.sum()))
    if not n or 0 < hits < n:
        return found
    low, high = clopper_pearson(hits, n)
    return found._replace(lo=100 * low, hi=100 * high)


def alarms(false: Floats, hours: Floats, weights: Floats) -> Interval:
    """In 24 h, over patients; where there was none, up to the exact end of a Poisson count of none."""
    found = bootstrap(weighted_ratio(24 * false, hours), weights)
    return found if false.sum() else found._replace(lo=0.0, hi=24 * NONE_SEEN / max(float(hours.sum()), 1e-9))


def _text(found: Any, digits: int) -> str:
    if not np.isfinite(found.value):
        return UNDEFINED
    return f"{found.value:.{digits}f} [{found.lo:.{digits}f}, {found.hi:.{digits}f}]"
