"""Readings to feed a sensing with, and a way to run it over them."""

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.sim.loop.reading import Reading


def readings(v, n_times, blanked=None, age=0.0, fresh=None, applied=None):
    """v (n_channels, n) or (n,) V cut into windows: a Reading whose leaves have a leading axis n_windows."""
    v = np.atleast_2d(np.asarray(v, np.float32))
    n = v.shape[1] // n_times
    cut = v[:, : n * n_times].reshape(v.shape[0], n, n_times)
    marks = np.zeros((n, n_times), bool) if blanked is None else np.asarray(blanked)[: n * n_times].reshape(n, n_times)
    return Reading(
        v=jnp.asarray(np.moveaxis(cut, 1, 0)),
        blanked=jnp.asarray(marks),
        age=jnp.broadcast_to(jnp.asarray(age, jnp.float32), (n,)),
        fresh=jnp.ones(n, bool) if fresh is None else jnp.asarray(fresh),
        applied=jnp.zeros((n, 1)) if applied is None else jnp.asarray(applied, jnp.float32),
    )


@jax.jit
def run(sensing, given):
    """(n_windows, n_features)"""
    return jax.lax.scan(lambda state, one: sensing.step(state, one), sensing.init(), given)[1]


def sensed(sensing, v, n_times, **kwargs):
    return np.asarray(run(sensing, readings(v, n_times, **kwargs)), float)
