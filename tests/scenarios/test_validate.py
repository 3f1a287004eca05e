"""The validation table and its commands."""

import json
import sys
import types

import pytest

from neurodrift.scenarios.cli.main import main
from neurodrift.scenarios.gallery import figures
from neurodrift.scenarios.validate import table
from neurodrift.scenarios.validate.row import DISPUTED, FAIL, PASS, Row, row
from neurodrift.sim.sources import SOURCES


@pytest.mark.parametrize(
    ("expected", "measured", "reason", "status"),
    [
        (10.0, 10.4, "", PASS),
        (10.0, 10.6, "", FAIL),
        (10.0, 9.4, "", FAIL),
        (10.0, 10.6, "known", DISPUTED),
        (10.0, 10.4, "known", PASS),
        ((1.0, 2.0), 2.4, "", PASS),
        ((1.0, 2.0), 0.4, "", FAIL),
        (10.0, float("nan"), "", FAIL),
    ],
)
def test_a_row_passes_within_its_tolerance_only(expected, measured, reason, status):
    found = row("x, Hz", expected, measured, 0.5, "paper", disputed=reason)
    assert found.status == status
    assert found.reason == (reason if status == DISPUTED else "")


def test_the_command_prints_rows_and_fails_with_them(monkeypatch, capsys):
    rows = [row("a, Hz", 1.0, 1.0, 0.1, "paper"), row("b, Hz", 1.0, 2.0, 0.1, "paper", disputed="because")]
    monkeypatch.setattr(table, "MODULES", ("some",))
    part = types.SimpleNamespace(rows=lambda fast: rows)
    monkeypatch.setitem(sys.modules, f"{table.__package__}.some", part)
    assert main(["validate", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [set(r) for r in printed] == [
        {"name", "expected", "measured", "tolerance", "source", "status", "reason"}
    ] * 2
    assert main(["validate", "--fast"]) == 0
    out = capsys.readouterr()
    assert "2 rows: 1 pass, 0 fail, 1 disputed" in out.out
    assert "because" in out.out
    rows.append(row("c, Hz", 1.0, 2.0, 0.1, "paper"))
    assert main(["validate"]) == 1


@pytest.mark.parametrize("command", ["validate", "gallery"])
def test_an_unknown_part_is_bad_input_with_a_suggestion(command, capsys):
    assert main([command, "--only", "jansen_ritt"]) == 2
    assert "did you mean 'jansen_rit'?" in capsys.readouterr().err


def test_a_part_of_the_fast_table_runs(capsys):
    rows = table.validate(fast=True, only=["stimulation"])
    assert rows
    assert all(isinstance(r, Row) for r in rows)
    assert not [r for r in rows if r.status == FAIL]


def test_every_brain_has_a_figure():
    shown = set(figures.FIGURES) | {"motor_imagery", "replay", "ott_antonsen"}
    assert shown >= set(SOURCES)
