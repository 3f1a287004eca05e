"""Responsive stimulation against seizures, per patient, of which some cannot be stopped.

Beside it (RNS System trials): seizures 37.9 % fewer against 17.3 % under sham stimulation in the blinded phase, 44 % in
the first and 53 % in the second year, 67 to 82 % in practice. A simulated brain has no placebo effect and does not get
used to an implant: sham here is the same controller with nothing delivered, and the rest of the 17 % has no model.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..drift import EfficacyLoss
from ..keys import stream_key
from ..loop import Judgement, Loop
from ..plant import Plant, PlantState, Window
from ..pytree import component
from ..shield import Profile, ShieldTwin
from .seizures import MAX_CURRENT, count, draw_plant, keep, make_latency, make_plant, make_sensing, score

__all__ = ["AbortTask", "count", "draw", "keep", "make", "score"]


@component
class AbortTask:
    """marker: 1 while seizing, 0 otherwise: its mean is the share of time in seizures. cost: amplitude delivered, 0 to
    1, where no seizure runs or comes on. Reward: minus the marker, minus ``weight`` () times the amplitude."""

    weight: Array

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        seizing = window.truth["seizing"]
        dose = jnp.mean(jnp.abs(window.stim.applied)) / plant.stimulator.max_current
        marker = seizing.astype(jnp.float32)
        needless = jnp.where(seizing | window.truth["impending"], 0.0, dose)
        return memory, Judgement(-marker - self.weight * dose, jnp.asarray(False), marker, needless)


def make(
    model: str = "wendling",
    window_s: float = 0.25,
    sfreq: float = 256.0,
    drift: bool | tuple[Any, ...] = True,
    *,
    per_hour: float = 6.0,
    resistant: float = 0.35,
    sham: bool = False,
    dose_weight: float = 0.1,
    shield: bool = True,
) -> Loop:
    """One patient. model: "wendling" or "epileptor"; per_hour: seizures; resistant: share that stimulation does not
    reach (a third of patients do not respond; assumed); sham: the device stimulates on paper and nothing reaches the
    brain. drift: the recording's gain wanders and stimulation loses 20 % of its effect, or processes of your own.
    """
    if drift is True:
        plant = make_plant(model, window_s, sfreq, True, per_hour, resistant)
        plant = dataclasses.replace(plant, drift=(*plant.drift, EfficacyLoss.create(0.2)))
    else:
        plant = make_plant(model, window_s, sfreq, drift, per_hour, resistant)
    if sham:
        plant = dataclasses.replace(
            plant, conditions=dataclasses.replace(plant.conditions, stim_efficacy=jnp.zeros(()))
        )
    profile = Profile.preset("rns", amplitude=MAX_CURRENT)
    return Loop(
        plant=plant,
        task=AbortTask(weight=jnp.float32(dose_weight)),
        shield=ShieldTwin.create(profile, 1, window_s, operator="attentive") if shield else None,
        latency=make_latency(sfreq, window_s),
        sensing=make_sensing(sfreq, window_s),
        bipolar=False,
    )


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient: see :func:`neurodrift.sim.tasks.seizures.draw_plant`; the share of resistant seizures .2 to .5
    and a loss of effect of 0 to 30 %; held out, .5 to .7 and 40 to 60 %."""
    plant = draw_plant(loop.plant, key, held_out)
    source: Any = plant.source
    low, high = (0.5, 0.7) if held_out else (0.2, 0.5)
    resistant = jax.random.uniform(stream_key(key, "seizures.resistant"), (), minval=low, maxval=high)
    least, most = (0.4, 0.6) if held_out else (0.0, 0.3)
    loss = jax.random.uniform(stream_key(key, "seizures.loss"), (), minval=least, maxval=most)
    processes = tuple(dataclasses.replace(p, loss=loss) if isinstance(p, EfficacyLoss) else p for p in plant.drift)
    plant = dataclasses.replace(plant, source=dataclasses.replace(source, resistant=resistant), drift=processes)
    return dataclasses.replace(loop, plant=plant)
