import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurodrift.agents import Constant, Off, Random

POLICIES = [Off(n_stim=2), Constant(level=jnp.asarray([0.5, -1.0])), Random(n_stim=2, scale=0.7)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: type(p).__name__)
def test_an_open_loop_policy_ignores_what_it_sees(policy):
    key, act = jax.random.key(0), jax.jit(lambda p, x, k: p.act(p.init(), x, k)[1])
    a, b = act(policy, jnp.zeros((3, 4)), key), act(policy, jnp.full((3, 4), jnp.nan), key)
    np.testing.assert_array_equal(a, b)
    assert a.shape == (2,)
    assert np.abs(a).max() <= 1.0


def test_off_and_constant_are_what_they_say():
    np.testing.assert_array_equal(POLICIES[0].act((), jnp.zeros(1), jax.random.key(0))[1], [0.0, 0.0])
    np.testing.assert_array_equal(POLICIES[1].act((), jnp.zeros(1), jax.random.key(0))[1], [0.5, -1.0])


def test_random_actions_are_uniform_and_differ_with_the_key():
    keys = jax.random.split(jax.random.key(1), 4000)
    actions = np.asarray(jax.vmap(lambda k: POLICIES[2].act((), jnp.zeros(1), k)[1])(keys))
    assert abs(np.corrcoef(actions.T)[0, 1]) < 4 / np.sqrt(4000)
    assert stats.kstest(actions[:, 0], stats.uniform(-0.7, 1.4).cdf).pvalue > 0.001
