"""Phase-locked stimulation of tremor: the letters from the published response, and what the model then does."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents import Constant, Off, PhaseLocked
from neurodrift.sim.errors import InputError
from neurodrift.sim.loop import run_loop
from neurodrift.sim.sensing import EcHilbert
from neurodrift.sim.tasks import et_phaselock as et

from .windows import judged, window

PUBLISHED_BEST, PUBLISHED_HALF, PUBLISHED_FOUR = 0.27, 0.10, 3.0
"""Cagnan et al. (2013): best phase, either half of the cycle, four pulses at one phase against one."""


def locked(phase):
    """One pulse in each cycle, at ``phase`` rad."""
    policy = PhaseLocked.create(EcHilbert.create((3.5, 8.0), 500.0, 5, seconds=1.0), 0.01)
    return dataclasses.replace(policy, target=jnp.asarray(phase))


def test_four_pulses_at_one_phase_act_three_times_as_much_as_one():
    recovery, kick = et.response()
    q = np.exp(-2 * recovery / 5.0)
    assert 1 + q + q**2 + q**3 == pytest.approx(PUBLISHED_FOUR, rel=1e-6)
    # and in the equations: kicks on x at its peak, integrated by small steps, of a tremor without noise
    for n, expected in ((1, 1.0), (4, PUBLISHED_FOUR)):
        z, h = np.sqrt(recovery) + 0j, 1e-4
        steps = round(1 / (5.0 * h))
        for _ in range(n):
            z -= 1e-3 * kick  # a small kick, for which the response is linear
            for _ in range(steps - 1 if n == 1 else steps):
                z += h * (recovery + 2j * np.pi * 5 - abs(z) ** 2) * z
                z *= abs(1 + 2j * np.pi * 5 * h) ** -1
        missing = (np.sqrt(recovery) - abs(z)) / (1e-3 * kick * q)
        assert missing == pytest.approx(expected, rel=0.02)


def test_one_pulse_a_cycle_at_the_best_phase_leaves_73_percent_in_steady_state():
    recovery, kick = et.response()
    r = (1 - PUBLISHED_BEST) * np.sqrt(recovery)
    assert recovery * r - r**3 == pytest.approx(5.0 * kick, rel=1e-6)


def test_the_mean_amplitude_without_stimulation_is_that_of_the_stationary_law():
    from scipy.integrate import quad

    for a, s in ((0.5, 0.1), (0.5, 0.4), (-1.0, 0.5)):
        peak = max(a, 0.0) ** 2 / 2

        def law(r, a=a, s=s, peak=peak):
            return r * np.exp((a * r**2 - 0.5 * r**4 - peak) / s**2)

        expected = quad(lambda r: r * law(r), 0, 4, limit=200)[0] / quad(law, 0, 4, limit=200)[0]
        assert float(et.mean_amplitude(a, s)) == pytest.approx(expected, rel=1e-4)


def test_the_marker_is_the_amplitude_relative_to_off_and_the_reward_adds_the_dose():
    loop = et.make(drift=False, dose_weight=0.1)
    off = float(loop.task.off)
    low, high = judged(loop, [window(loop, amplitude=[0.5 * off]), window(loop, amplitude=[2.0 * off], level=0.5)])
    assert float(low.marker) == pytest.approx(0.5, rel=1e-6)
    assert float(low.reward) == pytest.approx(-0.5, rel=1e-6)
    assert float(high.reward) == pytest.approx(-2.0 - 0.1 * 0.5, rel=1e-6)
    assert not bool(high.terminated)


def test_a_window_holds_one_pulse_whose_kick_is_that_of_the_response():
    loop = et.make(drift=False, noise=1e-4)
    source: Any = loop.plant.source
    current, delivered = loop.plant.stimulator.step(jnp.asarray([et.MAX_CURRENT]), jnp.int32(7))
    assert float(delivered.charge) == pytest.approx(et.MAX_CURRENT * et.WIDTH, rel=1e-5)
    # the best phase is where x is greatest: the tremor starts there
    state = source.begin()._replace(y=(jnp.full(1, 0.7), jnp.zeros(1)))
    key = jax.random.key(0)
    after = jax.jit(lambda stim: source.step(state, stim, loop.plant.conditions, key)[0].y)
    size = [float(jnp.hypot(*after(stim))[0]) for stim in (current, jnp.zeros_like(current))]
    assert size[1] - size[0] == pytest.approx(et.response().kick, rel=0.02)


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="whole number of samples"):
        et.make(window_s=0.003)
    with pytest.raises(InputError, match=r"3\.5 to 8 Hz"):
        et.make(frequency=12.0)
    with pytest.raises(InputError, match="above 0"):
        et.make(noise=0.0)
    with pytest.raises(InputError, match="between 1 and the number"):
        et.response(consecutive=(4, 5.0))


def test_drawn_patients_differ_and_held_out_drifts_are_beyond_training():
    loop = et.make()

    def seen(key, held_out):
        plant = et.draw(loop, key, held_out).plant
        return plant.source.model.f, plant.source.model.phi, plant.drift[0].sd, plant.drift[1].rate

    keys = jax.random.split(jax.random.key(0), 200)
    f, phi, sd, rate = map(np.asarray, jax.jit(jax.vmap(lambda k: seen(k, False)))(keys))
    assert np.ptp(f) > 2.0
    assert np.ptp(phi) > 6.0
    _, _, held_sd, held_rate = map(np.asarray, jax.jit(jax.vmap(lambda k: seen(k, True)))(keys))
    assert held_sd.min() > sd.max()
    assert held_rate.min() > rate.max()


@pytest.mark.slow
def test_pulses_suppress_in_one_half_of_the_cycle_and_amplify_in_the_other():
    """Best phase -27 %, one half + 10 %, nothing without a phase. The other half is -10 % in the literature and -19 %
    here: a tremor that is pushed down gives way more than one that is pushed up."""
    loop = et.make(drift=False)
    keys = jax.random.split(jax.random.key(1), 8)
    phases = 2 * np.pi * np.arange(12) / 12

    def mean(policy, key):
        return jnp.mean(run_loop(loop, policy, 4000, key)["marker"][500:])

    by_phase = np.asarray(
        jax.jit(jax.vmap(jax.vmap(lambda p, k: mean(locked(p), k), (None, 0)), (0, None)))(jnp.asarray(phases), keys)
    ).mean(axis=1)
    off = float(jax.jit(jax.vmap(lambda k: mean(Off(), k)))(keys).mean())
    always = float(jax.jit(jax.vmap(lambda k: mean(Constant(level=jnp.ones(1)), k)))(keys).mean())
    change = by_phase / off - 1
    suppressing = np.cos(phases) > 1e-6
    amplifying = np.cos(phases) < -1e-6
    assert abs(change.min() + PUBLISHED_BEST) < 0.07
    assert np.argmin(change) in (11, 0, 1)
    assert -PUBLISHED_BEST < change[suppressing].mean() < -PUBLISHED_HALF
    assert abs(change[amplifying].mean() - PUBLISHED_HALF) < 0.04
    assert abs(always / off - 1) < 0.04


def test_pulses_at_the_best_phase_make_the_tremor_smaller_and_at_the_worst_larger():
    loop = et.make(drift=False)
    keys = jax.random.split(jax.random.key(3), 4)

    def mean(phase, key):
        return jnp.mean(run_loop(loop, locked(phase), 1500, key)["marker"][500:])

    found = np.asarray(jax.jit(jax.vmap(jax.vmap(mean, (None, 0)), (0, None)))(jnp.asarray([0.0, np.pi]), keys))
    best, worst = found.mean(axis=1)
    assert best < 0.85
    assert worst > 1.02
