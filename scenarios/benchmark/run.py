"""Run a benchmark: one resumable run per scenario, then everything compared."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..atomic import TEMPORARY, write_json
from ..config import jobs_for
from ..contract import Cell, Notify, RunConfig, ScenarioInfo
from ..lookup import get_scenario
from ..progress import Progress
from ..runner import run
from ..storage import RunFolder, plain, strict
from .plan import BenchmarkPlan
from .results import Part, build


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A scenario as the benchmark runs it: from a hidden population where there is one, timed once for all.

    inner: the scenario; hidden: the configuration names a population that ``inner`` was given already.
    """

    inner: Any
    timed: bool
    hidden: bool

    @property
    def info(self) -> ScenarioInfo:
        return self.inner.info

    def plan(self, config: RunConfig) -> list[Cell]:
        return self.inner.plan(self._plain(config))

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> Any:
        return self.inner.run_cell(self._plain(config), cell, notify)

    def timing(self, config: RunConfig) -> dict[str, Any]:
        return self.inner.timing(self._plain(config)) if self.timed else {}

    def _plain(self, config: RunConfig) -> RunConfig:
        return dataclasses.replace(config, data=None) if self.hidden else config


def run_benchmark(
    plan: BenchmarkPlan,
    out: Path,
    *,
    jobs: int | None = None,
    progress: Callable[[], Progress] | None = None,
) -> dict[str, Any]:
    """Run what ``plan`` asks for into ``out``, a folder per scenario, and return what its ``results.json`` holds.

    Stopped anywhere, the same call goes on where it was. Raises what :func:`neurodrift.scenarios.runner.run` raises.
    """
    parts, failures = [], []
    for number, config in enumerate(plan.runs):
        scenario = get_scenario(config.scenario)
        if plan.secret is not None:
            scenario = dataclasses.replace(scenario, population=plan.secret.population)  # type: ignore[type-var]
        contestant = Contestant(scenario, timed=number == 0, hidden=plan.secret is not None)
        folder = out / "scenarios" / config.scenario.replace(":", ".")
        show = progress() if progress is not None else None
        if show is not None:
            show.note(f"{config.scenario} ({number + 1} of {len(plan.runs)}), {len(config.methods)} arms")
        found = run(contestant, config, folder, jobs=jobs_for(scenario.info, jobs), progress=show)
        failures += [{**one, "cell": f"{config.scenario}: {one['cell']}"} for one in found["failures"]]
        parts.append(Part(config, scenario.info, found, _cells(folder)))
    results = strict(plain({**build(plan, parts), "failures": failures}))
    write_json(out / "results.json", results)
    from ..report.benchmark import benchmark_report

    report = out / f"{TEMPORARY}report.html"
    report.write_text(benchmark_report(results), encoding="utf-8", newline="\n")
    os.replace(report, out / "report.html")
    return results


def _cells(folder: Path) -> list[Any]:
    """(facts, arrays) of the finished cells of a run, read back."""
    store = RunFolder(folder)
    found = []
    for planned in (store.read_plan() or {"cells": []})["cells"]:
        facts = dict(planned)
        cell_id = facts.pop("id")
        cell = Cell(**{**facts, "subjects": tuple(facts["subjects"])})
        done = store.load_cell(cell_id, cell)
        if done is not None:
            found.append(({**cell.to_json(), **done.meta}, done.arrays))
    return found
