"""The Epileptor against an independent float64 integration, its closed-form threshold and its seizures."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import Connectome, Epileptor, NeuralMass
from neurodrift.sim.sources.integrate import inputs_of
from neurodrift.sim.sources.model import Inputs
from neurodrift.sim.sources.models.epileptor import PRESETS
from neurodrift.sim.sources.registry import make_source
from neurodrift.tests.twins import epileptor as twin
from neurodrift.tests.twins.compare import both, changed, gradient_error, orders, relative_error

STEP = 0.5e-3  # s, 0.05 of the model's units


def test_float64_component_equals_the_reference_in_the_fast_and_the_slow_regime():
    with jax.enable_x64(True):
        x0 = np.array([-1.6, -2.2, -3.0])
        sets = twin.PARAMETERS["seizure"] | {"x0": x0}
        begin = twin.initial({}, 3)
        begin[2] = [3.5, 2.8, 2.9]  # at rest, about to seize
        ours, theirs = both(Epileptor.create(x0=x0, sigma=0.0), twin, sets, begin, STEP, stim=0.4)
    assert np.ptp(theirs[:, 0]) > 2.0
    assert relative_error(ours, theirs) < 1e-10


def test_wiring_pulls_the_permittivity_as_the_reference_does():
    weights = np.array([[0.3, 2.0, 0.0], [0.5, 0.0, 1.0], [0.0, 0.7, 0.0]])
    with jax.enable_x64(True):
        model = Epileptor.create(Ks=1.5)
        y = np.random.default_rng(0).standard_normal((6, 3))
        wired = inputs_of(model, Connectome.create(weights, dtype=jnp.float64), tuple(y), 0.0, 0.0)
        ours = np.stack(model.slope(tuple(jnp.asarray(u) for u in y), wired))
        theirs = twin.slope(twin.PARAMETERS["seizure"] | {"coupling": weights, "K": 1.5}, y, np.zeros(3))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_heun_is_of_second_order_without_noise_and_at_least_first_with_it():
    with jax.enable_x64(True):
        assert orders(Epileptor.create(sigma=0.0), STEP, 0.3) == pytest.approx(2.0, abs=0.15)
        assert orders(Epileptor.create(), STEP, 0.3) > 0.9


def test_gradient_by_the_current_equals_the_finite_difference():
    with jax.enable_x64(True):
        steepest, error = gradient_error(Epileptor.create(), STEP, 0.2, 0.1)
    assert steepest > 1e-6
    assert error < 1e-5


def test_a_step_that_is_too_long_is_refused_with_the_largest_safe_one():
    with pytest.raises(InputError, match=r"0\.0005 s"):
        NeuralMass.create(Epileptor.create(), dt=1e-3)
    assert NeuralMass.create(Epileptor.create(unit=0.02), dt=1e-3).h == pytest.approx(0.05)
    with pytest.raises(InputError, match="unit = 0 s"):
        Epileptor.create(unit=0.0)
    with pytest.raises(InputError, match="unknown Epileptor preset"):
        Epileptor.create("seizing")


def test_the_seventh_power_belongs_to_negative_z_and_not_to_negative_x1():
    model = Epileptor.create()
    resting = tuple(jnp.asarray([v]) for v in (-1.6, -11.8, 3.0, -1.0, 0.0, 0.0))
    assert float(model.slope(resting, Inputs())[2][0]) == pytest.approx(0.00035 * (4 * 0.0 - 3.0), rel=1e-5)
    runaway = tuple(jnp.asarray([v]) for v in (-1.6, -11.8, -2.0, -1.0, 0.0, 0.0))
    assert float(model.slope(runaway, Inputs())[2][0]) == pytest.approx(0.00035 * (2.0 + 12.8), rel=1e-5)


def runs(seconds, conditions=None, stim=None, **letters):
    """Every variable (n_variables, n_nodes, n) at 250 Hz from the initial values, without burn-in."""
    n_nodes = max([1, *(np.size(v) for v in letters.values())])
    source = NeuralMass.create(Epileptor.create(**letters), n_nodes=n_nodes, n_stim=n_nodes)
    run = simulate(source, seconds, jax.random.key(1), conditions, stim, everything=True, burn_in=False)
    assert run.ok, run.status
    return run.values


def test_nodes_seize_exactly_above_the_closed_form_threshold():
    # the fold of the nullcline at x1 = -4/3 meets the rest state at x0 = -2.0620; 60 s hold two to three periods
    assert float(Epileptor.create().threshold) == pytest.approx(-2.062037, abs=1e-6)
    x0 = np.array([-3.0, -2.2, -2.075, -2.04, -1.6])
    x1 = runs(60.0, x0=x0)[0]
    assert ((x1 > 0.0).any(axis=-1) == (x0 > -2.062)).all()


def test_a_seizure_starts_and_stops_itself_where_permittivity_says():
    y = runs(45.0, sigma=0.0)
    x1, z = y[0, 0], y[2, 0]
    ictal = np.flatnonzero(x1 > 0.0)
    gaps = np.flatnonzero(np.diff(ictal) > 250)  # 1 s, 100 units, without a discharge
    onsets = np.r_[ictal[0], ictal[gaps + 1]]
    assert len(onsets) >= 2
    # published pattern: z falls to about 2.9 before, and rises above 4 in the seizure; period in units, 0.5 %
    assert (onsets[1] - onsets[0]) * 0.4 == pytest.approx(1933.4, rel=0.005)
    assert z[onsets[1]] == pytest.approx(2.856, abs=0.01)
    assert z[ictal[gaps[0]]] == pytest.approx(4.138, abs=0.02)
    # discharges slow down towards the end of the seizure
    first = x1[onsets[0] : ictal[gaps[0]]]
    spikes = np.flatnonzero((first[:-1] < 0) & (first[1:] >= 0))
    intervals = np.diff(spikes) * 0.4
    assert 5.0 < intervals[: len(intervals) // 10].mean() < 6.0
    assert 12.0 < intervals[-10:].mean() < 17.0
    # truth: in a seizure throughout the discharges, not between
    truth = np.asarray(Epileptor.create().truth(tuple(jnp.asarray(y)))["seizing"])[0]
    assert truth[onsets[1] + 5 : onsets[1] + 500].all()
    assert not truth[onsets[1] - 500 : onsets[1] - 50].any()


def test_a_negative_offset_of_the_input_prevents_seizures():
    share = []
    for current in (0.0, -1e-3, -2e-3):
        x1 = runs(80.0, stim=np.array([current]))[0, 0]
        # half a second's mean: the discharges of their own that a strong offset leaves are short
        share.append((np.convolve(x1, np.full(125, 1 / 125), "valid") > -0.8).mean())
    assert share[0] > 0.4
    assert abs(share[1] - share[0]) < 0.06  # u = -0.3: no effect
    assert share[2] < 0.06  # u = -0.6


def test_a_seizing_neighbour_recruits_the_propagation_zone_but_not_the_healthy_one():
    weights = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    patient = Epileptor.create(x0=np.array([PRESETS[name]["x0"] for name in PRESETS]))
    source = NeuralMass.create(patient, n_nodes=3, wiring=Connectome.create(weights))
    run = simulate(source, 60.0, jax.random.key(0), everything=True, burn_in=False)
    assert run.ok
    assert ((run.values[0] > 0.0).any(axis=-1) == [True, True, False]).all()
    alone = simulate(dataclasses.replace(source, wiring=None), 60.0, jax.random.key(0), everything=True, burn_in=False)
    assert ((alone.values[0] > 0.0).any(axis=-1) == [True, False, False]).all()


def test_excitability_shifts_the_epileptogenicity():
    moved = Epileptor.create("propagation").drifted(changed(excitability=0.6))
    assert float(moved.x0) == pytest.approx(-1.6)


def test_registry_makes_every_preset_and_moments_are_those_of_a_cortical_patch():
    for name in PRESETS:
        assert float(make_source("epileptor", name).model.x0) == pytest.approx(PRESETS[name]["x0"])
    source = make_source("epileptor", n_nodes=4)
    run = simulate(source, 30.0, jax.random.key(2))
    assert 10e-9 < float(run.output.std()) * float(source.moment) < 30e-9
