"""Clicks in slow oscillations: what counts as a gain, and that it takes the right moment."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift import SleepSchedule
from neurodrift.sim.errors import InputError
from neurodrift.sim.tasks import sleep_so_clicks as so

from .windows import window

CONDITIONS = Conditions.nominal(1)


@pytest.fixture(scope="module")
def loop():
    return so.make(drift=False)


def judged(loop, potential, conditions=CONDITIONS, level=0.0):
    """Markers and rewards, (n,) each, of potential (n_windows, n_times) mV."""
    source: Any = loop.plant.source

    def step(memory, mv):
        one = window(loop, moments=mv[None] * source.moment, conditions=conditions, level=level)
        memory, found = loop.task.judge(memory, loop.plant, None, one)
        return memory, (found.marker, found.reward)

    return jax.jit(lambda x: jax.lax.scan(step, loop.task.init(), x)[1])(jnp.asarray(potential, jnp.float32))


def wave(power, frequency, n_windows, loop):
    n_times, sfreq = loop.plant.source.n_times, loop.plant.source.sfreq
    t = np.arange(n_windows * n_times) / sfreq
    return (np.sqrt(2 * power) * np.sin(2 * np.pi * frequency * t)).reshape(n_windows, n_times)


@pytest.mark.parametrize(("stage", "depth"), [(0, 0.0), (1, 1.0)])
def test_slow_oscillations_of_twice_the_power_at_rest_are_a_marker_of_zero(loop, stage, depth):
    conditions = dataclasses.replace(CONDITIONS, sleep_depth=jnp.float32(depth))
    n = 3000  # 240 s, eight time constants of the mean
    marker, reward = judged(loop, wave(2 * so.REST[stage], 0.9, n, loop), conditions, level=0.5)
    assert float(marker[-1]) == pytest.approx(0.0, abs=0.03)
    assert float(reward[-1]) == pytest.approx(-float(marker[-1]) - 0.2 * 0.5, abs=1e-5)


def test_spindles_count_for_nothing_and_silence_is_a_marker_of_two(loop):
    spindles = wave(100.0, 13.0, 2500, loop)
    marker, _ = judged(loop, spindles)
    assert float(marker[-1]) == pytest.approx(2.0, abs=0.02)


def test_half_way_between_the_stages_the_power_at_rest_is_the_geometric_mean(loop):
    np.testing.assert_allclose(
        [float(loop.task.resting(jnp.float32(d))) for d in (0.0, 0.5, 1.0, 2.0)],
        [so.REST[0], np.sqrt(so.REST[0] * so.REST[1]), so.REST[1], so.REST[1]],
        rtol=1e-5,
    )


def test_turns_of_sleep_begin_with_n2_and_go_on_from_where_they_are():
    depths = np.asarray(so.night(4.0, 0.8).depths)
    np.testing.assert_allclose(depths[:12], [0, 0, 0, 0, 0.8, 0.8, 0.8, 0.8, 0, 0, 0, 0])
    np.testing.assert_allclose(np.asarray(so.night(4.0, 0.8, 3.0).depths)[:3], [0, 0.8, 0.8])


def test_drawn_sleepers_differ_and_held_out_delays_are_longer():
    loop = so.make()

    def seen(key, held_out):
        drawn = so.draw(loop, key, held_out)
        schedule = drawn.plant.drift[0]
        assert isinstance(schedule, SleepSchedule)
        return drawn.latency.transport, jnp.max(schedule.depths), drawn.plant.conditions.stim_efficacy

    keys = jax.random.split(jax.random.key(0), 100)
    delay, depth, effect = map(np.asarray, jax.jit(jax.vmap(lambda k: seen(k, False)))(keys))
    held_delay, held_depth, _ = map(np.asarray, jax.jit(jax.vmap(lambda k: seen(k, True)))(keys))
    assert held_delay.min() > delay.max()
    assert held_depth.max() <= depth.min()
    assert np.std(np.log(effect)) == pytest.approx(0.3, abs=0.07)


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="whole number of samples"):
        so.make(window_s=0.0813)
