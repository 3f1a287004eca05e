"""Outcome and risks of a transfer: values by hand, and what they must be of outcomes whose answer is known."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, cohen_kappa_score, roc_auc_score

from neurodrift.scenarios.transfer.measures import area_under_curve, score
from neurodrift.scenarios.transfer.outcome import Outcome, joined
from neurodrift.scenarios.transfer.risk import find, risks
from neurodrift.sim.errors import InputError

ARMS = ("scratch", "frozen", "finetuned", "oracle")
GAINS = np.array([0.30, 0.20, 0.10, 0.05, 0.00, -0.005, -0.02, -0.03, -0.06, -0.25])


@pytest.fixture(scope="module")
def outcome():
    """Ten people: scratch .6, fine-tuned as GAINS say; nothing from scratch without labels."""
    n = len(GAINS)
    accuracy = np.zeros((n, 2, 4))
    accuracy[:, :, 0] = [np.nan, 0.6]
    accuracy[:, :, 1] = 0.65
    accuracy[:, :, 2] = 0.6 + GAINS[:, None]
    accuracy[:, :, 3] = 0.9
    before = np.full((n, 4), 0.8)
    after = np.full((n, 2, 4), 0.8)
    after[:, 1, 2] = 0.7
    return Outcome(tuple(f"P{i}" for i in range(n)), (0, 10), ARMS, accuracy, source_before=before, source_after=after)


def test_the_harm_is_what_the_differences_say(outcome):
    row = find(risks(outcome), "finetuned", 10)
    assert row["gain"] == pytest.approx(GAINS.mean(), rel=1e-6)
    assert row["gain_lo"] < GAINS.mean() < row["gain_hi"]
    assert row["negative"] == pytest.approx(0.4)
    assert row["negative_5pp"] == pytest.approx(0.2)
    assert row["cvar10"] == row["worst"] == pytest.approx(-0.25)
    assert row["over_frozen"] == pytest.approx(GAINS.mean() - 0.05)
    assert row["spread"]["sd"] == pytest.approx(GAINS.std(ddof=1), rel=1e-6)


def test_shares_of_people_have_exact_intervals_and_the_worst_has_none(outcome):
    row = find(risks(outcome), "finetuned", 10)
    for name, k in (("negative", 4), ("negative_5pp", 2)):
        exact = binomtest(k, len(GAINS)).proportion_ci(0.95, "exact")
        assert (row[f"{name}_lo"], row[f"{name}_hi"]) == pytest.approx((exact.low, exact.high), rel=1e-6)
    for name in ("cvar10", "worst"):  # a tenth of ten people is one
        assert row[f"{name}_lo"] is row[f"{name}_hi"] is None
        assert "no interval" in row[f"{name}_reason"]


def test_nobody_of_six_below_scratch_does_not_rule_harm_out():
    accuracy = np.broadcast_to([0.6, 0.7], (6, 1, 2))
    row = find(risks(Outcome(tuple("ABCDEF"), (10,), ("scratch", "finetuned"), accuracy)), "finetuned", 10)
    # the exact upper end of 0 of n is 1 - .025 ** (1 / n)
    assert (row["negative"], row["negative_lo"]) == (0.0, 0.0)
    assert row["negative_hi"] == pytest.approx(1 - 0.025 ** (1 / 6))


def test_the_worst_tenth_of_many_people_has_an_interval():
    accuracy = np.stack([np.full(30, 0.6), np.linspace(0.4, 0.9, 30)], -1)[:, None]
    row = find(risks(Outcome(tuple(map(str, range(30))), (10,), ("scratch", "finetuned"), accuracy)), "finetuned", 10)
    assert row["cvar10_lo"] < row["cvar10"] < row["cvar10_hi"]
    assert row["worst_lo"] is None


def test_forgetting_is_what_the_source_lost(outcome):
    found = risks(outcome)
    assert find(found, "finetuned", 10)["forgetting"] == pytest.approx(0.1)
    assert find(found, "frozen", 10)["forgetting"] == 0.0


def test_without_labels_nothing_is_gained_over_scratch_and_the_reason_is_told(outcome):
    row = find(risks(outcome), "finetuned", 0)
    assert row["gain"] is None
    assert row["negative"] is None
    assert row["gain_reason"] == "scratch: no answer"
    assert row["over_frozen"] == pytest.approx(GAINS.mean() - 0.05)


def test_the_trials_needed_are_the_first_budget_within_five_percent_of_the_oracle(outcome):
    needed = {one["arm"]: one for one in risks(outcome)["needed"]}
    # .95 x .9 = .855: one person has .9
    assert needed["finetuned"]["by_person"] == [0.0, *[None] * 9]
    assert needed["finetuned"]["never"] == 9
    assert needed["finetuned"]["median"] is None


def test_the_risks_are_strict_json(outcome):
    json.dumps(risks(outcome, {"attack": "none"}), allow_nan=False)


@pytest.mark.parametrize(
    ("measure", "oracle"),
    [
        ("auc", lambda y, p: roc_auc_score(y, p[:, 1])),
        ("kappa", lambda y, p: cohen_kappa_score(y, p.argmax(1))),
        ("balanced_accuracy", lambda y, p: balanced_accuracy_score(y, p.argmax(1))),
        ("accuracy", lambda y, p: np.mean(y == p.argmax(1))),
    ],
)
def test_measures_agree_with_scikit_learn(measure, oracle):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    p = np.round(np.clip(0.5 + 0.2 * (y - 0.5) + 0.2 * rng.normal(size=200), 0, 1), 2)  # with ties
    proba = np.stack([1 - p, p], -1)
    assert score(measure, proba, y) == pytest.approx(oracle(y, proba))


def test_padding_counts_for_nothing_and_an_arm_without_answers_has_no_value():
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [np.nan, np.nan]])
    assert score("accuracy", proba, np.array([0, 1, -1])) == 1.0
    assert score("accuracy", proba, np.array([0, 1, 1])) == pytest.approx(2 / 3)
    assert np.isnan(score("accuracy", np.full((3, 2), np.nan), np.array([0, 1, 1])))
    assert np.isnan(area_under_curve([0.1, 0.2], [True, True]))


def test_calibration_of_probabilities_that_are_right_is_small_and_of_sure_errors_large():
    rng = np.random.default_rng(1)
    p = rng.uniform(0, 1, (6, 2000))
    y = (rng.uniform(0, 1, p.shape) < p).astype(int)
    honest = np.stack([1 - p, p], -1)
    sure = np.where(np.arange(2) == (p > 0.5)[..., None], 0.999, 0.001)
    outcome = Outcome.create(
        [f"P{i}" for i in range(6)], (10,), ("scratch", "frozen"), np.stack([honest, sure], 1)[:, None], y
    )
    found = risks(outcome)
    assert find(found, "scratch", 10)["ece"] < 0.02
    assert find(found, "frozen", 10)["ece"] == pytest.approx(0.999 - np.mean(y == (p > 0.5)), abs=1e-3)
    # scikit-learn's counts one class, ours both
    assert find(found, "scratch", 10)["brier"] == pytest.approx(2 * brier_score_loss(y.ravel(), p.ravel()), abs=1e-5)


def test_a_person_met_twice_counts_once():
    proba = np.full((2, 1, 1, 4, 2), 0.5)
    proba[0, 0, 0] = [[0.9, 0.1]] * 4
    y = np.zeros((2, 4), int)
    one = Outcome.create(["A", "B"], (10,), ("scratch",), proba, y)
    again = Outcome.create(["A"], (10,), ("scratch",), proba[:1, :, :, :3], 1 - y[:1, :3])
    both = joined([one, again])
    assert both.people == ("A", "B")
    assert both.accuracy[0, 0, 0] == pytest.approx(0.5)
    assert both.y.shape == (2, 7)
    assert (both.y[1] == -1).sum() == 3


def test_an_outcome_comes_back_from_its_arrays(outcome):
    back = Outcome.restored(outcome.facts(), outcome.arrays())
    np.testing.assert_array_equal(back.accuracy, outcome.accuracy)
    assert back.people == outcome.people
    assert back.probabilities is None


def test_what_does_not_belong_together_is_refused_in_a_line(outcome):
    with pytest.raises(InputError, match="wanted \\(n_people, n_budgets, n_arms\\)"):
        Outcome(("A",), (0,), ("scratch",), np.zeros((1, 2, 1)))
    with pytest.raises(InputError, match="ascending"):
        Outcome(("A",), (10, 0), ("scratch",), np.zeros((1, 2, 1)))
    with pytest.raises(InputError, match="choose from accuracy"):
        Outcome(("A",), (0,), ("scratch",), np.zeros((1, 1, 1)), measure="luck")
    with pytest.raises(InputError, match="no arm 'ea'; choose from scratch"):
        outcome.of("ea")
    with pytest.raises(InputError, match="differ in budgets"):
        joined([outcome, Outcome(("A",), (0, 20), ARMS, np.zeros((1, 2, 4)))])
