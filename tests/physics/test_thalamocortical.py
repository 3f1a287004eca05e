"""The sleeping thalamocortical column against an independent float64 integration, and its two stages."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import NeuralMass, Thalamocortical
from neurodrift.sim.sources.model import Inputs
from neurodrift.sim.sources.models.thalamocortical import CLICK, PRESETS
from neurodrift.sim.sources.registry import make_source
from neurodrift.tests.twins import thalamocortical as twin
from neurodrift.tests.twins.compare import both, changed, orders, relative_error, source, wave

SILENT = {"noise_c": 0.0, "noise_t": 0.0}
STEP = 1e-4
# the reference takes its stimulus in 1/ms, and any sign of it
PER_SECOND = SimpleNamespace(
    TIME_UNIT=twin.TIME_UNIT, slope=lambda letters, y, u, past: twin.slope(letters, y, 1e-3 * np.maximum(u, 0.0), past)
)


def stages(**letters):
    """One model with a node per stage."""
    models = [Thalamocortical.create(name, **letters) for name in PRESETS]
    return jax.tree.map(lambda *x: jnp.stack(x), *models)


def test_every_preset_has_the_letters_of_the_published_parameter_files():
    for name in ("N2", "N3"):
        model = Thalamocortical.create(name)
        for letter, value in twin.PARAMETERS[name].items():
            assert float(getattr(model, letter)) == pytest.approx(value)
    with pytest.raises(InputError, match="unknown Thalamocortical preset 'N1'"):
        Thalamocortical.create("N1")


def test_float64_component_equals_the_reference_in_both_stages_while_sound_comes_in():
    with jax.enable_x64(True):
        sets = {k: np.array([twin.PARAMETERS[name][k] for name in PRESETS]) for k in twin.PARAMETERS["N2"]}
        start = twin.initial({}, 2)
        ours, theirs = both(stages(**SILENT), PER_SECOND, sets, start, STEP, stim=300.0)
    assert np.ptp(theirs[:, 13]) > 10.0  # relay cells burst
    assert relative_error(ours, theirs) < 1e-10


def test_heun_is_of_second_order_without_noise_and_at_least_first_with_it():
    with jax.enable_x64(True):
        assert orders(Thalamocortical.create(**SILENT), STEP, 0.05) == pytest.approx(2.0, abs=0.1)
        assert orders(Thalamocortical.create(), STEP, 0.05) > 0.9


@pytest.mark.parametrize("dt", [1e-4, 2.5e-5])
def test_noise_has_the_density_of_the_published_program_at_any_step(dt):
    """2 per ms at every step of 0.1 ms is 0.632 ms^-1/2; drawn per step it would depend on the step."""
    n, ms = 8000, 0.5
    k = [v.name for v in Thalamocortical.VARIABLES].index("x_ep")
    ends = []
    for letters in ({}, SILENT):
        column = NeuralMass.create(Thalamocortical.create(**letters), n_nodes=n, sfreq=2000.0, n_times=1, dt=dt)
        ends.append(np.asarray(simulate(column, 1e-3 * ms, jax.random.key(0), burn_in=False).state.y[k], float))
    # an input of density D into s'' = gam^2 (... - s) - 2 gam s': a kick g^2 D, of which (1 - g t) exp(-g t) is left
    g, t = 0.07, (np.arange(1000) + 0.5) * ms / 1000
    expected = g**2 * 0.632 * np.sqrt(np.mean(((1 - g * t) * np.exp(-g * t)) ** 2) * ms)
    # 5 standard errors of a standard deviation
    assert np.std(ends[0] - ends[1]) == pytest.approx(expected, rel=5 / np.sqrt(2 * n))


def test_gradient_by_the_sound_equals_the_finite_difference():
    with jax.enable_x64(True):
        ours = source(Thalamocortical.create("N3"), STEP, 500)
        direction = np.random.default_rng(0).standard_normal((1, 500))
        sound = jnp.asarray(400.0 + wave(500, 1, STEP, 200.0).T)  # heard throughout: silence is a kink

        def loss(sound):
            _, moments, _ = ours.step(ours.begin(), sound, changed(), jax.random.key(0))
            return jnp.mean((moments / ours.moment) ** 2)

        gradient, plain = jax.jit(jax.grad(loss)), jax.jit(loss)
        slope = np.asarray(gradient(sound))
        difference = (float(plain(sound + 0.02 * direction)) - float(plain(sound - 0.02 * direction))) / 0.04
        quiet = np.asarray(gradient(jnp.zeros((1, 500))))
    assert (slope * direction).sum() == pytest.approx(difference, rel=1e-5)
    assert np.abs(quiet).max() > 1e-9  # from silence a policy sees what a click would do


def test_a_step_that_is_too_long_is_refused_with_the_largest_safe_one():
    with pytest.raises(InputError, match=r"0\.0001 s"):
        NeuralMass.create(Thalamocortical.create(), dt=2e-4)


def rest(**values):
    model = Thalamocortical.create()
    start = dict(zip(twin.VARIABLES, model.start())) | values
    return model, tuple(jnp.asarray([start[name]]) for name in twin.VARIABLES)


def row(slope, name):
    return float(slope[twin.VARIABLES.index(name)][0])


def test_the_cortex_drives_relay_and_reticular_cells():
    model, y = rest(y_c=0.02)
    _, quiet = rest()
    for x in ("x_et", "x_er"):
        extra = row(model.slope(y, Inputs()), x) - row(model.slope(quiet, Inputs()), x)
        assert extra == pytest.approx(0.07**2 * 2.6 * 0.02, rel=1e-4)


def test_sound_enters_the_relay_cells_alone_and_a_field_shifts_the_pyramidal_rate():
    model, y = rest()
    plain, heard = model.slope(y, Inputs()), model.slope(y, Inputs(stim=CLICK))
    differs = [name for name, a, b in zip(twin.VARIABLES, plain, heard) if float(a[0]) != float(b[0])]
    assert differs == ["x_et"]
    assert row(heard, "x_et") - row(plain, "x_et") == pytest.approx(0.07**2 * 0.7, rel=1e-5)
    assert row(model.slope(y, Inputs(stim=-CLICK)), "x_et") == row(plain, "x_et")
    shifted = model.slope(y, Inputs(field=2.0))
    rate = lambda v: 0.03 / (1 + np.exp(-np.pi / np.sqrt(3) * (v + 58.5) / 4.7))  # noqa: E731
    gained = row(shifted, "x_c") - row(plain, "x_c")
    assert gained == pytest.approx(0.12**2 * (rate(-62.0) - rate(-64.0)), rel=1e-4)
    assert row(shifted, "Vp") == row(plain, "Vp")


def test_wiring_adds_synapses_to_both_cortical_populations():
    model, y = rest()
    wired = model.slope(y, Inputs(coupled=(jnp.asarray([0.5]),)))
    for x in ("x_ep", "x_ei"):
        assert row(wired, x) - row(model.slope(y, Inputs()), x) == pytest.approx(0.07**2 * 0.5, rel=1e-4)


def test_sleep_depth_moves_the_letters_from_n2_to_n3():
    light, deep = Thalamocortical.create("N2"), Thalamocortical.create("N3")
    for letter in ("sigma_p", "g_KNa", "g_LK", "g_h", "N_pp"):
        n2, n3 = float(getattr(light, letter)), float(getattr(deep, letter))
        for depth in (0.0, 0.5, 1.0, 2.0):
            now = float(getattr(light.drifted(changed(sleep_depth=depth)), letter))
            assert now == pytest.approx(n2 + min(depth, 1.0) * (n3 - n2), rel=1e-5)
        assert float(getattr(deep.drifted(changed(sleep_depth=0.0)), letter)) == pytest.approx(n3)
        assert float(getattr(deep.drifted(changed(sleep_depth=-1.0)), letter)) == pytest.approx(n2, rel=1e-5)


@pytest.fixture(scope="module")
def night():
    """Vp (n_stages, 2, n) mV, 16 s at 200 Hz of two columns of each stage."""
    models = [Thalamocortical.create(name) for name in ("N2", "N2", "N3", "N3")]
    model = jax.tree.map(lambda *x: jnp.stack(x), *models)
    run = simulate(NeuralMass.create(model, n_nodes=4, sfreq=200.0, n_times=200), 16.0, jax.random.key(0))
    assert run.ok, run.status
    return run.output.reshape(2, 2, -1)


def test_n3_swings_deeper_and_more_often_than_n2(night):
    light, deep = night
    # published: N2 rests near -54 mV, with K-complexes down to -74 mV, of which half a minute holds one or two
    assert light.mean() == pytest.approx(-54.2, abs=0.7)
    assert 1.4 < deep.std() / light.std() < 3.0
    assert -78.0 < deep.min() < -68.0


def test_moments_of_a_default_column_are_those_of_a_cortical_patch(night):
    one = make_source("thalamocortical")
    assert 10e-9 < night[0].std() * float(one.moment) < 30e-9
    assert [float(make_source("thalamocortical", name).model.sigma_p) for name in PRESETS] == pytest.approx([4.7, 6.0])


def test_a_click_depolarises_relay_cells_and_evokes_an_up_swing():
    column = make_source("thalamocortical", "N3", n_nodes=8, n_times=100)
    state = jax.jit(column.init)(jax.random.key(1), changed())
    click = np.zeros((1, 100), np.float32)
    click[:, :20] = 2e-3  # 80 ms
    trace = jax.jit(column.trace)
    silent, heard = (
        np.asarray(trace(state, jnp.asarray(stim), changed(), jax.random.key(2))[1]) for stim in (0 * click, click)
    )
    gain = (heard - silent).mean(axis=1)  # the same noise
    relay, pyramidal = gain[13], gain[0]
    assert relay[10:20].mean() > 2.0
    assert pyramidal[20:35].mean() > 1.0
    state = tuple(jnp.asarray(v[:, 5]) for v in silent)
    truth = column.model.truth(state)
    np.testing.assert_array_equal(truth["down_state"], state[0] < -68.0)
    np.testing.assert_allclose(truth["h_current"], state[18] + 2 * state[19], rtol=1e-6)
