"""Brunel's random network: its mean-field rates, its regimes, and what acts on it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.scenarios.validate.mean_field import brunel_rate
from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources import BrunelNetwork

CONDITIONS = Conditions.nominal(4)


def mean_field(source):
    return brunel_rate(source.weight, source.in_degree, float(source.g), float(source.eta))


def run(source, n_windows, stim=0.0, conditions=CONDITIONS, seed=0):
    """field (n,) mV and rates (2,) 1/s."""
    state = source.init(jax.random.key(seed), conditions)
    inputs = source.inputs(np.full((1, source.n_times), stim), conditions)
    windows = [state.advance(inputs) for _ in range(n_windows)]
    state.close()
    return np.concatenate([w[0][0] for w in windows]), np.mean([w[1]["rates"] for w in windows], axis=0)


def test_mean_field_is_that_of_the_paper():
    # section 4 of the paper gives 55.8, 38.0 and 6.5 1/s beside its simulations
    for regime, expected in (("B", 55.8), ("C", 38.0), ("D", 6.5)):
        assert mean_field(BrunelNetwork.create(regime, 10_000)) == pytest.approx(expected, abs=0.06)


def test_a_smaller_network_keeps_the_mean_input_and_the_connection_probability():
    full, small = BrunelNetwork.create(n_excitatory=10_000), BrunelNetwork.create(n_excitatory=1000)
    assert (full.weight, full.in_degree) == (0.1, (1000, 250))
    assert small.in_degree == (100, 25)
    assert small.weight * small.in_degree[0] == pytest.approx(full.weight * full.in_degree[0])


@pytest.fixture(scope="module")
def irregular():
    return BrunelNetwork.create("C", 4000, burn_in_s=0.1)


@pytest.fixture(scope="module")
def at_rest(irregular):
    return run(irregular, 2)


def test_asynchronous_rates_are_those_of_the_mean_field(irregular, at_rest):
    # the paper's own simulations and mean field differ by up to 9 % (panel B)
    np.testing.assert_allclose(at_rest[1], mean_field(irregular), rtol=0.09)


def test_excitatory_and_inhibitory_cells_fire_alike_as_they_receive_alike(at_rest):
    excitatory, inhibitory = at_rest[1]
    assert inhibitory == pytest.approx(excitatory, rel=0.1)


def test_the_field_is_the_recurrent_input_that_the_rates_give(irregular, at_rest):
    field, (excitatory, inhibitory) = at_rest
    # J C_E (nu_E + g nu_I / 4) tau
    assert field.mean() == pytest.approx(100.0 * (excitatory + 5.0 / 4 * inhibitory) * 20e-3, rel=1e-5)


def test_current_and_excitability_raise_the_rate_and_inhibition_lowers_it():
    irregular = BrunelNetwork.create("C", n_times=200)
    rest = run(irregular, 1)[1].mean()
    of = {
        "current": run(irregular, 1, stim=50e-3)[1],  # 4 mV: beyond any dose, to be seen within 0.2 s
        "excitability": run(irregular, 1, conditions=changed(excitability=0.5))[1],
        "inhibition": run(irregular, 1, conditions=changed(fast_inhibition=1.5))[1],
    }
    assert of["current"][0] > 1.1 * rest
    assert of["excitability"].mean() > 1.2 * rest
    assert of["inhibition"].mean() < 0.8 * rest


def changed(**values):
    return dataclasses.replace(CONDITIONS, **{name: jnp.float32(value) for name, value in values.items()})


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="regime"):
        BrunelNetwork.create("E")
    for options in ({"n_excitatory": 1001}, {"n_excitatory": 20}, {"probability": 1.5}):
        with pytest.raises(InputError, match="multiple of 4"):
            BrunelNetwork.create(**options)
    with pytest.raises(InputError, match=r"0\.0001"):
        BrunelNetwork.create(dt=0.5e-3)
