"""Background, artefacts and motor imagery at the scalp against the ranges of the literature."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from neurodrift.sim.artefacts import Artefacts
from neurodrift.sim.background import Background
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.head import SphereHead, make_montage
from neurodrift.sim.sources import MotorImagery

SFREQ, N_TIMES = 250.0, 250
CONDITIONS = Conditions.nominal(16)
MONTAGE = make_montage(["Fp1", "Fp2", "Fz", "C3", "Cz", "C4", "T7", "T8", "Pz", "O1", "Oz", "O2"])


def at(name):
    return MONTAGE.ch_names.index(name)


def leadfield(part):
    """(n_channels, n) V/(A·m), average reference."""
    gain = SphereHead.preset().leadfield(MONTAGE.positions[:12], part.positions, part.orientations)
    return np.asarray(gain - gain.mean(axis=0), np.float64)


@pytest.fixture(scope="module")
def people():
    """Background of 12 people for 20 s: the 1/f part and the rhythms, each (12, 12 channels, n) V."""
    pink, rhythm = [], []

    @jax.jit
    def run(background, key):
        def window(state, tick):
            return background.step(state, CONDITIONS, jax.random.fold_in(key, tick))

        return jax.lax.scan(window, background.init(key), jnp.arange(20))[1]

    for seed in range(12):
        background = Background.sample(jax.random.PRNGKey(seed), SFREQ, N_TIMES)
        moments = np.moveaxis(np.asarray(run(background, jax.random.PRNGKey(100 + seed)), np.float64), 1, 0)
        moments = moments.reshape(moments.shape[0], -1)
        gain, n = leadfield(background), background.n_dipoles
        pink.append(gain[:, :n] @ moments[:n])
        rhythm.append(gain[:, n:] @ moments[n:])
    return np.stack(pink), np.stack(rhythm)


def test_one_over_f_background_is_5_to_15_microvolts_rms(people):
    rms = people[0].std(axis=-1).mean(axis=1) * 1e6
    assert 5 < rms.mean() < 15
    assert np.all((rms > 4) & (rms < 18))


def test_resting_alpha_is_20_to_50_microvolts_peak_to_peak_over_the_back(people):
    band = butter(4, [8, 13], "bandpass", fs=SFREQ, output="sos")
    alpha = sosfiltfilt(band, people[1], axis=-1) * 1e6
    back = alpha[:, [at("O1"), at("Oz"), at("O2")]]
    # typical size: one cycle is 2 sqrt(2) rms from peak to peak
    peak = 2 * np.sqrt(2) * back.std(axis=-1).mean()
    assert 20 < peak < 50
    assert back.std() > 2 * alpha[:, at("Fp1")].std()


def test_blinks_are_100_to_300_microvolts_at_the_forehead():
    # one a window for certain, so that every window holds one
    artefacts = Artefacts.create(SFREQ, N_TIMES, blinks_per_minute=60.0, bursts_per_minute=0.0)
    moments = jax.vmap(artefacts.step)(jax.random.split(jax.random.PRNGKey(0), 200))
    v = np.einsum("cs,wst->cwt", leadfield(artefacts), np.asarray(moments, np.float64)) * 1e6
    for name in ("Fp1", "Fp2"):
        peaks = np.abs(v[at(name)]).max(axis=-1)
        assert 100 < np.median(peaks) < 300
        assert np.mean((peaks > 95) & (peaks < 315)) > 0.9
    assert np.abs(v[at("Oz")]).max() < 0.35 * np.abs(v[at("Fp1")]).max()


def test_blinks_come_as_often_as_asked():
    artefacts = Artefacts.create(SFREQ, N_TIMES, blinks_per_minute=12.0)
    moments = jax.vmap(artefacts.step)(jax.random.split(jax.random.PRNGKey(1), 6000))
    rate = 60 * float(jnp.mean(jnp.any(moments[:, 0] != 0, axis=-1)))
    assert rate == pytest.approx(12.0, abs=5 * 60 * np.sqrt(0.2 * 0.8 / 6000))


def test_muscle_bursts_are_10_to_100_microvolts_over_the_temples():
    artefacts = Artefacts.create(SFREQ, N_TIMES, blinks_per_minute=0.0, bursts_per_minute=60.0)
    moments = np.asarray(jax.vmap(artefacts.step)(jax.random.split(jax.random.PRNGKey(0), 100)), np.float64)
    v = np.einsum("cs,wst->cwt", leadfield(artefacts), moments) * 1e6
    for name in ("T7", "T8"):
        assert 10 < np.median(np.abs(v[at(name)]).max(axis=-1)) < 100


def record(source, n_trials, key):
    """moments (n_trials, 3, n) A·m and labels; trials from rest to recovery."""
    silence = jnp.zeros((2, source.n_times))

    def window(state, tick):
        state, moments, truth = source.step(state, silence, CONDITIONS, jax.random.fold_in(key, tick))
        return state, (moments, truth["label"])

    n = n_trials * source.trial_windows
    _, (moments, label) = jax.lax.scan(window, source.init(key, CONDITIONS), jnp.arange(n))
    moments = jnp.moveaxis(moments.reshape(n_trials, source.trial_windows, 3, -1), 2, 1)
    return moments.reshape(n_trials, 3, -1), label[:: source.trial_windows]


@pytest.fixture(scope="module")
def imagery():
    """64 people, 40 trials each."""
    source = jax.vmap(MotorImagery.sample)(jax.random.split(jax.random.PRNGKey(0), 64))
    keys = jax.random.split(jax.random.PRNGKey(1), 64)
    moments, label = jax.jit(jax.vmap(lambda s, k: record(s, 40, k)))(source, keys)
    return source, np.asarray(moments, np.float64), np.asarray(label)


def band_power(moments, low, high, start, stop):
    """Mean power of the band between ``start`` and ``stop`` s after the cue (rest lasts 2 s)."""
    band = butter(4, [low, high], "bandpass", fs=SFREQ, output="sos")
    x = sosfiltfilt(band, moments, axis=-1)
    return np.mean(x[..., round((start + 2) * SFREQ) : round((stop + 2) * SFREQ)] ** 2, axis=-1)


def desynchronisation(moments, label):
    """(people,) contralateral and ipsilateral fractions of power lost in the steady part of imagery.

    All of the power: a desynchronised rhythm is a broader one, and a narrow band would lose more of it.
    """
    square = moments**2
    # the second before the cue: what the rebound left has gone by then
    rest = square[..., round(SFREQ) : round(2 * SFREQ)].mean(axis=(1, 3))
    task = square[..., round(3.75 * SFREQ) : round(6.0 * SFREQ)].mean(axis=-1)
    sides = []
    for classes in ((1, 0), (0, 1)):  # the class whose hand is opposite to (on the side of) areas left and right
        lost = []
        for area, wanted in enumerate(classes):
            chosen = label == wanted
            lost.append(1 - np.sum(task[:, :, area] * chosen, axis=1) / chosen.sum(axis=1) / rest[:, area])
        sides.append(np.mean(lost, axis=0))
    return sides


def test_desynchronisation_is_recovered_within_5_points(imagery):
    source, moments, label = imagery
    contra, ipsi = desynchronisation(moments, label)
    assert np.mean(contra) == pytest.approx(float(jnp.mean(source.erd_contra)), abs=0.05)
    assert np.mean(ipsi) == pytest.approx(float(jnp.mean(source.erd_ipsi)), abs=0.05)


def test_contralateral_desynchronisation_exceeds_ipsilateral_in_nine_of_ten_people(imagery):
    _, moments, label = imagery
    contra, ipsi = desynchronisation(moments, label)
    assert np.mean(contra > ipsi) >= 0.9


def test_contralateral_beta_rebounds_by_232_percent(imagery):
    _, moments, label = imagery
    rest = band_power(moments, 14, 29, -1.0, 0.0).mean(axis=1)
    after = band_power(moments, 14, 29, 5.3, 5.6)
    gain = []
    for area in (0, 1):
        chosen = label == 1 - area
        gain.append(np.sum(after[:, :, area] * chosen, axis=1) / chosen.sum(axis=1) / rest[:, area] - 1)
    # Pfurtscheller 1997: +232 +- 82 %; the rhythm lags its own growth rate by .3 s
    assert 1.5 < np.mean(gain) < 3.14


def test_rhythms_have_the_stated_size_and_bandwidth():
    source = MotorImagery.sample(jax.random.PRNGKey(0))
    # no modulation and no trial-to-trial gain: rest for ever
    zero = jnp.zeros(())
    # mu alone: beta's tail reaches into mu's band
    moment = source.moment * jnp.asarray([1.0, 0.0])
    quiet = replace(source, erd_contra=zero, erd_ipsi=zero, rebound=zero, trial_sd=zero, moment=moment)
    moments, _ = jax.jit(jax.vmap(lambda k: record(quiet, 20, k)))(jax.random.split(jax.random.PRNGKey(2), 8))
    x = np.asarray(moments, np.float64)[:, :, 2]  # the foot area, (8, 20, n)
    x = x.reshape(8, -1)
    expected = float(moment[2, 0] ** 2)
    # E|z|^2 = s^2/|a| with |a| = 6/s: 1280 s hold about 1280 * 6 / 2 independent values
    assert np.mean(x**2) == pytest.approx(expected, rel=0.06)
    n = 2048
    pieces = x[:, : x.shape[1] // n * n].reshape(-1, n)
    power = np.mean(np.abs(np.fft.rfft(pieces * np.hanning(n), axis=1)) ** 2, axis=0)
    f = np.fft.rfftfreq(n, 1 / SFREQ)
    mu = float(source.frequency[2, 0])
    near = np.abs(f - mu) < 6
    # a Lorentzian of full width |a|/pi: its power integrated to +- half width is one half of the whole
    half = 6.0 / np.pi / 2
    inside = power[np.abs(f - mu) < half].sum()
    lorentz = 2 / np.pi * np.arctan(6 / half)
    assert inside / power[near].sum() == pytest.approx(0.5 / lorentz, abs=0.04)
