"""The scenarios that every comparison needs beside a sudden and a gradual drift: what each of them does to a stream."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.scenarios.catalogue import SCENARIOS
from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.simulated import _balance
from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift.base import begin, evolve
from neurodrift.sim.head import make_montage

NEW = ("mi_channel_loss", "mi_state_change", "mi_return", "mi_label_shift")


def _truth(name, severity):
    """The conditions at the end of every trial of a session, of one person."""
    scenario = SCENARIOS[name]
    timeline = scenario.timeline
    processes = scenario.make_drift(jnp.float32(severity), jnp.float32(timeline.onset_s))
    montage = make_montage("10-10-31")
    nominal = Conditions.nominal(31, montage.reference_weights("FCz"))
    key = jax.random.key(0)

    def window(states, tick):
        clock = Clock(tick, jnp.float32(timeline.seconds_per_trial / 8))
        return evolve(processes, states, nominal, clock, key)

    ticks = 8 * jnp.arange(timeline.n_trials) + 7
    return nominal, jax.jit(lambda: jax.lax.scan(window, begin(processes, key), ticks)[1])()


def _changed(name, severity):
    """Which trials are under other conditions than the first (n_trials,) bool."""
    nominal, now = _truth(name, severity)
    apart = [np.abs(a - b).reshape(len(a), -1).max(1) > 0 for a, b in zip(*map(jax.tree.leaves, (now, nominal)))]
    return np.any(apart, 0)


@pytest.mark.parametrize("name", NEW)
def test_nothing_drifts_before_the_onset_nor_at_severity_0(name):
    timeline = SCENARIOS[name].timeline
    assert not _changed(name, 0.0).any()
    found = _changed(name, INFOS[name].severities[-1])
    assert not found[: timeline.n_before].any()
    assert found[timeline.n_before]


def test_what_is_away_comes_back_and_the_oracle_has_a_block_for_either():
    timeline = SCENARIOS["mi_return"].timeline
    away = np.arange(timeline.n_trials)[_changed("mi_return", 3.0)]
    np.testing.assert_array_equal(away, timeline.n_before + np.arange(timeline.n_away))
    assert timeline.n_after == timeline.oracle_blocks * timeline.n_away


@pytest.mark.parametrize(
    ("ratio", "prior", "shift"), [(0.5, 0.5, 0.5), (1.0, 0.5, 1.0), (2.0, 2 / 3, 1.0), (9.0, 0.9, 1.0)]
)
def test_the_slip_beside_unequal_classes_is_the_same_for_every_ratio(ratio, prior, shift):
    _, now = _truth("mi_label_shift", ratio)
    last = float(now.class_prior[-1])
    assert max(last, 1 - last) == pytest.approx(prior)
    moved = 9.0 * np.linalg.norm(now.cap_rotation[-1])  # cm over a head of 9 cm
    assert moved == pytest.approx(shift, rel=1e-3)


def test_as_many_electrodes_are_lost_as_was_said():
    _, now = _truth("mi_channel_loss", 4.0)
    np.testing.assert_array_equal(31 - now.connected.sum(1), np.where(np.arange(170) < 50, 0, 4))


def test_trials_are_weighed_from_the_onset_on():
    label = np.array([[0, 1, 0, 0, 0, 1], [1, 1, 1, 0, 1, 0]])
    weight = _balance(label, 2)
    np.testing.assert_array_equal(weight[:, :2], 1.0)
    np.testing.assert_allclose(weight[0, 2:], [2 / 3, 2 / 3, 2 / 3, 2.0])
    np.testing.assert_allclose(weight[1, 2:], 1.0)


@pytest.mark.slow
def test_one_class_is_frequent_from_the_onset_on():
    scenario, info = SCENARIOS["mi_label_shift"], INFOS["mi_label_shift"]
    config = make_config(info.name, info, methods=("frozen", "oracle"), severities=(9.0,), subjects=3)
    (cell,) = scenario.plan(config)
    _, arrays = scenario.run_cell(config, cell, lambda text: None)
    before, after = arrays["y"][:, :50], arrays["y"][:, 50:]
    np.testing.assert_array_equal(before.reshape(3, -1, 2).sum(-1), 1)
    frequent = np.maximum(after.mean(1), 1 - after.mean(1))
    # 120 coins, four standard errors
    assert (np.abs(frequent - 0.9) < 4 * np.sqrt(0.09 / 120)).all()
    np.testing.assert_array_equal(arrays["weight"], _balance(arrays["y"], 50))
    assert arrays["drift/trials of the frequent class"][-1] == pytest.approx(90.0, abs=1e-3)


@pytest.mark.slow
def test_forgetting_shows_in_who_learns_with_labels_and_not_in_frozen():
    scenario, info = SCENARIOS["mi_return"], INFOS["mi_return"]
    config = make_config(info.name, info, methods=("frozen", "ea", "cft", "oracle"), severities=(3.0,))
    (cell,) = scenario.plan(config)
    _, arrays = scenario.run_cell(config, cell, lambda text: None)
    right = {m: arrays[f"proba/{m}"].argmax(-1) == arrays["y"] for m in config.methods}
    away, back = slice(80, 110), slice(int(arrays["back"][0]), None)
    assert right["cft"][:, away].mean() > right["frozen"][:, away].mean() + 0.1
    assert right["oracle"][:, away].mean() > right["frozen"][:, away].mean() + 0.1
    # frozen is what it was: nobody forgets who never learnt
    assert right["frozen"][:, back].mean() == pytest.approx(right["frozen"][:, :50].mean(), abs=0.05)
    assert right["cft"][:, 110:130].mean() < right["frozen"][:, 110:130].mean()
