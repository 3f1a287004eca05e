"""neurodrift train and evaluate, as a user meets them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def neurodrift(*words, cwd):
    """Run the command with the tests' quick task in reach; stdin closed, output as text."""
    return subprocess.run(
        [sys.executable, "-m", "neurodrift", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(HERE.parent / "scenarios"), "NEURODRIFT_NO_CACHE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_help_answers_without_a_numerical_library(command, tmp_path):
    code = (
        "import sys\nfrom neurodrift.scenarios.cli.main import main\n"
        f"try: status = main([{command!r}, '--help'])\nexcept SystemExit as stop: status = stop.code\n"
        "heavy = {'jax', 'numpy', 'scipy', 'brian2', 'mne', 'matplotlib', 'flax'} & set(sys.modules)\n"
        "sys.exit(f'{status} {heavy}' if status or heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--task" in done.stdout
    assert "--json" in done.stdout


BAD = {
    "no task": (["evaluate"], "--task is missing"),
    "unknown task": (["evaluate", "--task", "pd_adbs_onof"], "did you mean 'pd_adbs_onoff'"),
    "no task to train on": (["train", "ppo"], "--task is missing"),
    "unknown algorithm": (["train", "pp", "--task", "pd_adbs_onoff"], "did you mean 'ppo'"),
    "no algorithm": (["train", "--task", "pd_adbs_onoff"], "ALGORITHM"),
    "no seeds": (["train", "ppo", "--task", "pd_adbs_onoff", "--seeds", "0"], "--seeds is 0"),
    "no steps": (["train", "ppo", "--task", "pd_adbs_onoff", "--steps", "-1"], "--steps is -1"),
    "a limit of nothing": (["train", "ppo", "--task", "pd_adbs_onoff", "--cost-limit", "1"], "constrained-ppo"),
    "nothing to resume": (["train", "ppo", "--task", "quick_control:SPEC", "--resume"], "no training to resume"),
    "no policy": (["evaluate", "no.safetensors", "--task", "quick_control:SPEC"], "can't be read"),
}


@pytest.mark.parametrize(("words", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_status_2_and_one_line(tmp_path, words, said):
    done = neurodrift(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("neurodrift: ")
    assert said in line


def test_an_evaluation_prints_its_json_alone_and_is_resumed_without_doing_anything_again(tmp_path):
    words = ["evaluate", "--task", "quick_control:SPEC", "--arms", "continuous", "--drift", "none", "--seeds", 2]
    done = neurodrift(*words, "--windows", 30, "--out", "run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results["complete"]
    assert results == json.loads((tmp_path / "run" / "results.json").read_text())
    again = neurodrift("resume", "run", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "2/2 cells already done" in again.stderr
    assert "run/report.html" in again.stdout
    assert "Continuous" in again.stdout


def test_tasks_are_listed(tmp_path):
    done = neurodrift("list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    tasks = {row["name"]: row for row in json.loads(done.stdout)["tasks"]}
    assert tasks["pd_adbs_onoff"]["marker"] == "beta amplitude"
