"""From the cells of mi_neurofeedback to its results: accuracy and desynchronisation, contingent against sham."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..contract import RunConfig
from ..own import NOTHING_YET, Finished
from ..statistics import Floats, Interval, bootstrap, resample, weighted_mean

FEEDBACK = ("contingent", "sham", "none")
BOOTSTRAP_SEED = 20220301
END, STRETCH = 40, 20  # trials at the end that are scored, and of a point of the curves
MEASURES = {
    "accuracy_before": "accuracy before the slip, %",
    "accuracy_after": "accuracy after it, %",
    "accuracy_end": "accuracy in the end, %",
    "erd_start": "desynchronisation at first, %",
    "erd_end": "desynchronisation in the end, %",
    "erd_change": "change of desynchronisation, points",
    "dose": "trials stimulated, %",
}


def summarise(done: Finished) -> dict[str, Any]:
    """Strict JSON: rows of decoder x feedback, curves, and paired differences between contingent and sham."""
    rows, curves, contrasts = [], [], []
    methods, cells = done.config.methods, done.cells
    for severity in done.severities:
        here = done.at(severity)
        onset = int(here[0][0]["onset"])
        found = {
            (m, f): {k: np.concatenate([a[f"{k}/{m}/{f}"] for _, a in here]) for k in ("correct", "contra", "dose")}
            for m in methods
            for f in FEEDBACK
        }
        values = {arm: _measures(data, onset) for arm, data in found.items()}
        weights = resample(len(next(iter(values.values()))["dose"]), BOOTSTRAP_SEED)
        for (method, feedback), measured in values.items():
            row: dict[str, Any] = {"severity": severity, "decoder": method, "feedback": feedback}
            for name in MEASURES:
                put(row, name, bootstrap(weighted_mean(measured[name]), weights))
            rows.append(row)
            curves.append({**row_key(row), **_curve(found[method, feedback])})
        for method in methods:
            row = {"severity": severity, "contrast": f"contingent instead of sham stimulation, {method} decoder"}
            for name in ("erd_change", "accuracy_end"):
                put(row, name, _difference(values, (method, "contingent"), (method, "sham"), name, weights))
            contrasts.append(row)
            if method != "frozen" and "frozen" in methods:
                row = {"severity": severity, "contrast": f"{method} instead of frozen decoder, contingent stimulation"}
                for name in ("erd_change", "accuracy_end"):
                    put(row, name, _difference(values, (method, "contingent"), ("frozen", "contingent"), name, weights))
                contrasts.append(row)
    results = {
        **done.facts(),
        "arms": rows,
        "contrasts": contrasts,
        "curves": curves,
        "onset": int(cells[0][0]["onset"]) if cells else None,
        "notes": _notes(done.config),
    }
    results["verdict"] = verdict(results)
    results["text"] = text(results)
    return results


def row_key(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("severity", "decoder", "feedback")}


def _measures(data: Mapping[str, Floats], onset: int) -> dict[str, Floats]:
    correct, erd = 100 * np.asarray(data["correct"], float), 100 * (1 - np.asarray(data["contra"], float))
    start, end = erd[:, :END].mean(axis=1), erd[:, -END:].mean(axis=1)
    return {
        "accuracy_before": correct[:, :onset].mean(axis=1),
        "accuracy_after": correct[:, onset:].mean(axis=1),
        "accuracy_end": correct[:, -END:].mean(axis=1),
        "erd_start": start,
        "erd_end": end,
        "erd_change": end - start,
        "dose": 100 * np.asarray(data["dose"], float).mean(axis=1),
    }


def _curve(data: Mapping[str, Floats]) -> dict[str, list[float]]:
    n = data["correct"].shape[1] // STRETCH

    def course(rows: Floats) -> list[float]:
        return rows[:, : n * STRETCH].reshape(len(rows), n, STRETCH).mean(axis=(0, 2)).astype(float).tolist()

    return {
        "trial": ((np.arange(n) + 0.5) * STRETCH).tolist(),
        "accuracy": [100 * x for x in course(data["correct"])],
        "erd": [100 * (1 - x) for x in course(data["contra"])],
    }


def _difference(values: Mapping, one: tuple, other: tuple, name: str, weights: Floats) -> Interval:
    return bootstrap(weighted_mean(values[one][name] - values[other][name]), weights)


def verdict(results: Mapping[str, Any]) -> dict[str, Any]:
    """A headline and sentences, from the numbers alone."""
    if not results["arms"]:
        return NOTHING_YET
    severity = max(row["severity"] for row in results["arms"])
    here = [c for c in results["contrasts"] if c["severity"] == severity]
    sentences = [
        f"{c['contrast']}: {interval(c, 'erd_change', True)} points of desynchronisation, "
        f"{interval(c, 'accuracy_end', True)} points of accuracy in the end."
        for c in here
    ]
    against_sham = [c for c in here if "sham" in c["contrast"]]
    works = [c for c in against_sham if (c["erd_change_lo"] or 0) > 0]
    headline = (
        f"With the cap {severity:g} cm off, contingent stimulation deepens the desynchronisation beyond sham with "
        f"{len(works)} of {len(against_sham)} decoders."
    )
    return {"headline": headline, "sentences": sentences}


def text(results: Mapping[str, Any]) -> str:
    """The table for a terminal."""
    lines = []
    for severity in sorted({row["severity"] for row in results["arms"]}):
        lines += [
            f"{results['severity_name']} {severity:g} {results['severity_unit']}: " + "; ".join(MEASURES.values())
        ]
        for row in results["arms"]:
            if row["severity"] == severity:
                values = "".join(f"{interval(row, name):<21}" for name in MEASURES)
                lines += [f"  {row['decoder']:<8}{row['feedback']:<12}{values}".rstrip()]
        lines += [""]
    return "\n".join(lines).rstrip()


def interval(row: Mapping[str, Any], name: str, sign: bool = False) -> str:
    """``"12.3 [10.0, 15.0]"``."""

    def one(value: float | None) -> str:
        return "-" if value is None else f"{value:+.1f}" if sign else f"{value:.1f}"

    return f"{one(row[name])} [{one(row[f'{name}_lo'])}, {one(row[f'{name}_hi'])}]"


def put(row: dict[str, Any], name: str, found: Interval) -> None:
    row |= {
        key: float(value) if np.isfinite(value) else None
        for key, value in ((name, found.value), (f"{name}_lo", found.lo), (f"{name}_hi", found.hi))
    }


def _notes(config: RunConfig) -> list[str]:
    notes = [
        "Desynchronisation: 1 - true mu power of the hand area opposite to the cued hand, relative to rest.",
        "Contingent: stimulation at 10 Hz over that area in the two seconds after a trial that was decoded correctly."
        " Sham: the trials in which another person earned it. None: no stimulation.",
        "How stimulation changes the depth of the desynchronisation is a rule of conditioning that is assumed; without"
        " it nothing in the simulated brain learns.",
        "The cue of every trial is known to the decoder's fine-tuning, as it is in training.",
    ]
    return [*notes, "Quick: too short and too few people to be a result."] if config.quick else notes
