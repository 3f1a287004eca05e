"""Features for rhythms and drugs that are slow against the control window."""

import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.sensing import Envelope
from neurodrift.sim.sensing.relative_to_start import RelativeToStart
from neurodrift.sim.sensing.window_mean import WindowMean

from .readings import sensed


def test_the_mean_of_a_window_leaves_out_what_is_unusable_and_holds_where_nothing_is_left():
    v = np.array([[1.0, 2.0, 3.0, np.nan, 5.0, 7.0, 9.0, 9.0, 4.0, 4.0]])
    blanked = np.array([0, 0, 0, 0, 0, 0, 1, 1, 0, 0], bool)
    fresh = np.array([True, True, True, True, False])
    got = sensed(WindowMean(n_channels=1), v, 2, blanked=blanked, fresh=fresh)[:, 0]
    np.testing.assert_allclose(got, [1.5, 3.0, 6.0, 6.0, 6.0])


def test_features_are_relative_to_their_mean_at_the_start_once_it_is_known():
    values = np.array([9.0, 9.0, 1.0, 3.0, 4.0, 8.0, 1.0])
    start = RelativeToStart.create(WindowMean(n_channels=1), skip=2, length=2)
    got = sensed(start, np.repeat(values, 3), 3)[:, 0]
    np.testing.assert_allclose(got, [1, 1, 1, 1.5, 2.0, 4.0, 0.5])


def test_lost_packets_are_no_part_of_the_start():
    values = np.array([1.0, 100.0, 3.0, 4.0])
    fresh = np.array([True, False, True, True])
    start = RelativeToStart.create(WindowMean(n_channels=1), skip=0, length=2)
    got = sensed(start, np.repeat(values, 3), 3, fresh=fresh)[:, 0]
    np.testing.assert_allclose(got, [1.0, 1.0, 1.5, 2.0])


def test_a_rhythm_that_doubles_is_twice_what_it_was():
    t = np.arange(2000) / 200.0
    v = 1e-5 * np.sin(2 * np.pi * 20 * t) * np.where(t < 5, 1.0, 2.0)
    start = RelativeToStart.create(Envelope.create((15.0, 30.0), 200.0, 20, tau=0.2), skip=20, length=20)
    got = sensed(start, v, 20)[:, 0]
    assert got[45] == pytest.approx(1.0, abs=0.03)
    assert got[-1] == pytest.approx(2.0, abs=0.06)
    assert jnp.all(got[:39] == 1.0)


def test_a_start_without_windows_is_refused():
    with pytest.raises(InputError, match="1 or more"):
        RelativeToStart.create(WindowMean(n_channels=1), length=0)
