"""What the seizure tasks are judged by in the clinic: seizures detected, delay, false alarms; seizures left."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .uncertainty import Weights, ratio_over

Floats = NDArray[np.float64]
Traces = Mapping[str, NDArray[Any]]
KEPT = ("seizing", "impending")
"""What is kept of a window's truth where it is there."""
FLAG = 0.5  # of the largest: above it, the flag is up
NONE_SEEN = "no seizure in these runs; give more --seeds or --windows"


def _detection(mine: Traces, off: Traces, window_s: float, weights: Weights) -> dict[str, Any]:
    """Share of seizures detected within 30 s, median delay s of those, false alarms in 24 h outside seizures."""
    from ...sim.tasks.seizures import score

    flag = np.abs(mine["applied"]).max(-1) > FLAG
    counts, delays = np.zeros((4, *flag.shape[:2])), []
    for at in np.ndindex(*flag.shape[:2]):
        found = score(flag[at], mine["seizing"][at], mine["impending"][at], window_s)
        # without an hour outside seizures there is no rate
        false = found.false_per_day * found.hours / 24.0 if found.hours else 0.0
        counts[(slice(None), *at)] = len(found.delays), found.n_seizures, false, found.hours
        delays.append(found.delays)
    detected, seizures, false, hours = counts
    late = np.concatenate(delays)
    row = {
        **_ends("detected", ratio_over(detected, seizures.mean(0), weights)),
        "delay_s": float(np.median(late)) if late.size else None,
        **_ends("false_per_day", ratio_over(24.0 * false, hours.mean(0), weights)),
        "n_seizures": int(counts[1, 0].sum()),
    }
    if row["detected"] is None:
        row["detected_reason"] = NONE_SEEN
    if row["delay_s"] is None:
        row["delay_s_reason"] = "no seizure was detected" if row["n_seizures"] else NONE_SEEN
    return row


def _abortion(mine: Traces, off: Traces, window_s: float, weights: Weights) -> dict[str, Any]:
    """Seizures of 10 s or more in 24 h, and how many fewer than the same patients have without stimulation, %."""
    before, after = (_counted(traces["seizing"], window_s) for traces in (off, mine))
    days = mine["seizing"].shape[-1] * window_s / 86400.0
    fewer = ratio_over(100.0 * (before - after), before.mean(0), weights)
    row = {
        **_ends("seizures_per_day", ratio_over(after / days, np.ones(weights.n_seeds), weights)),
        **_ends("fewer", fewer), "n_seizures": int(after.sum()), "n_seizures_off": int(before.sum()),
    }  # fmt: skip
    if row["fewer"] is None:
        row["fewer_reason"] = NONE_SEEN
    return row


SCORES: dict[str, Callable[[Traces, Traces, float, Weights], dict[str, Any]]] = {
    "sz_onset_detect": _detection,
    "sz_responsive_abort": _abortion,
}


def seizure_scores(task: str, mine: Traces, off: Traces, window_s: float, weights: Weights) -> dict[str, Any]:
    """Fields of a row for an arm's traces (n_policies, n_seeds, n_windows, ...), beside off's; none of other tasks."""
    return SCORES[task](mine, off, window_s, weights) if task in SCORES and "seizing" in mine else {}


def seizure_sentence(row: Mapping[str, Any]) -> list[str]:
    """The row's scores as a sentence of the verdict; none where it has none."""
    from ..report.text import Column, cell_text, number

    if "detected" in row:
        if not row["n_seizures"]:
            return [f"Sensitivity and delay are undefined: {NONE_SEEN}."]
        delay = "" if row["delay_s"] is None else f" after {number(row['delay_s'], 1, 1)} s (median)"
        return [
            f"{row['title']} detects {cell_text(row, Column('detected', '', 100, 0))} % of {row['n_seizures']} seizures"
            f"{delay}, with {cell_text(row, Column('false_per_day', '', 1, 1))} false alarms in 24 h outside seizures."
        ]
    if "fewer" in row:
        if row["fewer"] is None:
            return [f"The reduction of seizures is undefined: {NONE_SEEN}."]
        return [
            f"{row['n_seizures']} seizures of 10 s or more instead of {row['n_seizures_off']} without stimulation: "
            f"{cell_text(row, Column('fewer', '', 1, 0))} % fewer."
        ]
    return []


def _counted(seizing: NDArray[Any], window_s: float) -> Floats:
    """Seizures of 10 s or more of each run (n_policies, n_seeds)."""
    from ...sim.tasks.seizures import count

    out = np.zeros(seizing.shape[:2])
    for at in np.ndindex(*out.shape):
        out[at] = count(seizing[at], window_s)[0]
    return out


def _ends(name: str, interval: Any) -> dict[str, Any]:
    value, lo, hi = (float(x) if np.isfinite(x) else None for x in interval)
    return {name: value, f"{name}_lo": lo, f"{name}_hi": hi}
