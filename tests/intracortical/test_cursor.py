"""The simulated user, the units that turn overnight, and the sums that stand for their activity."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.intracortical.retrospective import regress
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.intracortical.activity import open_loop, reading, sums, wishart
from neurodrift.scenarios.intracortical.cursor import NOISE, RADIUS, Loop, record, trial_time
from neurodrift.scenarios.intracortical.cursor_scenario import PUBLISHED, ibci_cursor60
from neurodrift.scenarios.intracortical.days import METHODS, Course, run_days
from neurodrift.scenarios.intracortical.drifting import first_tuning, next_day
from neurodrift.scenarios.intracortical.turnover_scenario import ibci_turnover
from neurodrift.sim.errors import InputError

KEY = jax.random.key(0)
QUIET = 0.05 * jnp.eye(2)


def loop(drive, noise=QUIET, gain=1.2):
    return Loop(jnp.asarray(drive, jnp.float32), jnp.zeros(2), noise, jnp.float32(gain))


timed = jax.jit(trial_time, static_argnums=2)


def test_a_user_behind_a_good_decoder_is_on_the_target_in_a_second_or_two():
    # half a second of it is dwelling
    assert 0.8 < float(timed(loop(np.eye(2)), KEY, 3000)) < 2.0


def test_behind_a_decoder_turned_by_half_a_circle_every_trial_is_given_up():
    assert float(timed(loop(-np.eye(2)), KEY, 3000)) == pytest.approx(10.0, abs=0.05)


def test_a_trial_ends_after_half_a_second_within_the_target():
    block = jax.jit(record, static_argnums=2)(loop(np.eye(2)), KEY, 1500)
    inside = np.linalg.norm(np.asarray(block.position - block.target), axis=1) < RADIUS
    ends = np.flatnonzero(np.asarray(block.done))
    assert len(ends) > 5
    for end in ends:
        assert inside[end - 25 : end + 1].all()
        assert not np.array_equal(block.target[end], block.target[end + 1])
        assert int(block.taken[end]) < 500


def test_tuning_correlates_with_the_day_before_as_told():
    days = jax.vmap(lambda k: next_day(k, first_tuning(KEY)))(jax.random.split(KEY, 200))
    before = np.asarray(first_tuning(KEY))
    cosine = (
        (np.asarray(days) * before).sum(1) / np.linalg.norm(np.asarray(days), axis=1) / np.linalg.norm(before, axis=0)
    )
    np.testing.assert_allclose(cosine, 0.91, atol=1e-4)
    size = np.linalg.norm(np.asarray(days), axis=1)[:, 0]
    # a mixture of .50 (two in three) and .89, three standard errors of 200 draws
    assert abs(size.mean() - (0.672 * 0.502 + 0.328 * 0.892)) < 3 * size.std() / np.sqrt(200)


def test_drawn_sums_have_the_mean_and_the_spread_of_those_of_single_bins():
    """2000 blocks of 40 bins and 4 units each, drawn both ways; five standard errors."""
    rng = np.random.default_rng(1)
    tuning, weights = rng.normal(size=(4, 2)), rng.normal(size=(2, 4))
    n = 40
    push, noise, wanted = (rng.normal(size=(n, 2)) for _ in range(3))
    weight = (np.arange(n) < 30).astype(float)
    draw = jax.jit(jax.vmap(lambda k: sums(k, *map(jnp.asarray, (tuning, weights, push, noise, wanted, weight)))))
    ours = draw(jax.random.split(KEY, 2000))
    basis = np.asarray(reading(jnp.asarray(weights)).basis)
    e = rng.normal(size=(2000, n, 4))
    e = e - e @ basis @ basis.T + noise @ basis.T
    y = push @ tuning.T + NOISE * e
    for found, direct in (
        (ours.yy, np.einsum("bni,bnj,n->bij", y, y, weight)),
        (ours.yw, np.einsum("bni,nj,n->bij", y, wanted, weight)),
        (ours.y, np.einsum("bni,n->bi", y, weight)),
    ):
        found = np.asarray(found)
        error = 5 * direct.std(axis=0) / np.sqrt(1000) + 1e-3
        assert (np.abs(found.mean(axis=0) - direct.mean(axis=0)) < error).all()
        np.testing.assert_allclose(found.std(axis=0), direct.std(axis=0), rtol=0.15, atol=1e-3)
    np.testing.assert_allclose(ours.n, 30.0)


def test_wishart_matrices_have_their_mean():
    found = np.asarray(jax.vmap(lambda k: wishart(k, 3, jnp.float32(50.0)))(jax.random.split(KEY, 4000)))
    np.testing.assert_allclose(found.mean(axis=0), 50 * np.eye(3), atol=5 * np.sqrt(100 / 4000))


def test_a_decoder_of_a_training_block_reads_the_push():
    tuning = first_tuning(KEY)
    weights, offset = regress(open_loop(jax.random.key(1), tuning, 10000))
    # of unit pushes and noise of .3: the best linear reader shrinks by s / (s + noise), s = |tuning|² = 1/4
    np.testing.assert_allclose(weights @ tuning, np.eye(2) * 0.25 / (0.25 + NOISE**2), atol=0.03)
    np.testing.assert_allclose(offset, 0.0, atol=0.03)


# --- the scenarios -------------------------------------------------------------------------------------------


def cells(times):
    arrays = {name: np.full((4, 60), times[name]) + 0.01 * np.arange(4)[:, None] for name in METHODS}
    meta = {"severity": 0.91, "seed": 0, "subjects": ["P01", "P02", "P03", "P04"], "n_days": 60}
    return [(meta, arrays)]


def results_of(times, **choices):
    config = make_config("ibci_cursor60", INFOS["ibci_cursor60"], **choices)
    return ibci_cursor60().results(config, cells(times), 1, {"code": "x"}, "neurodrift run")


def test_times_within_the_published_spread_are_told_from_those_outside():
    results = results_of({"frozen": 9.5, "stabiliser": 2.4, "rti": 1.9, "prit": 3.0, "supervised": 1.5})
    assert "4 of 5 methods are within" in results["verdict"]["headline"]
    assert "prit: 3.01 s, outside the published 1.53 ± 0.31 s" in results["verdict"]["sentences"][3]
    assert results["rows"][0]["failed"] == 100.0
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    page = ibci_cursor60().report(results)
    assert page.count("<svg") == 1
    assert "9.49 ± 0.97" in page
    assert "2.42 ± 1.70" in results["text"]


def test_a_quick_run_is_not_set_beside_published_figures():
    results = results_of(dict.fromkeys(METHODS, 1.5), quick=True)
    assert "within" not in results["verdict"]["headline"]
    assert "Quick" in results["notes"][-1]


def test_turnover_tells_how_far_each_method_brings_back_the_frozen_decoder():
    config = make_config("ibci_turnover", INFOS["ibci_turnover"])
    level = {"frozen": -0.5, "stabiliser": 0.3, "supervised": 0.7, "oracle": 0.75}
    days = [0.0, 40.0, 80.0, 120.0]
    found = [
        ({"severity": 1.0, "seed": 0, "subjects": [f"P{i}"], "days": days},
         {name: np.array([0.8, value, value, value]) for name, value in level.items()})
        for i in range(3)
    ]  # fmt: skip
    results = ibci_turnover().results(config, found, 3, {"code": "x"}, "neurodrift run")
    assert "from R² 0.80 to -0.50; the oracle has 0.75" in results["verdict"]["headline"]
    assert any("stabiliser: R² 0.30 over the last third, 64 %" in s for s in results["verdict"]["sentences"])
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert ibci_turnover().report(results).count("<svg") == 1


@pytest.mark.parametrize("scenario", [ibci_cursor60(), ibci_turnover()], ids=lambda s: s.info.name)
def test_methods_of_other_scenarios_and_data_are_refused(scenario):
    config = make_config(scenario.info.name, scenario.info, methods=["frozen", "ea"])
    with pytest.raises(InputError, match="has no method 'ea'; choose from frozen, stabiliser"):
        scenario.plan(config)
    with pytest.raises(InputError, match="simulates its people; leave --data out"):
        scenario.plan(make_config(scenario.info.name, scenario.info, data="x"))


@pytest.mark.slow
def test_after_three_weeks_only_the_frozen_decoder_is_lost():
    course = Course(n_days=20, n_block=20000, n_sweep=1500, n_test=4000)
    times = run_days(course, METHODS, jax.random.split(jax.random.key(7), 3), lambda text: None)
    late = dict(zip(METHODS, times[:, :, -3:].mean(axis=(1, 2))))
    assert late["frozen"] > 2.5
    for name in ("stabiliser", "rti", "prit", "supervised"):
        mean, sd, _ = PUBLISHED[name]
        assert abs(late[name] - mean) < sd


@pytest.mark.slow
def test_over_months_the_stabiliser_lies_between_frozen_and_oracle():
    scenario = ibci_turnover()
    config = make_config("ibci_turnover", scenario.info, quick=True, subjects=1)
    _, scores = scenario.run_cell(config, scenario.plan(config)[0], lambda text: None)
    late = {name: float(values[-4:].mean()) for name, values in scores.items()}
    assert late["frozen"] < late["stabiliser"] - 0.2 < late["supervised"] - 0.2
    assert late["supervised"] <= late["oracle"] + 0.02
