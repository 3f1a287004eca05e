"""Alarms of the monitors at the very values at which river's detectors give theirs."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.monitors import ADWIN, KSWIN, PageHinkley, alarms
from neurodrift.adaptation.monitors.kswin import p_values

drift = pytest.importorskip("river.drift")


def streams():
    """Streams of 700 values: errors and scores, still, jumping and wandering, some with repeated values."""
    rng = np.random.default_rng(3)
    jump = np.where(np.arange(700) < 350, 0.2, 0.6)
    ramp = np.clip(np.linspace(0.1, 0.9, 700), 0, 1)
    yield rng.random(700) < 0.3
    yield rng.random(700) < jump
    yield rng.random(700) < ramp
    yield rng.normal(size=700)
    yield rng.normal(size=700) + 3 * jump
    yield rng.normal(size=700) * (1 + 2 * jump)
    yield np.round(rng.normal(size=700) + 8 * np.repeat(rng.random(7), 100), 1)
    yield 1e-3 * np.cumsum(rng.normal(size=700))


def rivers(detector, values):
    """(n_values,) bool"""
    found = []
    for value in values:
        detector.update(float(value))
        found.append(detector.drift_detected)
    return np.array(found)


compiled = jax.jit(alarms)


def ours(monitor, values, precision=np.float64):
    with jax.enable_x64(precision is np.float64):
        return np.asarray(compiled(monitor, jnp.asarray(np.asarray(values, precision))))


@pytest.mark.parametrize("clock", [1, 32])
@pytest.mark.parametrize("delta", [0.002, 0.3])
def test_adwin_gives_rivers_alarms(clock, delta):
    n_alarms = 0
    for values in streams():
        expected = rivers(drift.ADWIN(delta=delta, clock=clock), values)
        np.testing.assert_array_equal(ours(ADWIN(delta=delta, clock=clock), values), expected)
        n_alarms += expected.sum()
    assert n_alarms > 3


def test_adwin_gives_rivers_alarms_in_single_precision():
    for values in streams():
        np.testing.assert_array_equal(ours(ADWIN(), values, np.float32), rivers(drift.ADWIN(clock=1), values))


def test_adwin_keeps_rivers_window():
    values = np.random.default_rng(0).normal(size=200)
    detector, monitor = drift.ADWIN(clock=1), ADWIN()
    with jax.enable_x64(True):
        state, update = monitor.init(), jax.jit(monitor.update)
        for value in values:
            detector.update(value)
            state, _ = update(state, jnp.asarray(value))
    assert int(state.width) == detector.width
    assert float(state.total) == pytest.approx(detector.total)
    # what river calls variance is the sum of squared deviations
    assert float(state.spread) == pytest.approx(detector.variance)


@pytest.mark.parametrize("direction", ["up", "down", "both"])
@pytest.mark.parametrize("threshold", [2.0, 50.0])
def test_page_hinkley_gives_rivers_alarms(direction, threshold):
    for values in streams():
        expected = rivers(drift.PageHinkley(threshold=threshold, mode=direction), values)
        np.testing.assert_array_equal(ours(PageHinkley(threshold=threshold, direction=direction), values), expected)


def test_kswin_gives_rivers_alarms_on_rivers_draws():
    n_alarms = 0
    for values in streams():
        expected = rivers(drift.KSWIN(seed=5), values)
        found, generator, n = [], random.Random(5), 0
        with jax.enable_x64(True):
            monitor = KSWIN.create(jax.random.key(0))
            state, update = monitor.init(), jax.jit(monitor.update)
            for value in values:
                n += 1
                drawn = generator.sample(range(70), 30) if n >= 100 else list(range(30))
                state, alarm = update(state, jnp.asarray(float(value)), jnp.asarray(drawn))
                found.append(bool(alarm))
                if alarm:
                    # river starts its generator afresh after an alarm
                    generator, n = random.Random(5), 0
        np.testing.assert_array_equal(found, expected)
        n_alarms += expected.sum()
    assert n_alarms > 3


@pytest.mark.filterwarnings("ignore:ks_2samp")
def test_p_values_are_scipys():
    from scipy.stats import ks_2samp

    # scipy gives up its exact method at a distance of 1
    for n in (5, 30):
        for h in range(1, n):
            a, b = np.arange(n), np.arange(n) + h - 0.5
            assert p_values(n)[round(ks_2samp(a, b).statistic * n)] == pytest.approx(ks_2samp(a, b).pvalue, rel=1e-9)
    assert p_values(5)[5] == pytest.approx(2 / 252)
