"""Intracortical units: tuning, counts, turnover, walking rates, the stable manifold, and their plant."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare
from scipy.stats import poisson as poisson_law

from neurodrift.scenarios.validate.intracortical import decay
from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift.units import DAY_S, RateWalk, UnitTurnover, survival
from neurodrift.sim.errors import InputError
from neurodrift.sim.intracortical import intracortical_plant
from neurodrift.sim.plant import record
from neurodrift.sim.sources.intracortical import LARGEST_RATE, Intracortical, poisson
from neurodrift.sim.sources.registry import make_source
from neurodrift.tests.twins import intracortical as twin

KEY = jax.random.key(0)


def at(process, state, day, n):
    nominal = dataclasses.replace(Conditions.nominal(1), unit_rate=jnp.ones(n), unit_identity=jnp.zeros(n))
    return process.step(state, nominal, Clock(jnp.int32(1), jnp.float32(day * DAY_S)), KEY)[1]


def test_counts_follow_the_poisson_law():
    for mean in (0.16, 2.0, 4.0):
        counts = np.asarray(poisson(KEY, jnp.full(40_000, mean), LARGEST_RATE / 50.0))
        top = int(poisson_law.ppf(0.999, mean))
        seen = np.array([np.sum(counts == k) for k in range(top)] + [np.sum(counts >= top)])
        chance = np.append(poisson_law.pmf(np.arange(top), mean), poisson_law.sf(top - 1, mean))
        assert chisquare(seen, chance * counts.size).pvalue > 1e-3


def test_tuning_is_a_function_of_key_channel_and_identity_alone():
    source = Intracortical.sample(KEY, n_units=12)
    zero, changed = jnp.zeros(12, jnp.int32), jnp.zeros(12, jnp.int32).at[4].set(1)
    tuning = jax.jit(source.tuning)
    before, after = tuning(zero), tuning(changed)
    others = np.arange(12) != 4
    for a, b in zip(before, after):
        np.testing.assert_array_equal(np.asarray(a)[others], np.asarray(b)[others])
        assert not np.allclose(a[4], b[4])
    np.testing.assert_array_equal(tuning(changed)[1], after[1])
    # a larger array sees the same neurons on the channels both have
    larger = Intracortical.sample(KEY, n_units=20).tuning(jnp.zeros(20, jnp.int32))
    np.testing.assert_array_equal(np.asarray(larger[0])[:12], before[0])
    assert not np.allclose(Intracortical.sample(jax.random.key(1), n_units=12).tuning(zero)[0], before[0])


def test_units_prefer_all_directions_and_fire_at_the_rates_of_cortex():
    rate, weights = Intracortical.sample(KEY, n_units=500).tuning(jnp.zeros(500, jnp.int32))
    assert np.median(rate) == pytest.approx(8.0, rel=0.1)
    angle = np.arctan2(weights[:, 1], weights[:, 0])
    assert abs(np.mean(np.exp(1j * angle))) < 0.12  # 500 uniform angles: .04 on average, .12 once in 1300
    assert np.mean(np.hypot(weights[:, 0], weights[:, 1])) == pytest.approx(0.6 * np.exp(0.045), rel=0.05)


def test_rates_follow_intention_conditions_and_current():
    source = Intracortical.sample(KEY, n_units=8)
    nominal = Conditions.nominal(8)
    state = source.init(KEY, nominal)
    step = jax.jit(source.step)
    silence = jnp.zeros((1, 25))

    def rate(conditions, stim=silence):
        return np.asarray(step(state, stim, conditions, KEY)[2]["rate"])

    plain = rate(nominal)
    halved = dataclasses.replace(nominal, unit_rate=jnp.ones(8).at[3].set(0.5))
    np.testing.assert_allclose(rate(halved) / plain, np.where(np.arange(8) == 3, 0.5, 1.0), rtol=1e-5)
    current = jnp.full((1, 25), 1e-4)
    np.testing.assert_allclose(rate(nominal, current) - plain, np.full(8, 20.0), rtol=1e-3)
    weak = dataclasses.replace(nominal, stim_efficacy=jnp.float32(0.25))
    np.testing.assert_allclose(rate(weak, current) - plain, np.full(8, 5.0), rtol=1e-3)
    replaced = dataclasses.replace(nominal, unit_identity=jnp.ones(8))
    assert np.abs(rate(replaced) / plain - 1).min() > 0.01


def test_expected_rates_have_a_gradient_by_the_current():
    source = Intracortical.sample(KEY, n_units=4)
    nominal = Conditions.nominal(4)
    state = source.init(KEY, nominal)

    def total(current):
        return jnp.sum(source.step(state, jnp.full((1, 25), current), nominal, KEY)[2]["rate"])

    assert float(jax.jit(jax.grad(total))(1e-5)) == pytest.approx(4 * 2e5, rel=1e-4)


def test_reaches_go_to_every_target_once_a_block_and_the_counts_tell_them_apart():
    epochs = record(intracortical_plant(KEY, n_units=64), jax.random.key(1), 96)
    labels = np.asarray(epochs.label)
    assert np.bincount(labels, minlength=8).tolist() == [12] * 8
    assert sorted(labels[:8]) == list(range(8))
    counts = np.asarray(epochs.x)
    assert counts.shape == (96, 64, 50)
    assert np.all(counts == np.round(counts))
    assert counts.min() >= 0
    # nearest mean of the spike counts, trained on one half
    spikes = np.sqrt(counts.sum(-1))
    means = np.stack([spikes[:48][labels[:48] == k].mean(0) for k in range(8)])
    guess = np.argmin(((spikes[48:, None] - means) ** 2).sum(-1), axis=1)
    assert np.mean(guess == labels[48:]) > 0.6  # chance is 1/8


def test_survival_is_the_published_law_and_within_three_points_of_the_observations():
    days = np.array([15.0, 47.0, 106.0, 270.0])
    law = np.asarray(survival(jnp.asarray(days * DAY_S)))
    np.testing.assert_allclose(law, 0.71 * np.exp(-days / 24) + 0.29 * np.exp(-days / 225), rtol=1e-5)
    np.testing.assert_allclose(law, [0.67, 0.31, 0.21, 0.08], atol=0.027)  # Vaidya et al. (2014)
    n = 8000
    process = UnitTurnover.create(n)
    state = process.init(KEY)
    for day, expected in zip(days, law):
        kept = np.mean(np.asarray(at(process, state, day, n).unit_identity) == 0)
        assert kept == pytest.approx(expected, abs=float(3 * np.sqrt(expected * (1 - expected) / n)))


def test_turnover_depends_on_time_and_not_on_how_often_one_looks():
    process = UnitTurnover.create(50, onset_s=10 * DAY_S)
    state = process.init(KEY)
    at_once = at(process, state, 100.0, 50).unit_identity
    for day in np.linspace(0, 100, 7):
        seen = at(process, state, float(day), 50).unit_identity
        if day <= 10:
            assert not np.any(seen)
    np.testing.assert_array_equal(seen, at_once)
    faster = at(UnitTurnover.create(50, speed=3.0), state, 30.0, 50).unit_identity
    np.testing.assert_array_equal(faster, at_once)


def test_a_share_of_the_losses_leaves_a_silent_channel():
    n = 4000
    process = UnitTurnover.create(n, silent=0.3)
    later = at(process, process.init(KEY), 30.0, n)
    lost = np.asarray(later.unit_identity) > 0
    rate = np.asarray(later.unit_rate)
    assert np.all(rate[~lost] == 1.0)
    assert np.mean(rate[lost] == 0.0) == pytest.approx(0.3, abs=0.05)


def test_rates_walk_as_published_and_without_bias():
    n = 4000
    process = RateWalk.create(n)
    nominal = dataclasses.replace(Conditions.nominal(1), unit_rate=jnp.ones(n), unit_identity=jnp.zeros(n))

    def window(state, tick):
        state, conditions = process.step(state, nominal, Clock(tick, jnp.float32(900.0)), jax.random.fold_in(KEY, tick))
        return state, conditions.unit_rate

    _, rate = jax.lax.scan(window, process.init(KEY), jnp.arange(48))
    early, late = np.asarray(rate[23]), np.asarray(rate[47])
    moved = early != late
    assert moved.mean() == pytest.approx(0.84, abs=0.02)
    # Perge et al. (2013): 49 % of the mean rate; 3400 units, a standard error of 1 %
    assert np.abs(late - early)[moved].mean() / early[moved].mean() == pytest.approx(0.49, abs=0.03)
    assert late.mean() == pytest.approx(1.0, abs=0.025)
    calm = RateWalk.create(n, onset_s=1e9)
    _, conditions = calm.step(calm.init(KEY), nominal, Clock(jnp.int32(5), jnp.float32(900.0)), KEY)
    np.testing.assert_array_equal(conditions.unit_rate, np.ones(n))


def test_a_fixed_decoder_decays_and_one_on_the_aligned_manifold_does_not():
    first, last = decay(Intracortical.sample(KEY, n_units=64), [0.0, 150.0], KEY)
    assert first.fixed > 0.6
    assert last.fixed < 0.4
    assert last.fresh > 0.6
    assert last.aligned > 0.8 * last.fresh


def test_a_plant_loses_units_by_name_and_leaves_the_others_alone():
    drifting = intracortical_plant(
        KEY, n_units=16, drift=(("unit_turnover", 1.0), ("rate_walk", 1.0, 0.0)), drift_window_s=DAY_S / 3
    )
    epochs = record(drifting, jax.random.key(2), 40)
    identity = np.asarray(epochs.conditions.unit_identity)
    assert identity[0].sum() <= 2
    assert 0 < np.mean(identity[-1] > 0) < 1
    assert np.all(np.diff(identity, axis=0) >= 0)
    with pytest.raises(InputError, match="does not act on units; use one of unit_turnover, rate_walk"):
        intracortical_plant(KEY, drift=(("cap_shift", 1.0),))


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="n_units = 0"):
        Intracortical.sample(KEY, n_units=0)
    with pytest.raises(InputError, match=r"reach_s = 0\.7 s at 50 Hz"):
        Intracortical.sample(KEY, reach_s=0.7)
    assert make_source("intracortical", n_units=5).n_sources == 5


@pytest.mark.parametrize("size", [0.0, 2e-4])
def test_float64_tuning_and_rates_equal_the_reference_over_a_trial(size, monkeypatch):
    # the counter-based numbers are single precision, whose last bit depends on what they are fused with
    monkeypatch.setattr("neurodrift.sim.sources.intracortical.normal", jax.random.normal)
    parameters, n = twin.PARAMETERS["default"], 12
    with jax.enable_x64(True):
        source = Intracortical.sample(KEY, n_units=n)
        # letters are drawn in single precision: those of the reference to the last bit
        exact = {name: jnp.asarray(parameters[name]) for name in (*LETTERS, "coupling")}
        for name, value in exact.items():
            np.testing.assert_allclose(getattr(source, name), value, rtol=1e-7)
        source = dataclasses.replace(source, **exact | {"coupling": jnp.full((n, 1), exact["coupling"])})
        nominal = jax.tree.map(_double, Conditions.nominal(n))
        identity, gain = np.arange(n) % 3, np.linspace(0.5, 1.5, n)
        conditions = dataclasses.replace(
            nominal, unit_identity=jnp.asarray(identity, float), unit_rate=jnp.asarray(gain),
            modulation_gain=jnp.asarray(0.8), noise_gain=jnp.asarray(1.3), stim_efficacy=jnp.asarray(0.6),
        )  # fmt: skip
        z = np.stack([
            jax.random.normal(jax.random.fold_in(jax.random.fold_in(
                jax.random.wrap_key_data(source.tuning_key), channel), who), (8,))
            for channel, who in enumerate(identity)
        ])  # fmt: skip
        baseline, loadings = twin.tuning(parameters, z)
        for ours, theirs in zip(source.tuning(jnp.asarray(identity)), (baseline, loadings)):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)
        state, step = source.init(KEY, conditions), jax.jit(source.step)
        slow = np.concatenate([state.wander, state.shared])
        for window in range(source.trial_windows):
            key = jax.random.fold_in(KEY, window)
            t = (25 * window + np.arange(25)) / 50.0
            stim = size * np.sin(2 * np.pi * 7.3 * t)
            noise = np.asarray(jax.random.normal(jax.random.split(key, 3)[1], (5, 25))).T
            state, _, truth = step(state, jnp.asarray(stim)[None], conditions, key)
            fluctuations = twin.fluctuate(parameters, slow, noise, 50.0)
            expected = twin.latents(parameters, t, int(truth["label"]), fluctuations)
            rate = twin.rates(parameters, baseline, loadings, expected, stim, 0.8, 1.3, 0.6, gain)
            assert np.ptp(rate) > 1.0
            assert np.abs(truth["latents"] - expected).max() <= 1e-10 * np.abs(expected).max()
            assert np.abs(truth["rate"] - rate.mean(axis=1)).max() <= 1e-10 * rate.max()
            slow = fluctuations[-1]


LETTERS = ("rate", "rate_sd", "depth", "speed_sd", "shared_sd", "wander_sd", "tau")


def _double(leaf):
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
