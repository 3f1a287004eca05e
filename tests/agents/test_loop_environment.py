"""A loop as an environment: the same numbers as the loop itself, and what was trained there works in the loop."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents.rl.environment import applied
from neurodrift.agents.rl.learned import Learned
from neurodrift.agents.rl.loop_environment import LoopEnvironment, from_loop, to_loop
from neurodrift.agents.rl.population import population
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key
from neurodrift.sim.loop import run_loop

sys.path.insert(0, str(Path(__file__).parents[1] / "scenarios"))
import control_toy

N = 12


@pytest.fixture(scope="module")
def loop():
    return control_toy.make()


@pytest.fixture(scope="module")
def environment(loop):
    return LoopEnvironment.create(loop, N, control_toy.draw)


class Rule:
    """What a trained policy looks like: more where the envelope is larger."""

    n_observations, n_actions = 1, 1

    def init(self):
        return jnp.zeros(())

    def act(self, memory, observation, key=None):
        return memory + 1, jnp.tanh(1e6 * observation - 1.0)


def test_an_episode_is_the_loop_of_the_drawn_person_window_by_window(environment, loop):
    key = jax.random.key(3)
    policy = Learned.of(Rule(), loop.sensing, bipolar=False)
    drawn = control_toy.draw(loop, stream_key(key, "person"))
    whole = jax.jit(lambda: run_loop(drawn, policy, N, key))()
    state, observation = jax.jit(environment.reset)(key)
    step, memory = jax.jit(environment.step), Rule().init()
    for n in range(1, N):
        memory, action = Rule().act(memory, observation)
        state, transition = step(state, action)
        observation = transition.observation
        # two compilations of one computation may round differently in the last bit
        np.testing.assert_allclose(transition.info["marker"], whole["marker"][n], rtol=1e-3)
        np.testing.assert_allclose(transition.info["applied"], whole["applied"][n], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(applied(transition, action), action, atol=1e-5)
        assert bool(transition.truncated) == (n == N - 1)
        assert not transition.terminated


def test_episodes_of_other_keys_are_other_people_and_only_what_is_drawn_is_carried(environment, loop):
    reset = jax.jit(environment.reset)
    first, second = (reset(jax.random.key(n))[0] for n in (0, 1))
    assert sum(environment.varies) == len(first.own) < len(jax.tree.leaves(loop))
    assert any(np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(first.own, second.own))
    same = reset(jax.random.key(0))[0]
    assert all(np.array_equal(a, b) for a, b in zip(first.own, same.own))


def test_the_action_minus_one_is_no_stimulation_where_there_is_one_polarity_and_the_whole_where_there_are_two():
    action = jnp.asarray([-1.0, 0.0, 1.0])
    np.testing.assert_array_equal(to_loop(action, False), [0.0, 0.5, 1.0])
    np.testing.assert_array_equal(to_loop(action, True), action)
    for bipolar in (False, True):
        np.testing.assert_array_equal(from_loop(to_loop(action, bipolar), bipolar), action)


def test_what_is_no_number_reaches_the_shield(environment):
    state, _ = jax.jit(environment.reset)(jax.random.key(0))
    _, transition = jax.jit(environment.step)(state, jnp.asarray([jnp.nan]))
    assert transition.info["applied"] == 0.0
    assert transition.cost > 0


def test_a_population_trains_in_it(environment):
    assert population(environment).sizes == (1, 1)


def test_a_draw_that_changes_a_shape_is_refused(loop):
    def draw(loop, key):
        return jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), loop)

    with pytest.raises(InputError, match="draw changes"):
        LoopEnvironment.create(loop, N, draw)


def test_an_episode_of_one_window_is_refused(loop):
    with pytest.raises(InputError, match="n_windows is 1"):
        LoopEnvironment.create(loop, 1)
