"""Monitors: known answers, p-values, run lengths, and what a value that is not finite does."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurodrift.adaptation.monitors import (
    ADWIN,
    KSWIN,
    CovarianceChart,
    MMDTest,
    PageHinkley,
    alarms,
    in_control_run_length,
    mmd,
    permutation_p_value,
    tune_to_run_length,
)
from neurodrift.adaptation.monitors.mmd import kernel_matrix, mmd_squared
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key

KEY = jax.random.key(0)


def covariances(seed, shape, scale=1.0):
    """Wishart covariances (*shape, 3, 3) of 40 samples; ``scale`` multiplies the first channel."""
    x = np.random.default_rng(seed).normal(size=(*shape, 3, 40))
    x[..., 0, :] *= scale
    return (x @ np.swapaxes(x, -1, -2) / 40).astype(np.float32)


@functools.cache
def monitors():
    """Each with values without drift, and with a change after 120 of 240."""
    rng = np.random.default_rng(1)
    still, jump = rng.normal(size=240), np.where(np.arange(240) < 120, 0.0, 2.0)
    vectors = np.stack([still, rng.normal(size=240)], 1)
    covs = covariances(2, (240,))
    moved = np.where((np.arange(240) < 120)[:, None, None], covs, covariances(3, (240,), 2.0))
    test = MMDTest.create(jnp.asarray(rng.normal(size=(40, 2)), jnp.float32), KEY, n_permutations=99)
    return {
        "adwin": (ADWIN(), still, still + jump),
        "page_hinkley": (PageHinkley(threshold=30.0), still, still + jump),
        "kswin": (KSWIN.create(KEY, n_window=60, n_stat=20, alpha=0.001), still, still + jump),
        "mmd": (test, vectors, vectors + jump[:, None]),
        "covariance": (CovarianceChart.create(jnp.asarray(covariances(4, (100,)))), covs, moved),
    }


every_monitor = pytest.mark.parametrize("name", ["adwin", "page_hinkley", "kswin", "mmd", "covariance"])


@functools.cache
def compiled(name):
    return jax.jit(alarms)


def found(name, values):
    return np.asarray(compiled(name)(monitors()[name][0], jnp.asarray(values, jnp.float32)))


@every_monitor
def test_a_change_gives_an_alarm_within_forty_values(name):
    changed = found(name, monitors()[name][2])
    assert changed[120:160].any()
    assert changed[:120].sum() <= 1


@every_monitor
def test_a_value_that_is_not_finite_changes_nothing(name):
    monitor, still, _ = monitors()[name]
    values = jnp.asarray(still[:30], jnp.float32)
    state, _ = jax.lax.scan(monitor.update, monitor.init(), values)
    after, alarm = jax.jit(monitor.update)(state, jnp.full_like(values[0], jnp.nan))
    assert not alarm
    for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(state)):
        assert_array_equal(a, b)


@every_monitor
def test_a_row_of_a_batch_is_the_stream_alone(name):
    monitor, _, changed = monitors()[name]
    values = jnp.asarray(changed, jnp.float32)
    both = jax.jit(jax.vmap(lambda v: alarms(monitor, v)))(jnp.stack([values, values[::-1]]))
    assert_array_equal(both[0], found(name, changed))


def test_page_hinkley_waits_as_long_as_its_closed_form_says():
    # Zeros, then ones from the 51st: S grows by 1 - mean - delta a value, mean = k/(50 + k) after k ones.
    values = np.repeat([0.0, 1.0], [50, 60])
    k = np.arange(1, 61)
    grown = np.cumsum(1 - k / (50 + k) - 0.005)
    expected = 50 + np.flatnonzero(grown > 10.0)[0]
    monitor = PageHinkley(threshold=10.0, alpha=1.0)
    assert np.flatnonzero(compiled("page_hinkley")(monitor, jnp.asarray(values, jnp.float32)))[0] == expected


def test_the_discrepancy_and_its_p_value_are_those_of_numpy():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(12, 3)), rng.normal(size=(9, 3)) + 0.4
    points = np.concatenate([a, b])
    squares = np.array([[sum((p - q) ** 2) for q in points] for p in points])
    median = np.median(squares[np.triu_indices(21, 1)])
    kernel = sum(np.exp(-squares / (s * median)) for s in (0.25, 0.5, 1, 2, 4)) / 5

    def discrepancy(first):
        own, cross = kernel[np.ix_(first, first)], kernel[np.ix_(first, ~first)]
        return own.mean() + kernel[np.ix_(~first, ~first)].mean() - 2 * cross.mean()

    observed = np.arange(21) < 12
    with jax.enable_x64(True):
        theirs = kernel_matrix(jnp.asarray(points))
        assert_allclose(theirs, kernel, rtol=1e-12)
        assert float(mmd_squared(theirs, jnp.asarray(observed, float))) == pytest.approx(
            discrepancy(observed), rel=1e-10
        )
        shuffled = jax.vmap(lambda k: jax.random.permutation(k, jnp.asarray(observed, float)))(
            jax.random.split(KEY, 80)
        )
        expected = np.mean([discrepancy(row > 0.5) >= discrepancy(observed) - 1e-12 for row in np.asarray(shuffled)])
        p = permutation_p_value(jnp.asarray(a), jnp.asarray(b), KEY, 80)
    assert float(p) == pytest.approx((80 * expected + 1) / 81)


def test_mmd_permutes_only_at_the_values_it_tests_and_decides_as_if_it_always_did(monkeypatch):
    tested = []

    def counted(a, b, key, n):
        jax.debug.callback(lambda: tested.append(1))
        return permutation_p_value(a, b, key, n)

    monkeypatch.setattr(mmd, "permutation_p_value", counted)
    rng = np.random.default_rng(9)
    reference = jnp.asarray(rng.normal(size=(20, 2)), jnp.float32)
    values = np.float32(rng.normal(size=(48, 2)) + np.where(np.arange(48) < 24, 0.0, 1.5)[:, None])
    values[13] = np.nan
    monitor = MMDTest.create(reference, KEY, alpha=0.05, n_recent=8, every=3, n_permutations=40)
    found = alarms(monitor, jnp.asarray(values))
    jax.effects_barrier()
    p_of = jax.jit(
        lambda recent, tick: permutation_p_value(reference, recent, stream_key(KEY, "permutations", tick), 40)
    )
    recent, n, tick, due, expected = np.zeros((8, 2), np.float32), 0, 0, 0, []
    for value in values:
        if np.isfinite(value).all():
            recent[n % 8], n, tick = value, n + 1, tick + 1
            ready = n >= 8 and n % 3 == 0
            due += ready
            expected.append(ready and float(p_of(recent, tick)) <= 0.05)
            if expected[-1]:
                recent, n = np.zeros((8, 2), np.float32), 0
        else:
            expected.append(False)
    assert any(expected)
    assert_array_equal(found, expected)
    # the value that is not finite may be tested in vain
    assert due <= len(tested) <= due + 1


def test_p_values_of_equal_samples_are_uniform():
    rng = np.random.default_rng(6)
    samples = jnp.asarray(rng.normal(size=(400, 30, 2)), jnp.float32)
    p = jax.jit(jax.vmap(lambda s, k: permutation_p_value(s[:18], s[18:], k, 99)))(samples, jax.random.split(KEY, 400))
    for level in (0.05, 0.25, 0.5):
        # binomial, four standard errors
        assert abs(np.mean(np.asarray(p) <= level) - level) < 4 * np.sqrt(level * (1 - level) / 400)


def test_a_shewhart_chart_looks_at_one_window_at_a_time():
    covs = jnp.asarray(covariances(4, (100,)))
    chart = CovarianceChart.create(covs, rate=1.0, limit=2.0)
    eye = np.linalg.eigvals(np.linalg.solve(np.linalg.inv(chart.whitening @ chart.whitening), np.asarray(covs[7])))
    distance = np.log(np.sqrt((np.log(eye.real) ** 2).sum()))
    state, alarm = chart.update(chart.init(), covs[7])
    assert float(state.level) == pytest.approx((distance - float(chart.centre)) / float(chart.scale), abs=1e-3)
    assert alarm == (state.level > 2.0)


def test_an_ewma_chart_sees_a_small_change_that_a_shewhart_chart_of_equal_run_length_misses():
    quiet = jnp.asarray(covariances(8, (40, 200)))
    moved = jnp.asarray(covariances(9, (40, 60), 1.25))
    calibration = jnp.asarray(covariances(10, (200,)))
    delay = {}
    for rate in (0.1, 1.0):
        chart = tune_to_run_length(CovarianceChart.create(calibration, rate=rate), quiet, 100.0, 0.1, 20.0, 12)
        seen = np.asarray(jax.jit(jax.vmap(lambda v, chart=chart: alarms(chart, v)))(moved))
        delay[rate] = np.where(seen.any(1), seen.argmax(1), 60).mean()
    assert delay[0.1] < 0.8 * delay[1.0]


@pytest.mark.parametrize("name", ["adwin", "page_hinkley"])
def test_a_tuned_monitor_runs_as_long_as_asked_on_other_data(name):
    rng = np.random.default_rng(11)
    null, other = (jnp.asarray(rng.random((150, 400)) < 0.3, jnp.float32) for _ in range(2))
    tuned = tune_to_run_length(monitors()[name][0], null, 100.0, 1e-3, 1e3, 14)
    reached, on_null = in_control_run_length(tuned, other), in_control_run_length(tuned, null)
    assert on_null.mean >= 100.0
    # the threshold has the error of the data it was tuned on, the check that of the others
    error = np.hypot(reached.standard_error, on_null.standard_error)
    assert abs(reached.mean - on_null.mean) < 3 * error
    assert error < 15.0
    assert on_null.mean < 110.0


def test_the_run_length_is_all_values_over_all_alarms():
    values = jnp.asarray(np.tile(np.repeat([0.0, 1.0], 50), (3, 1)), jnp.float32)
    monitor = PageHinkley(threshold=10.0, alpha=1.0)
    run_length = in_control_run_length(monitor, values)
    assert run_length.n_alarms == 3
    assert run_length.mean == 100.0
    assert run_length.standard_error == pytest.approx(0.0)
    assert in_control_run_length(dataclasses.replace(monitor, threshold=1e3), values).mean == np.inf


def test_what_cannot_be_tuned_is_refused_in_one_line():
    values = jnp.zeros((2, 50))
    with pytest.raises(InputError, match="at most a tenth"):
        tune_to_run_length(PageHinkley(), values, 50.0)
    with pytest.raises(InputError, match="wanted \\(n_runs, n_values"):
        tune_to_run_length(PageHinkley(), jnp.zeros(100), 5.0)
    with pytest.raises(InputError, match="direction is 'sideways'"):
        PageHinkley(direction="sideways")
    with pytest.raises(InputError, match="n_stat is 30 of a window of 40"):
        KSWIN.create(KEY, n_window=40)
    with pytest.raises(InputError, match="the reference has shape"):
        MMDTest.create(jnp.zeros(3), KEY)
    with pytest.raises(InputError, match="covariances have shape"):
        CovarianceChart.create(jnp.zeros((3, 3)))
