"""The filter matrix against SciPy's own filtering, and the input it refuses."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from neurodrift.adaptation.preprocessing import Preprocessing
from neurodrift.sim.errors import InputError


def test_the_operator_equals_scipys_zero_phase_filter():
    x = 1e-5 * np.random.default_rng(0).normal(size=(3, 400)) + 1e-3
    ours = Preprocessing.create(125.0, 400, 8.0, 30.0).apply(jnp.asarray(x, jnp.float32))
    sos = signal.butter(4, (8.0, 30.0), "bandpass", fs=125.0, output="sos")
    theirs = signal.sosfiltfilt(sos, x - x.mean(-1, keepdims=True))
    # The offset is a hundred times the signal: float32 leaves 1e-7 of it.
    np.testing.assert_allclose(ours, theirs, atol=5e-10)


def amplitude_after(pre, frequency, sfreq, n_times):
    t = np.arange(n_times) / sfreq
    y = np.asarray(pre.apply(jnp.asarray(np.sin(2 * np.pi * frequency * t)[None], jnp.float32)))[0]
    middle = y[len(y) // 4 : -len(y) // 4]
    return np.sqrt(2 * (middle**2).mean())


@pytest.mark.parametrize(
    ("frequency", "low", "high"), [(1, 0, 0.01), (15, 0.97, 1.03), (20, 0.97, 1.03), (55, 0, 0.01)]
)
def test_the_band_passes_and_the_rest_does_not(frequency, low, high):
    pre = Preprocessing.create(250.0, 1000, 8.0, 30.0)
    assert low <= amplitude_after(pre, frequency, 250.0, 1000) <= high


def test_a_notch_inside_the_band_takes_out_the_line():
    with_notch = Preprocessing.create(250.0, 1000, 4.0, 70.0, notch=50.0)
    assert amplitude_after(with_notch, 50.0, 250.0, 1000) < 0.05
    assert amplitude_after(with_notch, 40.0, 250.0, 1000) > 0.95


def test_decimation_keeps_every_other_sample_of_the_filtered_window():
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 300)), jnp.float32)
    full, half = Preprocessing.create(250.0, 300), Preprocessing.create(250.0, 300, sfreq_out=125.0)
    assert (half.sfreq, half.n_times_in, half.n_times_out) == (125.0, 300, 150)
    np.testing.assert_allclose(half.apply(x), full.apply(x)[:, ::2], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sfreq": 50.0, "n_times": 200}, "more than 60 Hz"),
        ({"sfreq": 250.0, "n_times": 20}, "too short"),
        ({"sfreq": 250.0, "n_times": 500, "sfreq_out": 100.0}, "does not divide"),
        ({"sfreq": 250.0, "n_times": 500, "sfreq_out": 50.0}, "decimate less"),
        ({"sfreq": 250.0, "n_times": 500, "l_freq": 40.0}, "empty"),
    ],
)
def test_what_cannot_be_filtered_is_refused_in_one_line(options, said):
    with pytest.raises(InputError, match=said) as error:
        Preprocessing.create(**options)
    assert "\n" not in str(error.value)
