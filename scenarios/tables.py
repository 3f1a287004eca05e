"""From finished cells to ``results.json``: the table, what the figures draw, the tests and the verdict."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import series
from .report.text import console_table, markdown_table
from .rows import Comparison, measure, seconds_per_trial
from .statistics import holm
from .streams import Cell, Run, Unit, cell_order, collect, split
from .verdict import verdict

__all__ = ["build_results", "console_table", "markdown_table"]

BOOTSTRAP_SEED = 20220301
SCHEMA = 1


def build_results(
    spec: Any,
    config: Any,
    versions: Mapping[str, str],
    cells: Sequence[Cell],
    planned: int,
    timing: Mapping[str, Mapping[str, Any]] | None = None,
    command: str = "",
    unit: Unit = "subject",
) -> dict[str, Any]:
    """Everything a run says, as strict JSON (no NaN: null, with the reason beside it).

    spec: name, title, summary, severity_name, severity_unit, labelled, and ``methods``: name -> {title,
    tag, labels}; optional ``chance``, ``frozen`` and ``oracle`` (the bounds' names). cells: (meta, arrays)
    in any order. timing: method -> {predict_ms_p50, ...}. unit is what intervals and tests are over: people
    (the same id in several cells is one person), or the sessions of a recorded stream; then
    ``accuracy_post`` takes all scored trials, for natural drift has no end to be measured at. A cell's meta
    may name its sessions (``session_names``) and reasons why measures are not defined (``undefined``:
    metric -> reason).
    """
    spec = facts(spec)
    runs, silent = collect(cells)
    methods = _order({method for run in runs for method in run.answers}, spec)
    frozen, oracle = spec.get("frozen", "frozen"), spec.get("oracle", "oracle")
    severities = sorted({run.severity for run in runs}, key=lambda s: (s is not None, s or 0.0))
    names = series.session_names(cells)
    reasons = _reasons(cells)
    out: dict[str, list] = {"table": [], "curves": [], "label_curves": [], "kaplan_meier": [], "sessions": []}
    p_values: list[tuple[dict[str, Any], float, int]] = []
    for severity in severities:
        here = [run for run in runs if run.severity == severity]
        for method in methods:
            having = [run for run in here if method in run.answers]
            if not having:
                continue
            c = _comparison(having, unit, spec, frozen, oracle)
            role = {frozen: "frozen", oracle: "oracle"}.get(method, "method")
            row = _labelled(spec, method, role, severity, c, unit)
            row.update(measure(c, method, seconds_per_trial(having), (timing or {}).get(method, {})))
            for name, reason in reasons.items():
                if name in row:
                    row.update({name: None, f"{name}_lo": None, f"{name}_hi": None, f"{name}_reason": reason})
            row["below_frozen"] = role == "method" and (row.get("gain") or 0.0) < 0
            out["table"].append(row)
            if role == "method" and c.frozen is not None:
                p_values.append((row, c.p_value(method), len(c.unit_differences(method))))
            out["curves"].append(series.curves(c, method, severity))
            out["label_curves"].append(series.label_curve(c, method, severity))
            out["kaplan_meier"].append(series.recovery_over_time(c, method, severity))
            if len(np.unique(np.concatenate([run.session for run in having]))) > 1:
                out["sessions"] += series.sessions(c, method, severity, names)
    out["kaplan_meier"] = [curve for curve in out["kaplan_meier"] if curve is not None]
    complete = len(cells) == planned
    if complete:
        out["table"].sort(key=_rank)
    results = {
        "schema": SCHEMA,
        **{
            key: spec.get(key, "")
            for key in ("title", "summary", "severity_name", "severity_unit", "kind", "reference")
        },
        "scenario": spec.get("name", ""),
        "complete": complete,
        "cells_done": len(cells),
        "cells_planned": planned,
        "unit": unit,
        "chance": _chance(runs, spec) if runs else None,
        "methods": {method: _info(spec, method) for method in methods},
        "subjects": sorted({run.subject for run in runs}),
        "seeds": sorted({run.seed for run in runs}, key=lambda seed: (str(type(seed)), seed)),
        "class_names": next((list(meta["class_names"]) for meta, _ in cells if meta.get("class_names")), []),
        "tests": _tests(p_values),
        **out,
        "drift": series.drift(cells),
        "topographies": series.topographies(cells),
        "notes": _notes(cells) + silent,
        "config": _plain(config),
        "versions": versions,
        "command": command,
    }
    results["verdict"] = verdict(results)
    return strict(results)


def facts(spec: Any) -> dict[str, Any]:
    """The scenario's facts as a dict; where ``methods`` only lists names, their titles are the names."""
    out = dict(_plain(spec))
    out["kind"] = out.get("kind") or out.get("labelled") or ""
    if not isinstance(out.get("methods"), Mapping):
        out["methods"] = {name: {} for name in out.get("methods") or ()}
    return out


def _plain(value: Any) -> Any:
    """A dataclass's fields as a dict; anything else as it is."""
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


def strict(value: Any) -> Any:
    """The value in strict JSON's types: NumPy unpacked, not-a-number null, floats to 7 significant digits."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return strict(value.tolist())
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.7g}") if np.isfinite(value) else None
    return value if value is None else str(value)


def _comparison(runs: list[Run], unit: Unit, spec: Mapping[str, Any], frozen: str, oracle: str) -> Comparison:
    units = split(runs, unit)
    weights = units.resampled(runs, BOOTSTRAP_SEED)
    return Comparison(runs, units, weights, _chance(runs, spec), frozen, oracle)


def _chance(runs: Sequence[Run], spec: Mapping[str, Any]) -> float:
    n_classes = next(iter(runs[0].answers.values())).proba.shape[-1]
    return float(spec.get("chance") or 1.0 / n_classes)


def _info(spec: Mapping[str, Any], method: str) -> dict[str, Any]:
    known = (spec.get("methods") or {}).get(method, {})
    return {"title": known.get("title", method), "tag": known.get("tag"), "labels": known.get("labels")}


def _order(methods: set[str], spec: Mapping[str, Any]) -> list[str]:
    """As the scenario lists them, then the others by name."""
    listed = [method for method in (spec.get("methods") or {}) if method in methods]
    return listed + sorted(methods - set(listed))


def _labelled(
    spec: Mapping[str, Any], method: str, role: str, severity: float | None, c: Comparison, unit: Unit
) -> dict[str, Any]:
    info = _info(spec, method)
    n_after = series.n_trials_after(c.runs)
    return {
        "method": method,
        "title": info["title"],
        "tag": info["tag"],
        "labels_kind": info["labels"],
        "role": role,
        "severity": severity,
        "n_subjects": len({run.subject for run in c.runs}),
        "n_units": len(c.units.names),
        "n_streams": len(c.runs),
        "n_trials_post": n_after,
        "accuracy_post_window": f"all {n_after} scored trials" if unit == "session" else _window(c.runs),
    }


def _window(runs: Sequence[Run]) -> str:
    shortest = min(run.y.size - run.onset for run in runs)
    return "last 50 trials after the onset" if shortest >= 50 else f"all {shortest} trials after the onset"


def _rank(row: Mapping[str, Any]) -> tuple:
    """Within a severity the best first, so that whatever lost to frozen stands below it."""
    severity = row["severity"]
    return (severity is not None, severity or 0.0, -(row["accuracy_post_all"] or 0.0))


def _tests(p_values: Sequence[tuple[dict[str, Any], float, int]]) -> list[dict[str, Any]]:
    """Paired Wilcoxon of every method against frozen; Holm over all of them, at all severities."""
    adjusted = holm([p for _, p, _ in p_values])
    out = []
    for (row, p, n_pairs), p_holm in zip(p_values, adjusted):
        row["p_holm"] = float(p_holm) if np.isfinite(p_holm) else None
        keys = ("severity", "method", "title", "gain", "gain_lo", "gain_hi")
        out.append({**{key: row[key] for key in keys}, "n_units": n_pairs, "p": p, "p_holm": p_holm})
    return out


def _notes(cells: Sequence[Cell]) -> list[str]:
    found = [str(note) for meta, _ in sorted(cells, key=cell_order) for note in meta.get("notes") or []]
    return list(dict.fromkeys(found))


def _reasons(cells: Sequence[Cell]) -> dict[str, str]:
    out: dict[str, str] = {}
    for meta, _ in sorted(cells, key=cell_order):
        undefined = meta.get("undefined")
        if isinstance(undefined, Mapping):
            out.update({str(name): str(reason) for name, reason in undefined.items()})
    return out
