"""Features of readings against SciPy's float64, closed forms, and what must not reach them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from neurodrift.sim.errors import InputError
from neurodrift.sim.sensing import (
    Applied,
    BandPower,
    Envelope,
    Filter,
    History,
    LineLength,
    Mixed,
    Ratio,
    Stack,
    Standard,
    band_features,
)

from .readings import readings, run, sensed

SFREQ = 500.0
RNG = np.random.default_rng(0)
NOISE = 20e-6 * RNG.standard_normal((2, 5000))
TIME = np.arange(5000) / SFREQ


def blocks(filter_, x):
    """Output of the block filter over windows, joined."""
    n = filter_.n_times
    state, out = filter_.init(len(x)), []
    for k in range(x.shape[1] // n):
        state, y = filter_.step(state, jnp.asarray(x[:, k * n : (k + 1) * n], jnp.float32))
        out.append(np.asarray(y))
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize(
    ("band", "sfreq", "n_times", "order"),
    [
        ((13.0, 30.0), 500.0, 50, 2),
        ((4.0, 6.0), 2000.0, 10, 2),
        ((0.5, 1.2), 1000.0, 100, 1),
        ((18.0, 22.0), 250.0, 1, 4),
    ],
)
def test_the_block_filter_equals_scipys_sections_in_float64(band, sfreq, n_times, order):
    x = NOISE[:, :4000] + 100e-6
    sos = signal.butter(order, band, "bandpass", fs=sfreq, output="sos")
    start = signal.sosfilt_zi(sos)[:, None, :] * x[:, 0][None, :, None]
    expected, _ = signal.sosfilt(sos, x, zi=start)
    if n_times == 1:
        x, expected = x[:, :400], expected[:, :400]
    found = blocks(Filter.band_pass(band, sfreq, n_times, order), x)
    # single precision of an input of 0.1 mV
    np.testing.assert_allclose(found, expected, atol=2e-10)


def test_an_offset_of_the_electrode_makes_no_transient():
    flat = np.full((1, 1000), 0.01)
    assert np.abs(blocks(Filter.band_pass((13, 30), SFREQ, 50), flat)).max() < 1e-8


@pytest.mark.parametrize("squared", [False, True])
def test_the_envelope_of_a_sinusoid_is_its_amplitude_or_its_mean_square(squared):
    v = 30e-6 * np.sin(2 * np.pi * 20.0 * TIME)
    found = sensed(Envelope.create((13, 30), SFREQ, 50, tau=0.3, squared=squared), v, 50)[-1, 0]
    # the ripple at twice the frequency that a low-pass of 0.3 s leaves is 1 / (4 pi f tau), 1.3 %
    np.testing.assert_allclose(found, 0.5 * (30e-6) ** 2 if squared else 30e-6, rtol=0.02)


def test_the_envelope_equals_scipys_filters_in_float64():
    v = NOISE + 30e-6 * np.sin(2 * np.pi * 20.0 * TIME)
    found = sensed(Envelope.create((13, 30), SFREQ, 25, tau=0.2, n_channels=2), v, 25)
    sos = signal.butter(2, (13, 30), "bandpass", fs=SFREQ, output="sos")
    x, _ = signal.sosfilt(sos, v, zi=signal.sosfilt_zi(sos)[:, None, :] * v[:, 0][None, :, None])
    keep = np.exp(-1 / (0.2 * SFREQ))
    expected = signal.lfilter([1 - keep], [1, -keep], 0.5 * np.pi * np.abs(x))[:, 24::25]
    np.testing.assert_allclose(found.T, expected, rtol=2e-4)


def test_the_envelope_does_not_depend_on_how_the_signal_is_cut_into_windows():
    long, short = (sensed(Envelope.create((13, 30), SFREQ, n), NOISE[0], n)[-1] for n in (250, 5))
    np.testing.assert_allclose(long, short, rtol=1e-4)


def _every():
    """Every sensing that averages samples, for two channels and windows of 50."""
    mixed = Mixed(sensing=Envelope.create((13, 30), SFREQ, 50), weights=jnp.array([[1.0, -1.0]]))
    return {
        "envelope": Envelope.create((13, 30), SFREQ, 50, n_channels=2),
        "power": Envelope.create((13, 30), SFREQ, 50, n_channels=2, squared=True),
        "band power": BandPower.create((13, 30), SFREQ, 50, n_fft=256, n_channels=2),
        "line length": LineLength.create(SFREQ, 50, n_channels=2),
        "mixed": mixed,
        "bands": band_features(SFREQ, 50, n_channels=2),
        "history": History(sensing=mixed, length=3),
        "ratio": Ratio(
            numerator=Envelope.create((13, 20), SFREQ, 50, n_channels=2),
            denominator=Envelope.create((20, 30), SFREQ, 50, n_channels=2),
        ),
    }


EVERY = _every()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("wrong", [-1e6, np.nan], ids=str)
def test_what_stands_in_a_blanked_sample_changes_nothing(name, wrong):
    blanked = np.arange(5000) % 50 < 4
    spoilt = np.where(blanked, wrong, NOISE)
    a, b = (sensed(EVERY[name], v, 50, blanked=blanked) for v in (NOISE, spoilt))
    np.testing.assert_array_equal(a, b)
    assert np.isfinite(a).all()


@pytest.mark.parametrize("name", EVERY)
def test_samples_that_are_not_finite_count_as_blanked(name):
    blanked = np.arange(5000) % 97 < 3
    a = sensed(EVERY[name], NOISE, 50, blanked=blanked)
    b = sensed(EVERY[name], np.where(blanked, np.nan, NOISE), 50)
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", EVERY)
def test_features_are_held_while_packets_are_lost(name):
    fresh = np.ones(100, bool)
    fresh[40:45] = False
    found = sensed(EVERY[name], NOISE, 50, fresh=fresh)
    if name == "history":
        assert (found[42:45] == found[42]).all()
    else:
        assert (found[40:45] == found[39]).all()
    assert (found[59] != found[44]).any()
    whole = sensed(EVERY[name], NOISE, 50)
    # seconds later the gap is forgotten
    np.testing.assert_allclose(found[-1], whole[-1], rtol=1e-3)


@pytest.mark.parametrize("name", EVERY)
def test_features_have_the_number_that_is_promised_and_know_no_future(name):
    sensing = EVERY[name]
    later = NOISE.copy()
    later[:, 2500:] = 0.0
    a, b = sensed(sensing, NOISE, 50), sensed(sensing, later, 50)
    assert a.shape == (100, sensing.n_features)
    np.testing.assert_array_equal(a[:50], b[:50])


@pytest.mark.parametrize("name", ["band power", "ratio"])
def test_a_row_of_a_batch_equals_the_single_run(name):
    one = readings(NOISE[:, :1000], 50)
    two = readings(NOISE[:, 1000:2000], 50)
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), one, two)
    batch = jax.vmap(run, in_axes=(None, 0))(EVERY[name], both)
    np.testing.assert_allclose(batch[1], run(EVERY[name], two), rtol=2e-4)


def test_band_power_equals_scipys_periodogram():
    v = NOISE + 30e-6 * np.sin(2 * np.pi * 20.3 * TIME)
    found = sensed(BandPower.create((13, 30), SFREQ, 50, n_channels=2), v, 50)
    end = 50 * (100 // 5 * 5)
    f, density = signal.periodogram(v[:, end - 1024 : end], SFREQ, "hann", detrend="constant")
    inside = (f >= 13) & (f <= 30)
    np.testing.assert_allclose(found[-1], density[:, inside].sum(axis=1) * SFREQ / 1024, rtol=1e-4)


def test_band_power_is_renewed_every_half_second_and_averages_as_many_as_told():
    single = sensed(BandPower.create((13, 30), SFREQ, 50), NOISE[0], 50)[:, 0]
    changes = 1 + np.flatnonzero(np.diff(single))
    assert (np.diff(changes) == 5).all()
    assert (changes % 5 == 4).all()
    four = sensed(BandPower.create((13, 30), SFREQ, 50, n_average=4), NOISE[0], 50)[:, 0]
    np.testing.assert_allclose(four[99], single[[84, 89, 94, 99]].mean(), rtol=1e-5)


def test_band_power_with_blanked_samples_is_that_of_the_rest():
    v = 30e-6 * np.sin(2 * np.pi * 20.0 * TIME)
    blanked = np.random.default_rng(1).random(5000) < 0.1
    whole, rest = (sensed(BandPower.create((1, 249), SFREQ, 50), v, 50, blanked=b)[-1] for b in (None, blanked))
    # 10 % of 1024 samples are missing at random: a twentieth of the power is what that makes uncertain
    np.testing.assert_allclose(rest, whole, rtol=0.05)
    half = np.arange(5000) % 2 == 0
    assert sensed(BandPower.create((13, 30), SFREQ, 50), v, 50, blanked=half | (np.arange(5000) % 5 == 0))[-1] == 0


def test_line_length_is_the_path_per_second():
    v = 30e-6 * np.sin(2 * np.pi * 20.0 * TIME)
    found = sensed(LineLength.create(SFREQ, 50), v, 50)
    np.testing.assert_allclose(found[-1, 0], np.abs(np.diff(v[-501:])).sum(), rtol=1e-5)


def test_a_ratio_of_bands_ignores_gain_and_survives_silence():
    a = sensed(EVERY["ratio"], NOISE, 50)[-1]
    np.testing.assert_allclose(sensed(EVERY["ratio"], 7 * NOISE, 50)[-1], a, rtol=1e-5)
    assert (sensed(EVERY["ratio"], 0 * NOISE, 50) == 0).all()


def test_standard_features_of_their_own_calibration_have_mean_0_and_sd_1():
    envelope = Envelope.create((13, 30), SFREQ, 50, n_channels=2)
    x = np.log(sensed(envelope, NOISE, 50)[20:])
    standard = Standard(sensing=envelope, mean=jnp.asarray(x.mean(0)), sd=jnp.asarray(x.std(0)), log=True)
    z = sensed(standard, NOISE, 50)[20:]
    np.testing.assert_allclose(z.mean(0), 0.0, atol=1e-3)
    np.testing.assert_allclose(z.std(0), 1.0, rtol=1e-3)
    assert np.abs(sensed(standard, 1e-30 * NOISE, 50)).max() == 10.0


def test_history_is_the_last_features_oldest_first():
    given = readings(NOISE[:, :200], 50, applied=np.array([[0.1], [0.2], [0.3], [0.4]]))
    found = run(History(sensing=Applied(), length=3), given)
    expected = [[0.1, 0.1, 0.1], [0.1, 0.1, 0.2], [0.1, 0.2, 0.3], [0.2, 0.3, 0.4]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_stack_is_its_parts_and_the_bands_end_with_what_was_applied():
    parts = (EVERY["envelope"], EVERY["line length"])
    found = sensed(Stack(parts=parts), NOISE, 50)
    np.testing.assert_array_equal(found, np.concatenate([sensed(part, NOISE, 50) for part in parts], axis=1))
    bands = sensed(EVERY["bands"], NOISE, 50, applied=np.full((100, 1), 0.25))
    assert bands.shape[1] == 5 * 2 + 1
    assert (bands[:, -1] == 0.25).all()


def test_a_broken_channel_without_weight_does_not_reach_the_mix():
    v = np.stack([NOISE[0], np.full(5000, np.nan)])
    alone = sensed(Envelope.create((13, 30), SFREQ, 50), NOISE[0], 50)
    found = sensed(Mixed.channel(0, 2, Envelope.create((13, 30), SFREQ, 50)), v, 50)
    np.testing.assert_array_equal(found, alone)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Envelope.create((30, 13), SFREQ, 50), "wanted 0 < low < high < 250 Hz"),
        (lambda: Envelope.create((13, 300), SFREQ, 50), "wanted 0 < low < high"),
        (lambda: Envelope.create(13, SFREQ, 50), "wanted two numbers in Hz"),
        (lambda: Envelope.create((13, 30), SFREQ, 50, tau=0.0), "tau is 0"),
        (lambda: Envelope.create((13, 30), SFREQ, 50, order=0), "order is 0"),
        (lambda: BandPower.create((13, 30), SFREQ, 150), "whole number of control windows"),
        (lambda: BandPower.create((13, 13.1), SFREQ, 50, n_fft=64), "no bin"),
        (lambda: LineLength.create(SFREQ, 50, seconds=0.01), "at least one control window"),
        (lambda: Ratio(numerator=EVERY["envelope"], denominator=EVERY["mixed"]), "2 features, the denominator 1"),
        (lambda: Filter.create([[1, 0, 0, 1, -2.0, 1.5]], 10), "unstable"),
        (lambda: sensed(EVERY["envelope"], NOISE, 25), "made for 50 a window"),
    ],
)
def test_what_cannot_be_is_refused_with_what_was_wanted(make, message):
    with pytest.raises(InputError, match=message):
        make()
