"""Wendling's model against an independent float64 integration and the six published types of activity."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import fsolve

from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import NeuralMass, Wendling
from neurodrift.sim.sources.model import Inputs
from neurodrift.sim.sources.models.wendling import PRESETS
from neurodrift.sim.sources.registry import make_source
from neurodrift.tests.twins import wendling as twin
from neurodrift.tests.twins.compare import both, changed, gradient_error, orders, relative_error

NAMES = {
    "background": "background", "sporadic_spikes": "sporadic spikes", "spike_wave": "sustained spike-wave",
    "slow_rhythmic": "slow rhythmic", "low_voltage_fast": "low-voltage fast", "quasi_sine": "quasi-sine",
    "2005": "2005",
}  # fmt: skip
SILENT = {"sigma": 0.0}


def column(preset="background", n_nodes=1, **letters):
    model = Wendling.create(preset, **letters)
    return NeuralMass.create(model, n_nodes=n_nodes, sfreq=500.0, n_times=500, dt=0.5e-3)


def stacked(presets, **letters):
    """One model with a node per preset."""
    models = [Wendling.create(name, **letters) for name in presets]
    return jax.tree.map(lambda *x: jnp.stack(x), *models)


def test_every_preset_has_the_letters_of_its_paper_and_no_others():
    for ours, theirs in NAMES.items():
        letters = {name: value for name, value in PRESETS[ours].items() if name != "sigma"}
        assert letters == pytest.approx(twin.PARAMETERS[theirs])
        assert (letters["b"], letters["g"]) == ((30.0, 350.0) if ours == "2005" else (50.0, 500.0))
    with pytest.raises(InputError, match="unknown Wendling preset 'spikewave'"):
        Wendling.create("spikewave")


@pytest.mark.parametrize("stim", [0.0, 60.0])
def test_float64_component_equals_the_reference_in_every_preset(stim):
    with jax.enable_x64(True):
        model = stacked(NAMES, **SILENT)
        sets = [twin.PARAMETERS[name] for name in NAMES.values()]
        letters = {name: np.array([one[name] for one in sets]) for name in sets[0]}
        ours, theirs = both(model, twin, letters, np.zeros((10, len(NAMES))), 0.5e-3, stim=stim)
    assert np.ptp(theirs[:, 1]) > 5.0
    assert relative_error(ours, theirs) < 1e-10


def test_heun_is_of_second_order_without_noise_and_at_least_first_with_it():
    with jax.enable_x64(True):
        assert orders(Wendling.create("spike_wave", **SILENT), 0.5e-3, 0.3) == pytest.approx(2.0, abs=0.1)
        assert orders(Wendling.create("sporadic_spikes"), 0.5e-3, 0.3) > 0.9


def test_gradient_by_the_current_equals_the_finite_difference():
    with jax.enable_x64(True):
        steepest, error = gradient_error(Wendling.create("spike_wave"), 0.5e-3, 0.2, 30.0)
    assert steepest > 1e-5
    assert error < 1e-6


def test_a_step_that_is_too_long_is_refused_with_the_largest_safe_one():
    with pytest.raises(InputError, match=r"0\.0005 s"):
        NeuralMass.create(Wendling.create(), dt=1e-3)
    with pytest.raises(InputError, match=r"0\.000714286 s"):
        NeuralMass.create(Wendling.create("2005"), dt=1e-3)


@pytest.fixture(scope="module")
def regimes():
    """v (n_presets, n) mV at 500 Hz, 60 s of each type, three independent columns of each."""
    names = [name for name in PRESETS for _ in range(3)]
    one = stacked(names)
    source = NeuralMass.create(one, n_nodes=len(names), sfreq=500.0, n_times=500, dt=0.5e-3)
    run = simulate(source, 60.0, jax.random.key(0))
    assert run.ok
    return {name: run.output[3 * i : 3 * i + 3] for i, name in enumerate(PRESETS)}


def linear_sd(preset):
    """sd of v about the fixed point, from the reference's Jacobian: the spectrum is |c (i w - J)^-1 b|^2."""
    q = twin.PARAMETERS[NAMES[preset]]
    f = lambda y: twin.slope(q, y[:, None], np.zeros(1))[:, 0]  # noqa: E731
    y = np.zeros(10)
    for _ in range(8000):
        d = f(y)
        y = y + 0.25e-3 * (d + f(y + 0.5e-3 * d))
    y = fsolve(f, y)
    h = 1e-5
    jacobian = np.stack([(f(y + h * e) - f(y - h * e)) / (2 * h) for e in np.eye(10)], axis=1)
    c, b = np.zeros(10), np.zeros(10)
    c[1], c[2], c[3], b[6] = 1, -1, -1, q["A"] * q["a"] * 30 / np.sqrt(512)
    grid = np.arange(0.05, 250, 0.1)
    response = [abs(c @ np.linalg.solve(2j * np.pi * x * np.eye(10) - jacobian, b)) ** 2 for x in grid]
    return np.sqrt(2 * np.sum(response) * 0.1)


@pytest.mark.parametrize("preset", ["background", "slow_rhythmic", "low_voltage_fast", "2005"])
def test_types_at_a_fixed_point_fluctuate_as_linear_theory_says(regimes, preset):
    # 180 s of a signal that decorrelates within 0.1 s: 2 % standard error; 2 % more for curvature
    assert regimes[preset].std(axis=1).mean() == pytest.approx(linear_sd(preset), rel=0.06)


def events(v):
    """Upward crossings of 8 mV above the median per second, none within 100 ms of the one before."""
    total = 0
    for row in v:
        up = np.flatnonzero((row[:-1] < np.median(row) + 8) & (row[1:] >= np.median(row) + 8))
        last = -np.inf
        for k in up:
            if k - last > 50:
                total, last = total + 1, k
    return total / (v.size / 500.0)


def test_spikes_come_in_the_types_that_have_them(regimes):
    assert events(regimes["background"]) == events(regimes["slow_rhythmic"]) == 0
    assert events(regimes["low_voltage_fast"]) == events(regimes["2005"]) == 0
    assert events(regimes["spike_wave"]) == pytest.approx(4.49, rel=0.02)
    # 100 events in 180 s: 10 % standard error
    assert events(regimes["sporadic_spikes"]) == pytest.approx(0.57, abs=0.2)
    assert np.ptp(regimes["sporadic_spikes"]) == pytest.approx(25, rel=0.1)
    assert regimes["quasi_sine"].std() == pytest.approx(3.60, rel=0.05)


def test_loss_of_slow_inhibition_turns_background_into_sustained_spikes_and_back():
    source = column(n_nodes=2)
    lost, recovered = changed(slow_inhibition=0.5), changed()
    state, sizes = source.begin(), []
    for conditions in (recovered, lost, recovered):
        run = simulate(source, 5.0, jax.random.key(3), conditions, state=state)
        state = run.state
        sizes.append(np.ptp(run.output[:, -1500:], axis=1))
        assert run.ok
    assert (sizes[0] < 4.0).all()
    assert (sizes[1] > 15.0).all()
    assert (sizes[2] < 4.0).all()


def test_conditions_move_the_letters_they_name():
    model = Wendling.create()
    drifted = model.drifted(changed(slow_inhibition=0.5, fast_inhibition=2.0, gaba_rate=0.8, excitability=0.1))
    expected = {"B": 25.0, "G": 30.0, "b": 40.0, "g": 400.0, "p": 99.0}
    for field in dataclasses.fields(Wendling):
        letter = float(getattr(drifted, field.name))
        assert letter == pytest.approx(expected.get(field.name, float(getattr(model, field.name))))
    truth = drifted.truth((jnp.zeros(2),))
    np.testing.assert_allclose(truth["slow_gain"], [25.0, 25.0])
    np.testing.assert_allclose(truth["fast_gain"], [30.0, 30.0])


def test_current_adds_to_p_and_a_field_shifts_the_pyramidal_sigmoid_alone():
    model = Wendling.create()
    y = tuple(jnp.asarray([0.1 * i]) for i in range(10))
    plain = np.concatenate(model.slope(y, Inputs()))
    np.testing.assert_allclose(
        np.concatenate(model.slope(y, Inputs(stim=20.0))) - plain, [0] * 6 + [1e4] + [0] * 3, atol=0.1
    )
    shifted = np.concatenate(model.slope(y, Inputs(field=0.5)))
    assert np.flatnonzero(shifted != plain).tolist() == [5]
    rate = lambda v: 5 / (1 + np.exp(0.56 * (6 - v)))  # noqa: E731
    assert shifted[5] - plain[5] == pytest.approx(500 * (rate(-0.4 + 0.5) - rate(-0.4)), rel=1e-3)


def test_moments_of_the_default_column_are_those_of_a_cortical_patch(regimes):
    source = make_source("wendling")
    moments = float(source.moment) * (regimes["background"] - float(source.mean))
    assert 10e-9 < moments.std() < 30e-9
    assert abs(moments.mean()) < 3e-9
