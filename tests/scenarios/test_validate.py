"""The validation table and its commands."""

import json
import sys
import types

import pytest

from neurodrift.scenarios.cli.main import main
from neurodrift.scenarios.gallery import figures
from neurodrift.scenarios.validate import table
from neurodrift.scenarios.validate.row import DISPUTED, FAIL, PASS, Disputed, Row, row
from neurodrift.sim.sources import SOURCES

KNOWN = Disputed("known", 12.0, 0.3)


@pytest.mark.parametrize(
    ("expected", "measured", "disputed", "status"),
    [
        (10.0, 10.4, None, PASS),
        (10.0, 10.6, None, FAIL),
        (10.0, 9.4, None, FAIL),
        (10.0, 12.2, KNOWN, DISPUTED),
        (10.0, 10.4, KNOWN, PASS),
        (10.0, 11.0, KNOWN, FAIL),
        (10.0, 12.4, KNOWN, FAIL),
        (10.0, 8.0, KNOWN, FAIL),
        ((1.0, 2.0), 2.4, None, PASS),
        ((1.0, 2.0), 0.4, None, FAIL),
        ((1.0, 2.0), 11.8, KNOWN, DISPUTED),
        (10.0, float("nan"), None, FAIL),
        (10.0, float("nan"), KNOWN, FAIL),
        (10.0, float("inf"), KNOWN, FAIL),
        ((0.0, float("inf")), float("inf"), None, FAIL),
    ],
)
def test_a_row_passes_or_is_disputed_within_the_tolerance_of_that_value_only(expected, measured, disputed, status):
    found = row("x, Hz", expected, measured, 0.5, "paper", disputed)
    assert found.status == status
    assert found.reason.startswith("known") == (status == DISPUTED)
    assert ("12 +- 0.3" in found.reason) == (status == DISPUTED)


def test_the_command_prints_rows_and_fails_with_them(monkeypatch, capsys):
    rows = [row("a, Hz", 1.0, 1.0, 0.1, "paper"), row("b, Hz", 1.0, 2.0, 0.1, "paper", Disputed("because", 2.0, 0.1))]
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


@pytest.mark.parametrize("names", [",", " ", " , "])
def test_an_only_that_names_nothing_is_bad_input(names, capsys):
    assert main(["validate", "--only", names]) == 2
    assert "names nothing; choose from jansen_rit" in capsys.readouterr().err


def test_a_brain_is_found_in_the_module_that_holds_its_rows(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(table, "validate", lambda fast, only, progress: asked.append(only) or [])
    assert main(["validate", "--json", "--only", "kuramoto,hindmarsh_rose,basal_ganglia,eirs"]) == 0
    assert asked == [["oscillators", "spiking", "eirs"]]


def test_every_brain_but_the_recorded_has_rows():
    apart = {"replay", "spiking_column"}
    assert {table.SOURCE_MODULES.get(name, name) for name in set(SOURCES) - apart} <= set(table.MODULES)


def test_the_help_names_the_parts(capsys):
    assert main(["validate", "--help"]) == 0
    out = capsys.readouterr().out
    assert not [name for name in table.MODULES if name not in out]


def test_a_part_of_the_fast_table_runs(capsys):
    rows = table.validate(fast=True, only=["stimulation"])
    assert rows
    assert all(isinstance(r, Row) for r in rows)
    assert not [r for r in rows if r.status == FAIL]


def test_every_brain_has_a_figure():
    shown = set(figures.FIGURES) | {"motor_imagery", "replay", "ott_antonsen"}
    assert shown >= set(SOURCES)
