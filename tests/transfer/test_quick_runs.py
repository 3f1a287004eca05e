"""Every transfer runs to its report with --quick, whatever its people and budgets are then."""

import json

import pytest

from neurodrift.scenarios.cli.main import main
from neurodrift.scenarios.transfer.infos import TRANSFERS


@pytest.mark.slow
@pytest.mark.parametrize("name", [info.name for info in TRANSFERS])
def test_a_quick_run_ends_with_a_report(tmp_path, name):
    assert main(["run", name, "--quick", "--out", str(tmp_path / "run")]) == 0
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["complete"]
    assert all(risk["audit"]["sentence"] for risk in results["transfers"])
    assert "Quick run" in (tmp_path / "run" / "report.html").read_text()
