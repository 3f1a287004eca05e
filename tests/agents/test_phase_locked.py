"""Phase-locked stimulation, feedback of a mean field and clicks, on signals whose phase is known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents import Clicks, PhaseLocked, delayed_feedback, proportional_feedback, pyragas
from neurodrift.sim.errors import InputError
from neurodrift.sim.loop.reading import Reading
from neurodrift.sim.sensing import EcHilbert, Envelope, PhaseLockedLoop, WindowMean

SFREQ, N_TIMES, F = 500.0, 5, 5.0
WINDOW_S = N_TIMES / SFREQ
T = np.arange(round(20 * SFREQ)) / SFREQ
TREMOR = 50e-6 * np.cos(2 * np.pi * F * T)
LOOP = PhaseLockedLoop.create(F, SFREQ, N_TIMES)


def answers(policy, v, age=0.0, n_times=N_TIMES, fresh=None):
    """Requests (n_windows,), each for the window after the one it was computed from; v (n,) V as it arrives."""
    n = len(v) // n_times
    given = Reading(
        v=jnp.asarray(v[: n * n_times].reshape(n, 1, n_times), jnp.float32),
        blanked=jnp.zeros((n, n_times), bool),
        age=jnp.broadcast_to(jnp.asarray(age, jnp.float32), (n,)),
        fresh=jnp.ones(n, bool) if fresh is None else jnp.asarray(fresh),
        applied=jnp.zeros((n, 1)),
    )
    key = jax.random.key(0)
    run = jax.jit(lambda p, g: jax.lax.scan(lambda m, r: p.act(m, r, key), p.init(), g)[1])
    return np.asarray(run(policy, given))[:, 0]


def stimulated_phases(u, age=0.0, first_s=4.0):
    """rad of the tremor in the middle of every stimulated window, where the command takes effect."""
    at = (np.arange(len(u)) + 1) * WINDOW_S - 1 / SFREQ + age + 0.5 * WINDOW_S
    return np.angle(np.exp(2j * np.pi * F * at[(u > 0) & (at > first_s)]))


@pytest.mark.parametrize("target", [0.0, np.pi / 2, np.pi, -2.0], ids="{:.1f}".format)
@pytest.mark.parametrize("age", [0.0, 0.03])
def test_one_window_a_cycle_meets_the_target_however_late_the_samples_are(target, age):
    u = answers(PhaseLocked.create(LOOP, WINDOW_S, target=target, level=0.7), TREMOR, age)
    phases = stimulated_phases(u, age)
    assert set(np.unique(u)) == {np.float32(0.0), np.float32(0.7)}
    assert abs(len(phases) - 16 * F) <= 1
    # half of a window of 10 ms is 9 degrees of 5 Hz
    away = np.angle(np.exp(1j * (phases - target)))
    assert np.abs(away).max() <= np.radians(9.0) + 0.01


@pytest.mark.parametrize("width", [np.pi / 6, np.pi / 2, 0.8 * np.pi], ids="{:.1f}".format)
def test_a_width_is_the_share_of_the_cycle_that_is_stimulated(width):
    u = answers(PhaseLocked.create(LOOP, WINDOW_S, target=1.0, width=width), TREMOR)
    np.testing.assert_allclose(u[400:].mean(), width / np.pi, atol=0.05)
    assert np.abs(np.angle(np.exp(1j * (stimulated_phases(u) - 1.0)))).max() <= width + 0.01


def test_any_estimator_locks_and_noise_gives_no_second_pulse_in_a_cycle():
    noisy = TREMOR + 20e-6 * np.random.default_rng(0).standard_normal(len(T))
    u = answers(PhaseLocked.create(EcHilbert.create((3.5, 8.0), SFREQ, N_TIMES), WINDOW_S, target=np.pi), noisy)
    pulses = np.flatnonzero(u)
    assert np.diff(pulses).min() * WINDOW_S > 0.4 / F
    phases = stimulated_phases(u)
    assert 0.9 * 16 * F < len(phases) < 1.1 * 16 * F
    # a target on the border of two windows is met by the earlier one, 9 degrees before it
    assert np.abs(np.mean(np.exp(1j * phases)) + 1) < 0.2


def test_without_a_rhythm_there_is_nothing_to_lock_to():
    policy = PhaseLocked.create(LOOP, WINDOW_S, least=20e-6)
    assert not answers(policy, 0.1 * TREMOR).any()
    assert answers(policy, TREMOR).any()


def test_what_is_no_estimator_of_phase_is_refused():
    with pytest.raises(InputError, match="no estimator of phase"):
        PhaseLocked.create(Envelope.create((3, 8), SFREQ, N_TIMES), WINDOW_S)
    with pytest.raises(InputError, match="width 4"):
        PhaseLocked.create(LOOP, WINDOW_S, width=4.0)


# --- feedback ---------------------------------------------------------------------------------------------

NOISE = 10e-6 * np.random.default_rng(1).standard_normal(2000)


def test_proportional_feedback_is_the_published_recursion_and_bounded():
    x = NOISE + 30e-6
    u = answers(proportional_feedback(2e4, 0.1, SFREQ, 1, bound=0.4), x, n_times=1)
    keep, low, expected = np.exp(-1 / (0.1 * SFREQ)), x[0], []
    for value in x:
        low = keep * low + (1 - keep) * value
        expected.append(np.clip(-2e4 * (value - low), -0.4, 0.4))
    np.testing.assert_allclose(u, expected, atol=1e-4)
    np.testing.assert_allclose(np.abs(u).max(), 0.4, rtol=1e-6)


def test_delayed_feedback_is_the_difference_between_then_and_now():
    u = answers(delayed_feedback(1e4, 0.1, SFREQ, N_TIMES), NOISE)
    now = NOISE[N_TIMES - 1 :: N_TIMES]
    np.testing.assert_allclose(u[10:], np.clip(1e4 * (now[:-10] - now[10:]), -1, 1), atol=1e-5)
    # 50 samples are a delay; until they have passed nobody knows then
    assert not u[:10].any()


def test_pyragas_feedback_vanishes_on_its_orbit_and_remembers_earlier_periods():
    x = np.cos(2 * np.pi * F * T) * 20e-6
    on_orbit = answers(pyragas(1e4, 1 / F, SFREQ, N_TIMES), x)
    assert np.abs(on_orbit).max() < 1e-4
    u = answers(pyragas(1e3, 1 / F, SFREQ, N_TIMES, memory=0.5), NOISE)
    n, F_ = 100, np.zeros(2000)
    for k in range(n, 2000):
        F_[k] = NOISE[k - n] - NOISE[k] + 0.5 * F_[k - n]
    np.testing.assert_allclose(u, 1e3 * F_[N_TIMES - 1 :: N_TIMES], atol=1e-5)


def test_feedback_holds_its_last_answer_while_packets_are_lost():
    fresh = np.ones(400, bool)
    fresh[100:110] = False
    for policy in (proportional_feedback(1e4, 0.1, SFREQ, N_TIMES), delayed_feedback(1e4, 0.1, SFREQ, N_TIMES)):
        u = answers(policy, NOISE, fresh=fresh)
        assert (u[100:110] == u[99]).all()
        assert np.ptp(u[110:]) > 0.1


def test_feedback_behind_a_filter_does_not_see_an_offset():
    plain, offset = (
        answers(delayed_feedback(1e4, 0.1, SFREQ, N_TIMES, band=(3, 8)), TREMOR + level) for level in (0.0, 1e-3)
    )
    np.testing.assert_allclose(plain[200:], offset[200:], atol=0.02)
    assert np.ptp(plain[200:]) > 0.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: delayed_feedback(1.0, 0.005, SFREQ, N_TIMES), "at least one control window, 0.01 s"),
        (lambda: pyragas(1.0, 0.2, SFREQ, N_TIMES, memory=1.0), "memory is 1"),
        (lambda: proportional_feedback(1.0, 0.0, SFREQ, N_TIMES), "tau is 0"),
    ],
)
def test_feedback_that_cannot_be_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


# --- clicks -----------------------------------------------------------------------------------------------

SLOW = 0.8
SLEEP = -80e-6 * np.cos(2 * np.pi * SLOW * (T - 2.0)) * (np.abs(T - 2.0) < 0.5 / SLOW)  # one wave, its trough at 2 s


def click_times(u, age=0.0):
    """s at which clicks begin."""
    on = np.concatenate([[0], (u > 0).astype(int)])
    return (np.flatnonzero(np.diff(on) > 0) + 1) * WINDOW_S - 1 / SFREQ + age


@pytest.mark.parametrize("age", [0.0, 0.08])
def test_two_clicks_follow_the_trough_into_the_up_state(age):
    u = answers(Clicks.create(WindowMean(), -60e-6, WINDOW_S), SLEEP, age)
    np.testing.assert_allclose(click_times(u, age), [2.45, 3.5], atol=WINDOW_S)
    assert u.sum() * WINDOW_S == pytest.approx(2 * 0.08, abs=0.011)


def test_clicks_out_of_phase_come_half_a_slow_oscillation_later_and_sham_is_silent():
    late = answers(Clicks.create(WindowMean(), -60e-6, WINDOW_S, out_of_phase=True), SLEEP)
    np.testing.assert_allclose(click_times(late), [2.975, 4.025], atol=WINDOW_S)
    assert not answers(Clicks.create(WindowMean(), -60e-6, WINDOW_S, level=0.0), SLEEP).any()


def test_after_two_clicks_nothing_is_heard_for_five_seconds():
    waves = -80e-6 * np.cos(2 * np.pi * SLOW * T)
    times = click_times(answers(Clicks.create(WindowMean(), -60e-6, WINDOW_S), waves))
    first = times[::2]
    np.testing.assert_allclose(times[1::2] - first[: len(times[1::2])], 1.05, atol=WINDOW_S)
    assert (np.diff(first) >= 1.05 + 0.08 + 5.0).all()
    # the trough was met: clicks come .45 s after a whole number of periods
    np.testing.assert_allclose(np.mod(first - 0.45 + 0.1, 1 / SLOW), 0.1, atol=WINDOW_S)


def test_shallow_waves_and_lost_packets_start_no_click():
    assert not answers(Clicks.create(WindowMean(), -90e-6, WINDOW_S), SLEEP).any()
    fresh = np.ones(len(T) // N_TIMES, bool)
    fresh[150:260] = False
    assert not answers(Clicks.create(WindowMean(), -60e-6, WINDOW_S), SLEEP, fresh=fresh).any()


def test_clicks_that_the_window_is_too_long_for_are_refused():
    with pytest.raises(InputError, match="at most half"):
        Clicks.create(WindowMean(), -60e-6, 0.5)
    with pytest.raises(InputError, match="below 0"):
        Clicks.create(WindowMean(), 60e-6, WINDOW_S)
