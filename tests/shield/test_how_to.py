"""The example of docs/howto/shield.md does what its comments say."""

import re
from pathlib import Path

from neurodrift.sim.shield.vetoes import Veto

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "shield.md").read_text(encoding="utf-8")


def test_the_example_of_the_how_to_runs_and_says_what_it_says(capsys):
    code = re.search(r"<!-- test: shield.py -->\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert code is not None
    made = {}
    exec(code[1], made)
    assert capsys.readouterr().out.startswith(
        "amplitude of the profile is 0.015 A; dbs_segment allows more than 0 to 0.0127 A,"
    )
    fourth = made["shield"].audit[3]
    assert (fourth.applied, fourth.vetoes) == ((3e-3, 0.5e-3), Veto.AMPLITUDE | Veto.DENSITY | Veto.SHANNON)
    assert (fourth.requested, fourth.mode.name, fourth.cost) == ((0.03, 0.0005), "ARMED", 1)
    assert fourth.phases(0) == ((3_000_000, 60), (-3_000_000, 60))


def test_every_invariant_of_the_table_names_a_file_that_is_there_and_names_it():
    rows = re.findall(r"^\| (I\d+) \| .* \| (.*) \|$", PAGE, re.MULTILINE)
    assert [name for name, _ in rows] == [f"I{i}" for i in range(1, 16)]
    for name, files in rows:
        for file in re.findall(r"`(test_\w+\.py)`", files):
            text = (Path(__file__).parent / file).read_text(encoding="utf-8")
            number = int(name[1:])
            spans = [(int(a), int(b or a)) for a, b in re.findall(r"[iI](\d+)(?:_to_i(\d+))?", text)]
            assert any(low <= number <= high for low, high in spans) or file in (
                "test_decisions.py", "test_stateful.py", "test_live.py"
            )  # fmt: skip
