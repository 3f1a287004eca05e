"""The area detector."""

import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.sensing import Area

from .readings import sensed

SFREQ = 500.0
NOISE = 20e-6 * np.random.default_rng(0).standard_normal((2, 1000))


def test_area_is_the_mean_absolute_value_of_the_last_second_in_each_channel():
    found = sensed(Area.create(SFREQ, 50, seconds=0.4, n_channels=2), NOISE, 50)
    for n in (0, 2, 11):
        recent = NOISE[:, max(0, (n - 3) * 50) : (n + 1) * 50]
        np.testing.assert_allclose(found[n], np.abs(recent).mean(axis=1), rtol=1e-5)


def test_area_does_not_ask_how_fast_the_trace_is():
    t = np.arange(2000) / SFREQ
    slow, fast = (30e-6 * np.sin(2 * np.pi * f * t) for f in (5.0, 40.0))
    found = sensed(Area.create(SFREQ, 50, n_channels=2), np.stack([slow, fast]), 50)[-1]
    # the mean of a rectified sinusoid is 2 / pi of its peak
    np.testing.assert_allclose(found, 30e-6 * 2 / np.pi, rtol=0.01)


def test_unusable_samples_and_lost_packets_do_not_enter_the_area():
    broken, blanked = NOISE.copy(), np.zeros(1000, bool)
    broken[:, 100:120] = 1.0
    blanked[100:120] = True
    broken[1, 130] = np.nan
    fresh = np.arange(20) != 5
    found = sensed(Area.create(SFREQ, 50, seconds=2.0, n_channels=2), broken, 50, blanked=blanked, fresh=fresh)
    good = np.isfinite(broken) & ~blanked & np.repeat(fresh, 50)
    expected = [np.abs(row[ok]).mean() for row, ok in zip(broken, good)]
    np.testing.assert_allclose(found[-1], expected, rtol=1e-5)
    np.testing.assert_array_equal(found[5], found[4])


def test_an_area_of_less_than_a_window_is_refused():
    with pytest.raises(InputError, match="at least one control window"):
        Area.create(SFREQ, 50, seconds=0.01)
