"""The runner on a toy scenario, in this process and in workers."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.runner import run
from neurodrift.sim.errors import InputError


@pytest.fixture(scope="module")
def toy():
    """The toy scenario, importable by workers too."""
    path = Path(__file__).parents[1] / "cli" / "toy_scenario.py"
    spec = importlib.util.spec_from_file_location("toy_scenario", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_scenario"] = module
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    yield module.SCENARIO
    sys.path.remove(str(path.parent))
    del sys.modules["toy_scenario"]


@pytest.fixture
def config(toy):
    return make_config("toy_scenario:SCENARIO", toy.info, subjects=2)


@pytest.fixture
def log(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.touch()
    monkeypatch.setenv("TOY_LOG", str(path))
    return path


def everything(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("results.json", "report.html", "plan.json")}


def test_a_finished_run_is_complete_and_on_disk(config, tmp_path):
    results = run("toy_scenario:SCENARIO", config, tmp_path / "a")
    assert results["complete"]
    assert (results["cells_done"], results["cells_planned"]) == (4, 4)
    assert results["failures"] == []
    assert json.loads((tmp_path / "a" / "results.json").read_text()) == results
    frozen = {row["severity"]: row["accuracy_post"] for row in results["table"] if row["method"] == "frozen"}
    assert frozen[0.0] > frozen[1.0] + 0.1
    assert {row["update_ms_p50"] for row in results["table"]} == {1.0}


def test_running_again_runs_nothing_and_gives_the_same_bytes(config, tmp_path, log):
    run("toy_scenario:SCENARIO", config, tmp_path / "a")
    before, lines = everything(tmp_path / "a"), log.read_text()
    run("toy_scenario:SCENARIO", config, tmp_path / "a")
    assert log.read_text() == lines
    assert everything(tmp_path / "a") == before


def test_only_what_is_missing_or_damaged_is_run_again(config, tmp_path, log):
    run("toy_scenario:SCENARIO", config, tmp_path / "a")
    before = everything(tmp_path / "a")
    log.write_text("")
    files = sorted((tmp_path / "a" / "cells").glob("*.npz"))
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[1].with_suffix(".json").unlink()
    run("toy_scenario:SCENARIO", config, tmp_path / "a")
    assert len(log.read_text().splitlines()) == 2
    assert everything(tmp_path / "a") == before


def test_workers_give_the_same_results_as_one_process(config, tmp_path):
    one = run("toy_scenario:SCENARIO", config, tmp_path / "a")
    two = run("toy_scenario:SCENARIO", config, tmp_path / "b", jobs=2)
    assert one == two
    assert everything(tmp_path / "a") == everything(tmp_path / "b")
    assert not (tmp_path / "b" / ".status").exists()


def test_a_scenario_object_runs_without_a_name(toy, config, tmp_path):
    assert run(toy, config, tmp_path / "a")["complete"]


def test_a_failing_cell_costs_no_other(config, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_FAIL", "s1")
    results = run("toy_scenario:SCENARIO", config, tmp_path / "a")
    assert not results["complete"]
    assert (results["cells_done"], results["cells_planned"]) == (2, 4)
    assert [f["error"] for f in results["failures"]] == ["RuntimeError: the coin rolled away"] * 2
    monkeypatch.delenv("TOY_FAIL")
    again = run("toy_scenario:SCENARIO", config, tmp_path / "a")
    assert again == run("toy_scenario:SCENARIO", config, tmp_path / "b")


def test_a_worker_that_is_killed_costs_only_its_own_cell(config, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_DIE", "s1")
    results = run("toy_scenario:SCENARIO", config, tmp_path / "a", jobs=2)
    assert results["cells_done"] == 2
    assert len(results["failures"]) == 2
    assert all("killed" in f["error"] for f in results["failures"])


def test_bad_input_in_every_cell_is_bad_input(config, tmp_path, monkeypatch):
    monkeypatch.setenv("TOY_REFUSE", "1")
    with pytest.raises(InputError, match="this coin has no sides"):
        run("toy_scenario:SCENARIO", config, tmp_path / "a")


def test_bad_data_is_refused_before_anything_is_planned(toy, tmp_path):
    config = make_config("toy_scenario:SCENARIO", toy.info, data="bad")
    with pytest.raises(InputError, match="not a recording"):
        run("toy_scenario:SCENARIO", config, tmp_path / "a")
    assert not (tmp_path / "a" / "plan.json").exists()


def test_times_that_cannot_be_measured_are_a_failure_without_a_lost_cell(toy, config, tmp_path, monkeypatch):
    def broken(self, config):
        raise ZeroDivisionError("no clock")

    monkeypatch.setattr(type(toy), "timing", broken)
    results = run(toy, config, tmp_path / "a")
    assert results["complete"]
    assert results["failures"] == [{"cell": "timing", "error": "ZeroDivisionError: no clock"}]


def test_fewer_jobs_than_one_is_bad_input(config, tmp_path):
    with pytest.raises(InputError, match="--jobs is 0"):
        run("toy_scenario:SCENARIO", config, tmp_path / "a", jobs=0)
