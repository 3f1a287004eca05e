"""The benchmarks of this folder's pages, started as their pages say and ended, on few people: slow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"

pytestmark = pytest.mark.slow


def run(name: str, *words: object) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_penalties_are_weighed_and_written_as_a_page(tmp_path):
    page = tmp_path / "page.md"
    rows = json.loads(run("domain_invariance", "--out", tmp_path / "out", "--seeds", 1, "--quick", "--page", page))
    assert {row["strategy"] for row in rows} == {"supervised", "mmd", "coral", "dann", "mcc"}
    assert all(0 <= row["lo"] <= row["accuracy"] <= row["hi"] <= 100 for row in rows)
    # against itself
    assert all(row["gain"] == 0 and row["mmd_lower_in"] == 0 for row in rows if row["strategy"] == "supervised")
    assert "domain_invariance.py" in page.read_text()


def test_a_decoder_is_compressed(tmp_path):
    rows = tmp_path / "rows.json"
    rows.write_text(run("implant_compression", "--people", 8, "--train", 4, "--seeds", 1, "--json"))
    page = tmp_path / "page.md"
    run("implant_compression", "--rows", rows, "--page", page)
    assert "student, 50% pruned, int8" in page.read_text()


def test_sites_train_together(tmp_path):
    rows = tmp_path / "plain.json"
    rows.write_text(
        run("federated_sites", "--part", "plain", "--people", 32, "--seeds", 1, "--rounds", 2, "--epochs", 1, "--json")
    )
    page = tmp_path / "page.md"
    run("federated_sites", "--rows", rows, "--page", page)
    assert "FedAvg" in page.read_text()


def test_starts_are_meta_learnt():
    found = json.loads(run("few_trials", "meta", "--people", 4, "--seeds", 1, "--json"))
    assert found["part"] == "meta"
