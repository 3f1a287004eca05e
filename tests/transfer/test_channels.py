"""Channel sets mapped by position: against MNE's splines, and refusals where nothing was recorded."""

import warnings

import numpy as np
import pytest

from neurodrift.adaptation.transfer.channels import map_channels, spline_matrix
from neurodrift.sim.errors import InputError
from neurodrift.sim.head.montage import LAYOUTS, make_montage


def directions(names):
    montage = make_montage(names)
    return np.asarray(montage.positions[: montage.n_channels], np.float64)


def test_splines_are_those_of_mne():
    from mne.channels.interpolation import _make_interpolation_matrix

    here, there = directions("10-10-31"), directions("10-20-19")
    np.testing.assert_allclose(spline_matrix(here, there), _make_interpolation_matrix(here, there), atol=1e-10)


def test_bad_channels_come_back_as_from_mne():
    import mne

    names = LAYOUTS["10-10-31"]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((len(names), 40))
    info = mne.create_info(list(names), 100.0, "eeg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne.io.RawArray(x.copy(), info, verbose="error")
        scalp = dict(zip(names, directions(names)))
        raw.set_montage(mne.channels.make_dig_montage(scalp, coord_frame="head"), verbose="error")
        raw.info["bads"] = ["C3", "Fz"]
        raw.interpolate_bads(origin=(0.0, 0.0, 0.0), verbose="error")
    good = [n for n in names if n not in ("C3", "Fz")]
    found = map_channels(good, names).apply(x[[names.index(n) for n in good]])
    np.testing.assert_allclose(found, raw.get_data(), atol=2e-5)


def test_channels_of_the_same_name_are_taken_as_they_are():
    given = ("Cz", "Fz", "C4", "C3", "Pz")
    found = map_channels(given, ("C3", "cz", "C4"))
    np.testing.assert_array_equal(found.matrix, np.eye(5)[[3, 0, 2]])
    assert found.farthest < 1e-3


def test_a_smooth_field_is_found_at_electrodes_that_were_not_there():
    """A field of low spatial frequency, sampled by 31 electrodes, is known at those of the 10-20 cap in between."""
    names = LAYOUTS["10-20-19"]
    field = lambda p: p[:, 0] + 0.5 * p[:, 1] * p[:, 2] - p[:, 2] ** 2  # noqa: E731
    unit = [p / np.linalg.norm(p, axis=1, keepdims=True) for p in (directions("10-10-31"), directions(names))]
    found = map_channels(LAYOUTS["10-10-31"], names).apply(field(unit[0])[:, None])[:, 0]
    assert np.abs(found - field(unit[1])).max() < 0.1 * np.ptp(field(unit[1]))


def test_what_was_not_recorded_anywhere_near_is_refused():
    with pytest.raises(InputError, match=r"wants Oz but the nearest channel given is .* degrees away"):
        map_channels(("Fp1", "Fp2", "F3", "F4", "Fz"), ("Fz", "Oz"))
    with pytest.raises(InputError, match="too few to interpolate"):
        map_channels(("C3", "C4", "Cz"), ("C1",))
    with pytest.raises(InputError, match="match no 10-05 position"):
        map_channels(("EEG 001", "Cz"), ("Cz",))
    with pytest.raises(InputError, match="made for 5"):
        map_channels(("Cz", "Fz", "C4", "C3", "Pz"), ("C3",)).apply(np.zeros((4, 10)))
