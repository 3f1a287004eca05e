"""What an environment rewards, and when its task is over."""

from typing import Any, Protocol

import jax.numpy as jnp
from jax import Array

from ..plant import Plant, PlantState, Window
from ..pytree import component


class Task(Protocol):
    """Judges one control window; ``state`` is the plant's after it."""

    def reward(self, plant: Plant, state: PlantState, window: Window) -> Array: ...

    def terminated(self, plant: Plant, state: PlantState, window: Window) -> Array:
        """() bool, True when the task itself has ended (not when watching it stops)."""
        ...


def dose(plant: Plant, window: Window) -> Array:
    """() share of the largest deliverable charge that was delivered in this window, 0 to 1."""
    return window.stim.charge / plant.stimulator.largest_charge


@component
class Dose:
    """Minus ``weight`` times the dose, and an end nowhere: what is left to reward where nothing answers stimulation."""

    weight: Array | float = 1.0

    def reward(self, plant: Plant, state: PlantState, window: Window) -> Array:
        return -self.weight * dose(plant, window)

    def terminated(self, plant: Plant, state: PlantState, window: Window) -> Array:
        return jnp.asarray(False)


@component
class Recorded:
    """As :class:`Dose`, since a recording does not answer stimulation; the task ends with the recording."""

    weight: Array | float = 1.0

    def reward(self, plant: Plant, state: PlantState, window: Window) -> Array:
        return -self.weight * dose(plant, window)

    def terminated(self, plant: Plant, state: PlantState, window: Window) -> Array:
        recording: Any = plant.source
        return state.source.cursor >= recording.x.shape[0] * recording.trial_windows


@component
class Lateralisation:
    """Neurofeedback of motor imagery: ln(ipsilateral / contralateral power) during imagery, minus weight x dose.

    The power is that of the source itself, mu and beta together, |z|^2 averaged over the window.
    Desynchronising the hand area opposite to the imagined hand raises it. Outside imagery only the dose counts.
    It is an objective to control the simulated rhythm by, and stands for no clinical benefit. Never ends.
    """

    weight: Array | float = 0.1

    def reward(self, plant: Plant, state: PlantState, window: Window) -> Array:
        power = jnp.sum(window.truth["rhythm_power"], axis=1)  # (3,) left hand, right hand, foot area
        label = jnp.clip(window.truth["label"], 0, 1)
        ratio = jnp.log((power[label] + _FLOOR) / (power[1 - label] + _FLOOR))  # class 0 moves area 1
        return jnp.where(window.truth["imagery"], ratio, 0.0) - self.weight * dose(plant, window)

    def terminated(self, plant: Plant, state: PlantState, window: Window) -> Array:
        return jnp.asarray(False)


_FLOOR = 1e-4
"""Keeps the logarithm finite; power is relative to rest."""
