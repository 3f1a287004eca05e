"""Readings and a sensing for tests of controllers: the first sample of each channel is the feature."""

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.sim.loop import Reading
from neurodrift.sim.pytree import component, static


@component
class First:
    n_features: int = static(default=1)

    def init(self):
        return ()

    def step(self, state, reading):
        return state, reading.v[:, 0]


def reading(*features, fresh=True, n_stim=1):
    v = jnp.asarray(features, jnp.float32)[:, None]
    return Reading(v, jnp.zeros(1, bool), jnp.zeros(()), jnp.asarray(fresh), jnp.zeros(n_stim))


def requests(policy, features, seed=0):
    """Requests (n_windows, n_stim) of a policy that sees features (n_windows,) or (n_windows, n_features)."""
    v = jnp.asarray(features, jnp.float32).reshape(len(features), -1, 1)
    keys = jax.random.split(jax.random.key(seed), len(v))

    def window(memory, inputs):
        x, key = inputs
        return policy.act(memory, Reading(x, jnp.zeros(1, bool), jnp.zeros(()), jnp.asarray(True), jnp.zeros(1)), key)

    return jax.lax.scan(window, policy.init(), (v, keys))[1]


def run(policy, features, seed=0):
    """As ``requests``, compiled, in NumPy."""
    return np.asarray(requests(policy, features, seed))
