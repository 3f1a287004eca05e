"""How the brain's own state moves: seizures, sleep, medication, the time of day, anaesthesia, tremor."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.clock import Clock
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.drift import (
    Anaesthesia,
    Circadian,
    ExcitabilityRamp,
    Levodopa,
    SeizureRamp,
    SleepSchedule,
    TremorDrift,
)  # fmt: skip
from neurodrift.sim.errors import InputError

CONDITIONS = Conditions.nominal(2)


def course(process, seconds, window_s, field, seed=0):
    """The field's course (n,) at the start of each window of ``window_s`` s."""

    def step(memory, tick):
        key = jax.random.fold_in(jax.random.key(seed), tick)
        memory, conditions = process.step(memory, CONDITIONS, Clock(tick, jnp.float32(window_s)), key)
        return memory, getattr(conditions, field)

    start = process.init(jax.random.key(seed + 1))
    return np.asarray(jax.lax.scan(step, start, jnp.arange(round(seconds / window_s)))[1])


def test_a_seizure_takes_the_published_way_through_inhibition_and_back():
    drift = SeizureRamp.create(1.0, onset_s=10.0, preictal_s=60.0, ictal_s=30.0, recovery_s=60.0)
    slow, fast = (course(drift, 200.0, 1.0, name) for name in ("slow_inhibition", "fast_inhibition"))
    at = [10, 70, 100, 160]
    np.testing.assert_allclose(50.0 * slow[at], [50.0, 25.0, 5.0, 50.0], rtol=1e-5)
    np.testing.assert_allclose(15.0 * fast[at], [15.0, 22.5, 30.0, 15.0], rtol=1e-5)
    half = course(SeizureRamp.create(0.5, onset_s=10.0), 200.0, 1.0, "slow_inhibition")
    np.testing.assert_allclose(1.0 - half, 0.5 * (1.0 - slow), atol=1e-6)


def test_excitability_rises_stays_and_comes_back():
    x0 = course(ExcitabilityRamp.create(0.6, 60.0, duration_s=120.0, plateau_s=300.0), 700.0, 1.0, "excitability")
    np.testing.assert_allclose(x0[[0, 60, 120, 180, 480, 540, 600, 699]], [0, 0, 0.3, 0.6, 0.6, 0.3, 0, 0], atol=1e-5)


def test_a_hypnogram_is_followed_epoch_by_epoch():
    depth = course(SleepSchedule.of_stages(["N2", "N3", "N3", "N2"]), 180.0, 1.0, "sleep_depth")
    np.testing.assert_allclose(depth[[0, 30, 45, 60, 90, 105, 120, 170]], [0, 0, 0.5, 1, 1, 0.5, 0, 0], atol=1e-5)
    with pytest.raises(InputError, match="'REM' is not in the model; use N2 and N3"):
        SleepSchedule.of_stages(["N2", "REM"])


def test_a_night_is_deepest_in_its_first_cycle():
    depth = course(SleepSchedule.night(), 8 * 3600.0, 30.0, "sleep_depth")
    peaks = [depth[k * 180 : (k + 1) * 180].max() for k in range(5)]
    assert peaks[0] == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(np.divide(peaks[1:], peaks[:-1]), np.exp(-1.5 / 2.4), rtol=0.01)
    assert depth.min() >= 0.0


def test_a_dose_peaks_at_its_effect_when_the_bateman_function_does():
    drift = Levodopa.create(0.8, onset_s=600.0, n_doses=1, absorption_s=900.0, elimination_s=7800.0)
    level = course(drift, 12 * 3600.0, 10.0, "medication")
    peak = np.log(7800 / 900) * 900 * 7800 / (7800 - 900)
    assert level.max() == pytest.approx(0.8, rel=1e-4)
    assert np.argmax(level) * 10.0 - 600.0 == pytest.approx(peak, abs=20.0)
    assert level[59] == 0.0
    # long after, only elimination is left
    assert level[-1] / level[-361] == pytest.approx(np.exp(-3600 / 7800), rel=0.01)


def test_doses_add_up_and_are_capped():
    level = course(Levodopa.create(0.9, every_s=3600.0, n_doses=8), 8 * 3600.0, 60.0, "medication")
    assert level.max() == pytest.approx(1.0)


def test_time_of_day_explains_the_published_share_of_the_variance():
    drift = Circadian.beta(0.3)
    gain = course(drift, 60 * 86400.0, 600.0, "rhythm_gain")
    power = 2.0 * np.log(gain)
    wave = np.cos(2 * np.pi * np.arange(len(power)) * 600.0 / 86400.0)
    explained = np.corrcoef(power, wave)[0, 1] ** 2
    # Of 41 +- 9 %; sixty days leave the sampling error of the share at about 1 %
    assert explained == pytest.approx(0.41, abs=0.03)


def test_the_effect_site_follows_the_infusion_in_closed_form():
    drift = Anaesthesia.propofol(1.0, onset_s=100.0, duration_s=1000.0)
    rate = 83.3 * course(drift, 2000.0, 10.0, "gaba_rate")
    k = 0.456 / 60
    # the value at tick n already holds the window that begins there
    expected = 83.3 - 23.3 * (1 - np.exp(-k * 500.0))
    assert rate[59] == pytest.approx(expected, rel=2e-3)
    top = 1 - np.exp(-k * 1000.0)
    assert rate[159] == pytest.approx(83.3 - 23.3 * top * np.exp(-k * 500.0), rel=2e-3)
    assert rate[9] == pytest.approx(83.3, rel=1e-6)


@pytest.mark.parametrize("window_s", [0.1, 1.0])
def test_tremor_wanders_as_far_whatever_the_window(window_s):
    shift = np.concatenate(
        [course(TremorDrift.create(0.3, tau_s=20.0), 4000.0, window_s, "frequency_shift", seed) for seed in range(4)]
    )
    # 800 correlation times: the sd of the sd is about 3.5 %
    assert shift.std() == pytest.approx(0.3, rel=0.1)
    lag = round(20.0 / window_s)
    assert np.corrcoef(shift[:-lag], shift[lag:])[0, 1] == pytest.approx(np.exp(-1), abs=0.08)
