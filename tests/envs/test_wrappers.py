import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy import signal

from neurodrift.sim.envs import BandPower, DecodedProbabilities
from neurodrift.sim.errors import InputError


def test_band_power_is_that_of_scipys_periodogram(make):
    env = make("Replay")
    bands = ((4.0, 8.0), (8.0, 13.0), (13.0, 30.0))
    wrapped = BandPower(env, bands=bands)
    v, _ = env.reset(seed=0)
    frequency, density = signal.periodogram(v.astype(float), 125.0, window="hann", detrend="constant")
    # a density per Hz, and 1 Hz between the frequencies of a 1 s window
    expected = np.stack([density[:, (frequency >= lo) & (frequency < hi)].sum(1) for lo, hi in bands], axis=1)
    np.testing.assert_allclose(wrapped.observation(v), np.log(expected + 1e-18).ravel(), rtol=1e-4)


def test_a_sine_has_its_mean_square_in_its_band(make):
    wrapped = BandPower(make("Replay"))
    sine = 10e-6 * np.sin(2 * np.pi * 10 * np.arange(125) / 125).astype(np.float32)
    theta, alpha, beta = wrapped.observation(np.tile(sine, (5, 1)))[:3]
    np.testing.assert_allclose(np.exp(alpha), 50e-12, rtol=1e-3)
    assert max(theta, beta) < alpha - 5


def test_a_flat_channel_has_a_finite_band_power(make):
    wrapped = BandPower(make("Replay"))
    assert wrapped.observation(np.zeros((5, 125), np.float32)) in wrapped.observation_space


def test_a_band_without_a_frequency_is_refused(make):
    with pytest.raises(InputError, match=r"no frequency of a window of 0\.2 s lies in 8-9 Hz"):
        BandPower(make(), bands=((8.0, 9.0),))


def test_decoded_probabilities_are_what_the_callable_gives(make):
    env = DecodedProbabilities(make(), lambda x: [0.25, 0.75])
    v, _ = env.reset(seed=0)
    np.testing.assert_array_equal(v, np.array([0.25, 0.75], np.float32))
    assert v in env.observation_space


@pytest.mark.parametrize("bad", [[1.0, 2.0], [np.nan, 1.0], [1.5, -0.5], [1.0]])
def test_what_is_no_probability_is_refused(make, bad):
    with pytest.raises(InputError, match="softmax"):
        DecodedProbabilities(make(), lambda x: bad).reset(seed=0)


@pytest.mark.parametrize("name", ["MotorImagery", "Replay"])
@pytest.mark.parametrize("wrapper", [BandPower, gymnasium.wrappers.FlattenObservation])
def test_stable_baselines3s_checker_has_nothing_to_say(make, name, wrapper):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    env = wrapper(make(name).unwrapped)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checker.check_env(env)


def test_gymnasiums_checker_passes_on_band_power(make):
    env = BandPower(make().unwrapped)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # "is different from the unwrapped version" is about the wrapper, whose checking is what is wanted
        warnings.filterwarnings("ignore", message=".*different from the unwrapped version")
        check_env(env, skip_render_check=True)
