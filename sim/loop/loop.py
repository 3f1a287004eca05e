"""One control window of the closed loop: request, shield, plant, latency, judgement."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..keys import stream_key
from ..plant import Plant, PlantState, Window
from ..pytree import component, static
from .reading import Reading


class LoopState(NamedTuple):
    plant: PlantState
    shield: Any
    latency: Any
    sensing: Any
    task: Any
    age: Array  # () s, of the last reading: what the shield knows of the sensor's health
    healthy: Array  # () bool, whether the last reading was finite


class Outcome(NamedTuple):
    """What one control window gives.

    observation: features (n_features,) of the sensing, or the window as it arrived, (n_channels, n_times) V.
    reading: what a controller has; window: the plant's, ground truth included. requested, applied (n_stim,) relative to
    the largest current: what was asked for, and what the shield let through and the contact gave. vetoes () uint32 bits
    and mode () int32 of the shield, 0 without one. reward, cost, terminated, marker (): see
    :class:`~neurodrift.sim.loop.task.Judgement`; cost counts what the shield refused, too.
    """

    observation: Array
    reading: Reading
    window: Window
    requested: Array
    applied: Array
    vetoes: Array
    mode: Array
    reward: Array
    cost: Array
    terminated: Array
    marker: Array


@component
class Loop:
    """A plant under control. Actions are relative to the stimulator's largest current: [-1, 1] where ``bipolar``, else
    [0, 1], a negative one being 0.

    shield, latency and sensing may be None: the stimulator's own bound only, samples without delay, and windows as they
    are. task judges.
    """

    plant: Plant
    task: Any
    shield: Any = None
    latency: Any = None
    sensing: Any = None
    bipolar: bool = static(default=True)

    @property
    def n_stim(self) -> int:
        return self.plant.stimulator.n_stim

    def init(self, key: Array) -> LoopState:
        """Before the first window; the same key gives the same run for ever."""
        return LoopState(
            plant=self.plant.init(key),
            shield=None if self.shield is None else self.shield.init(),
            latency=None if self.latency is None else self.latency.init(),
            sensing=None if self.sensing is None else self.sensing.init(),
            task=self.task.init(),
            age=jnp.zeros(()),
            healthy=jnp.asarray(True),
        )

    def begin(self, key: Array) -> tuple[LoopState, Outcome]:
        """The first window, without stimulation."""
        return self.step(self.init(key), jnp.zeros(self.n_stim))

    def step(self, state: LoopState, action: Array) -> tuple[LoopState, Outcome]:
        """One control window: action (n_stim,). InputError for an action of another shape."""
        tick, key, stimulator = state.plant.tick, state.plant.key, self.plant.stimulator
        # maximum keeps what is not a number for the shield to refuse
        wanted = action if self.bipolar else jnp.maximum(action, 0.0)
        request = wanted * stimulator.max_current
        shield, vetoes, mode = state.shield, jnp.uint32(0), jnp.int32(0)
        refused = None
        if self.shield is not None:
            age = jnp.where(state.healthy, state.age, jnp.inf)
            shield, verdict = self.shield.step(shield, request, age, tick)
            request, vetoes, mode, refused = verdict.applied, verdict.vetoes, verdict.mode, verdict.cost
        plant, window = self.plant.step(state.plant, request)
        applied = window.stim.applied / stimulator.max_current
        latency, arrived = state.latency, None
        if self.latency is not None:
            latency, arrived = self.latency.step(latency, window.v, window.blanked, stream_key(key, "latency", tick))
        v, blanked, age, fresh = (
            (window.v, window.blanked, jnp.zeros(()), jnp.asarray(True)) if arrived is None else arrived
        )
        reading = Reading(v, blanked, age, fresh, applied)
        sensing, observation = state.sensing, reading.v
        if self.sensing is not None:
            sensing, observation = self.sensing.step(sensing, reading)
        task, judged = self.task.judge(state.task, self.plant, plant, window)
        outcome = Outcome(
            observation=observation, reading=reading, window=window, requested=wanted, applied=applied, vetoes=vetoes,
            mode=mode, reward=judged.reward, terminated=judged.terminated, marker=judged.marker,
            cost=judged.cost + (window.stim.cost if refused is None else refused),
        )  # fmt: skip
        healthy = jnp.all(jnp.isfinite(v))
        return LoopState(plant, shield, latency, sensing, task, age, healthy), outcome
