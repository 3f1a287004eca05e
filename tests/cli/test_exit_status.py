"""Exit status and the one line that a user reads, with real processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def neurodrift(*words, cwd, env=None, module=True):
    """Run the command; stdin closed, output as text."""
    program = [sys.executable, "-m", "neurodrift"] if module else [str(Path(sys.executable).parent / "neurodrift")]
    return subprocess.run(
        [*program, *map(str, words)],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
            "NEURODRIFT_NO_CACHE": "1",
            **(env or {}),
        },
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def test_help_and_version_answer_without_a_numerical_library(tmp_path):
    for words in (["--help"], ["--version"], ["run", "--help"], ["replay", "--help"], ["check", "--help"]):
        code = (
            "import sys\nfrom neurodrift.scenarios.cli.main import main\n"
            f"try: status = main({words!r})\nexcept SystemExit as stop: status = stop.code\n"
            "heavy = {'jax', 'numpy', 'scipy', 'brian2', 'mne', 'matplotlib', 'joblib', 'flax'} & set(sys.modules)\n"
            "sys.exit(f'{status} {heavy}' if status or heavy else 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
        assert done.returncode == 0, (words, done.stderr)
        assert done.stdout.strip()


@pytest.mark.parametrize("command", ["list", "run", "resume", "compare", "replay", "check", "bench"])
def test_every_command_explains_itself(tmp_path, command):
    done = neurodrift(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "--json" in done.stdout
    assert done.stderr == ""


def test_the_installed_command_is_the_module(tmp_path):
    outputs = [neurodrift("--help", cwd=tmp_path, module=module).stdout for module in (True, False)]
    assert outputs[0] == outputs[1] != ""


BAD = {
    "unknown command": (["rnu"], "did you mean 'run'"),
    "unknown option before a command": (["--verison"], "did you mean '--version'"),
    "unknown scenario": (["run", "mi_cap_shfit"], "did you mean 'mi_cap_shift'"),
    "unknown option": (["run", "mi_null", "--seed", "3"], "did you mean '--seeds'"),
    "wrong type": (["run", "mi_null", "--seeds", "abc"], "--seeds is 'abc': wanted a whole number"),
    "missing argument": (["run"], "SCENARIO"),
    "argument too many": (["run", "mi_null", "x"], "unrecognized options: x"),
    "missing value": (["run", "mi_null", "--methods"], "--methods"),
    "unknown method": (["run", "toy_scenario:SCENARIO", "--methods", "alligned"], "did you mean 'aligned'"),
    "unknown decoder": (["run", "toy_scenario:SCENARIO", "--decoder", "coim"], "did you mean 'coin'"),
    "severity out of range": (["run", "toy_scenario:SCENARIO", "--severities", "9"], "wanted 0 to 2 cm"),
    "severity no number": (["run", "toy_scenario:SCENARIO", "--severities", "a"], "numbers with commas"),
    "no plug-in": (["run", "toy_scenario:SCENARI"], "did you mean 'SCENARIO'"),
    "plug-in of another kind": (["run", "math:pi"], "is not a scenario"),
    "data refused": (["run", "toy_scenario:SCENARIO", "--data", "bad"], "not a recording"),
    "folder not writable": (["run", "toy_scenario:SCENARIO", "--out", "/dev/null/x"], "--out"),
    "nothing to resume": (["resume", "."], "no plan.json"),
    "no folder to resume": (["resume", "nowhere"], "there is no folder"),
    "one folder to compare": (["compare", "."], "two or more"),
    "no results to compare": (["compare", ".", "nowhere"], "no results.json"),
    "no recording": (["replay", "no.edf", "--events", "T1=a,T2=b"], "there is no file no.edf"),
    "events": (["replay", "no.edf", "--events", "T1"], "annotation=class"),
    "severity of nothing": (["replay", "no.edf", "--events", "T1=a,T2=b", "--severity", "2"], "no --drift is given"),
    "severity between levels": (["run", "mi_reference_switch", "--severities", "0.5"], "wanted one of 0,1,2"),
    "data for a simulation": (["run", "mi_null", "--data", "eegbci:7"], "simulates its people"),
    "no such subject": (["run", "mi_replay_shift", "--data", "eegbci:110"], "1 to 109"),
    "people that are not there": (["run", "mi_multiday", "--subjects", "5"], "one person"),
    "unknown benchmark": (["bench", "--only", "decoder"], "did you mean 'decoders'"),
    "no component": (["check", "toy_scenario"], "module:attribute"),
}


@pytest.mark.parametrize(("words", "said"), BAD.values(), ids=BAD)
def test_bad_input_is_status_2_and_one_line(tmp_path, words, said):
    done = neurodrift(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("neurodrift: ")
    assert said in lines[0]
    assert not (tmp_path / "runs").exists()


def test_no_command_at_all_shows_the_help_with_status_2(tmp_path):
    done = neurodrift(cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: neurodrift" in done.stdout


def test_json_is_alone_on_standard_output_and_the_files_are_named_otherwise(tmp_path):
    words = ["run", "toy_scenario:SCENARIO", "--subjects", "2"]
    done = neurodrift(*words, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("toy-")
    assert results == json.loads((folder / "results.json").read_text())
    again = neurodrift(*words, cwd=tmp_path)
    assert again.returncode == 0
    assert f"runs/{folder.name}/results.json" in again.stdout
    assert f"runs/{folder.name}/report.html" in again.stdout
    assert results["verdict"]["headline"][:20] in again.stdout
    assert "4/4 cells already done" in again.stderr


def test_a_folder_of_another_configuration_is_refused_with_the_difference(tmp_path):
    words = ["run", "toy_scenario:SCENARIO", "--out", "a", "--subjects"]
    assert neurodrift(*words, 1, cwd=tmp_path).returncode == 0
    before = (tmp_path / "a" / "results.json").read_bytes()
    done = neurodrift(*words, 2, cwd=tmp_path)
    assert done.returncode == 2
    assert "subjects 1 (here 2)" in done.stderr
    assert "--out" in done.stderr
    assert "neurodrift resume a" in done.stderr
    assert (tmp_path / "a" / "results.json").read_bytes() == before


def test_a_failed_cell_is_status_1_and_compare_then_ranks_nothing(tmp_path):
    words = ["run", "toy_scenario:SCENARIO", "--subjects", "2", "--out"]
    failed = neurodrift(*words, "a", cwd=tmp_path, env={"TOY_FAIL": "s1"})
    assert failed.returncode == 1
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("neurodrift: 2/4 cells, INCOMPLETE")
    assert "the coin rolled away" in last
    assert neurodrift(*words, "b", cwd=tmp_path).returncode == 0
    compared = neurodrift("compare", "a", "b", "--json", cwd=tmp_path)
    assert compared.returncode == 0
    found = json.loads(compared.stdout)
    assert found["ranking"] is None
    assert "2/4 cells, INCOMPLETE" in found["why_not_ranked"]
    assert neurodrift("resume", "a", cwd=tmp_path).returncode == 0
    ranked = json.loads(neurodrift("compare", "a", "b", "--json", cwd=tmp_path).stdout)
    assert ranked["why_not_ranked"] is None
    worn = ranked["ranking"][0]["severities"][1]
    assert worn["severity"] == 1.0
    assert worn["methods"][-1] == "frozen"
    assert all(row["values"][0] == row["values"][1] for row in ranked["rows"])


def test_list_names_everything_as_json(tmp_path):
    done = neurodrift("list", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"scenarios", "methods", "decoders", "checkpoints", "drifts", "sources", "tasks"}
    assert {"mi_cap_shift", "mi_multiday"} <= {row["name"] for row in found["scenarios"]}
    assert {"frozen", "oracle"} <= {row["name"] for row in found["methods"]}
    assert all(row["summary"] and "\n" not in row["summary"] for rows in found.values() for row in rows)
