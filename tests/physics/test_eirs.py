"""The corticothalamic loop against an independent float64 integration and its closed-form spectrum."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import welch

from neurodrift.sim.drift.anaesthesia import Anaesthesia
from neurodrift.sim.drift.registry import DRIFTS
from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import Eirs, NeuralMass
from neurodrift.sim.sources.integrate import inputs_of
from neurodrift.sim.sources.model import Inputs
from neurodrift.sim.sources.models.eirs import PRESETS, cortex_spectrum, gains, sheet, spectrum, transfer
from neurodrift.sim.sources.registry import make_source
from neurodrift.tests.twins import eirs as twin
from neurodrift.tests.twins.compare import both, changed, gradient_error, orders, relative_error

STEP = 0.5e-3
LINEAR = {"wake": "wake", "eyes_closed": "eyes closed", "spindle": "spindle"}
SMALL = {"spindle": {"sigma_n": 0.01}}
F = np.arange(0.2, 60.0, 0.01)
LETTERS = [f.name for f in dataclasses.fields(Eirs) if not f.name.startswith("Q_") and f.name != "sigma_n"] + ["Q_max"]


def reference(model, letters):
    """The reference's parameters, one value per node."""
    return {name: np.asarray(getattr(model, name), float) for name in letters} | {"t0": 0.0425}


def stacked(**letters):
    models = [Eirs.create(name, **letters) for name in PRESETS]
    return jax.tree.map(lambda *x: jnp.stack(x), *models)


def test_float64_component_equals_the_reference_in_every_preset():
    with jax.enable_x64(True):
        # one delay for all: it is counted in steps
        model = dataclasses.replace(stacked(sigma_n=0.0), t0=jnp.asarray(0.0425))
        start = np.broadcast_to(
            np.stack(np.broadcast_arrays(*(np.asarray(u) for u in model.start()), 0.0)[:-1]), (12, 4)
        )
        start = start + np.eye(12)[:, :1] * 0.5
        ours, theirs = both(model, twin, reference(model, LETTERS), np.array(start), STEP, stim=0.3)
    assert np.ptp(theirs[:, 0], axis=0).min() > 0.5
    assert relative_error(ours, theirs) < 1e-10


def test_heun_is_of_second_order_without_noise_and_at_least_first_with_it():
    with jax.enable_x64(True):
        moved = Eirs.create("wake", sigma_n=0.0)
        moved = dataclasses.replace(moved, phi_n=moved.phi_n * 1.2)  # starts away from rest
        assert orders(moved, STEP / 2, 0.1) == pytest.approx(2.0, abs=0.1)
        assert orders(Eirs.create("wake"), STEP / 2, 0.1) > 0.9


def test_gradient_by_the_sensory_input_equals_the_finite_difference():
    with jax.enable_x64(True):
        steepest, error = gradient_error(Eirs.create("eyes_closed"), STEP, 0.2, 0.2)
    assert steepest > 1e-8
    assert error < 1e-5


def test_a_step_that_is_too_long_is_refused_with_the_largest_safe_one():
    with pytest.raises(InputError, match=r"0\.0005 s"):
        NeuralMass.create(Eirs.create(), dt=1e-3)
    with pytest.raises(InputError, match=r"0\.00025 s"):
        NeuralMass.create(Eirs.create(beta=1540.0), dt=0.5e-3)


@pytest.mark.parametrize("preset", LINEAR)
def test_published_couplings_give_the_published_rates_and_gains(preset):
    model = Eirs.create(preset)
    for name in ("Q_e", "Q_r", "Q_s"):  # Newton's method from the other letters finds what the configurations state
        assert float(getattr(model, name)) == pytest.approx(PRESETS[preset][name], rel=1e-6)
    published = twin.PARAMETERS[LINEAR[preset]]
    for name, gain in gains(model).items():
        assert float(gain) == pytest.approx(published[f"G_{name}"], abs=0.05 if abs(gain) > 10 else 0.006)


def test_the_steady_state_is_a_fixed_point_also_with_other_letters():
    with jax.enable_x64(True):
        model = Eirs.create("wake", phi_n=np.array([0.5, 1.0, 2.0]), nu_se=3.6)
        y = tuple(jnp.broadcast_to(jnp.asarray(u), (3,)) for u in model.start())
        slope = model.slope(y, Inputs(past=model.remembered(y)))
        np.testing.assert_allclose(np.stack(slope), 0.0, atol=1e-7)  # of terms of some 1e6 mV/s^2
    assert float(model.Q_e[2]) > float(model.Q_e[0])
    with pytest.raises(InputError, match="no steady state"):
        Eirs.create("wake", theta=200.0)
    with pytest.raises(InputError, match="Q_e is solved for"):
        Eirs.create("wake", Q_e=3.0)


@pytest.mark.parametrize("preset", LINEAR)
def test_closed_form_equals_the_reference_transfer(preset):
    # the published set with our gains and rates: those printed have three digits, which show near the peaks
    model, f = Eirs.create(preset), np.linspace(1.0, 45.0, 200)
    letters = twin.PARAMETERS[LINEAR[preset]] | {f"G_{name}": float(gain) for name, gain in gains(model).items()}
    letters |= {name: float(getattr(model, name)) for name in ("alpha", "beta", "alpha_g", "beta_g")}
    np.testing.assert_allclose(transfer(model, f), twin.transfer(letters, f), rtol=1e-5)


@pytest.mark.parametrize(
    ("preset", "peaks"), [("wake", (9.2, 18.7, 28.2)), ("eyes_closed", (9.8, 19.4, 29.5)), ("spindle", (13.6,))]
)
def test_a_patch_of_cortex_has_its_published_peaks(preset, peaks):
    f = np.arange(2.0, 40.0, 0.02)
    power = cortex_spectrum(Eirs.create(preset), f)
    ours = f[1:-1][(power[1:-1] > power[:-2]) & (power[1:-1] > power[2:])]
    for peak in peaks:
        assert np.abs(ours - peak).min() < 0.1


@pytest.fixture(scope="module")
def recorded():
    """phi (12, n) 1/s by preset: 40 s of twelve nodes, the spindles with less noise, for which they are linear."""
    models = [Eirs.create(name, **SMALL.get(name, {})) for name in PRESETS for _ in range(12)]
    model = dataclasses.replace(jax.tree.map(lambda *x: jnp.stack(x), *models), t0=jnp.asarray(0.0425))
    run = simulate(NeuralMass.create(model, n_nodes=48), 40.0, jax.random.key(0))
    assert run.ok, run.status
    return dict(zip(PRESETS, run.output.reshape(4, 12, -1)))


@pytest.mark.parametrize("preset", PRESETS)
def test_simulated_spectrum_is_the_closed_form_in_absolute_units(recorded, preset):
    f, power = welch(recorded[preset], 250.0, nperseg=500)
    fine = spectrum(Eirs.create(preset, **SMALL.get(preset, {})), np.arange(0.0, 60.0, 0.05))
    # in the bins of 0.5 Hz with the leakage of a Hann window (4-term kernel about 1 Hz wide)
    inside = (f >= 2.0) & (f <= 40.0)
    kernel = np.sinc(np.arange(-40, 41) * 0.05 * 2) / (1 - (np.arange(-40, 41) * 0.05 * 2) ** 2 + 1e-12)
    kernel = kernel**2 / (kernel**2).sum()
    expected = np.interp(f[inside], np.arange(0.0, 60.0, 0.05), np.convolve(fine, kernel, "same"))
    ratio = power.mean(axis=0)[inside] / expected
    # 12 x 160 half-overlapping segments: 3 % per bin
    assert np.exp(np.log(ratio).mean()) == pytest.approx(1.0, abs=0.05)
    assert np.abs(np.log(ratio)).max() < 0.2


def test_slower_gaba_raises_alpha_at_the_same_frequency(recorded):
    power = {name: welch(recorded[name], 250.0, nperseg=500)[1].mean(axis=0) for name in ("wake", "propofol")}
    f = np.arange(len(power["wake"])) * 0.5
    alpha = (f >= 8.0) & (f <= 13.0)
    gained = 10 * np.log10(power["propofol"][alpha].sum() / power["wake"][alpha].sum())
    fine = np.arange(8.0, 13.0, 0.02)
    drifted = Eirs.create("wake").drifted(changed(gaba_rate=0.72))
    closed = 10 * np.log10(spectrum(drifted, fine).sum() / spectrum(Eirs.create("wake"), fine).sum())
    assert closed == pytest.approx(5.8, abs=0.3)
    assert gained == pytest.approx(closed, abs=1.0)
    top = [f[alpha][power[name][alpha].argmax()] for name in power]
    assert abs(top[0] - top[1]) <= 0.5


def test_conditions_reach_the_decay_rate_of_inhibition_and_the_sensory_input():
    model = Eirs.create()
    moved = model.drifted(changed(gaba_rate=0.72, excitability=0.5))
    assert float(moved.alpha_g) == pytest.approx(60.0, rel=1e-5)
    assert float(moved.alpha) == float(model.alpha)
    assert float(moved.phi_n) == pytest.approx(1.5)


def test_stimulation_adds_to_the_sensory_input_and_a_field_shifts_the_cortical_rates():
    model = Eirs.create()
    y = tuple(jnp.asarray([float(u)]) for u in model.start())
    past = model.remembered(y)
    plain = model.slope(y, Inputs(past=past))
    heard = model.slope(y, Inputs(stim=0.5, past=past))
    gained = [float(b[0] - a[0]) for a, b in zip(plain, heard)]
    assert gained[9] == pytest.approx(1e6 / 12 / 1.3 * 3.593330094 * 0.5, rel=1e-3)
    assert sum(map(abs, gained)) == pytest.approx(gained[9])
    shifted = model.slope(y, Inputs(field=1.0, past=past))
    more = 340.0 / (1 + np.exp(-(-3.8 * np.log(340 / 5.248361515 - 1) + 1.0) / 3.8)) - 5.248361515
    assert float(shifted[1][0] - plain[1][0]) == pytest.approx(116.0**2 * more, rel=1e-3)


def test_a_sheet_is_the_laplacian_of_its_waves():
    n, wiring = 6, sheet(6)
    assert float(wiring.weights.sum(axis=1)[0]) == pytest.approx(4 * (0.086 * 6 / 0.5) ** 2)
    x = np.arange(n) / n
    wave = np.cos(2 * np.pi * x)[:, None] * np.ones(n)
    model = Eirs.create()
    y = [jnp.full(36, float(u)) for u in model.start()]
    y[0] = jnp.asarray(wave.ravel(), jnp.float32)
    inputs = inputs_of(model, wiring, tuple(y), 0.0, 0.0, model.remembered(tuple(y)))
    flat = inputs._replace(coupled=(), row=0.0)
    pull = np.asarray(model.slope(tuple(y), inputs)[1] - model.slope(tuple(y), flat)[1])
    level = (2 * 0.086 * n / 0.5 * np.sin(np.pi / n)) ** 2
    np.testing.assert_allclose(pull, -(116.0**2) * level * wave.ravel(), rtol=0, atol=0.02)
    with pytest.raises(InputError, match="3 patches"):
        sheet(2)


def test_a_simulated_sheet_has_its_closed_form_spectrum():
    source = NeuralMass.create(Eirs.create("eyes_closed"), n_nodes=36, wiring=sheet(6))
    run = simulate(source, 20.0, jax.random.key(3))
    assert run.ok
    f, power = welch(run.output, 250.0, nperseg=250)
    inside = (f >= 3.0) & (f <= 40.0)
    ratio = power.mean(axis=0)[inside] / spectrum(Eirs.create("eyes_closed"), f[inside], n_side=6)
    # 1 Hz bins smear the peak of the uniform mode, which all patches share: few degrees of freedom
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    assert np.abs(np.log(ratio)).max() < 0.7


def test_moments_of_the_default_are_those_of_a_cortical_patch(recorded):
    assert 10e-9 < recorded["wake"].std() * float(make_source("eirs").moment) < 30e-9
    assert [make_source("eirs", name).n_nodes for name in PRESETS] == [1] * 4


def test_full_propofol_leaves_wake_and_closed_eyes_on_the_branch_of_alpha():
    gaba_rate = 1.0 - Anaesthesia.SLOWING  # at severity 1, the largest there is
    assert gaba_rate == pytest.approx(0.72, abs=0.001)
    assert DRIFTS["anaesthesia"].largest == 1.0
    models = [Eirs.create(name) for name in ("wake", "eyes_closed") for _ in range(8)]
    model = dataclasses.replace(jax.tree.map(lambda *x: jnp.stack(x), *models), t0=jnp.asarray(0.0425))
    run = simulate(NeuralMass.create(model, n_nodes=16), 60.0, jax.random.key(4), changed(gaba_rate=gaba_rate))
    assert run.ok, run.status
    phi = run.output.reshape(2, 8, -1)
    # of a linear loop about the steady state, whose mean stays; the other branch is 8 1/s higher on average
    assert np.abs(phi.mean(axis=(1, 2))).max() < 0.02
    closed = np.sqrt(np.trapezoid(spectrum(models[-1].drifted(changed(gaba_rate=gaba_rate)), F), F))
    assert phi[1].std() == pytest.approx(closed, rel=0.15)


@pytest.mark.parametrize(
    ("preset", "conditions"),
    [
        ("wake", {"excitability": 0.05}),
        ("propofol", {"gaba_rate": 0.72}),
        ("eyes_closed", {"gaba_rate": 0.65}),
    ],
)
def test_the_state_of_high_rates_is_reported_as_out_of_bounds(preset, conditions):
    run = simulate(NeuralMass.create(Eirs.create(preset)), 30.0, jax.random.key(0), changed(**conditions))
    assert not run.ok
    assert " left " in run.status


def test_the_bounds_leave_room_around_every_preset_and_its_largest_dose(recorded):
    del recorded  # runs of 40 s within the bounds
    for preset in PRESETS:
        source = make_source("eirs", preset)
        for current in (-2e-3, 2e-3):
            run = simulate(source, 10.0, jax.random.key(1), stim=[current], everything=True)
            assert run.ok, run.status
            for variable, values in zip(source.model.VARIABLES, run.values):
                assert variable.lower < values.min() - 0.3 * abs(values.min())
                assert variable.upper > values.max() + 0.3 * abs(values.max())
