"""ibci_turnover as a scenario of the runner: months in which neurons are lost, decoded in four ways."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ...sim.keys import stream_key
from ..contract import Cell, Notify, RunConfig
from ..infos import INFOS
from ..own import Finished, OwnScenario, cells_of, people, refuse_data, refuse_labels, refuse_methods
from .page import report
from .results import assemble, curve, mean_of, row
from .turnover import METHODS, Months, run_months

COLUMNS = {"first": "R² on the first day", "late": "R² over the last third", "all": "R² over all days"}


@dataclasses.dataclass(frozen=True)
class Turnover(OwnScenario):
    """A cell is a person, at a speed of turnover."""

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_data(config)
        refuse_methods(config, METHODS)
        refuse_labels(config)
        return cells_of(config, *((name,) for name in people(config)))

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        base = stream_key(jax.random.key(0), self.info.name, cell.seed)
        key = stream_key(base, "person", int(cell.subjects[0][1:]))
        months = make_months(config)
        scores: dict[str, np.ndarray] = dict(zip(METHODS, run_months(months, cell.severity, key, notify)))
        return {"days": list(months.days)}, {name: scores[name].astype(np.float32) for name in config.methods}

    def summarise(self, done: Finished) -> dict[str, Any]:
        return summarise(done)

    def report(self, results: Mapping[str, Any]) -> str:
        return report(results)


def make_months(config: RunConfig) -> Months:
    """Four months, a session every four days; with --quick every twelve."""
    return Months(days=tuple(float(d) for d in range(0, 121, 12))) if config.quick else Months()


def summarise(done: Finished) -> dict[str, Any]:
    """R² by method and speed of turnover; people of all seeds together."""
    rows, curves = [], []
    for speed in done.severities:
        here = done.at(speed)
        days = np.asarray(here[0][0]["days"], float)
        late = days >= days[-1] * 2 / 3
        for name in done.config.methods:
            scores = np.stack([arrays[name] for _, arrays in here]).astype(float)
            label = name if len(done.severities) == 1 else f"{name}, turnover x {speed:g}"
            measures = {
                "first": mean_of(scores[:, 0]),
                "late": mean_of(scores[:, late].mean(axis=1)),
                "all": mean_of(scores.mean(axis=1)),
            }
            rows.append(row(label, {}, **measures))
            curves.append(curve(label, days, scores.mean(axis=0)))
    axes = {
        "x": "days", "y": "R² of intended velocity", "title": "Decoding over the months",
        "caption": "Mean over people; each session is scored on reaches that nothing was fitted on.",
    }  # fmt: skip
    notes = [
        "A neuron is still there after t days with probability .71 exp(-t/24) + .29 exp(-t/225) (fitted to Vaidya et "
        "al. 2014); rates of 84 % of the units walk by 49 % between sessions (Perge et al. 2013).",
        "stabiliser: factor analysis of 160 unlabelled reaches, turned onto the session before; supervised: a Kalman "
        "filter fitted on 24 labelled reaches of the day; oracle: on 160.",
    ]
    return assemble(
        done, columns=COLUMNS, rows=rows, curves=curves, axes=axes,
        verdict=verdict(rows), notes=notes, over="people",
    )  # fmt: skip


def verdict(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How much of what the frozen decoder loses each method brings back."""
    found = {r["name"]: r for r in rows}
    if not {"frozen", "oracle"} <= set(found):
        return {"headline": f"{len(rows)} rows.", "sentences": []}
    low, high = found["frozen"]["late"], found["oracle"]["late"]
    sentences = [
        f"{name}: R² {r['late']:.2f} over the last third, "
        f"{100 * (r['late'] - low) / (high - low):.0f} % of the way from frozen to oracle."
        for name, r in found.items()
        if name not in ("frozen", "oracle") and high > low
    ]
    headline = (
        f"The frozen decoder falls from R² {found['frozen']['first']:.2f} to {low:.2f}; the oracle has {high:.2f}."
    )
    return {"headline": headline, "sentences": sentences}


def ibci_turnover() -> Turnover:
    """The built-in scenario."""
    return Turnover(INFOS["ibci_turnover"])
