import dataclasses
import types

import gymnasium
import jax
import numpy as np
import pytest
from jax import Array

import neurodrift.sim.envs  # noqa: F401 (registers the ids)
from neurodrift.sim.pytree import component

SMALL = {"montage": ("C3", "Cz", "C4", "Pz"), "sfreq": 125.0, "window_s": 0.2}


@component
class Ramp:
    """Gains that grow by ``rate`` per second of drift time, times a random walk."""

    rate: Array | float = 0.01

    def init(self, key):
        return jax.numpy.ones(())

    def step(self, state, conditions, clock, key):
        state = state * (1.0 + 0.001 * jax.random.normal(key))
        gain = conditions.gain * (1.0 + self.rate * clock.seconds) * state
        return state, dataclasses.replace(conditions, gain=gain)


@pytest.fixture
def ramp():
    return Ramp()


@pytest.fixture
def recording():
    rng = np.random.default_rng(0)
    return types.SimpleNamespace(
        x=(20e-6 * rng.standard_normal((4, 5, 250))).astype(np.float32),
        y=np.array([0, 1, 1, 0]),
        session=np.array([0, 0, 1, 1]),
        ch_names=("C3", "Cz", "C4", "Pz", "Fz"),
        sfreq=125.0,
    )


@pytest.fixture
def make(recording):
    """Make a small environment by the name of its task."""

    def make(name="MotorImagery", **options):
        return gymnasium.make(f"neurodrift/{name}-v0", **small(name, options))

    def small(name, options):
        return {**(SMALL if name == "MotorImagery" else {"data": recording}), **options}

    return make


@pytest.fixture
def make_vec(recording):
    def make_vec(name="MotorImagery", **options):
        small = SMALL if name == "MotorImagery" else {"data": recording}
        return gymnasium.make_vec(f"neurodrift/{name}-v0", **{**small, **options})

    return make_vec
