"""The gamma column: pyramidal cells lead, interneurons follow, and inhibition sets the beat."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import csd, welch

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources import CorticalColumn

CONDITIONS = Conditions.nominal(4)


def run(n_times, n_windows, stim=0.0, seed=0, **changes):
    """field (n,) mV per sample of 1 ms, rates (n_windows, 2) 1/s."""
    conditions = dataclasses.replace(CONDITIONS, **{name: jnp.float32(value) for name, value in changes.items()})
    source = CorticalColumn.create(n_times=n_times, burn_in_s=0.1)
    state = source.init(jax.random.key(seed), conditions)
    inputs = source.inputs(np.full((1, n_times), stim), conditions)
    windows = [state.advance(inputs) for _ in range(n_windows)]
    state.close()
    return np.concatenate([w[0][0] for w in windows]), np.array([w[1]["rates"] for w in windows])


def peak(field):
    """Hz, above 10 Hz."""
    frequencies, power = welch(field - field.mean(), 1000.0, nperseg=500)
    inside = frequencies > 10
    return frequencies[inside][power[inside].argmax()]


@pytest.fixture(scope="module")
def rest():
    return run(1, 1000)


def test_the_field_beats_in_the_gamma_band_that_pyramidal_interneuron_loops_have(rest):
    field, rates = rest
    assert 30.0 <= peak(field) <= 80.0
    assert rates[:, 0].mean() < rates[:, 1].mean()


def test_pyramidal_cells_lead_the_interneurons_by_two_to_five_milliseconds(rest):
    excitatory, inhibitory = rest[1].T
    frequencies, cross = csd(excitatory, inhibitory, 1000.0, nperseg=500)
    at = np.argmin(np.abs(frequencies - peak(rest[0])))
    lag = -np.angle(cross[at]) / (2 * np.pi * frequencies[at])
    assert 2e-3 <= lag <= 5e-3


def test_slow_gaba_slows_the_beat_and_drive_raises_the_rate(rest):
    slow, _ = run(100, 8, gaba_rate=0.5)
    assert peak(slow) < peak(rest[0]) - 4.0
    _, driven = run(100, 4, excitability=0.3)
    assert driven[:, 0].mean() > 1.1 * rest[1][:, 0].mean()


def test_current_depolarises_in_proportion_to_its_dose(rest):
    # 25 mA: a shift of 2 mV, far beyond any dose, to be seen within 0.4 s
    rates = [run(100, 4, stim=dose)[1][:, 0].mean() for dose in (-25e-3, 0.0, 25e-3)]
    assert rates[0] < rates[1] < rates[2]


def test_bad_settings_are_refused():
    for n in (402, 8):
        with pytest.raises(InputError, match="multiple of 4"):
            CorticalColumn.create(n_excitatory=n)
