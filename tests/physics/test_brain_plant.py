"""Every brain of the registry under electrodes, and what a user gets wrong."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.builders import brain_plant, source_plant
from neurodrift.sim.drift import Levodopa, SeizureRamp
from neurodrift.sim.errors import InputError
from neurodrift.sim.simulate import simulate
from neurodrift.sim.sources import SOURCES, Connectome, FieldShift, JansenRit, NeuralMass, make_source
from neurodrift.sim.stimulation import PulseTrain

KEY = jax.random.key(0)


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_brain_comes_under_a_cap_or_names_its_own_builder(name):
    if SOURCES[name].builder is not None:
        with pytest.raises(InputError, match=f"use {SOURCES[name].builder}"):
            brain_plant(name)
        return
    plant = brain_plant(name, montage=("C3", "Cz", "C4"))
    assert plant.source.n_stim == plant.stimulator.n_stim
    leadfield = np.asarray(plant.leadfield(plant.conditions))
    assert leadfield.shape[1] == plant.source.n_sources
    assert np.isfinite(leadfield).all()
    assert np.abs(leadfield).max() > 0


def test_pulses_and_a_held_current_both_suppress_beta():
    """Deep brain stimulation as an informational lesion, from the same dose in either form."""
    train = PulseTrain.create(250.0, frequency=130.0, width=60e-6)

    def spread(waveform, amplitude):
        plant = brain_plant("stn_gpe", waveform=waveform, max_current=3e-3)

        def window(state, _):
            state, _window = plant.step(state, jnp.full(1, amplitude))
            return state, state.source.y[0]

        _, rates = jax.jit(lambda s: jax.lax.scan(window, s, None, length=60))(plant.init(KEY))
        return float(jnp.std(rates[20:]))

    off, held, pulsed = spread(None, 0.0), spread(None, 2e-3), spread(train, 3e-3)
    assert held < 0.2 * off
    assert pulsed < 0.2 * off


def test_a_run_goes_on_with_time_drift_and_noise():
    source = make_source("wendling", sfreq=250.0, n_times=125)
    ramp = SeizureRamp.create(onset_s=0.5, preictal_s=1.0, ictal_s=1.0, recovery_s=1.0)
    whole = simulate(source, 3.0, KEY, drift=(ramp,))
    first = simulate(source, 1.5, KEY, drift=(ramp,))
    rest = simulate(source, 1.5, KEY, drift=(ramp,), state=first)
    np.testing.assert_array_equal(np.c_[first.output, rest.output], whole.output)
    np.testing.assert_allclose(np.r_[first.t, rest.t], whole.t)
    with pytest.raises(InputError, match="0 drift processes; the run to go on from had 1"):
        simulate(source, 1.0, KEY, state=first)


def test_delays_beyond_what_was_laid_out_are_reported():
    weights = np.ones((3, 3))
    source = make_source("jansen_rit", n_nodes=3, n_times=25, wiring=Connectome.create(weights, 0.01 * weights))

    def status(factor):
        other = dataclasses.replace(source, wiring=Connectome.create(weights, 0.01 * factor * weights))
        return simulate(other, 0.2, KEY, burn_in=False).status

    assert status(1.0) == status(1.4) == "ok"
    assert "beyond those laid out; give the source shortest_delay or longest_delay" in status(3.0)
    assert "beyond those laid out" in status(0.5)
    roomy = make_source(
        "jansen_rit", n_nodes=3, n_times=25, wiring=Connectome.create(weights, 0.01 * weights), shortest_delay=4e-3,
        longest_delay=0.04,
    )  # fmt: skip
    faster = dataclasses.replace(roomy, wiring=Connectome.create(weights, 4e-3 * weights))
    exact = make_source("jansen_rit", n_nodes=3, n_times=25, wiring=Connectome.create(weights, 4e-3 * weights))
    ours, theirs = (simulate(s, 0.2, KEY, burn_in=False) for s in (faster, exact))
    assert ours.status == "ok"
    np.testing.assert_allclose(ours.output, theirs.output, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_source("jansen_rit", nodes=3), "unknown option of source jansen_rit 'nodes'; did you mean"),
        (lambda: make_source("jansen_rit", letters={"pp": 1.0}), "unknown JansenRit parameter 'pp'; did you mean 'p'"),
        (lambda: JansenRit.create(p=[1.0, float("nan")]), "p is .*; wanted finite numbers"),
        (lambda: JansenRit.create(p="fast"), "p is 'fast'; wanted finite numbers"),
        (lambda: NeuralMass.create(JansenRit.create(a=0.0, b=0.0)), "time constants must be above 0"),
        (lambda: make_source("jansen_rit", dtype=jnp.float64), "JAX has it turned off"),
        (lambda: make_source("wendling", entry="fielt"), "unknown entry 'fielt'; did you mean 'field'"),
        (lambda: make_source("jansen_rit", n_nodes=2, wiring=np.ones((2, 2))), "wanted Connectome.create"),
        (lambda: make_source("jansen_rit", n_nodes=3, n_stim=2, entry=FieldShift.create(3)), r"here \(3, 2\)"),
        (lambda: simulate(make_source("jansen_rit"), 1.0, 0), r"wanted a JAX key, such as jax.random.key\(0\)"),
        (lambda: simulate(make_source("jansen_rit"), float("nan"), KEY), "wanted a positive, finite time"),
        (lambda: simulate(make_source("intracortical"), 1.0, KEY), "Intracortical is no neural mass"),
        (lambda: simulate(make_source("wendling"), 1.0, KEY, drift=(("levodopa", 0.9),)), "is no process; make one"),
        (lambda: brain_plant("jansen_rit", window_s=float("nan")), "window_s is nan"),
        (lambda: jax.jit(lambda p: make_source("jansen_rit", letters={"a": p}).model.p)(100.0), "letters are traced"),
    ],
)  # fmt: skip
def test_bad_input_gets_one_line_with_the_fix(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_vmap_over_a_letter_is_a_population():
    source = make_source("jansen_rit", n_times=25, burn_in_s=0.1)

    def end(p):
        person = dataclasses.replace(source, model=dataclasses.replace(source.model, p=p))
        state = person.init(KEY, plant_conditions)
        return person.step(state, jnp.zeros((1, 25)), plant_conditions, KEY)[1][0, -1]

    plant_conditions = source_plant(source).conditions
    values = jax.jit(jax.vmap(end))(jnp.asarray([120.0, 220.0, 300.0]))
    assert len(np.unique(np.asarray(values))) == 3


def test_a_transcranial_field_by_name_polarises_by_the_published_amount():
    source = make_source("wendling", n_nodes=2, n_stim=2, entry="field")
    np.testing.assert_allclose(2e-3 * np.asarray(source.entry.coupling), 0.16 * np.eye(2), rtol=1e-6)


def test_medication_reaches_the_nucleus():
    plant = brain_plant("stn_gpe", drift=(Levodopa.create(0.9),), drift_window_s=60.0)
    state = plant.init(KEY)
    _, windows = jax.lax.scan(lambda s, _: plant.step(s, jnp.zeros(1)), state, None, length=60)
    np.testing.assert_allclose(windows.truth["K"][:, 0], 1.0 - windows.conditions.medication, rtol=1e-5)
    assert float(windows.conditions.medication.max()) > 0.8


@pytest.mark.parametrize(("animal", "hertz", "tolerance"), [("rat", 32.1, 0.7), ("macaque", 13.7, 0.4)])
def test_a_species_brings_its_beta_and_its_head(animal, hertz, tolerance):
    plant = brain_plant("stn_gpe", species=animal, sfreq=1000.0, window_s=1.0, letters={"sigma": 0.0})

    rates = simulate(plant.source, 3.0, KEY, plant.conditions).output[0]
    up = np.flatnonzero((rates[:-1] < rates.mean()) & (rates[1:] >= rates.mean()))
    assert (len(up) - 1) / (up[-1] - up[0]) * 1000.0 == pytest.approx(hertz, abs=tolerance)
    radius = {"rat": 0.015, "macaque": 0.045}[animal] / 0.092 * 0.09
    np.testing.assert_allclose(np.linalg.norm(plant.projection.montage.positions, axis=1), radius, rtol=1e-4)


def test_delays_of_the_wiring_scale_with_the_species():
    wiring = Connectome.create(np.ones((2, 2)), 0.0425 * np.ones((2, 2)))
    plant = brain_plant("jansen_rit", species="rat", n_nodes=2, wiring=wiring)
    np.testing.assert_allclose(plant.source.wiring.delays, 0.010, rtol=1e-5)
