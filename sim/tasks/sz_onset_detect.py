"""Detecting the onset of seizures, per patient: the action raises a flag and stimulates nothing.

Beside it: 97 % of 67 seizures detected, median delay 5 s, .6 false alarms in 24 h, of patient-specific detectors on
intracranial recordings [PMC3713785].
"""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..loop import Judgement, Loop
from ..plant import Plant, PlantState, Window
from ..pytree import component
from .seizures import draw_plant, keep, make_latency, make_plant, make_sensing, score

__all__ = ["OnsetTask", "draw", "keep", "make", "score"]


class OnsetMemory(NamedTuple):
    """seizing, detected () bool; onset, alarm, end () s since the onset, the last alarm and the last seizure's end."""

    seizing: Array
    detected: Array
    onset: Array
    alarm: Array
    end: Array


@component
class OnsetTask:
    """The flag is up where the action is above a half.

    marker: 1 while a seizure runs that has not been detected, 0 otherwise: its mean is the share of time seizing
    unnoticed. A seizure is detected by a flag within ``detect_s`` () s of its onset, and missed for good after it.
    cost: 1 for a false alarm: a flag outside seizures, the ``after_s`` () s after them and their coming on,
    ``merge_s`` () s or more after the last alarm. Reward: minus the marker, minus ``false_s`` () s worth of it for each
    false alarm.
    """

    detect_s: Array
    merge_s: Array
    after_s: Array
    false_s: Array

    def init(self) -> OnsetMemory:
        no, long_ago = jnp.asarray(False), jnp.float32(1e6)
        return OnsetMemory(no, no, long_ago, long_ago, long_ago)

    def judge(
        self, memory: OnsetMemory, plant: Plant, state: PlantState, window: Window
    ) -> tuple[OnsetMemory, Judgement]:
        source: Any = plant.source
        seconds = source.window_s
        seizing, impending = window.truth["seizing"], window.truth["impending"]
        flag = jnp.any(window.stim.applied > 0.5 * plant.stimulator.max_current)
        begins = seizing & ~memory.seizing
        onset = jnp.where(begins, 0.0, memory.onset + seconds)
        # half a window of slack: sums of binary fractions do not end on the second
        in_time = seizing & (onset < self.detect_s - 0.5 * seconds)
        detected = (memory.detected & ~begins) | (flag & in_time)
        end = jnp.where(seizing, 0.0, memory.end + seconds)
        since_alarm = memory.alarm + seconds
        alarm = flag & (since_alarm > self.merge_s - 0.5 * seconds)
        false = (alarm & ~seizing & ~impending & (end > self.after_s + 0.5 * seconds)).astype(jnp.float32)
        marker = (seizing & ~detected).astype(jnp.float32)
        after = OnsetMemory(seizing, detected, onset, jnp.where(alarm, 0.0, since_alarm), end)
        reward = -marker - self.false_s / seconds * false
        return after, Judgement(reward, jnp.asarray(False), marker, false)


def make(
    model: str = "wendling",
    window_s: float = 0.25,
    sfreq: float = 256.0,
    drift: bool | tuple[Any, ...] = True,
    *,
    per_hour: float = 6.0,
    detect_s: float = 30.0,
    merge_s: float = 30.0,
    after_s: float = 10.0,
    false_s: float = 10.0,
) -> Loop:
    """One patient. model: "wendling" (inhibition fails) or "epileptor"; per_hour: seizures; the rest as for
    :class:`OnsetTask`; drift: the gain of the recording wanders, or processes of your own."""
    plant = make_plant(model, window_s, sfreq, drift, per_hour, 0.0)
    # nothing is stimulated: the flag has no efficacy
    conditions = dataclasses.replace(plant.conditions, stim_efficacy=jnp.zeros(()))
    limits = (detect_s, merge_s, after_s, false_s)
    return Loop(
        plant=dataclasses.replace(
            plant, conditions=conditions, stimulator=dataclasses.replace(plant.stimulator, waveform=None)
        ),
        task=OnsetTask(**dict(zip(("detect_s", "merge_s", "after_s", "false_s"), map(jnp.float32, limits)))),
        latency=make_latency(sfreq, window_s),
        sensing=make_sensing(sfreq, window_s),
        bipolar=False,
    )


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient: see :func:`neurodrift.sim.tasks.seizures.draw_plant`."""
    return dataclasses.replace(loop, plant=draw_plant(loop.plant, key, held_out))
