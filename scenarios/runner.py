"""Run a scenario: plan, cells, timing, results, report; stopped or killed anywhere, it picks up where it was."""

import dataclasses
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..sim.errors import InputError
from .atomic import TEMPORARY, write_json
from .config import command_line
from .contract import RunConfig, Scenario, ScenarioInfo
from .lookup import describe_method, get_scenario, is_plugin
from .progress import Progress, SilentProgress
from .provenance import code_version, data_version, versions
from .report.html import write_report
from .storage import Plan, RunFolder, plain, strict
from .tables import build_results
from .workers import Job, Outcome, one_line, read_status, run_in_process, run_in_processes, stop_workers

CELLS_THREAD = "neurodrift cells"
_POLL_SECONDS = 0.25
_STOP_SECONDS = 2.0


def run(
    scenario: str | Scenario,
    config: RunConfig,
    out: str | Path,
    *,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run what ``config`` asks for into the folder ``out`` and return what ``results.json`` holds.

    Cells that the folder already holds are not run again; what is made of them does not depend on how often
    the run was stopped. A cell that fails costs no other: the results then say ``complete: false`` and list
    ``failures``. With ``jobs`` > 1, cells run in that many processes.

    Raises InputError for a folder that can't be used or data that no cell can use, and KeyboardInterrupt,
    after writing the results of the finished cells, when interrupted.
    """
    if jobs < 1:
        raise InputError(f"--jobs is {jobs}: wanted 1 or more")
    chosen = get_scenario(scenario) if isinstance(scenario, str) else scenario
    show = progress or SilentProgress()
    folder = RunFolder(Path(out))
    code = code_version(config.scenario.partition(":")[0] if is_plugin(config.scenario) else None)
    data = data_version(config.data)
    cells = tuple(chosen.plan(config))  # what can't be planned leaves no folder behind
    folder.create()
    with folder.lock():
        folder.sweep()
        folder.refuse_another(config, code, data)
        plan = Plan(config=config, code=code, data=data, versions=versions(), cells=cells)
        if len(plan.ids()) != len(cells) or not cells:
            raise InputError(f"{config.scenario} planned {len(cells)} cells, {len(plan.ids())} of them different")
        folder.adopt(plan)
        return _Run(scenario, chosen, plan, folder, jobs, show).go()


class _Run:
    """One call of :func:`run`, once the folder is known to be its own."""

    def __init__(
        self,
        scenario: str | Scenario,
        chosen: Scenario,
        plan: Plan,
        folder: RunFolder,
        jobs: int,
        show: Progress,
    ):
        self.chosen, self.plan, self.folder, self.show = chosen, plan, folder, show
        self.scenario, self.n_jobs = scenario, jobs
        self.failed: dict[str, Outcome] = {}
        self.timing_error: str | None = None

    def go(self) -> dict[str, Any]:
        done, notes = self.folder.finished(self.plan)
        ids = self.plan.ids()
        todo = [
            Job(folder=self.folder.path, scenario=self.scenario, config=self.plan.config, cell_id=i, cell=cell)
            for i, cell in ids.items()
            if i not in done
        ]
        self.show.begin(len(ids), len(done))
        try:
            for note in notes:
                self.show.note(note)
            if todo:
                self._cells(todo, len(done))
            if todo and len(self.failed) == len(ids) and all(o.bad_input for o in self.failed.values()):
                raise InputError(next(iter(self.failed.values())).error)
            timing = self._timing() if not self.failed else {}
        except KeyboardInterrupt:
            self.show.step("interrupted: writing the results of the finished cells")
            self._write({})
            raise
        finally:
            self.show.end()
        self.folder.sweep()
        return self._write(timing)

    def _cells(self, todo: list[Job], done: int) -> None:
        stop = threading.Event()
        n_jobs = min(self.n_jobs, len(todo))

        def work(events: queue.SimpleQueue) -> None:
            if n_jobs > 1:
                run_in_processes(todo, n_jobs, events.put, stop)
            else:
                run_in_process(todo, events.put, events.put, stop)

        def told(event: Any) -> None:
            nonlocal done
            if not isinstance(event, Outcome):
                self.show.step(str(event))
                return
            if event.error is None:
                done += 1
            else:
                self.failed[event.cell_id] = event
                self.show.note(f"{self.plan.ids()[event.cell_id].label()} failed: {event.error}")
            self.show.cell(done, len(self.failed))

        def idle() -> None:
            for text in read_status(self.folder.path)[:1]:
                self.show.step(text)

        def cancel() -> None:
            stop.set()
            if n_jobs > 1:
                stop_workers(self.folder.path)

        attend(work, told, idle if n_jobs > 1 else lambda: None, cancel, _STOP_SECONDS if n_jobs > 1 else 0.2)

    def _timing(self) -> dict[str, Any]:
        """The saved update times, or measured ones; what goes wrong there costs no cell."""
        saved = self.folder.load_timing(self.plan)
        if saved is not None:
            return saved
        found: list[dict[str, Any]] = []

        def work(events: queue.SimpleQueue) -> None:
            try:
                found.append(plain(self.chosen.timing(self.plan.config)))
            except Exception as error:
                events.put(one_line(error))

        def told(error: str) -> None:
            self.timing_error = error
            self.show.note(f"update times could not be measured: {error}")

        self.show.step("measuring predict and update times")
        attend(work, told, lambda: None, lambda: None, 0.0)
        if found:
            self.folder.save_timing(self.plan, found[0])
        return found[0] if found else {}

    def _write(self, timing: dict[str, Any]) -> dict[str, Any]:
        # Read back, so that a resumed run and an uninterrupted one are made from the same bytes.
        done, _ = self.folder.finished(self.plan)
        config, ids = self.plan.config, self.plan.ids()
        own: Any = self.chosen if hasattr(self.chosen, "results") else None
        cells = [({**c.cell.to_json(), **c.meta}, c.arrays) for c in done.values()]
        versions, command = self.plan.versions | {"code": self.plan.code}, command_line(config)
        if own is not None:
            results = own.results(config, cells, len(ids), versions, command)
        else:
            spec = _spec(self.chosen.info, config)
            results = build_results(
                spec, config.to_json(), versions, cells, len(ids), timing, command, unit=self.chosen.info.unit
            )
        failures = [{"cell": ids[i].label(), "error": o.error} for i, o in self.failed.items() if i not in done]
        if self.timing_error is not None:
            failures.append({"cell": "timing", "error": self.timing_error})
        results = strict(plain({**results, "failures": failures}))
        write_json(self.folder.path / "results.json", results)
        report = self.folder.path / f"{TEMPORARY}report.html"
        if own is not None:
            report.write_text(own.report(results), encoding="utf-8", newline="\n")
        else:
            write_report(results, report)
        os.replace(report, self.folder.path / "report.html")
        return results


def _spec(info: ScenarioInfo, config: RunConfig) -> dict[str, Any]:
    """The scenario's facts as the table and the report take them, methods described in the order run."""
    return {**dataclasses.asdict(info), "methods": {name: describe_method(name) for name in config.methods}}


def attend(
    work: Callable[[queue.SimpleQueue], None],
    told: Callable[[Any], None],
    idle: Callable[[], None],
    cancel: Callable[[], None],
    patience: float,
) -> None:
    """Do ``work`` in a thread and hand its events to ``told`` in this one.

    Compiled code does not hear Ctrl-C until it returns; a thread that only waits hears it at once. When
    interrupted: ``cancel``, at most ``patience`` seconds for the thread to end, then KeyboardInterrupt.
    """
    events: queue.SimpleQueue = queue.SimpleQueue()
    over = object()
    trouble: list[BaseException] = []

    def target() -> None:
        try:
            work(events)
        except BaseException as error:
            trouble.append(error)
        finally:
            events.put(over)

    thread = threading.Thread(target=target, daemon=True, name=CELLS_THREAD)
    thread.start()
    try:
        while True:
            try:
                event = events.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                idle()
                continue
            if event is over:
                break
            told(event)
    except BaseException:
        cancel()
        thread.join(patience)
        raise
    if trouble:
        raise trouble[0]
