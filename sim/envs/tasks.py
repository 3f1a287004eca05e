"""What an environment rewards, and when its task is over."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..loop.task import Judgement
from ..plant import Plant, PlantState, Window
from ..pytree import component


def dose(plant: Plant, window: Window) -> Array:
    """() share of the largest deliverable charge that was delivered in this window, 0 to 1."""
    return window.stim.charge / plant.stimulator.largest_charge


@component
class Dose:
    """Minus ``weight`` times the dose, and an end nowhere: what is left to reward where nothing answers stimulation."""

    weight: Array | float = 1.0

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        return memory, _judgement(-self.weight * dose(plant, window))


@component
class Recorded:
    """As :class:`Dose`, since a recording does not answer stimulation; the task ends with the recording."""

    weight: Array | float = 1.0

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        recording: Any = plant.source
        over = state.source.cursor >= recording.x.shape[0] * recording.trial_windows
        return memory, _judgement(-self.weight * dose(plant, window), over)


@component
class Lateralisation:
    """Neurofeedback of motor imagery: ln(ipsilateral / contralateral power) during imagery, minus weight x dose.

    The power is that of the source itself, mu and beta together, |z|^2 averaged over the window.
    Desynchronising the hand area opposite to the imagined hand raises it. Outside imagery only the dose counts.
    It is an objective to control the simulated rhythm by, and stands for no clinical benefit. Never ends.
    """

    weight: Array | float = 0.1

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        power = jnp.sum(window.truth["rhythm_power"], axis=1)  # (3,) left hand, right hand, foot area
        label = jnp.clip(window.truth["label"], 0, 1)
        ratio = jnp.log((power[label] + _FLOOR) / (power[1 - label] + _FLOOR))  # class 0 moves area 1
        change = jnp.where(window.truth["imagery"], ratio, 0.0)
        return memory, _judgement(change - self.weight * dose(plant, window), marker=-change)


def _judgement(reward: Array, terminated: Array | bool = False, marker: Array | float = 0.0) -> Judgement:
    return Judgement(reward, jnp.asarray(terminated), jnp.asarray(marker), jnp.zeros(()))


_FLOOR = 1e-4
"""Keeps the logarithm finite; power is relative to rest."""
