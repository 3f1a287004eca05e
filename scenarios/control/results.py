"""From finished cells to ``results.json``: one row per drift and arm, paired tests, the front, recovery and curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..statistics import holm, paired_wilcoxon
from .arms import Arm, planned_arms
from .cells import ControlCell, run_cells
from .config import DRIFTS, ControlConfig
from .front import Point, dominated
from .metrics import binned, dose, long_bursts, recovery, smoothing, stretches, veto_shares
from .seizures import seizure_scores
from .uncertainty import Weights, mean_over, ratio_over, survival, weights_of
from .verdict import control_verdict

N_BINS = 120
NO_SYMPTOM = "there was no symptom without stimulation in these runs; give more --seeds or --windows"
COUNTED = ("marker", "reward", "energy_percent")


class Measured:
    """One arm at one drift: per-run measures (n_policies, n_seeds) and the traces they are from."""

    def __init__(self, arm: Arm, traces: dict[str, np.ndarray], facts: dict[str, Any]):
        self.arm, self.traces, self.facts = arm, traces, facts
        self.window_s = float(facts["window_s"])
        self.moments = [traces[name][0] for name in sorted(traces) if name.startswith("onset/")]
        given = dose(traces["applied"])
        n_windows = traces["marker"].shape[-1]
        self.hours = n_windows * self.window_s / 3600.0
        self.values: dict[str, np.ndarray] = {
            "marker": traces["marker"].mean(-1), "reward": traces["reward"].mean(-1), "cost": traces["cost"].mean(-1),
            **given,
            "charge": traces["charge"].sum(-1, dtype=float) / self.hours,
            "energy": traces["energy"].sum(-1, dtype=float) / (3600.0 * self.hours),
            "refused": traces["refused"].mean(-1),
            "vetoed": (traces["vetoes"] != 0).mean(-1),
            "out_of_bounds": (~traces["in_bounds"].astype(bool)).mean(-1),
            "ended": traces["terminated"].any(-1).astype(float),
        }  # fmt: skip


def collect(config: ControlConfig, cells: Mapping[ControlCell, tuple[dict, dict]], arm: Arm, drift: str) -> Any:
    """The arm's measures at this drift, None while any of its cells is missing."""
    wanted = run_cells(config, arm, drift)
    if any(cell not in cells for cell in wanted):
        return None
    policies = []
    for policy in range(max(len(arm.policies), 1)):
        mine = [cells[cell][1] for cell in wanted if cell.policy == policy]
        policies.append({name: np.concatenate([part[name] for part in mine]) for name in mine[0]})
    traces = {name: np.stack([part[name] for part in policies]) for name in policies[0]}
    return Measured(arm, traces, cells[wanted[0]][0])


def build_control_results(
    config: ControlConfig,
    spec: Any,
    cells: Mapping[ControlCell, tuple[dict[str, Any], dict[str, np.ndarray]]],
    planned: int,
    versions: Mapping[str, str],
    command: str,
    failures: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """What ``results.json`` holds; a function of its arguments alone."""
    arms = planned_arms(config)
    tuned = {arm.name: dict(cells[c][0]) for arm in arms if (c := ControlCell(kind="tune", arm=arm.name)) in cells}
    results: dict[str, Any] = {
        "kind": "control", "scenario": config.task, "task": config.task, "title": str(spec.title),
        "summary": str(getattr(spec, "summary", "")), "marker": str(spec.marker),
        "marker_unit": str(getattr(spec, "marker_unit", "")), "config": config.to_json(), "command": command,
        "versions": dict(versions), "cells_done": len(cells), "cells_planned": planned,
        "complete": len(cells) == planned, "drifts": {name: DRIFTS[name] for name in config.drifts},
        "arms": {a.name: {"title": a.title, "role": a.role, "matched": a.matched, "n_policies": max(len(a.policies), 1),
                          "tuned": tuned.get(a.name)} for a in arms},
        "failures": [dict(one) for one in failures], "table": [], "tests": [], "curves": [], "moments": [],
        "recovery": [], "notes": [], "references": {},
    }  # fmt: skip
    weights = weights_of(config.seeds)
    for drift in config.drifts:
        found = {arm.name: m for arm in arms if (m := collect(config, cells, arm, drift)) is not None}
        if "off" in found:
            _one_drift(results, config, drift, found, weights)
    for tests in ([t for t in results["tests"] if t["measure"] == measure] for measure in COUNTED):
        for test, p in zip(tests, holm([np.nan if t["p"] is None else t["p"] for t in tests])):
            test["p_holm"] = _number(p)
    results["notes"] = _notes(results)
    results["verdict"] = control_verdict(results)
    return results


def _one_drift(
    results: dict[str, Any], config: ControlConfig, drift: str, found: Mapping[str, Measured], weights: Weights
) -> None:
    off = found["off"]
    reference = _reference(found)
    against = found[reference]
    results["references"][drift] = {
        "arm": reference,
        "name": "the oracle" if against.arm.role == "oracle" else f"the best arm here, {against.arm.title}",
    }
    full = found.get("continuous")
    for measured in found.values():
        _derive(measured, off, full, against)
    names = _veto_names() if off.facts["shield"] else {}
    points = []
    for name, measured in found.items():
        row = _row(drift, measured, off, full, weights, names)
        back, curve = _recovery(drift, measured, against if against.arm.role == "oracle" else None, weights)
        scores = seizure_scores(config.task, measured.traces, off.traces, measured.window_s, weights)
        results["table"].append({**row, **back, **scores})
        results["recovery"] += [curve] if curve else []
        results["curves"].append(_curves(drift, measured, off, against))
        points.append(Point(name, measured.values["benefit"], measured.values["effort"]))
    for row in results["table"]:
        if row["drift"] == drift:
            mine = next(p for p in points if p.name == row["arm"])
            row["dominated_by"] = [other.name for other in points if dominated(mine, other, weights)]
    results["moments"].append({"drift": drift, "moments": _moments(off)})
    results["tests"] += _tests(drift, found, weights)


def _reference(found: Mapping[str, Measured]) -> str:
    """The oracle, or the arm of the greatest mean reward."""
    oracle = [name for name, measured in found.items() if measured.arm.role == "oracle"]
    return oracle[0] if oracle else max(found, key=lambda name: float(found[name].values["reward"].mean()))


def _derive(measured: Measured, off: Measured, full: Measured | None, against: Measured) -> None:
    """Measures that compare, run by run on the same patient: with off, continuous stimulation, the reference."""
    values = measured.values
    scale = _percent_of(off)
    values["percent_off"] = scale * values["marker"]
    values["benefit"] = scale * (off.values["marker"] - values["marker"])
    values["regret"] = against.values["reward"].mean(0) - values["reward"]
    n_policies = values["marker"].shape[0]
    values["effort"] = 100.0 * values["dose_square"]
    if full is not None and (full.values["energy"] > 0).all():
        values["energy_percent"] = 100.0 * values["energy"] / full.values["energy"]
        values["effort"] = values["energy_percent"]
    traces, quiet = measured.traces["marker"], off.traces["marker"][0]
    values["long_bursts"] = np.array(
        [[long_bursts(t, quiet[n], measured.window_s) for n, t in enumerate(traces[p])] for p in range(n_policies)]
    )


def _percent_of(off: Measured) -> float:
    """What makes a marker % of OFF; NaN where there is no symptom to speak of."""
    level = float(off.values["marker"].mean())
    return 100.0 / level if level else np.nan


MEANS = (
    "marker", "time_on", "dose_abs", "dose_square", "charge", "energy", "refused", "vetoed", "reward",
    "cost", "regret", "long_bursts", "out_of_bounds", "ended", "effort",
)  # fmt: skip


def _row(
    drift: str, measured: Measured, off: Measured, full: Measured | None, weights: Weights, names: Mapping[int, str]
) -> dict[str, Any]:
    arm, values = measured.arm, measured.values
    row: dict[str, Any] = {
        "drift": drift, "arm": arm.name, "title": arm.title, "role": arm.role,
        "n_seeds": int(values["marker"].shape[1]), "n_policies": int(values["marker"].shape[0]),
    }  # fmt: skip
    for name in MEANS:
        row |= _ends(name, mean_over(values[name], weights))
    left = ratio_over(100.0 * values["marker"], off.values["marker"], weights)
    row |= _ends("percent_off", left) | _ends("benefit", (100.0 - left.value, 100.0 - left.hi, 100.0 - left.lo))
    if row["percent_off"] is None:
        row["percent_off_reason"] = NO_SYMPTOM
    if "energy_percent" in values and full is not None:
        row |= _ends("energy_percent", ratio_over(100.0 * values["energy"], full.values["energy"], weights))
    else:
        why = "continuous stimulation was not run" if full is None else "the contacts of this plant take no energy"
        row |= {"energy_percent": None, "energy_percent_reason": why}
    if row["long_bursts"] is None:
        row["long_bursts_reason"] = f"windows of {measured.window_s:g} s are too long to tell bursts apart"
    kinds = veto_shares(measured.traces["vetoes"], names)
    row["vetoes"] = {kind: float(share.mean()) for kind, share in kinds.items()}
    row["per_policy"] = [
        {name: float(values[name][p].mean()) for name in ("percent_off", "reward", "effort")}
        for p in range(values["marker"].shape[0])
    ]
    return row


def _veto_names() -> dict[int, str]:
    from ...sim.shield.vetoes import Veto

    return {int(veto): str(veto.name).lower().replace("_", " ") for veto in Veto}


def _recovery(
    drift: str, measured: Measured, oracle: Measured | None, weights: Weights
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """(fields of the row, Kaplan-Meier curve): s from each onset until the marker is back, over patients and onsets."""
    marker = measured.traces["marker"]
    seconds = measured.traces["seconds"]
    times, censored, unit = [], [], []
    for policy in range(marker.shape[0]):
        for seed in range(marker.shape[1]):
            for before, onset, until in stretches(seconds[policy, seed], [float(m[seed]) for m in measured.moments]):
                level = None if oracle is None else oracle.traces["marker"][0, seed]
                back = recovery(marker[policy, seed], onset, until, measured.window_s, level, before)
                if np.isfinite(back.seconds):
                    times.append(back.seconds)
                    censored.append(back.censored)
                    unit.append(seed)
    if not times:
        reason = "no drift begins at one moment" if drift != "none" else "there is no drift"
        return {"recovery_s": None, "recovery_s_reason": reason, "n_onsets": 0, "censored": 0}, None
    interval, curve = survival(times, censored, unit, weights)
    fields = {**_ends("recovery_s", interval), "n_onsets": len(times), "censored": int(np.sum(censored))}
    if fields["recovery_s"] is None:
        fields["recovery_s_reason"] = "fewer than half came back while they were watched"
    level = "the oracle's marker" if oracle is not None else "its own marker before the onset"
    found = {"drift": drift, "arm": measured.arm.name, "n": len(times), "level": level, **curve}
    return fields, found


def _curves(drift: str, measured: Measured, off: Measured, against: Measured) -> dict[str, Any]:
    """Courses over time, means over runs with the middle 80 % of patients: marker in % of OFF, dose, regret so far."""
    n_windows = measured.traces["marker"].shape[-1]
    scale = _percent_of(off)
    marker = scale * binned(measured.traces["marker"].mean(0), N_BINS)
    given = binned(np.abs(measured.traces["applied"]).mean((0, -1)), N_BINS)
    lost = np.cumsum(against.traces["reward"].mean(0) - measured.traces["reward"].mean(0), axis=-1) * measured.window_s
    time = binned(np.arange(n_windows) * measured.window_s, N_BINS)
    low, high = np.quantile(marker, [0.1, 0.9], axis=0)
    return {
        "drift": drift, "arm": measured.arm.name, "seconds": time.tolist(),
        "drift_seconds": binned(measured.traces["seconds"].mean((0, 1)), N_BINS).tolist(),
        "marker": marker.mean(0).tolist(), "marker_lo": low.tolist(), "marker_hi": high.tolist(),
        "dose": given.mean(0).tolist(), "regret": binned(lost, N_BINS).mean(0).tolist(),
        "smoothed_s": smoothing(n_windows) * measured.window_s,
    }  # fmt: skip


def _moments(off: Measured) -> list[dict[str, Any]]:
    """When drifts begin or end, in s since the start: the range over patients, those outside the run left out."""
    out = []
    seconds = off.traces["seconds"][0]
    for name, moment in zip(off.facts["onsets"], off.moments):
        inside = (moment > seconds[:, 0]) & (moment <= seconds[:, -1])
        if inside.any():
            at = [np.searchsorted(seconds[n], moment[n]) * off.window_s for n in np.flatnonzero(inside)]
            out.append({"name": name, "lo": float(min(at)), "hi": float(max(at)), "n": len(at)})
    return out


def _tests(drift: str, found: Mapping[str, Measured], weights: Weights) -> list[dict[str, Any]]:
    """Paired over patients: each learned arm (without one, each controller) against every other arm."""
    learned = [name for name, m in found.items() if m.arm.role == "learned"]
    tried = learned or [name for name, m in found.items() if m.arm.role == "controller"]
    out = []
    for name in tried:
        for other in found:
            if other == name or (other in tried and tried.index(other) < tried.index(name)):
                continue
            mine, theirs = found[name].values, found[other].values
            for measure in COUNTED:
                if measure not in mine or measure not in theirs:
                    continue
                a, b = (x["percent_off"] if measure == "marker" else x[measure] for x in (mine, theirs))
                difference = a.mean(0) - b.mean(0)
                out.append(
                    {
                        "drift": drift,
                        "arm": name,
                        "against": other,
                        "measure": measure,
                        **_ends("difference", mean_over(a - b.mean(0), weights)),
                        "n_units": int(difference.size),
                        "p": _number(paired_wilcoxon(difference)),
                        "p_holm": None,
                    }
                )
    return out


def _notes(results: Mapping[str, Any]) -> list[str]:
    notes = []
    for row in results["table"]:
        where = f"{row['title']}, {row['drift']}"
        if (row["out_of_bounds"] or 0) > 0:
            notes.append(f"{where}: {100 * row['out_of_bounds']:.2g} % of the windows left the plant's bounds.")
        if (row["ended"] or 0) > 0:
            notes.append(f"{where}: the task itself ended in {100 * row['ended']:.0f} % of the runs, which went on.")
    return notes


def _ends(name: str, interval: Any) -> dict[str, Any]:
    value, lo, hi = (_number(x) for x in interval)
    return {name: value, f"{name}_lo": lo, f"{name}_hi": hi}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
