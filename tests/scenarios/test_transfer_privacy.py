"""The privacy audit of a transfer: it finds what is there, counts people, and is shown in the report."""

import dataclasses
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest

from neurodrift.adaptation.federated.audit import auc
from neurodrift.scenarios.transfer.arms import Person
from neurodrift.scenarios.transfer.outcome import Outcome
from neurodrift.scenarios.transfer.page import audit_lines, risk_sections
from neurodrift.scenarios.transfer.privacy import ARMS, audited, with_audit
from neurodrift.scenarios.transfer.risk import risks

N_PEOPLE, N_POOL, N_TEST, BUDGETS = 12, 40, 80, (0, 10, 40)


def person(n_people=N_PEOPLE, missing=0):
    """Trials of which only weights and classes matter; the last ``missing`` of the test are none. Half of the pool is
    of class 1, an eighth of the test."""
    pool, test = np.ones((n_people, N_POOL)), np.ones((n_people, N_TEST))
    test[:, N_TEST - missing :] = 0.0
    classes = [
        np.broadcast_to(np.arange(n) % of == 0, (n_people, n)).astype(int) for n, of in ((N_POOL, 2), (N_TEST, 8))
    ]
    return Person(*(SimpleNamespace(weight=w, y=y) for w, y in zip((pool, test), classes)))


def told(seed, leak, n_people=N_PEOPLE):
    """Confidences with deviation 1 around each trial's own difficulty; the labelled ones ``leak`` higher, by arm."""
    rng = np.random.default_rng(seed)
    labelled = np.arange(N_POOL + N_TEST) < np.array(BUDGETS)[:, None]
    hardness = 3.0 * rng.normal(size=(n_people, 1, 1, N_POOL + N_TEST))
    noise = rng.normal(size=(n_people, len(BUDGETS), 3, N_POOL + N_TEST))
    return hardness + noise + np.array(leak)[:, None] * labelled[:, None]


def outcome(names, arms=(*ARMS, "oracle")):
    return Outcome(tuple(names), BUDGETS, arms, np.full((len(names), len(BUDGETS), len(arms)), 0.7))


def row(found, arm, budget, attack="loss"):
    return next(r for r in found["rows"] if (r["arm"], r["budget"], r["attack"]) == (arm, budget, attack))


def test_members_are_the_labelled_trials_and_what_is_no_trial_is_neither():
    member = with_audit(outcome([str(i) for i in range(N_PEOPLE)]), told(0, (0, 0, 0)), person(missing=5)).member
    assert (member == 1).sum(-1).tolist() == [list(BUDGETS)] * N_PEOPLE
    assert (member == -1).sum(-1).tolist() == [[5, 5, 5]] * N_PEOPLE
    assert (member[0, 1, :10] == 1).all()
    assert (member[0, 1, 10:-5] == 0).all()


def test_a_budget_beyond_what_can_be_labelled_makes_no_member_of_what_is_scored():
    mine = Outcome(("A",), (100,), ARMS, np.ones((1, 1, 3)))
    member = with_audit(mine, np.zeros((1, 1, 3, N_POOL + N_TEST)), person(1)).member[0, 0]
    assert member[:N_POOL].all()
    assert not member[N_POOL:].any()


def test_without_another_trial_of_a_class_there_is_nothing_to_tell():
    alone = with_audit(outcome("AB"), told(9, (1, 0, 1), 2), person(2, missing=N_TEST))
    alone = dataclasses.replace(alone, member=np.where(alone.member == 0, -1, alone.member))
    found = risks(alone, audited([alone]))["audit"]
    assert all(row["area"] is None and row["area_reason"] for row in found["rows"])
    assert found["sentence"].startswith("Nobody has other trials")


def test_the_audit_finds_what_leaks_and_nothing_of_a_decoder_that_met_nobody():
    names = [f"P{i}" for i in range(N_PEOPLE)]
    found = audited([with_audit(outcome(names), told(1, (4.0, 0.0, 2.0)), person())])
    # normals 2 apart; a trial's noise has variance 2, the source's being subtracted: Phi(2 / sqrt(2 + 2))
    assert row(found, "finetuned", 40, "loss beside the source's")["area"] == pytest.approx(0.841, abs=0.03)
    assert row(found, "scratch", 40)["area"] > row(found, "finetuned", 40)["area"] > 0.6
    blank = row(found, "aligned", 40)
    assert blank["area_lo"] < 0.5 < blank["area_hi"]
    assert {r["budget"] for r in found["rows"]} == {10, 40}  # none is trained on none
    assert re.search(r"finetuned tells them with 10, 40 labelled \(areas 0\.6\d to 0\.8\d\)", found["sentence"])
    blind = audited([with_audit(outcome(names), told(1, (0.0, 0.0, 0.0)), person())])
    assert blind["sentence"].count("is not seen to tell them with 10, 40 labelled") == 2
    assert "tells them" not in blind["sentence"]


def test_a_leak_that_people_s_differences_hide_is_told():
    """People whose own areas lie far apart, and a decoder that raises each a little: beside the source's own area of
    the same person the leak is seen, though the intervals of the two areas overlap."""
    names, rng = [f"P{i}" for i in range(N_PEOPLE)], np.random.default_rng(5)
    found = told(6, (0.0, 0.0, 0.0))
    labelled = np.arange(N_POOL + N_TEST) < np.array(BUDGETS)[:, None]
    found = found + 4.0 * rng.normal(size=(N_PEOPLE, 1, 1, 1)) * labelled[:, None]  # early trials are others
    found[:, :, 2] = found[:, :, 1] + 0.4 * labelled  # finetuned is the source's, a little surer
    mine = audited([with_audit(outcome(names), found, person())])
    tuned, blank = row(mine, "finetuned", 40), row(mine, "aligned", 40)
    assert tuned["area_lo"] < blank["area_hi"]
    assert tuned["over_lo"] > 0
    told_of = dict(part.split(" ", 1) for part in mine["sentence"].partition(": ")[2].split("; ")[:2])
    assert re.match(r"tells them with (10, )?40 labelled", told_of["finetuned"])
    assert re.match(r"is not seen to tell them with 10, 40 labelled", told_of["scratch"])


def test_a_threshold_that_moved_is_no_memory():
    """A decoder that is surer of one class, trained or not, tells nothing of its training, though more of the trained
    trials than of the others are of that class."""
    names = [f"P{i}" for i in range(N_PEOPLE)]
    found, people = told(8, (0.0, 0.0, 0.0)), person()
    of_class = np.concatenate([people.pool.y, people.test.y], axis=1)[:, None]
    found[:, :, 2] += 2.0 * of_class
    mine = row(audited([with_audit(outcome(names), found, people)]), "finetuned", 40, "loss beside the source's")
    assert mine["area_lo"] < 0.5 < mine["area_hi"]
    member = np.arange(N_POOL + N_TEST) < 40
    pooled = np.mean([auc(f[2, 2] - f[2, 1], member) for f in found])
    assert pooled > 0.6  # what an area over both classes would say


def test_pairs_of_one_class_are_counted():
    """An area by hand: of class 0 one pair of two is right, of class 1 both."""
    one = Person(
        *(SimpleNamespace(weight=np.ones((1, n)), y=np.array([y])) for n, y in ((2, [0, 1]), (4, [0, 0, 1, 1])))
    )
    given = np.zeros((1, 1, 3, 6))
    given[0, 0, 2] = [0.5, 0.9, 0.2, 0.7, 0.1, 0.3]
    mine = Outcome(("A",), (2,), ARMS, np.ones((1, 1, 3)))
    assert row(audited([with_audit(mine, given, one)]), "finetuned", 2)["area"] == pytest.approx(3 / 4)


def test_an_area_beside_the_source_s_is_compared_with_a_guess():
    names = [f"P{i}" for i in range(N_PEOPLE)]
    mine = audited([with_audit(outcome(names), told(7, (0.0, 0.0, 0.6)), person())])
    relative = row(mine, "finetuned", 40, "loss beside the source's")
    assert relative["over"] == pytest.approx(relative["area"] - 0.5)
    assert relative["over_lo"] > 0


def test_a_person_met_twice_is_one_person():
    once = audited([with_audit(outcome("AB"), told(2, (1, 0, 1), 2), person(2))])
    cells = [with_audit(outcome("AB"), told(seed, (1, 0, 1), 2), person(2)) for seed in (2, 3)]
    twice = audited(cells)
    assert row(twice, "finetuned", 10)["n_people"] == row(once, "finetuned", 10)["n_people"] == 2
    alone = audited(cells[1:])
    areas = [row(found, "finetuned", 10)["area"] for found in (once, alone, twice)]
    assert areas[2] == pytest.approx((areas[0] + areas[1]) / 2)


def test_the_report_shows_the_audit_and_says_where_none_was_made():
    names = [f"P{i}" for i in range(N_PEOPLE)]
    mine = outcome(names)
    found = risks(mine, audited([with_audit(mine, told(1, (4.0, 0.0, 2.0)), person())]))
    json.dumps(found, allow_nan=False)
    assert audit_lines(found["audit"])[0] == ["decoder", "attack", "10 labelled", "40 labelled"]
    page = risk_sections(found, "toy")[-1][2]
    assert "told from the person&#x27;s others" in page
    assert "loss beside the source" in page
    assert audited([mine]) is None
    assert "No privacy audit" in risk_sections(risks(mine), "toy")[-1][2]


def test_arms_that_were_not_run_are_not_audited():
    found = audited([with_audit(outcome("AB", ("scratch",)), told(4, (1, 0, 1), 2), person(2))])
    assert {r["arm"] for r in found["rows"]} == {"scratch"}
