"""``check`` finds the law that a component breaks, and only that one."""

import importlib.util
from pathlib import Path

import pytest

from neurodrift.adaptation.registry import METHODS
from neurodrift.scenarios.check import check_component
from neurodrift.scenarios.cli.main import main
from neurodrift.sim.errors import InputError

_spec = importlib.util.spec_from_file_location("components", Path(__file__).parent / "components.py")
components = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(components)


def broken(component):
    kind, results = check_component(component)
    return kind, {result.law for result in results if result.passed is False}


@pytest.mark.parametrize(("name", "kind"), [("Constant", "adapter"), ("Wobble", "drift")])
def test_a_sound_component_keeps_every_law(name, kind):
    assert broken(getattr(components, name)()) == (kind, set())


@pytest.mark.parametrize(
    ("name", "laws"),
    [
        ("LearnsWithoutLabels", {"no feedback leaves parameters unchanged"}),
        ("Fragile", {"survives windows that are not numbers"}),
        ("Explodes", {"is finite"}),
        ("ChangesShape", {"drift keeps the shape of conditions"}),
    ],
)
def test_the_broken_law_is_named_and_no_other(name, laws):
    assert broken(getattr(components, name))[1] == laws


def test_an_adapter_that_changes_itself_breaks_two_laws_at_least():
    _, laws = broken(components.Remembers)
    assert {"predict leaves the state unchanged"} <= laws


def test_what_a_component_raises_is_told_as_a_broken_law():
    _, results = check_component(components.Raises)
    assert all("no such electrode" in result.detail for result in results)
    assert not any(result.passed for result in results)


def test_half_a_component_is_bad_input_naming_what_is_missing():
    with pytest.raises(InputError, match="looks like an adapter") as caught:
        check_component(components.Half)
    assert "init, update" in str(caught.value)
    with pytest.raises(InputError, match="int is no adapter"):
        check_component(components.NEITHER)


def test_the_frozen_method_keeps_every_law():
    assert broken(METHODS["frozen"].make()) == ("adapter", set())


def test_the_command_prints_a_row_per_law_and_fails_with_status_1(monkeypatch, capsys):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("NEURODRIFT_NO_CACHE", "1")
    monkeypatch.setattr("neurodrift.scenarios.cli.environment.hear_interrupts", lambda: None)
    assert main(["check", "components:Explodes"]) == 1
    rows = capsys.readouterr().out.splitlines()[1:]
    assert len(rows) == 6
    assert ["FAIL" in row for row in rows] == ["is finite" in row for row in rows]
    assert sum("pass" in row for row in rows) == 5
