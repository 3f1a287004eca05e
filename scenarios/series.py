"""What the figures draw: curves around the onset, sessions, drift, topographies, recovery over time."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import metrics
from .rows import Comparison
from .statistics import kaplan_meier, wilson
from .streams import Cell, Run, cell_order

N_POINTS = 240  # per curve: more than a printed figure can show
BAND_RESAMPLES = 500  # a band is drawn, not read off to a decimal
LEAD = 60  # trials before the onset that a curve shows
N_COMPONENTS = 8  # more components of one drifting quantity than this are shown as their spread


def _thinned(n: int) -> np.ndarray:
    return np.unique(np.linspace(0, n - 1, min(n, N_POINTS)).round().astype(int))


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(x) if np.isfinite(x) else None for x in values]


def curves(c: Comparison, method: str, severity: float | None) -> dict[str, Any]:
    """Causal 20-trial mean of accuracy around the onset: mean over units with its 95 % bootstrap interval."""
    lead = min(LEAD, max(run.onset for run in c.runs))
    length = lead + max(run.y.size - run.onset for run in c.runs)
    n_units = len(c.units.names)
    total, count = np.zeros((n_units, length)), np.zeros((n_units, length))
    for run, unit in zip(c.runs, c.units.of_run):
        smooth = metrics.causal_mean(run.answers[method].correct)
        first = max(run.onset - lead, metrics.SMOOTHING - 1)  # a mean of fewer trials is mostly luck
        at = np.arange(first, run.y.size) - run.onset + lead
        total[unit, at] += smooth[first:]
        count[unit, at] += 1
    keep = _thinned(length)
    total, count = total[:, keep], count[:, keep]
    value = np.where(count > 0, total / np.maximum(count, 1), 0.0)
    seen = (count > 0).astype(float)
    out = {
        "severity": severity,
        "method": method,
        "trial": [int(t) for t in keep - lead],
        "mean": _listed(np.where(seen.any(0), value.sum(0) / np.maximum(seen.sum(0), 1), np.nan)),
        "lo": None,
        "hi": None,
    }
    if c.units.unit == "subject" and n_units > 1:
        weights = c.weights[:BAND_RESAMPLES]
        below = weights @ seen
        # A replicate without any of the few streams that reach a late trial says nothing about that trial.
        replicates = weights @ value / np.maximum(below, 1e-9)
        lo, hi = np.quantile(replicates, (0.025, 0.975), axis=0)
        sparse = (below == 0).any(0)
        lo[sparse], hi[sparse] = np.nan, np.nan
        out.update(lo=_listed(lo), hi=_listed(hi))
    return out


def label_curve(c: Comparison, method: str, severity: float | None) -> dict[str, Any]:
    """Accuracy over the 20 trials after k labels per class since the onset, k = 0, 2, 5, 10, 20, 40."""
    found = [
        metrics.labels_to_recovery(a.correct, a.labels, run.onset, c.n_classes)
        for run, a in ((run, run.answers[method]) for run in c.runs)
    ]
    points = []
    for i, k in enumerate(metrics.LABELS_PER_CLASS):
        interval = c.bootstrap(c.units.mean_of_runs([one.accuracy[i] for one in found]))
        if c.units.unit == "session":
            interval = interval._replace(lo=np.nan, hi=np.nan)
        value, lo, hi = _listed(np.array(interval))
        points.append({"labels_per_class": k, "accuracy": value, "accuracy_lo": lo, "accuracy_hi": hi})
    reached = [one.labels_to_target for one in found]
    return {
        "severity": severity,
        "method": method,
        "points": points,
        "n_reached": int(np.isfinite(reached).sum()),
        "n_streams": len(found),
    }


def recovery_over_time(c: Comparison, method: str, severity: float | None) -> dict[str, Any] | None:
    """Kaplan-Meier estimate of the share of streams not yet recovered; None without trials before the onset."""
    found = [one for one in c.recoveries(method) if not np.isnan(one.trials)]
    if not found:
        return None
    curve = kaplan_meier([one.trials for one in found], [one.censored for one in found])
    return {
        "severity": severity,
        "method": method,
        "trial": _listed(curve.times),
        "unrecovered": _listed(curve.survival),
        "watched": max(float(run.y.size - metrics.RUNNING - run.onset) for run in c.runs),
        "n": len(found),
        "n_censored": int(sum(one.censored for one in found)),
    }


def sessions(c: Comparison, method: str, severity: float | None, names: Mapping[str, str]) -> list[dict]:
    """Accuracy of every session over all runs, with Wilson's interval over its trials."""
    out = []
    for session in sorted({int(s) for run in c.runs for s in np.unique(run.session)}):
        right = np.concatenate([run.answers[method].correct[run.session == session] for run in c.runs])
        share = wilson(float(right.sum()), right.size)
        value, lo, hi = _listed(np.array(share))
        out.append(
            {
                "severity": severity,
                "method": method,
                "session": session,
                "name": names.get(str(session), str(session)),
                "n_trials": int(right.size),
                "accuracy": value,
                "accuracy_lo": lo,
                "accuracy_hi": hi,
            }
        )
    return out


def session_names(cells: Sequence[Cell]) -> dict[str, str]:
    """Names of sessions (dates, say) from the cells' ``session_names``, a dict by session number or a list."""
    out: dict[str, str] = {}
    for meta, _ in sorted(cells, key=cell_order):
        names = meta.get("session_names") or {}
        named = names.items() if isinstance(names, Mapping) else enumerate(names)
        out.update({str(number): str(name) for number, name in named})
    return out


def drift(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Ground truth of every drifting quantity by severity, aligned on the onset: mean and range over the
    cells.
    """
    groups: dict[tuple, list[tuple[np.ndarray, int]]] = {}
    units: dict[str, str] = {}
    for meta, arrays in sorted(cells, key=cell_order):
        units.update(meta.get("drift_units") or {})
        onset = int(np.asarray(arrays["onset"]).min())
        for name in sorted(arrays):
            if name.startswith("drift/"):
                track = np.asarray(arrays[name], float)
                key = (meta.get("severity"), name.removeprefix("drift/"), track.shape)
                groups.setdefault(key, []).append((track.reshape(track.shape[0], -1), onset))
    out = []
    for (severity, quantity, _), tracks in groups.items():
        stack = np.stack([track for track, _ in tracks])
        keep = _thinned(stack.shape[1])
        stack = stack[:, keep]
        if stack.shape[-1] > N_COMPONENTS:
            spread = [stack.min(-1), np.median(stack, -1), stack.max(-1)]
            components = dict(zip(("lowest", "median", "highest"), spread))
        else:
            many = stack.shape[-1] > 1
            components = {f"{k}" if many else "": stack[..., k] for k in range(stack.shape[-1])}
        for component, values in components.items():
            out.append(
                {
                    "severity": severity,
                    "quantity": quantity,
                    "component": component,
                    "unit": units.get(quantity, ""),
                    "trial": [int(t) for t in keep - tracks[0][1]],
                    "mean": _listed(values.mean(0)),
                    "lo": _listed(values.min(0)),
                    "hi": _listed(values.max(0)),
                }
            )
    return out


def topographies(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Topographies before and after by severity, V: those of the first cell."""
    groups: dict[tuple, list[Cell]] = {}
    for cell in sorted(cells, key=cell_order):
        meta, arrays = cell
        if "topography/before" in arrays and "topography/after" in arrays and meta.get("positions") is not None:
            groups.setdefault((meta.get("severity"), tuple(meta["ch_names"])), []).append(cell)
    out = []
    for (severity, ch_names), members in groups.items():
        # one cell's, not a mean: caps that move to different sides would blur each other
        before, after = (np.asarray(members[0][1][f"topography/{when}"], float) for when in ("before", "after"))
        out.append(
            {
                "severity": severity,
                "ch_names": list(ch_names),
                "positions": np.asarray(members[0][0]["positions"], float).tolist(),
                "title": str(members[0][0].get("topography_title", "")),
                "before": _listed(before),
                "after": _listed(after),
            }
        )
    return out


def n_trials_after(runs: Sequence[Run]) -> int:
    """Trials from the onset on, over all runs."""
    return int(sum(run.y.size - run.onset for run in runs))
