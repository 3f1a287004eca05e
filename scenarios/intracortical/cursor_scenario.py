"""ibci_cursor60 as a scenario of the runner: sixty days of cursor control, recalibrated daily."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.keys import stream_key
from ..contract import Cell, Notify, RunConfig
from ..infos import INFOS
from ..own import Finished, OwnScenario, cells_of, people, refuse_data, refuse_labels, refuse_methods
from .days import METHODS, Course, run_days
from .page import report
from .results import assemble, curve, mean_of, row

FAILED_S = 5.0
PUBLISHED = {
    "frozen": (9.494, 0.970, 99.0),
    "stabiliser": (2.421, 1.704, 6.5),
    "rti": (1.888, 1.731, 4.5),
    "prit": (1.528, 0.309, 0.0),
    "supervised": (1.533, 0.412, 0.5),
}
"""Time to target after 60 days: mean, sd (s) over 200 simulated people, and percent of them above 5 s (Wilson 2023)."""
COLUMNS = {"time": "time to target on the last day, s", "failed": "people above 5 s, %", "all": "mean of all days, s"}


@dataclasses.dataclass(frozen=True)
class CursorDays(OwnScenario):
    """Every method on the same people, noise and targets. A cell is a seed."""

    def plan(self, config: RunConfig) -> list[Cell]:
        refuse_data(config)
        refuse_methods(config, METHODS)
        refuse_labels(config)
        return cells_of(config, people(config))

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        base = stream_key(jax.random.key(0), self.info.name, cell.seed)
        keys = jax.vmap(lambda i: stream_key(base, "person", i))(jnp.arange(len(cell.subjects)))
        course = make_course(config, cell.severity)
        times = run_days(course, config.methods, keys, notify)
        return {"n_days": course.n_days}, {name: times[i].astype(np.float32) for i, name in enumerate(config.methods)}

    def summarise(self, done: Finished) -> dict[str, Any]:
        return summarise(done)

    def report(self, results: Mapping[str, Any]) -> str:
        return report(results)


def make_course(config: RunConfig, correlation: float) -> Course:
    """60 days; with --quick 10, with half the recording and a third of the testing."""
    if config.quick:
        return Course(n_days=10, n_block=10000, n_sweep=1500, n_test=5000, correlation=correlation)
    return Course(correlation=correlation)


def summarise(done: Finished) -> dict[str, Any]:
    """Times by method; people of all seeds together."""
    rows, curves = [], []
    for severity in done.severities:
        here = [arrays for _, arrays in done.at(severity)]
        for name in done.config.methods:
            times = np.concatenate([arrays[name] for arrays in here]).astype(float)
            label = name if len(done.severities) == 1 else f"{name}, {severity:g}"
            mean, sd, failed = PUBLISHED[name]
            as_published = severity == done.info.severities[0] and not done.config.quick
            told = {"time": f"{mean:.2f} ± {sd:.2f}", "failed": f"{failed:g}"} if as_published else {}
            last = times[:, -1]
            rows.append(
                row(
                    label,
                    told,
                    time=mean_of(last),
                    failed=mean_of(100.0 * (last > FAILED_S)),
                    all=mean_of(times.mean(axis=1)),
                )
            )
            curves.append(curve(label, np.arange(1, times.shape[1] + 1), times.mean(axis=0)))
    axes = {
        "x": "days", "y": "mean time to target, s", "title": "Time to target over the days", "log": True,
        "caption": "Mean over people. A trial is given up after 10 s. Gains are tuned daily for every method.",
    }  # fmt: skip
    return assemble(
        done, columns=COLUMNS, rows=rows, curves=curves, axes=axes,
        verdict=verdict(rows, int(done.cells[0][0]["n_days"]) if done.cells else 0), notes=NOTES, over="people",
    )  # fmt: skip


NOTES = (
    "User, task, units and recalibration as in the published simulator (Wilson et al. 2023): 192 units, 20 ms bins, a "
    "delay of 200 ms, .5 s of dwelling, targets anywhere, tuning that correlates by .91 with the day before's and a "
    "signal-to-noise ratio that is drawn anew each day, 400 s of use a day to recalibrate on.",
    "Every gain is tried for 50 s where the published sweep took 400 s. The stabiliser is factor analysis where the "
    "published simulation had principal components; both turn onto the day before and leave the mean alone.",
    "rti takes the place of the cursor at the end of each trial for the target, trials that were given up included.",
)


def verdict(rows: Sequence[Mapping[str, Any]], n_days: int) -> dict[str, Any]:
    """A sentence for each row, from the numbers alone."""
    told = [r for r in rows if r["published"]]
    sentences = []
    inside = 0
    for r in told:
        mean, sd, failed = PUBLISHED[r["name"]]
        near = abs(r["time"] - mean) <= sd
        inside += near
        where = "within" if near else "outside"
        sentences.append(
            f"{r['name']}: {r['time']:.2f} s, {where} the published {mean:.2f} ± {sd:.2f} s; {r['failed']:.1f} % of "
            f"people above 5 s, published {failed:g} %."
        )
    best = min((r for r in rows if r["name"] != "frozen"), key=lambda r: r["time"], default=None)
    headline = (
        f"After {n_days} days {inside} of {len(told)} methods are within the published mean ± sd."
        if told
        else f"After {n_days} days {best['name']} takes {best['time']:.2f} s to a target."
        if best
        else "Frozen alone."
    )
    return {"headline": headline, "sentences": sentences}


def ibci_cursor60() -> CursorDays:
    """The built-in scenario."""
    return CursorDays(INFOS["ibci_cursor60"])
