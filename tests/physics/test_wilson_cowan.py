"""Wilson-Cowan populations against an independent float64 integration, their bifurcations and their noise's law."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import NeuralMass, WilsonCowan
from neurodrift.sim.sources.model import Inputs
from neurodrift.sim.sources.models.wilson_cowan import PRESETS, SCALES
from neurodrift.sim.sources.registry import make_source
from neurodrift.tests.twins import wilson_cowan as twin
from neurodrift.tests.twins.compare import both, changed, gradient_error, orders, relative_error

NAMES = tuple(PRESETS)
OURS_ALONE = ("sigma", "f0")


def reference(preset):
    """The letters of a preset as the reference takes them."""
    return {name: value for name, value in PRESETS[preset].items() if name not in OURS_ALONE}


def stacked(presets, **letters):
    """One model with a node per preset."""
    return jax.tree.map(lambda *x: jnp.stack(x), *[WilsonCowan.create(name, **letters) for name in presets])


@pytest.mark.parametrize("preset", ["beta", "gamma", "classic"])
def test_presets_have_their_published_letters(preset):
    theirs = {"rest": 0.0, **twin.PARAMETERS[preset]}
    assert reference(preset) == pytest.approx({**theirs, "P": PRESETS[preset]["P"]})


@pytest.mark.parametrize("stim", [0.0, 0.3])
def test_float64_component_equals_the_reference_in_every_preset(stim):
    start = np.repeat(np.array([[0.1], [0.05], [0.2], [-0.1]]), len(NAMES), axis=1)
    with jax.enable_x64(True):
        sets = [reference(name) for name in NAMES]
        letters = {name: np.array([one[name] for one in sets]) for name in sets[0]}
        ours, theirs = both(stacked(NAMES, sigma=0.0), twin, letters, start, 0.1e-3, stim=stim)
    assert (np.ptp(theirs[:, 0], axis=0) > 0.01).all()
    assert relative_error(ours, theirs) < 1e-10


def test_heun_is_of_second_order_without_noise_and_at_least_first_with_it():
    with jax.enable_x64(True):
        assert orders(WilsonCowan.create("gamma", sigma=0.0), 0.1e-3, 0.1) == pytest.approx(2.0, abs=0.1)
        assert orders(WilsonCowan.create("gamma", sigma=0.5), 0.1e-3, 0.1) > 0.9


def test_gradient_by_the_current_equals_the_finite_difference():
    with jax.enable_x64(True):
        steepest, error = gradient_error(WilsonCowan.create("beta"), 0.4e-3, 0.2, 0.1)
    assert steepest > 1e-6
    assert error < 1e-6


def test_a_step_that_is_too_long_is_refused_with_the_largest_safe_one():
    with pytest.raises(InputError, match=r"0\.0001 s"):
        NeuralMass.create(WilsonCowan.create("gamma"), dt=0.2e-3)
    with pytest.raises(InputError, match=r"0\.0004 s"):
        NeuralMass.create(WilsonCowan.create("beta"), dt=0.5e-3)
    assert make_source("wilson_cowan", "gamma").dt == pytest.approx(0.1e-3)


def rhythm(preset, dt=0.2e-3, seconds=6.0, conditions=None, **letters):
    """[(Hz, peak to peak, last E)] without noise, a node per value of the letters, of the second half of the run."""
    n_nodes = max([np.size(v) for v in letters.values()], default=1)
    model = WilsonCowan.create(preset, **{"sigma": 0.0, **letters})
    source = NeuralMass.create(model, n_nodes=n_nodes, sfreq=1000.0, n_times=1000, dt=dt)
    run = simulate(source, seconds, jax.random.key(0), conditions, burn_in=False)
    assert run.ok
    found = []
    for v in run.output[:, run.output.shape[1] // 2 :]:
        level = v.mean()
        up = np.flatnonzero((v[:-1] < level) & (v[1:] >= level))
        times = (up + (level - v[up]) / (v[up + 1] - v[up])) / 1000.0
        found.append((np.nan if len(times) < 3 or np.ptp(v) < 1e-3 else 1 / np.diff(times).mean(), np.ptp(v), v[-1]))
    return found


def test_beta_slows_with_its_input_and_with_its_time_constants():
    tau = np.array([10.0, 10.0, 10.0, 10.0, 8.0, 12.0])
    rows = rhythm("beta", P=np.array([0.0, 0.5, 0.8, 0.9, 0.5, 0.5]), tau_e=tau, tau_i=tau)
    # float64 Heun at 0.05 ms; our step of 0.2 ms and samples of 1 ms cost less than 0.1 %
    for (hertz, _, _), expected in zip(rows, (23.52, 21.18, 13.38, np.nan, 26.47, 17.65)):
        assert hertz == pytest.approx(expected, rel=0.003, nan_ok=True)
    assert rows[3][2] == pytest.approx(0.941, abs=0.002)


def test_gamma_is_born_at_its_hopf_point_and_dies_beyond_2_7():
    rows = rhythm("gamma", dt=0.1e-3, P=np.array([0.75, 0.8, 1.9, 2.7, 2.8]))
    for (hertz, _, _), expected in zip(rows, (np.nan, 44.66, 67.23, 10.72, np.nan)):
        assert hertz == pytest.approx(expected, rel=0.005, nan_ok=True)


def test_the_1972_form_is_silent_without_input_and_the_newer_one_is_not():
    model, newer = WilsonCowan.create("classic", P=0.0), WilsonCowan.create("classic", P=0.0, rest=0.0)
    nothing = tuple(jnp.zeros(1) for _ in range(4))
    np.testing.assert_array_equal(np.concatenate(model.slope(nothing, Inputs())), 0.0)
    assert float(newer.slope(nothing, Inputs())[0][0]) > 1e-4


def test_inhibition_enters_excitation_by_c_ei():
    model = WilsonCowan.create("gamma")
    y = tuple(jnp.asarray([x]) for x in (0.2, 0.1, 0.0, 0.0))
    active = 1 / (1 + np.exp(-1.5 * (16 * 0.2 - 12 * 0.1 + 1.9 - 3)))  # 12 is that of I in the equation of E
    assert float(model.slope(y, Inputs())[0][0]) == pytest.approx((-0.2 + 0.8 * active) / 2.5, rel=1e-5)


def test_tremor_is_a_stable_focus_of_5_hz_near_its_hopf_point():
    with jax.enable_x64(True):
        model = WilsonCowan.create("tremor", sigma=0.0)
        f = jax.jit(lambda y: jnp.stack(model.slope((*y, jnp.zeros(()), jnp.zeros(())), Inputs())[:2]))
        jacobian = jax.jit(jax.jacfwd(f))
        y = np.array([0.09, 0.056])
        for _ in range(20):
            y = y - np.linalg.solve(jacobian(y), f(y))
        value = np.linalg.eigvals(jacobian(y))[0] * 1e3
    assert -2.0 < value.real < -0.5
    assert abs(value.imag) / (2 * np.pi) == pytest.approx(PRESETS["tremor"]["f0"], rel=0.01)


def test_a_kick_to_the_tremor_weakens_it_at_one_phase_and_strengthens_it_at_the_opposite():
    """The amplitude response of a focus is a sinusoid of phase: what phase-locked stimulation lives on."""
    n_nodes, model = 24, WilsonCowan.create("tremor", sigma=0.0)
    source = NeuralMass.create(model, n_nodes=n_nodes, sfreq=500.0, n_times=500, n_stim=n_nodes)
    ring = source.begin()._replace(y=tuple(jnp.full(n_nodes, x) for x in (0.11, 0.056, 0.0, 0.0)))
    kicks = np.zeros((n_nodes, 1000), np.float32)
    for i in range(n_nodes):
        kicks[i, 100 + 4 * i : 105 + 4 * i] = 0.05 / 250.0  # 10 ms, at 24 moments over a cycle of 200 ms
    runs = [simulate(source, 2.0, jax.random.key(0), stim=stim, state=ring).output for stim in (0 * kicks, kicks)]
    after = [np.sqrt(np.mean((v[:, 400:] - v[:, -1:]) ** 2, axis=1)) for v in runs]
    response = after[1] / after[0] - 1
    assert response.min() < -0.05
    assert response.max() > 0.05
    apart = abs(int(np.argmax(response)) - int(np.argmin(response))) * 8e-3 * 5.0 % 1.0
    assert 0.35 < apart < 0.65


def test_frequency_shift_moves_the_rhythm_by_as_many_hertz():
    shifted = rhythm("beta", conditions=changed(frequency_shift=3.0))[0]
    plain = rhythm("beta")[0]
    # f0 of the preset is rounded to 0.1 Hz
    assert shifted[0] - plain[0] == pytest.approx(3.0, abs=0.03)
    assert shifted[1] == pytest.approx(plain[1], rel=1e-3)


def test_conditions_move_the_letters_they_name():
    model = WilsonCowan.create("tremor")
    drifted = model.drifted(changed(frequency_shift=-1.0, excitability=0.1))
    expected = {"tau_e": float(model.tau_e) / 0.8, "tau_i": float(model.tau_i) / 0.8, "P": float(model.P) * 1.1}
    for field in dataclasses.fields(WilsonCowan):
        letter = float(getattr(drifted, field.name))
        assert letter == pytest.approx(expected.get(field.name, float(getattr(model, field.name))))
    assert float(model.drifted(changed(frequency_shift=-100.0)).tau_e) == pytest.approx(10 * float(model.tau_e))


def test_fluctuating_inputs_have_the_law_of_an_ornstein_uhlenbeck_process():
    model = WilsonCowan.create("beta", sigma=0.3)
    source = NeuralMass.create(model, n_nodes=64, sfreq=500.0, n_times=500, dt=0.4e-3)
    state = source.begin()
    values = []
    run = jax.jit(source.trace)
    for key in jax.random.split(jax.random.key(0), 5):
        state, v = run(state, jnp.zeros((1, 500)), changed(), key)
        values.append(np.asarray(v))
    x = np.concatenate(values, axis=-1)[2:, :, 100:]
    # 64 x 4.8 s of a process that forgets in 5 ms: 0.5 % standard error; Heun's step of tau / 12.5 costs 0.1 %
    np.testing.assert_allclose(x.std(axis=(1, 2)), 0.3, rtol=0.02)
    lagged = (x[..., 1:] * x[..., :-1]).mean(axis=(1, 2)) / 0.09
    np.testing.assert_allclose(lagged, np.exp(-2 / 5), rtol=0.03)
    assert abs((x[0] * x[1]).mean()) < 0.01 * 0.09


def test_current_adds_to_P_and_a_field_to_the_argument_of_the_excitatory_sigmoid():
    model = WilsonCowan.create("beta")
    y = tuple(jnp.asarray([x]) for x in (0.4, 0.3, 0.0, 0.0))
    plain = np.concatenate(model.slope(y, Inputs()))
    driven = np.concatenate(model.slope(y, Inputs(stim=0.28)))
    # 1.2 x 0.28 = 0.56 x 0.6
    np.testing.assert_allclose(np.concatenate(model.slope(y, Inputs(field=0.6))), driven, rtol=1e-6)
    assert np.flatnonzero(driven != plain).tolist() == [0]
    coupled = np.concatenate(model.slope(y, Inputs(coupled=(jnp.asarray([0.28]),))))
    np.testing.assert_allclose(coupled, driven, rtol=1e-6)


def test_moments_of_every_preset_are_those_of_a_cortical_patch():
    scales = np.array([SCALES[name] for name in NAMES])
    source = NeuralMass.create(stacked(NAMES), n_nodes=4, sfreq=500.0, n_times=500, dt=0.1e-3)
    run = simulate(source, 8.0, jax.random.key(0), burn_in=False)
    moments = scales[:, :1] * (run.output[:, 1000:] - scales[:, 1:])
    assert run.ok
    assert (moments.std(axis=1) > 10e-9).all()
    assert (moments.std(axis=1) < 30e-9).all()
    assert (np.abs(moments.mean(axis=1)) < 4e-9).all()
    assert float(make_source("wilson_cowan", "tremor").moment) == pytest.approx(SCALES["tremor"][0])
