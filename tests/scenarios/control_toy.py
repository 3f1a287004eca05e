"""A cheap control task: a bursting beta rhythm that stimulation damps, with an effect that wanes for a while."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from neurodrift.sim.builders import local_plant
from neurodrift.sim.drift.base import Stateless
from neurodrift.sim.loop import Judgement, Loop
from neurodrift.sim.pytree import component
from neurodrift.sim.sensing import Envelope
from neurodrift.sim.sources.registry import make_source

SFREQ, N_TIMES = 250.0, 25  # windows of .1 s


@component
class Wane(Stateless):
    """Stimulation has ``left`` () of its effect from onset_s () until return_s () s."""

    onset_s: jax.Array
    return_s: jax.Array
    left: jax.Array

    def step(self, state, conditions, clock, key):
        inside = (clock.seconds >= self.onset_s) & (clock.seconds < self.return_s)
        gain = jnp.where(inside, self.left, 1.0)
        return state, dataclasses.replace(conditions, stim_efficacy=conditions.stim_efficacy * gain)


@component
class Power:
    """marker: mean power of the rhythm; reward: what is missing of it, and .2 of the dose."""

    scale: jax.Array

    def init(self):
        return ()

    def judge(self, memory, plant, state, window):
        marker = jnp.mean(window.moments**2) / self.scale
        dose = jnp.mean((window.stim.applied / plant.stimulator.max_current) ** 2)
        return memory, Judgement(-marker - 0.2 * dose, jnp.asarray(False), marker, jnp.zeros(()))


def make(drift=True, onset_s=8.0, return_s=14.0):
    source = make_source("stuart_landau", "beta", sfreq=SFREQ, n_times=N_TIMES)
    processes = (Wane(onset_s=jnp.float32(onset_s), return_s=jnp.float32(return_s), left=jnp.float32(0.3)),)
    return Loop(
        plant=local_plant(source, processes if drift else (), max_current=3e-3),
        task=Power(scale=jnp.float32((42e-9) ** 2 / 3)),
        sensing=Envelope.create((13.0, 30.0), SFREQ, N_TIMES),
        bipolar=False,
    )


def draw(loop, key, held_out=False):
    """Another strength of the rhythm, and of the waning: .3 to .5 left, held out 0 to .1."""
    k_moment, k_left = jax.random.split(key)
    plant = loop.plant
    source = dataclasses.replace(
        plant.source, moment=plant.source.moment * jax.random.uniform(k_moment, (), minval=0.8, maxval=1.2)
    )
    low, high = (0.0, 0.1) if held_out else (0.3, 0.5)
    left = jax.random.uniform(k_left, (), minval=low, maxval=high)
    drift = tuple(dataclasses.replace(process, left=left) for process in plant.drift)
    return dataclasses.replace(loop, plant=dataclasses.replace(plant, source=source, drift=drift))


class Spec(NamedTuple):
    title: str = "A rhythm that stimulation damps"
    summary: str = "bursting beta, and an effect that wanes"
    n_windows: int = 200
    marker: str = "beta power"
    marker_unit: str = ""
    gym_id: str = "Toy"

    @property
    def make(self):
        return make

    @property
    def draw(self):
        return draw


SPEC = Spec()
