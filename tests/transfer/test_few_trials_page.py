"""The page of ten and twenty trials calls better or worse only what stands the correction for its table."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "docs/few_trials_page.py"


def script():
    spec = importlib.util.spec_from_file_location("few_trials_page", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def part(differences, n_users=16):
    """A part with these differences over pooled, by arm: (points, half of the interval, p)."""
    rows = [{"trials": 10, "arm": arm, "value": 80.0, "lo": 75.0, "hi": 85.0} for arm in (*differences, "pooled")]
    rows += [
        {"trials": 10, "arm": arm, "over": "pooled", "value": v, "lo": v - half, "hi": v + half, "p": p, "hurt": 0.0}
        for arm, (v, half, p) in differences.items()
    ]
    return {"part": "augment", "n_users": n_users, "n_seeds": 5, "facts": {}, "rows": rows}


FOUR = {"a": (2.0, 1.0, 0.01), "b": (-2.0, 1.0, 0.015), "c": (1.0, 0.9, 0.03), "d": (1.5, 1.6, 0.04)}


def test_what_the_correction_takes_back_is_neither_better_nor_worse():
    """Holm by hand: 4 x .01, 3 x .015, 2 x .03, and .04, which must not be below what is surer."""
    made = script()
    rows = made.compared(part(FOUR))
    assert [row["p_holm"] for row in rows] == pytest.approx([0.04, 0.045, 0.06, 0.06])
    assert [row["settled"] for row in rows] == [1, -1, 0, 0]
    assert made.verdict(part(FOUR)) == (
        "Better: a over pooled at 10 (+2.0). Worse: b over pooled at 10 (\N{MINUS SIGN}2.0). "
        "2 of 4 differences are not settled."
    )
    text = made.page({"augment": part(FOUR)})
    assert "| c over pooled | 10 | +1.0 [+0.1, +1.9] | 0.030 | 0.060 | 0 |" in text


def test_an_interval_around_nought_settles_nothing_however_small_p_is():
    assert script().compared(part({"a": (1.0, 1.1, 0.001)}))[0]["settled"] == 0


def test_so_few_users_that_nothing_could_be_settled_are_said_to_be_so_few():
    """Six who all gain have p 2/2^6, of three comparisons 6/2^6 = .09, of one .03."""
    made = script()
    three = {arm: FOUR[arm] for arm in "bcd"}
    assert made.verdict(part(three, 6)).endswith("6 users cannot settle one: all moving one way, corrected p 0.09.")
    assert "cannot settle" not in made.verdict(part({"a": FOUR["a"]}, 6))
