"""A run that is interrupted or killed: nothing finished is lost or done again, nothing is left running."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from neurodrift.scenarios.contract import Cell

HERE = Path(__file__).parent
WORDS = ["run", "toy_scenario:SCENARIO", "--subjects", "4", "--out", "run"]
N_CELLS = 8


def start(tmp_path, *words, sleep="0.4"):
    """The command in a process group of its own, as a terminal gives it one."""
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
        "NEURODRIFT_NO_CACHE": "1",
        "TOY_LOG": str(tmp_path / "log"),
    }
    (tmp_path / "log").touch()
    return subprocess.Popen(
        [sys.executable, "-m", "neurodrift", *words],
        cwd=tmp_path,
        env={**env, "TOY_SLEEP": sleep},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(tmp_path):
    return {path.name for path in (tmp_path / "run" / "cells").glob("*.json")}


def wait_for_cells(tmp_path, n, process):
    deadline = time.monotonic() + 60
    while len(finished(tmp_path)) < n:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "no cell was finished"
        time.sleep(0.02)


def group_is_gone(pgid, seconds):
    """Whether every process of the group has ended within this time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = False
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                alive |= int(fields[2]) == pgid and fields[0] != "Z"
        if not alive:
            return True
        time.sleep(0.05)
    return False


def ended_well(tmp_path, reference):
    process = start(tmp_path, "resume", "run", "--json", sleep="0")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out) == json.loads((reference / "results.json").read_text())
    for name in ("results.json", "report.html"):
        assert (tmp_path / "run" / name).read_bytes() == (reference / name).read_bytes()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The folder of the same run, never interrupted."""
    folder = tmp_path_factory.mktemp("reference")
    process = start(folder, *WORDS, sleep="0")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return folder / "run"


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="process groups are read from /proc")


@linux
@pytest.mark.parametrize("jobs", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_kill_9_then_resume_loses_nothing_and_repeats_nothing(tmp_path, reference, jobs):
    process = start(tmp_path, *WORDS, "--jobs", jobs)
    wait_for_cells(tmp_path, 3, process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert group_is_gone(process.pid, 10), "a worker outlived its parent"
    done = finished(tmp_path)
    assert 3 <= len(done) < N_CELLS
    stamps = {name: (tmp_path / "run" / "cells" / name).stat().st_mtime_ns for name in done}
    before = len((tmp_path / "log").read_text().splitlines())
    ended_well(tmp_path, reference)
    after = len((tmp_path / "log").read_text().splitlines())
    assert after - before == N_CELLS - len(done)
    assert {name: (tmp_path / "run" / "cells" / name).stat().st_mtime_ns for name in done} == stamps


@linux
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_keeps_finished_cells_and_says_so_within_five_seconds(tmp_path, reference, jobs):
    process = start(tmp_path, *WORDS, "--jobs", jobs, sleep="1.0")
    wait_for_cells(tmp_path, 2, process)
    pressed = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - pressed < 5.0
    assert process.returncode == 130, err
    assert group_is_gone(process.pid, 3), "a worker was left running"
    assert "Traceback" not in err, err
    last = err.splitlines()[-1]
    assert last.startswith("neurodrift: interrupted")
    assert "INCOMPLETE" in last
    assert "neurodrift resume run" in last
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert not results["complete"]
    assert 2 <= results["cells_done"] <= len(finished(tmp_path)) < N_CELLS
    assert results["cells_planned"] == N_CELLS
    assert "INCOMPLETE" in (tmp_path / "run" / "report.html").read_text()
    ended_well(tmp_path, reference)


def test_a_replay_is_resumed_with_every_option_it_was_started_with(tmp_path, monkeypatch):
    from neurodrift.scenarios import replay_file
    from neurodrift.scenarios.cli.main import main
    from neurodrift.scenarios.contract import RunConfig
    from neurodrift.scenarios.storage import Plan, RunFolder

    asked = "neurodrift replay 'my file.edf' --events T1=a,T2=b --tmin=1 --tmax=3 --drift gain --severity=2"
    cell = Cell(scenario=f"{asked} --decoder csp_lda --methods frozen,ea", severity=2.0, subjects=("x",), seed=0)
    config = RunConfig(
        scenario="replay", methods=("frozen", "ea"), decoder="csp_lda", severities=(2.0,), seeds=1, subjects=1
    )
    folder = RunFolder(tmp_path / "out")
    folder.create()
    folder.adopt(Plan(config=config, code="c", data=None, versions={}, cells=(cell,)))
    (tmp_path / "my file.edf").touch()
    monkeypatch.chdir(tmp_path)
    given = {}
    monkeypatch.setattr(replay_file, "run_replay", lambda file, **rest: given.update(rest, file=str(file)) or {})
    with pytest.raises((KeyError, TypeError, SystemExit)):  # there are no results to print
        main(["resume", "out"])
    assert given["file"] == "my file.edf"
    assert (given["tmin"], given["tmax"], given["drift"], given["severity"]) == (1.0, 3.0, "gain", 2.0)
    assert (given["decoder"], tuple(given["methods"]), str(given["out"])) == ("csp_lda", ("frozen", "ea"), "out")


@linux
def test_a_second_run_in_the_same_folder_is_refused_while_the_first_works(tmp_path):
    process = start(tmp_path, *WORDS, sleep="1")
    try:
        wait_for_cells(tmp_path, 1, process)
        second = start(tmp_path, *WORDS, sleep="0")
        _, err = second.communicate(timeout=60)
        assert second.returncode == 2
        assert "another neurodrift is at work" in err
    finally:
        process.kill()
        process.communicate()
