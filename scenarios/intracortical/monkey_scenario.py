"""ibci_monkey as a scenario of the runner: the published instabilities and what becomes of them."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...sim.errors import InputError
from ..contract import Cell, Notify, RunConfig
from ..infos import INFOS
from ..own import Finished, OwnScenario
from .page import report
from .results import assemble, curve, mean_of, row

ROWS = (
    ("baseline, before", "frozen", "baselineEvaluation", "1.00"),
    ("baseline, after", "frozen", "washout", "1.00"),
    ("perturbed, nothing done", "frozen", "perturbationEvaluation", ".18"),
    ("perturbed, nothing done, counts of the evaluation", "frozen", "stabilizationEvaluation", "-"),
    ("re-aligned as it went", "stabiliser", "stabilization", ".99"),
    ("re-aligned, evaluation", "stabiliser", "stabilizationEvaluation", "1.00"),
    ("refitted with labels, evaluation", "supervised", "stabilizationEvaluation", "-"),
)
COLUMNS = {"share": "trials that head for the target", "recorded": "that succeeded in the experiment"}
GOAL = 0.95
SPAN = 20  # trials of a point of the figure


@dataclasses.dataclass(frozen=True)
class Monkey(OwnScenario):
    """One recorded session: a single cell."""

    def plan(self, config: RunConfig) -> list[Cell]:
        """InputError where the file is not given, or not the published one."""
        from .recording import load

        if config.data is None:
            raise InputError(
                f"{config.scenario} decodes a recording that is not part of the package; give its file with "
                "--data 20160325.mat (github.com/alandegenhart/stabilizedbci, data/20160325.mat)"
            )
        load(config.data)
        return [Cell(scenario=config.scenario, severity=1.0, subjects=("monkey",), seed=0)]

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        from .monkey import analyse
        from .recording import load

        notify("decoding the session again")
        return {}, analyse(load(str(config.data)))

    def summarise(self, done: Finished) -> dict[str, Any]:
        return summarise(done)

    def report(self, results: Mapping[str, Any]) -> str:
        return report(results)


def summarise(done: Finished) -> dict[str, Any]:
    """Shares of trials whose decoded movement heads for the target, by condition."""
    from .monkey import TOLERANCE

    rows, curves, agreement = [], [], None
    if done.cells:
        arrays = done.cells[0][1]
        for name, method, block, told in ROWS:
            heads = (arrays[f"{method}/{block}"] <= TOLERANCE).astype(float)
            online = mean_of(arrays[f"recorded/{block}"])
            rows.append(row(name, {"share": told}, share=mean_of(heads), recorded=online))
        blocks = [key.removeprefix("online/") for key in arrays if key.startswith("online/")]
        same = [(arrays[f"online/{b}"] <= TOLERANCE) == (arrays[f"recorded/{b}"] > 0) for b in blocks]
        agreement = 100.0 * float(np.concatenate(same).mean())
        for name in ("frozen", "stabiliser"):
            missed = np.concatenate([arrays[f"{name}/{b}"] for b in ("stabilization", "stabilizationEvaluation")])
            n = len(missed) // SPAN
            shares = (missed[: n * SPAN] <= TOLERANCE).reshape(n, SPAN).mean(axis=1)
            curves.append(curve(name, (np.arange(n) + 0.5) * SPAN, shares))
    notes = [
        f"A trial counts where the sum of its decoded velocities, each relative to the direction from the recorded "
        f"cursor to the target, points within {TOLERANCE:g}° of ahead: the angle between neighbouring targets. The "
        "tolerance was not fitted.",
        "Nobody steers by what is decoded here: the monkey saw what the decoders of the experiment made of it. So the "
        "perturbed decoder is shown on the trials in which the monkey did fight it and on those of the evaluation.",
        "Ten latents, 60 stable units, a threshold of .01, and the bins that the experiment's own stabiliser was "
        "updated on; refitting takes the same bins with the direction to the target as intention.",
        "Published: share of trials that succeeded in the experiment, by block.",
    ]
    if agreement is not None:
        notes.append(
            f"The same rule, applied to what was decoded in the experiment, agrees with the recorded success of "
            f"{agreement:.1f} % of the trials."
        )
    axes = {
        "x": "trials since the first update of the stabiliser", "y": "share that heads for the target", "floor": 0.0,
        "title": "While the stabiliser runs",
        "caption": f"Shares of {SPAN} trials each; the counts are perturbed throughout.",
    }  # fmt: skip
    return assemble(
        done, columns=COLUMNS, rows=rows, curves=curves, axes=axes,
        verdict=verdict(rows), notes=notes, over="trials",
    )  # fmt: skip


def verdict(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What re-alignment brings back, as a share of the baseline."""
    if not rows:
        return {"headline": "Nothing has run yet.", "sentences": []}
    found = {r["name"]: r["share"] for r in rows}
    base = found["baseline, before"]
    back = found["re-aligned, evaluation"] / base
    headline = (
        f"Re-alignment without labels brings {found['re-aligned, evaluation']:.2f} of trials to the target, "
        f"{back:.2f} of the baseline ({'at least' if back >= GOAL else 'short of'} the {GOAL:.2f} wanted)."
    )
    sentences = [
        f"Baseline {base:.2f} before and {found['baseline, after']:.2f} after; perturbed, with nothing done, "
        f"{found['perturbed, nothing done']:.2f} (published .18).",
        f"As it went, each trial by what had been learnt before it: {found['re-aligned as it went']:.2f} (published "
        f".99); refitted with labels: {found['refitted with labels, evaluation']:.2f}.",
    ]
    return {"headline": headline, "sentences": sentences}


def ibci_monkey() -> Monkey:
    """The built-in scenario."""
    return Monkey(INFOS["ibci_monkey"])
