"""Drifts of what is asked, and drifts that end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift import CapShift, Episode, GelDrying, LabelShift
from neurodrift.sim.sources.motor_imagery import MotorImagery

NOMINAL = Conditions.nominal(4)
WINDOW = jnp.float32(1.0)


def follow(process, seconds, seed=0):
    """The conditions at each of these whole seconds, the process stepped through all before."""
    state, out = process.init(jax.random.key(seed)), {}
    for tick in range(max(seconds) + 1):
        key = jax.random.fold_in(jax.random.key(1), tick)
        state, now = process.step(state, NOMINAL, Clock(jnp.int32(tick), WINDOW), key)
        out[tick] = now
    return [out[second] for second in seconds]


@pytest.mark.parametrize(("ratio", "frequent"), [(2.0, 2 / 3), (9.0, 0.9), (1.0, 0.5), (0.0, 0.5)])
def test_a_ratio_of_classes_is_the_prior_of_the_frequent_one(ratio, frequent):
    before, after = follow(LabelShift.create(ratio, 3.0), [2, 3])
    assert before.class_prior == 0.5
    assert max(after.class_prior, 1 - after.class_prior) == pytest.approx(frequent)


def test_which_class_becomes_frequent_is_a_fair_coin():
    shift = LabelShift.create(9.0, 0.0)
    second = jax.vmap(shift.init)(jax.random.split(jax.random.key(0), 400)).second
    # four standard errors
    assert abs(np.mean(second) - 0.5) < 4 * 0.5 / 20


def test_an_episode_is_its_process_until_it_returns_and_nominal_to_the_bit_after():
    shift = CapShift.lateral(0.03, 2.0, random_side=False)
    bare = follow(shift, [0, 3, 4, 5, 9])
    found = follow(Episode.create(shift, 5.0), [0, 3, 4, 5, 9])
    for i, wanted in enumerate([bare[0], bare[1], bare[2], NOMINAL, NOMINAL]):
        for a, b in zip(jax.tree.leaves(found[i]), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.abs(found[1].cap_rotation).max() > 0.1


def test_the_clock_of_a_process_runs_on_behind_its_return():
    drying = GelDrying.create(4, 1e5, onset_s=1.0, tau_s=10.0, dropout_rate=0.5)
    ended = Episode.create(drying, 5.0)
    bare, seen = drying.init(jax.random.key(0)), ended.init(jax.random.key(0))
    for tick in range(9):
        clock, key = Clock(jnp.int32(tick), WINDOW), jax.random.fold_in(jax.random.key(2), tick)
        bare, _ = drying.step(bare, NOMINAL, clock, key)
        seen, _ = ended.step(seen, NOMINAL, clock, key)
    np.testing.assert_array_equal(seen.lost, bare.lost)


@pytest.fixture(scope="module")
def asked():
    """prior -> classes (n_people, n_trials) that people are asked for."""
    source = MotorImagery.sample(jax.random.key(0), window_s=1.0, sfreq=100.0)
    stim, n_trials = jnp.zeros((2, 100)), 60

    @jax.jit
    def run(prior):
        conditions = NOMINAL.__class__(**{**NOMINAL.__dict__, "class_prior": prior})

        def one(key):
            def window(state, tick):
                state, _, truth = source.step(state, stim, conditions, jax.random.fold_in(key, tick))
                return state, truth["label"]

            ticks = jnp.arange(n_trials * source.trial_windows)
            return jax.lax.scan(window, source.init(key, conditions), ticks)[1][:: source.trial_windows]

        return jax.vmap(one)(jax.random.split(jax.random.key(3), 20))

    return lambda prior: np.asarray(run(jnp.float32(prior)))


def test_classes_come_in_pairs_until_one_is_more_frequent(asked):
    balanced = asked(0.5)
    np.testing.assert_array_equal(balanced.reshape(20, -1, 2).sum(-1), 1)
    assert 0 < balanced[:, 0].mean() < 1
    for prior in (2 / 3, 0.1):
        found = asked(prior)
        # 1200 independent coins, four standard errors; and neighbours do not know of each other
        assert abs(found.mean() - prior) < 4 * np.sqrt(prior * (1 - prior) / found.size)
        pairs = found[:, ::2] * found[:, 1::2]
        assert abs(pairs.mean() - prior**2) < 4 * np.sqrt(prior**2 * (1 - prior**2) / pairs.size)
