"""The subthalamic-pallidal loop against an independent float64 integration and its delayed characteristic equation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import CurrentInput, NeuralMass, StnGpe
from neurodrift.sim.sources.model import Inputs
from neurodrift.sim.sources.models.stn_gpe import MEANS, PER_AMPERE_OF_PULSES
from neurodrift.sim.sources.registry import make_source
from neurodrift.sim.stimulation import PulseTrain
from neurodrift.tests.twins import stn_gpe as twin
from neurodrift.tests.twins.compare import both, changed, gradient_error, orders, relative_error

WEIGHTS = ("SG", "GS", "GG", "CS", "XG")


def test_both_ends_of_the_interpolation_have_the_published_letters():
    model = StnGpe.create()
    for name in WEIGHTS:
        assert float(getattr(model, f"w_{name}")) == pytest.approx(twin.PARAMETERS["healthy"][f"w_{name}"])
        assert float(getattr(model, f"pd_{name}")) == pytest.approx(twin.PARAMETERS["parkinsonian"][f"w_{name}"])
    for name in ("tau_S", "tau_G", "d", "d_GG", "M_S", "B_S", "M_G", "B_G", "Ctx", "Str"):
        assert float(getattr(model, name)) == pytest.approx(twin.PARAMETERS["healthy"][name])


@pytest.mark.parametrize("stim", [0.0, 80.0])
def test_float64_component_equals_the_reference_at_every_stage_of_the_disease(stim):
    K = np.array([0.0, 0.4, 1.0])
    with jax.enable_x64(True):
        letters = {**twin.interpolated(K), "d": 6.0, "d_GG": 4.0}
        start = np.repeat([[25.0], [54.0]], 3, axis=1)
        ours, theirs = both(StnGpe.create(K=K, sigma=0.0), twin, letters, start, 0.1e-3, stim=stim)
    assert np.ptp(theirs[5000:, 0, 2]) > 40.0
    assert relative_error(ours, theirs) < 1e-10


@pytest.mark.parametrize("preset", ["rat", "macaque"])
def test_float64_component_equals_the_reference_with_every_species_delay(preset):
    with jax.enable_x64(True):
        model = StnGpe.create(preset, sigma=0.0)
        letters = {**twin.PARAMETERS["parkinsonian"], "d": float(model.d)}
        ours, theirs = both(model, twin, letters, np.array([[18.0], [54.0]]), 0.1e-3)
    assert relative_error(ours, theirs) < 1e-10


def test_heun_is_of_second_order_without_noise_and_at_least_first_with_it():
    with jax.enable_x64(True):
        assert orders(StnGpe.create(sigma=0.0), 0.1e-3, 0.1) == pytest.approx(2.0, abs=0.1)
        assert orders(StnGpe.create(sigma=50.0), 0.1e-3, 0.1) > 0.9


def test_gradient_by_the_current_equals_the_finite_difference_through_the_delays():
    with jax.enable_x64(True):
        steepest, error = gradient_error(StnGpe.create(), 0.1e-3, 0.1, 30.0)
    assert steepest > 1e-6
    assert error < 1e-6


def test_a_step_that_is_too_long_and_delays_per_node_are_refused():
    with pytest.raises(InputError, match=r"0\.0001 s"):
        NeuralMass.create(StnGpe.create(), dt=0.2e-3)
    with pytest.raises(InputError, match="one number"):
        StnGpe.create(d=np.array([2.0, 6.0]))
    with pytest.raises(InputError, match="unknown StnGpe preset 'mouse'"):
        StnGpe.create("mouse")


def rates(K=1.0, u=0.0, start=None, conditions=None, d=6.0):
    """S (4, n) of 4 s at 1 kHz without noise, for four values of K or of the input u in spikes/s."""
    model = StnGpe.create(sigma=0.0, K=np.broadcast_to(K, (4,)), d=d)
    entry = CurrentInput(coupling=jnp.eye(4))
    source = NeuralMass.create(model, n_nodes=4, sfreq=1000.0, n_times=500, n_stim=4, start=start, entry=entry)
    run = simulate(source, 4.0, jax.random.key(0), conditions, stim=np.broadcast_to(u, (4,)), burn_in=False)
    assert run.ok
    return run.output


def beta(**options):
    """[(Hz, mean, peak to peak)] of the second half of each of ``rates``."""
    found = []
    for v in rates(**options)[:, 2000:]:
        up = np.flatnonzero((v[:-1] < v.mean()) & (v[1:] >= v.mean()))
        if np.ptp(v) < 1.0 or len(up) < 3:
            found.append((0.0, v.mean(), np.ptp(v)))
            continue
        times = up + (v.mean() - v[up]) / (v[up + 1] - v[up])
        found.append((1000.0 / np.diff(times).mean(), v[up[0] : up[-1]].mean(), np.ptp(v)))
    return found


def test_beta_emerges_slows_and_grows_with_the_disease():
    healthy, before, half, ill = beta(K=np.array([0.0, 0.29, 0.5, 1.0]))
    assert healthy[1] == pytest.approx(18.15, abs=0.02)
    assert healthy[2] < 0.01
    assert before[2] < 1.0
    # float64 Heun at 0.02 ms
    assert half[0] == pytest.approx(25.245, rel=0.002)
    assert ill[0] == pytest.approx(20.58, rel=0.002)
    assert ill[1] == pytest.approx(22.04, rel=0.005)
    assert ill[2] == pytest.approx(63.63, rel=0.01)


def test_oscillation_is_born_where_the_characteristic_equation_says():
    """At the Hopf point, K = 0.30472, the delayed linearisation has a root 2 pi i 27.43 Hz: a small deviation decays
    below it and grows above."""
    K = np.array([0.27, 0.29, 0.32, 0.34])
    early, late = np.split(rates(K=K, start=(15.5, 33.0)), [2000], axis=1)
    sizes = [np.ptp(v[:, -500:], axis=1) for v in (early, late)]
    assert np.sign(sizes[1] - sizes[0]).tolist() == [-1, -1, 1, 1]
    assert beta(K=K, start=(15.5, 33.0))[2][0] == pytest.approx(27.4, abs=0.3)


def test_medication_takes_the_loop_back_along_K():
    K = np.array([1.0, 1.0, 0.5, 0.0])
    half, _, quarter, healthy = beta(K=K, conditions=changed(medication=0.5))
    assert half[0] == pytest.approx(25.245, rel=0.002)
    assert quarter[2] < 1.0
    full = beta(K=K, conditions=changed(medication=1.0))
    assert [one[1] for one in full] == pytest.approx([healthy[1]] * 4, abs=0.02)
    assert max(one[2] for one in full) < 0.01


def test_the_rhythm_slows_with_the_delay_as_between_species():
    for preset, delay, hertz in (("rat", 2.0, 31.75), ("human", 6.0, 20.58), ("macaque", 10.0, 13.615)):
        assert float(StnGpe.create(preset).d) == delay
        assert beta(d=delay)[0][0] == pytest.approx(hertz, rel=0.003)


def test_suppressed_input_abolishes_beta_and_added_drive_strengthens_it():
    abolished, weaker, more, stronger = beta(u=np.array([-200.0, -100.0, 50.0, 100.0]))
    assert abolished[2] < 0.01
    assert weaker[2] == pytest.approx(26.28, rel=0.01)
    assert more[2] == pytest.approx(88.0, rel=0.01)
    assert stronger[2] == pytest.approx(115.16, rel=0.01)


def amplitude(v):
    return np.sqrt(2) * v.std(axis=-1)


def stimulated(source, current, state=None):
    """S (n,) at 250 Hz and the state after it; current (n,) A."""
    key = jax.random.key(2)
    run = simulate(source, current.size / 250.0, key, stim=current[None], state=state, chunk_s=6.0)
    assert run.ok
    return run.output[0], run.state


def test_stimulation_suppresses_beta_with_an_after_effect_that_wears_off():
    source = make_source("stn_gpe")
    off, state = stimulated(source, np.zeros(1500))
    on, state = stimulated(source, np.full(3000, 2e-3), state)
    after, _ = stimulated(source, np.zeros(7500), state)
    before, during, soon, late = (amplitude(v) for v in (off[-1000:], on[-1000:], after[500:1500], after[-1000:]))
    assert during < 0.25 * before
    assert during < 0.9 * soon < 0.9 * 0.95 * late
    assert late == pytest.approx(before, rel=0.05)


def test_pulses_of_the_usual_setting_have_the_effect_of_their_charge():
    train = PulseTrain.create(250.0, frequency=130.0, width=60e-6)
    share = np.concatenate([np.asarray(train.share(jnp.int32(tick), 250)) for tick in range(6)])
    assert PER_AMPERE_OF_PULSES * 3e-3 * share.mean() == pytest.approx(-200.0, rel=1e-3)
    S, _ = stimulated(make_source("stn_gpe", pulses=True), 3e-3 * share)
    # of the noise alone, as S does not follow single pulses; without stimulation it is 29
    assert amplitude(S[-500:]) < 6.0


def test_conditions_move_the_letters_they_name():
    model = StnGpe.create(K=0.9)
    drifted = model.drifted(changed(medication=0.25))
    for field in dataclasses.fields(StnGpe):
        expected = 0.675 if field.name == "K" else float(getattr(model, field.name))
        assert float(getattr(drifted, field.name)) == pytest.approx(expected)
    np.testing.assert_allclose(drifted.truth((jnp.zeros(2), jnp.zeros(2)))["K"], [0.675, 0.675])


def test_input_and_delayed_rates_enter_the_equations_where_published():
    model = StnGpe.create("healthy")
    y, past = (jnp.asarray([20.0]), jnp.asarray([50.0])), tuple(jnp.asarray([x]) for x in (10.0, 40.0, 60.0))
    F = lambda x, M, B: M / (1 + (M - B) / B * np.exp(-4 * x / M))  # noqa: E731
    S, G = model.slope(y, Inputs(stim=-5.0, past=past))
    assert float(S[0]) == pytest.approx((F(-1.12 * 40 + 2.42 * 27 - 5, 300, 17) - 20) / 6, rel=1e-5)
    assert float(G[0]) == pytest.approx((F(19 * 10 - 6.6 * 60 - 15.1 * 2, 400, 75) - 50) / 14, rel=1e-5)


def test_moments_have_no_offset_and_those_of_the_disease_are_a_patch_s():
    source = NeuralMass.create(StnGpe.create(K=np.array([1.0, 0.0])), n_nodes=2)
    run = simulate(source, 6.0, jax.random.key(1))
    moments = float(source.moment) * (run.output - np.array([[MEANS["parkinsonian"]], [MEANS["healthy"]]]))
    assert (np.abs(moments.mean(axis=1)) < 1e-9).all()
    assert 10e-9 < moments[0].std() < 30e-9
    assert moments[1].std() < 3e-9
    assert float(make_source("stn_gpe", "healthy").mean) == pytest.approx(MEANS["healthy"])
