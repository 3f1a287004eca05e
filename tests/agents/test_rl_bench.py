"""The benchmark's peer trains on the very environment that ours does."""

import gymnasium
import jax
import numpy as np

from neurodrift.agents.rl import probes
from neurodrift.scenarios.bench.learning import as_gymnasium


def test_the_wrapped_environment_is_the_functional_one_and_keeps_gymnasiums_rules():
    from gymnasium.utils.env_checker import check_env

    environment = probes.Linear(noise=0.05, n_steps=4)
    wrapped = as_gymnasium(environment, seed=3)
    assert isinstance(wrapped, gymnasium.Env)
    check_env(wrapped, skip_render_check=True)
    first, _ = wrapped.reset(seed=5)
    state = wrapped.state
    np.testing.assert_array_equal(first, [np.asarray(state.x)])
    for i in range(4):
        action = np.float32([0.2 * i])
        observation, reward, terminated, truncated, _ = wrapped.step(action)
        state, made = jax.jit(probes.Linear.step)(environment, state, action)
        np.testing.assert_array_equal(observation, made.observation)
        assert (reward, terminated, truncated) == (float(made.reward), False, i == 3)
