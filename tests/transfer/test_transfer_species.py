"""From rats to humans: band powers in closed form, and what the simulated animals are."""

import numpy as np
import pytest

from neurodrift.scenarios.transfer.feature_trials import in_turn
from neurodrift.scenarios.transfer.species import HZ, KINDS, QUICK, RELATIVE, meet
from neurodrift.scenarios.transfer.species_lead import EDGES, RELATIVE_EDGES, SFREQ, band_powers, record_animals
from neurodrift.sim.species import species

T = np.arange(256) / SFREQ


def test_the_power_of_a_sine_is_in_its_band():
    found = np.exp(band_powers(10e-6 * np.sin(2 * np.pi * 25.5 * T + 0.3)))
    at = int(np.searchsorted(EDGES, 25.5)) - 1
    # Hann's main lobe reaches 2 Hz to either side, half a hertz beyond the band
    assert found[at] == pytest.approx((10e-6) ** 2 / 2, rel=0.1)
    assert found[at] > 10 * np.delete(found, at).max()


def test_bands_are_of_hertz_or_of_the_species_beta():
    """White noise has power in proportion to a band's width; the same multiple of beta is the same band."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 256))
    for beta in (None, species("rat").beta_frequency, species("human").beta_frequency):
        width = np.diff(EDGES if beta is None else RELATIVE_EDGES * beta)
        power = np.exp(band_powers(noise, beta)).mean(0)
        # one-sided density of unit variance: 2 / sfreq
        np.testing.assert_allclose(power, width * 2 / SFREQ, rtol=0.1)
    for multiple in (0.7, 1.0, 1.4):
        bands = [
            band_powers(np.sin(2 * np.pi * multiple * species(name).beta_frequency * T),
                        species(name).beta_frequency).argmax()
            for name in ("rat", "human")
        ]  # fmt: skip
        assert bands[0] == bands[1] == np.searchsorted(RELATIVE_EDGES, multiple) - 1


def test_classes_take_turns_in_stretches():
    x = np.arange(12.0).reshape(1, 2, 6, 1)
    found = in_turn(x)
    np.testing.assert_array_equal(np.asarray(found.x)[0, :4, 0, 0], [0, 6, 1, 7])
    found = in_turn(x, stretch=3)
    np.testing.assert_array_equal(np.asarray(found.x)[0, :, 0, 0], [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11])
    np.testing.assert_array_equal(np.asarray(found.y)[0], [0, 0, 0, 1, 1, 1] * 2)


@pytest.mark.slow
def test_rats_beat_in_their_band_and_humans_in_theirs_and_a_number_is_an_animal():
    """Beta bands of science: rat 25 to 40, human 13 to 30 Hz; medication takes power from it."""
    for name in ("rat", "human"):
        low, high = species(name).beta_band
        found = record_animals(name, np.arange(6), 0, 40)
        assert found.in_bounds.all()
        taper = np.hanning(256)
        power = (np.abs(np.fft.rfft(found.v * taper)) ** 2).mean(2)  # (n_animals, 2, n_freqs)
        freqs = np.fft.rfftfreq(256, 1 / SFREQ)
        # the 1/f around it falls by then
        seen = freqs > 10
        peak = freqs[seen][(power[:, 1] * freqs)[:, seen].argmax(-1)]
        assert ((peak >= low) & (peak <= high)).all()
        at = np.array([np.searchsorted(freqs, p) for p in peak])
        rows = np.arange(6)
        assert (power[rows, 1, at] > power[rows, 0, at]).all()
        assert np.ptp(peak) > 0
        alone = record_animals(name, np.array([4]), 0, 40)
        # to a few steps of the converter, and before rounding has grown: some loops amplify it within half a minute
        np.testing.assert_allclose(alone.v[0, :, :10], found.v[4, :, :10], atol=2e-7)
        other = record_animals(name, np.array([4]), 1, 40)
        assert np.abs(other.v[0] - found.v[4]).mean() > 1e-6


@pytest.mark.slow
def test_without_a_label_the_known_shift_of_frequency_is_what_transfers():
    at = {}
    for name in KINDS.values():
        found = meet(QUICK._replace(n_source=6), np.arange(6), np.arange(4), 0, name == RELATIVE, "ABCD")
        at[name] = found.of("aligned")[:, 0].mean()
    assert at[RELATIVE] > 0.65
    assert at[RELATIVE] > at[HZ] + 0.1
