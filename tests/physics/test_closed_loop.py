"""A plant and a policy, chunk by chunk."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.builders import brain_plant
from neurodrift.sim.closed_loop import closed_loop
from neurodrift.sim.errors import InputError

KEY = jax.random.key(0)


THRESHOLD = 4e-12  # V^2


def follow(memory, window):
    """Stimulates where the last window's power was above the threshold."""
    return memory + 1, jnp.where(jnp.mean(window.v**2) > THRESHOLD, 1e-3, 0.0)[None]


@pytest.fixture(scope="module")
def plant():
    return brain_plant("jansen_rit", n_nodes=2, montage=("C3", "Cz", "C4"), burn_in_s=0.5)


def test_the_policy_acts_on_the_next_window(plant):
    run = closed_loop(plant, follow, 3.0, KEY, memory=jnp.int32(0))
    assert run.ok
    power, applied = run.records["power"].mean(axis=1), run.records["applied"][:, 0]
    assert power.shape == (30,)
    assert applied[0] == 0.0
    np.testing.assert_allclose(applied[1:], np.where(power[:-1] > THRESHOLD, 1e-3, 0.0))
    assert 0 < (applied > 0).sum() < 29, power
    assert int(run.memory) == 30


def test_chunks_and_continuations_are_one_run(plant):
    whole = closed_loop(plant, follow, 2.0, KEY, memory=jnp.int32(0))
    chunked = closed_loop(plant, follow, 2.0, KEY, memory=jnp.int32(0), chunk_s=0.7)
    first = closed_loop(plant, follow, 0.8, KEY, memory=jnp.int32(0))
    rest = closed_loop(plant, follow, 1.2, start=first)
    np.testing.assert_array_equal(chunked.records["power"], whole.records["power"])
    np.testing.assert_array_equal(np.r_[first.records["power"], rest.records["power"]], whole.records["power"])


def test_a_brain_out_of_its_bounds_stops_the_run_and_what_came_before_is_kept(plant):
    def ever_more(n, window):
        return n + 1, jnp.where(n >= 9, 1e4, 0.0)[None]

    strong = dataclasses.replace(plant, stimulator=dataclasses.replace(plant.stimulator, max_current=jnp.float32(1e6)))
    run = closed_loop(strong, ever_more, 3.0, KEY, memory=jnp.int32(0))
    assert run.status == "the brain left its physiological bounds after 1 s; weaken the stimulation"
    assert run.records["power"].shape == (10, 3)
    assert np.isfinite(run.records["power"]).all()


def test_bad_input_is_refused(plant):
    with pytest.raises(InputError, match="wanted a positive, finite time"):
        closed_loop(plant, follow, -1.0, KEY)
    with pytest.raises(InputError, match="key is missing"):
        closed_loop(plant, follow, 1.0)
    with pytest.raises(InputError, match="step it with neurodrift"):
        closed_loop(brain_plant("spiking_column"), follow, 1.0, KEY)
