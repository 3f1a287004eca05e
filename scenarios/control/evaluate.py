"""Evaluate policies on a task: plan, cells, results, report; stopped or killed anywhere, it picks up where it was."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...sim.errors import InputError
from ..atomic import TEMPORARY, write_json
from ..lookup import is_plugin
from ..progress import Progress, SilentProgress
from ..provenance import code_version, versions
from ..runner import attend
from ..storage import Plan, RunFolder, plain, strict
from ..workers import one_line
from .cells import CellRunner, plan_cells
from .config import ControlConfig, evaluate_command, find_task
from .results import build_control_results
from .training import trainings_of


def evaluate(config: ControlConfig, out: str | Path, *, progress: Progress | None = None) -> dict[str, Any]:
    """Run what ``config`` asks for into the folder ``out`` and return what ``results.json`` holds.

    Cells that the folder already holds are not run again. A cell that fails costs those that need it and no other: the
    results then say ``complete: false`` and list ``failures``. Raises InputError for a folder or policy that can't be
    used, and KeyboardInterrupt, after writing the results of the finished cells, when interrupted.
    """
    show = progress or SilentProgress()
    folder = RunFolder(Path(out))
    plugin = config.task.partition(":")[0] if is_plugin(config.task) else None
    code = code_version(plugin)
    cells = tuple(plan_cells(config))
    runner = CellRunner(config)
    runner.check_policies()
    folder.create()
    with folder.lock():
        folder.sweep()
        folder.refuse_another(config, code, None)
        plan = Plan(config=config, code=code, data=None, versions=versions(), cells=cells)
        folder.adopt(plan)
        return _go(runner, plan, folder, show)


def _go(runner: CellRunner, plan: Plan, folder: RunFolder, show: Progress) -> dict[str, Any]:
    config = runner.config
    done, notes = folder.finished(plan)
    ids = plan.ids()
    todo = {i: cell for i, cell in ids.items() if i not in done}
    finished = {found.cell: (found.meta, found.arrays) for found in done.values()}
    failed: dict[str, str] = {}
    bad_input: list[str] = []
    stopped: list[bool] = []
    show.begin(len(ids), len(done))

    def work(events: Any) -> None:
        for cell_id, cell in todo.items():
            if stopped:
                return
            try:
                facts, arrays = runner.run(cell, finished, events.put)
                # read back as it was saved, so that a resumed run and an uninterrupted one see the same bytes
                if stopped:
                    return
                folder.save_cell(cell_id, cell, facts, arrays)
                found = folder.load_cell(cell_id, cell)
                if found is not None:
                    finished[cell] = (found.meta, found.arrays)
                events.put(None)
            except KeyError as error:
                failed[cell_id] = f"a cell that it needs is missing ({one_line(error)})"
                events.put(None)
            except Exception as error:
                failed[cell_id] = one_line(error)
                if isinstance(error, InputError):
                    bad_input.append(str(error))
                events.put(None)

    def told(event: Any) -> None:
        if event is None:
            show.cell(len(finished), len(failed))
        else:
            show.step(str(event))

    try:
        for note in notes:
            show.note(note)
        if todo:
            attend(work, told, _nothing, lambda: stopped.append(True), 0.2)
        if len(bad_input) == len(ids):
            raise InputError(bad_input[0])
    except KeyboardInterrupt:
        show.step("interrupted: writing the results of the finished cells")
        _write(config, plan, folder, {})
        raise
    finally:
        show.end()
    folder.sweep()
    return _write(config, plan, folder, {ids[i].label(): error for i, error in failed.items()})


_nothing: Callable[[], None] = lambda: None  # noqa: E731 (a name for what idle does)


def _write(config: ControlConfig, plan: Plan, folder: RunFolder, failed: dict[str, str]) -> dict[str, Any]:
    from ..report.control import write_control_report

    done, _ = folder.finished(plan)
    cells = {found.cell: (found.meta, found.arrays) for found in done.values()}
    results = build_control_results(
        config, find_task(config.task), cells, len(plan.cells), plan.versions | {"code": plan.code},
        evaluate_command(config), [{"cell": cell, "error": error} for cell, error in failed.items()],
    )  # fmt: skip
    results = strict(plain({**results, "trainings": trainings_of(config.policies)}))
    write_json(folder.path / "results.json", results)
    report = folder.path / f"{TEMPORARY}report.html"
    write_control_report(results, report)
    os.replace(report, folder.path / "report.html")
    return results
