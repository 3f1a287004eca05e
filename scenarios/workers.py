"""Running cells: in this process or in several, each saved whole by whoever ran it."""

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from ..sim.errors import InputError
from .contract import Cell, Notify, RunConfig, Scenario
from .lookup import get_scenario
from .storage import RunFolder

_STOP = "stop"
_WATCH_SECONDS = 0.2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One cell to run and the folder to save it in. ``scenario`` is its name or the object itself."""

    folder: Path
    scenario: str | Scenario
    config: RunConfig
    cell_id: str
    cell: Cell


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a cell went: ``error`` is one line, or None when it was saved."""

    cell_id: str
    seconds: float = 0.0
    error: str | None = None
    bad_input: bool = False


def run_job(job: Job, notify: Notify, cancelled: Callable[[], bool] = lambda: False) -> Outcome:
    """Run one cell and save it; whatever goes wrong inside is told, never raised."""
    start = time.perf_counter()
    try:
        folder = RunFolder(job.folder)
        scenario = get_scenario(job.scenario) if isinstance(job.scenario, str) else job.scenario
        meta, arrays = scenario.run_cell(job.config, job.cell, notify)
        if not cancelled():
            folder.save_cell(job.cell_id, job.cell, meta, arrays)
        return Outcome(cell_id=job.cell_id, seconds=time.perf_counter() - start)
    except BaseException as error:
        return Outcome(
            cell_id=job.cell_id,
            seconds=time.perf_counter() - start,
            error=one_line(error),
            bad_input=isinstance(error, InputError),
        )


def one_line(error: BaseException) -> str:
    """An exception as a line of text: an InputError speaks for itself, others are named."""
    text = " ".join(str(error).split())[:500]
    if isinstance(error, InputError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def run_in_process(jobs: list[Job], told: Callable[[Outcome], None], notify: Notify, stop: threading.Event) -> None:
    """Run the jobs one after the other, until ``stop``."""
    for job in jobs:
        if stop.is_set():
            return
        notify(f"{job.cell.label()}")
        told(run_job(job, lambda text, job=job: notify(f"{job.cell.label()}: {text}"), stop.is_set))


def run_in_processes(jobs: list[Job], n_jobs: int, told: Callable[[Outcome], None], stop: threading.Event) -> None:
    """Run the jobs in ``n_jobs`` worker processes, until ``stop``.

    A worker that dies takes its pool with it: the cells then in hand are tried once more, each alone, so that
    the one at fault is known and costs no other cell.
    """
    waiting = {job.cell_id: job for job in jobs}
    suspects: list[Job] = []

    def finish(outcome: Outcome) -> None:
        waiting.pop(outcome.cell_id, None)
        told(outcome)

    while waiting and not stop.is_set():
        batch = [suspects.pop()] if suspects else list(waiting.values())
        batch = [job for job in batch if job.cell_id in waiting]
        if not batch:
            continue
        try:
            _pool_round(batch, n_jobs, finish)
        except Exception as error:
            if stop.is_set():
                return
            status = RunFolder(jobs[0].folder).status
            started = [job for job in batch if job.cell_id in waiting and (status / job.cell_id).exists()]
            if not started or len(batch) == 1:
                dead = type(error).__name__ in ("TerminatedWorkerError", "BrokenProcessPool")
                reason = "its process was killed: out of memory, or a crash" if dead else one_line(error)
                for job in batch:
                    finish(Outcome(cell_id=job.cell_id, error=reason))
                continue
            for job in started:
                (status / job.cell_id).unlink(missing_ok=True)
            suspects = started


def _pool_round(jobs: list[Job], n_jobs: int, told: Callable[[Outcome], None]) -> None:
    import warnings

    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    threads = max(1, (os.cpu_count() or 1) // n_jobs)
    try:
        with warnings.catch_warnings():
            # loky warns of a worker that stopped; the caller deals with it.
            warnings.simplefilter("ignore", UserWarning)
            outcomes = Parallel(
                n_jobs=max(2, n_jobs),  # with 1, joblib would run the cell in this process
                backend="loky",
                batch_size=1,  # pyright: ignore[reportArgumentType]
                pre_dispatch="all",
                max_nbytes=None,
                return_as="generator_unordered",
                initializer=_start_worker,
                initargs=(str(jobs[0].folder), os.getpid(), threads),
            )(delayed(_work)(job) for job in jobs)
            for outcome in outcomes:
                told(cast(Outcome, outcome))
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


def stop_workers(folder: Path) -> None:
    """Make every worker process of this run end within a fraction of a second."""
    status = RunFolder(folder).status
    status.mkdir(exist_ok=True)
    (status / _STOP).touch()


def read_status(folder: Path) -> list[str]:
    """What the worker processes said last, newest first."""
    try:
        files = [f for f in RunFolder(folder).status.iterdir() if f.name != _STOP]
        return [f.read_text() for f in sorted(files, key=lambda f: f.stat().st_mtime_ns, reverse=True)]
    except OSError:
        return []


def _start_worker(folder: str, parent: int, threads: int) -> None:
    """Runs first in each worker: share the cores fairly, and never outlive the run."""
    # Ctrl-C goes to every process of the terminal; only the parent acts on it, and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # XLA sizes its thread pool by NPROC when it starts; joblib has set the BLAS libraries' variables.
    os.environ["NPROC"] = str(threads)
    stop_file = RunFolder(Path(folder)).status / _STOP
    threading.Thread(target=_end_with_parent, args=(parent, stop_file), daemon=True).start()


def _end_with_parent(parent: int, stop_file: Path) -> None:
    while os.getppid() == parent and not stop_file.exists():
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _work(job: Job) -> Outcome:
    folder = RunFolder(job.folder)
    note = folder.status / job.cell_id
    last = 0.0

    def notify(text: str) -> None:
        nonlocal last
        if (now := time.monotonic()) - last > _WATCH_SECONDS:
            last = now
            note.write_text(f"{job.cell.label()}: {text}")

    try:
        # A worker that died may have taken the news of a saved cell with it.
        if folder.load_cell(job.cell_id, job.cell) is not None:
            return Outcome(cell_id=job.cell_id)
    except ValueError:
        pass
    folder.status.mkdir(exist_ok=True)
    note.write_text(job.cell.label())
    outcome = run_job(job, notify)
    note.unlink(missing_ok=True)
    return outcome
