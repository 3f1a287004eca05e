"""A verdict's words say no more than its interval does."""

import numpy as np
import pytest

from neurodrift.scenarios.statistics import Interval
from neurodrift.scenarios.transfer.new_user import _adapting
from neurodrift.scenarios.transfer.outcome import Outcome
from neurodrift.scenarios.transfer.risk import risks
from neurodrift.scenarios.transfer.verdict import beside, ends, points, unharmed


@pytest.mark.parametrize(
    ("lo", "hi", "word"), [(0.1, 0.3, "up"), (-0.3, -0.1, "down"), (-0.1, 0.1, "not settled"), (0, 0, "not settled")]
)
def test_above_and_below_are_said_of_whole_intervals(lo, hi, word):
    assert beside(Interval((lo + hi) / 2, lo, hi), 0.0, "up", "down") == word


@pytest.mark.parametrize(
    ("lo", "hi", "word"),
    [
        (-0.005, 0.02, "not made worse"), (-0.009, -0.002, "worse by less than 1 points"), (-0.05, -0.02, "made worse"),
        (-0.05, 0.01, "not settled"),
    ],
)  # fmt: skip
def test_unharmed_is_who_loses_less_than_the_limit_for_sure(lo, hi, word):
    assert unharmed(Interval((lo + hi) / 2, lo, hi), -0.01) == word


@pytest.mark.parametrize(("scale", "word"), [(0.3, "not settled"), (0.02, "lose to")])
def test_twenty_trials_lose_to_adapting_only_where_the_interval_says_so(scale, word):
    rng = np.random.default_rng(0)
    gain = 0.08 + scale * rng.normal(size=12)
    accuracy = np.stack([np.full(12, 0.7), 0.7 + gain], -1)[:, None]
    risk = risks(Outcome(tuple(f"P{i}" for i in range(12)), (20,), ("scratch", "aligned"), accuracy))
    (sentence,) = _adapting("people", risk)
    assert word in sentence


def test_what_rounds_to_nothing_has_no_minus():
    assert points(Interval(-0.0001, -0.0123, 0.0004)) == "+0.0 [-1.2, 0.0]"
    assert ends(Interval(-0.1, -0.00012, 0.2), 100.0, 1) == "[0.0, 20.0]"
