"""What a control report says of differences: beyond doubt only where interval and corrected test both say so."""

import pytest

from neurodrift.scenarios.control.verdict import _differences


def _said(measure: str, lo: float, hi: float, p: float) -> str:
    test = {
        "drift": "none", "arm": "a", "against": "b", "measure": measure, "difference": (lo + hi) / 2,
        "difference_lo": lo, "difference_hi": hi, "p_holm": p,
    }  # fmt: skip
    rows = [
        {"arm": "a", "role": "learned", "title": "A", "drift": "none", "reward": 0.0},
        {"arm": "b", "role": "controller", "title": "B", "drift": "none", "reward": 1.0},
    ]
    return _differences({"marker": "beta", "tests": [test]}, rows, rows[0])[0]


@pytest.mark.parametrize("measure", ["marker", "energy_percent", "reward"])
@pytest.mark.parametrize(
    ("lo", "hi", "p", "doubt"),
    [
        (-1.0, 2.0, 0.9, " (no difference is shown)."),
        (1.0, 2.0, 0.3, " (not beyond doubt among so many comparisons)."),
        (1.0, 2.0, 0.01, "p = 0.010."),
    ],
)
def test_a_difference_is_beyond_doubt_only_where_interval_and_corrected_test_say_so(measure, lo, hi, p, doubt):
    assert _said(measure, lo, hi, p).endswith(doubt)
