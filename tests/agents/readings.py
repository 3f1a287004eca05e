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


@jax.jit
def requests(policy, v, keys):
    """Requests (n_windows, n_stim) of a policy that sees v (n_windows, n_features, 1)."""

    def window(memory, inputs):
        x, key = inputs
        return policy.act(memory, Reading(x, jnp.zeros(1, bool), jnp.zeros(()), jnp.asarray(True), jnp.zeros(1)), key)

    return jax.lax.scan(window, policy.init(), (v, keys))[1]


def seen(features, seed=0):
    """(v, keys) for ``requests`` from features (n_windows,) or (n_windows, n_features)."""
    v = jnp.asarray(features, jnp.float32).reshape(len(features), -1, 1)
    return v, jax.random.split(jax.random.key(seed), len(v))


def run(policy, features, seed=0):
    """As ``requests``, of features, in NumPy; policies of one structure share what is compiled."""
    return np.asarray(requests(jax.tree.map(jnp.asarray, policy), *seen(features, seed)))
