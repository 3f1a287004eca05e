"""A control task without physics, compiled in a moment and known in closed form.

The symptom is strength x (1 + half a sine) x (1 - .8 x effect x amplitude of this window), the reading is the symptom,
and the effect is ``left`` of itself between two moments. No noise: what comes out is exact.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp

from neurodrift.sim.clock import Clock
from neurodrift.sim.loop import Outcome, Reading
from neurodrift.sim.plant import Window
from neurodrift.sim.pytree import component, static
from neurodrift.sim.stimulation.stimulator import Delivered

WINDOW_S, N_TIMES = 0.1, 5
EFFECT = 0.8
DOSE_WEIGHT = 0.3


@component
class Wane:
    onset_s: jax.Array
    return_s: jax.Array
    left: jax.Array


class Source(NamedTuple):
    n_times: int = N_TIMES
    sfreq: float = N_TIMES / WINDOW_S


@component
class Plant:
    strength: jax.Array
    drift: tuple = ()
    source: Source = static(default=Source())


@component
class Weight:
    weight: jax.Array


@component
class Level:
    """The mean of the window."""

    n_features: int = static(default=1)

    def init(self):
        return ()

    def step(self, state, reading):
        return state, jnp.mean(reading.v)[None]


class State(NamedTuple):
    tick: jax.Array
    key: jax.Array  # never drawn from, but training folds numbers into it


@component
class QuickLoop:
    plant: Plant
    task: Weight
    sensing: Level
    shield: None = None
    latency: None = None
    n_stim: int = static(default=1)
    bipolar: bool = static(default=False)

    def init(self, key):
        return State(jnp.int32(0), key)

    def begin(self, key):
        return self.step(self.init(key), jnp.zeros(self.n_stim))

    def step(self, state, action):
        clock = Clock(state.tick, jnp.float32(WINDOW_S))
        applied = jnp.clip(jnp.nan_to_num(action), -1.0 if self.bipolar else 0.0, 1.0)
        left = jnp.float32(1.0)
        for wane in self.plant.drift:
            inside = (clock.seconds >= wane.onset_s) & (clock.seconds < wane.return_s)
            left = left * jnp.where(inside, wane.left, 1.0)
        dose = jnp.mean(applied**2)
        rhythm = 1.0 + 0.5 * jnp.sin(0.7 * state.tick)
        marker = self.plant.strength * rhythm * (1.0 - EFFECT * left * jnp.mean(jnp.abs(applied)))
        stim = Delivered(action, applied, 1e-6 * jnp.mean(jnp.abs(applied)), jnp.zeros(()), applied, 1e-6 * dose)
        v = jnp.full((1, N_TIMES), marker)
        blanked = jnp.zeros(N_TIMES, bool)
        reading = Reading(v, blanked, jnp.zeros(()), jnp.asarray(True), applied)
        window = Window(v, stim, blanked, clock, None, {}, v)
        vetoes = jnp.where(jnp.all(applied == action), 0, 2).astype(jnp.uint32)
        outcome = Outcome(
            observation=jnp.mean(v)[None], reading=reading, window=window, requested=action, applied=applied,
            vetoes=vetoes, mode=jnp.int32(0), reward=-marker - self.task.weight * dose, cost=dose,
            terminated=jnp.asarray(False), marker=marker,
        )  # fmt: skip
        return State(state.tick + 1, state.key), outcome


def make(drift=True):
    wane = Wane(onset_s=jnp.float32(8.0), return_s=jnp.float32(14.0), left=jnp.float32(0.5))
    return QuickLoop(
        plant=Plant(strength=jnp.float32(1.0), drift=(wane,) if drift else ()),
        task=Weight(weight=jnp.float32(DOSE_WEIGHT)),
        sensing=Level(),
    )


def draw(loop, key, held_out=False):
    k_strength, k_left = jax.random.split(key)
    low, high = (0.0, 0.1) if held_out else (0.3, 0.6)
    left = jax.random.uniform(k_left, (), minval=low, maxval=high)
    strength = jax.random.uniform(k_strength, (), minval=0.5, maxval=1.5)
    drift = tuple(dataclasses.replace(wane, left=left) for wane in loop.plant.drift)
    return dataclasses.replace(loop, plant=dataclasses.replace(loop.plant, strength=strength, drift=drift))


class Spec(NamedTuple):
    title: str = "A <sine> that stimulation damps"
    summary: str = "no physics"
    n_windows: int = 200
    marker: str = "symptom"
    marker_unit: str = ""

    @property
    def make(self):
        return make

    @property
    def draw(self):
        return draw


SPEC = Spec()
