"""Label budgets: how many labels a method is told, when, and what tables say of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.scenarios.budgets import BUDGETS, base, split_arm
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.decoding import reveal
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.lookup import describe_method, make_adapter
from neurodrift.scenarios.revealed import ration, reveal_within
from neurodrift.sim.errors import InputError

N, ONSET = 60, 15
Y = jnp.asarray(np.arange(N) % 2, jnp.int32)
NO_END = jnp.zeros(N, bool)


def _revealed(budget, session_end=NO_END, **options):
    return ration(reveal(jax.random.key(3), Y, 2, **options), session_end, ONSET, BUDGETS[budget])


def _trials(labels):
    """The trials whose labels arrive, in the order in which they do."""
    return np.asarray(labels.origin)[np.asarray(labels.available)].tolist()


def test_all_labels_are_those_that_came_without_a_budget():
    before = reveal(jax.random.key(3), Y, 2, delay=3, missing=0.2, noise=0.1)
    after = ration(before, NO_END, ONSET, BUDGETS["full"])
    for ours, theirs in zip(after, before):
        np.testing.assert_array_equal(ours, theirs)


def test_no_labels_are_none():
    assert _trials(_revealed("none")) == []
    assert _trials(_revealed("errors")) == []


@pytest.mark.parametrize(("budget", "k"), [("10", 10), ("20", 20)])
def test_a_budget_of_k_is_the_first_k_labels_from_the_onset_on(budget, k):
    assert _trials(_revealed(budget)) == list(range(ONSET, ONSET + k))


def test_a_budget_starts_again_after_every_announced_end_of_a_session():
    ends = NO_END.at[jnp.array([4, ONSET - 1, 39])].set(True)
    assert _trials(_revealed("10", ends)) == [*range(ONSET, ONSET + 10), *range(40, 50)]


def test_labels_that_never_come_are_not_counted():
    every = _trials(_revealed("full", missing=0.4))
    assert _trials(_revealed("10", missing=0.4)) == [t for t in every if t >= ONSET][:10]


def test_late_labels_of_trials_before_the_onset_are_not_of_the_budget():
    labels = _revealed("10", delay=5)
    assert _trials(labels) == list(range(ONSET, ONSET + 10))
    assert np.flatnonzero(labels.available).tolist() == list(range(ONSET + 5, ONSET + 15))


def test_delayed_labels_come_ten_trials_later_than_they_would():
    labels = _revealed("delayed", delay=2, noise=0.2)
    assert np.flatnonzero(labels.available).tolist() == list(range(12, N))
    assert _trials(labels) == list(range(N - 12))
    now = reveal(jax.random.key(3), Y, 2, noise=0.2)
    np.testing.assert_array_equal(labels.label[12:], now.label[:-12])


def test_error_signals_are_wrong_as_often_as_detectors_are():
    keys = jax.random.split(jax.random.key(0), 50)
    y = jnp.tile(Y, (50, 1))
    labels = jax.vmap(lambda k, one: reveal(k, one, 2))(keys, y)
    told, errors = reveal_within(keys, y, labels, NO_END, ONSET, BUDGETS["errors"])
    assert not np.asarray(told.available).any()
    seen_if_right, seen_if_wrong = np.asarray(errors.after(y)), np.asarray(errors.after(1 - y))
    error = 3 * np.sqrt(0.24 * 0.76 / y.size)
    assert abs(seen_if_right.mean() - 0.24) < error
    assert abs(seen_if_wrong.mean() - 0.76) < error
    assert (errors.if_right[0] != errors.if_right[1]).any()


def test_an_arm_is_a_method_and_a_budget():
    assert split_arm("cft") == ("cft", BUDGETS["full"])
    assert split_arm("my_module:Adapter@delayed") == ("my_module:Adapter", BUDGETS["delayed"])
    assert base("ea_cft@10") == "ea_cft"


@pytest.mark.parametrize(
    ("arm", "said"),
    [
        ("cft@11", "one of none, errors, 10, 20, delayed, full"),
        ("cft@", "one of none, errors, 10, 20, delayed, full"),
        ("@10", "METHOD@BUDGET"),
        ("oracle@10", "leave '@10' out"),
        ("cfd@10", "did you mean 'cft'"),
    ],
)
def test_an_arm_that_cannot_be_is_refused_in_one_line(arm, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as caught:
        make_config("mi_null", INFOS["mi_null"], methods=["frozen", arm])
    assert said in str(caught.value)


def test_a_scenario_without_budgets_says_so():
    with pytest.raises(InputError, match="pd_decoded_adbs knows no label budgets"):
        make_config("pd_decoded_adbs", INFOS["pd_decoded_adbs"], methods=["frozen", "ea@none"])


def test_titles_say_the_budget_and_plain_names_stay_as_they_were():
    described = describe_method("cft@10")
    assert described["title"] == "Continual fine-tuning (10 labels)"
    assert described["labels"] == "the first 10 of each period from the onset on"
    assert describe_method("cft")["title"] == "Continual fine-tuning"
    assert describe_method("cft")["labels"] == "every trial"
    assert make_adapter("ea") is not None
