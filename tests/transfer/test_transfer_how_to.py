"""The example of the how-to."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/howto/transfer.md"


def test_the_transfer_of_the_how_to_gains_what_it_was_made_to(tmp_path, capsys):
    found = re.search(r"<!-- test: transfer_risk.py -->\n```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert found
    made: dict = {}
    exec(compile(found[1], "transfer_risk.py", "exec"), made)
    row = made["row"]
    # twelve people of 200 trials: a binomial error of .013 about what these people were made to be
    true = (made["own"][:, 1, 2] - made["own"][:, 1, 0]).mean()
    assert row["gain"] == pytest.approx(true, abs=0.04)
    assert row["gain_lo"] < true < row["gain_hi"]
    assert row["ece"] == pytest.approx(abs(row["value"] - 0.75), abs=1e-6)
    assert "finetuned" in capsys.readouterr().out
