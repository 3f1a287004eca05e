"""Shapes, sizes and numbers that cannot be: refused where they are given, in one line that says what was wanted."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.amplifier import Amplifier
from neurodrift.sim.anatomy import SUBTHALAMIC
from neurodrift.sim.builders import source_plant
from neurodrift.sim.errors import InputError
from neurodrift.sim.host import rollout_host
from neurodrift.sim.plant import PlantState, record, run_trial
from neurodrift.sim.sources.brian import BasalGanglia
from neurodrift.sim.sources.brian.handover import NetworkRun
from neurodrift.sim.sources.registry import make_source
from neurodrift.sim.stimulation import (
    PulseTrain,
    Stimulator,
    charge_density,
    largest_current,
    pulse_is_allowed,
    shannon_k,
    teed,
)
from neurodrift.sim.stimulation_artefacts.dbs import DBSArtefact

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def plant():
    return source_plant(make_source("stuart_landau", n_times=25, burn_in_s=0.0), ("C3", "Cz", "C4"), "Cz")


@pytest.mark.parametrize("shape", [(), (3,), (1, 1), (0,)])
def test_an_action_of_another_shape_is_refused_by_everything_that_takes_one(plant, shape):
    action, message = jnp.zeros(shape), r"the action has shape \(.*\); wanted \(1,\), one current in A"
    state = jax.eval_shape(plant.init, KEY)
    for run in (plant.step, plant.skip, lambda s, a: run_trial(plant, s, a)):
        with pytest.raises(InputError, match=message):
            jax.eval_shape(run, state, action)
    with pytest.raises(InputError, match=message):
        plant.stimulator.step(action, jnp.int32(0))
    with pytest.raises(InputError, match=message):
        jax.eval_shape(lambda: record(plant, KEY, 2, action))


def test_an_action_of_another_shape_is_refused_on_the_host(plant):
    with pytest.raises(InputError, match=r"wanted \(1,\)"):
        rollout_host(plant, KEY, 2, lambda window, n: jnp.zeros(3))


def test_a_batch_of_plants_and_actions_still_steps(plant):
    many = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), plant)
    states = jax.eval_shape(jax.vmap(lambda p, k: p.init(k)), many, jax.random.split(KEY, 2))
    _, window = jax.eval_shape(jax.vmap(lambda p, s, a: p.step(s, a)), many, states, jnp.zeros((2, 1)))
    assert window.v.shape == (2, 3, 25)


def test_parts_made_for_other_windows_are_refused_when_the_plant_is_made(plant):
    for name, part in (
        ("stimulator", Stimulator.create(1, 500.0, 25)),
        ("stimulator", Stimulator.create(1, 250.0, 50)),
        ("amplifier", Amplifier.create(3, 250.0, 20)),
        ("amplifier", Amplifier.create(3, 1000.0, 25)),
    ):
        with pytest.raises(InputError, match=f"the {name} is made for .*; make both alike"):
            dataclasses.replace(plant, **{name: part})


def test_a_stimulator_with_other_contacts_than_the_source_is_refused(plant):
    other = dataclasses.replace(plant, stimulator=Stimulator.create(2, 250.0, 25))
    with pytest.raises(InputError, match="the stimulator has 2 contacts, the source 1"):
        jax.eval_shape(other.step, jax.eval_shape(other.init, KEY), jnp.zeros(1))


def test_a_plant_can_be_taken_apart_and_put_together_from_anything(plant):
    leaves, structure = jax.tree.flatten(plant)
    for fill in (None, 0, "leaf", object()):
        jax.tree.unflatten(structure, [fill] * len(leaves))


def test_compiling_a_running_network_names_the_way_out_in_one_line(plant):
    # stands for a running one: what is refused is the type, before anything of it is looked at
    running = object.__new__(NetworkRun)
    state = PlantState(running, None, None, (), jnp.int32(0), KEY)
    for run in (
        lambda: jax.jit(plant.step)(state, jnp.zeros(1)),
        lambda: jax.vmap(plant.step, in_axes=(None, 0))(state, jnp.zeros((2, 1))),
        lambda: run_trial(plant, state, jnp.zeros(1)),
    ):
        with pytest.raises(TypeError, match="rollout_host") as refused:
            run()
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stimulator.create(1, 250.0, 25, max_current=-1e-3), "max_current of the stimulator is -0.001 A"),
        (lambda: Stimulator.create(1, 250.0, 25, max_current=math.nan), "max_current of the stimulator is nan A"),
        (lambda: Stimulator.create(1, 250.0, 25, frequency=-1.0), "frequency of the stimulator is -1.0 Hz"),
        (lambda: Stimulator.create(0, 250.0, 25), "n_stim is 0"),
        (lambda: Stimulator.create(1, 250.0, 0), "n_times of the stimulator is 0"),
        (lambda: Stimulator.create(1, math.nan, 25), "sfreq of the stimulator is nan Hz"),
        (lambda: Stimulator.create(1, 250.0, 25, nominal_impedance=math.inf), "a finite impedance"),
        (lambda: Amplifier.create(2, 250.0, 2.5), "n_times of the amplifier is 2.5"),
        (lambda: Amplifier.create(2, 0.0, 25), "sfreq of the amplifier is 0 Hz"),
        (lambda: Amplifier.create(0, 250.0, 25), "n_channels of the amplifier is 0"),
    ],
)
def test_sizes_and_bounds_that_cannot_be_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize("bad", [0.0, -90e-6, math.nan, math.inf])
def test_the_limits_refuse_pulses_and_contacts_that_cannot_be(bad):
    for compute in (
        lambda: pulse_is_allowed(12e-3, bad, 6e-6),
        lambda: pulse_is_allowed(12e-3, 90e-6, bad),
        lambda: pulse_is_allowed(12e-3, 90e-6, 6e-6, density=bad),
        lambda: charge_density(1e-3, 60e-6, bad),
        lambda: shannon_k(1e-3, bad, 6e-6),
        lambda: largest_current(bad, 6e-6),
        lambda: teed(3.0, 60e-6, 130.0, bad),
        lambda: teed(3.0, 60e-6, bad, 1e3),
    ):
        with pytest.raises(InputError, match="wanted a finite number above 0"):
            compute()


def test_onsets_of_long_windows_do_not_overflow():
    # 40 000 samples x 130 000 units are 5.2e9, beyond 32 bits
    train = PulseTrain.create(250.0, 130.0, 60e-6)
    for n_times, tick in ((40_000, 0), (40_000, 7), (1_000_003, 3)):
        onsets = np.asarray(jax.jit(train.onsets, static_argnums=(1, 2))(jnp.int32(tick), n_times, 8))
        start = tick * n_times * 13
        expected = (-(-start // 25) - start / 25 + np.arange(8)) / 130.0
        np.testing.assert_allclose(onsets, expected, atol=1e-7)
    whole = np.asarray(jax.jit(train.onsets, static_argnums=(1, 2))(jnp.int32(0), 40_000, 21_000))
    assert np.isfinite(whole).sum() == 160 * 130


def test_a_nucleus_is_in_one_place():
    np.testing.assert_allclose(DBSArtefact.create(250.0).positions, SUBTHALAMIC)
    np.testing.assert_allclose(BasalGanglia.create().positions[0], SUBTHALAMIC[1])
