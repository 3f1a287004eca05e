"""A day of adaptive deep brain stimulation in which the threshold of the morning grows stale.

As pd_adbs_onoff, and: the recorded field is scaled by a gain that wanders, stimulation loses effect, and the contact is
encapsulated under a stimulator that holds its voltage, so that the current follows the impedance. Months of these are
put into the day (sizes and speed are assumed; their directions are those of chronic implants).
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..drift import EfficacyLoss, Encapsulation, GainDrift, Levodopa
from ..drift.diurnal import Diurnal
from ..errors import unknown
from ..loop import Loop
from . import beta, pd_adbs_onoff

COMPRESSION = 360.0
"""s of drift time in a second of brain time: 2400 windows of .1 s are 24 hours."""
DRIFTS = "levodopa", "diurnal", "gain", "efficacy", "encapsulation"
HOUR = 3600.0
GAIN, LOSS, FLUCTUATION = 0.15, 0.3, 250.0
"""Log gain per sqrt(hour) (.7 in the day), share of the effect lost in the end, ohm."""


def make(
    window_s: float = 0.1,
    sfreq: float = 250.0,
    drift: bool | tuple[Any, ...] = True,
    *,
    compression: float = COMPRESSION,
    device: str = "implant",
    dose_weight: float = 0.15,
    shield: bool = True,
    **options: Any,
) -> Loop:
    """drift: all five processes, none, names of :data:`DRIFTS`, or processes of your own; the rest, and further
    options, as for :func:`neurodrift.sim.tasks.beta.make_loop`."""
    names = (DRIFTS if drift else ()) if isinstance(drift, bool) else drift
    return beta.make_loop(
        window_s=window_s, sfreq=sfreq, drift=tuple(map(_process, names)), compression=compression, device=device,
        control="voltage", dose_weight=dose_weight, shield=shield, **options,
    )  # fmt: skip


def _process(drift: Any) -> Any:
    if not isinstance(drift, str):
        return drift
    if drift == "levodopa":
        return Levodopa.create(pd_adbs_onoff.EFFECT, -HOUR, pd_adbs_onoff.EVERY_S)
    if drift == "diurnal":
        # from nine in the morning: deepest at three
        return Diurnal.beta(pd_adbs_onoff.DEPTH, 18 * HOUR)
    if drift == "gain":
        return GainDrift.create(1, GAIN)
    if drift == "efficacy":
        return EfficacyLoss.create(LOSS, 4 * HOUR, 6 * HOUR)
    if drift == "encapsulation":
        return Encapsulation.create(0.0, 0.0, FLUCTUATION, settled_s=96 * HOUR, memory_s=6 * HOUR)
    raise unknown("drift of this task", drift, DRIFTS)


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient on another day; traceable. held_out: patients, effects, intervals, speeds and sizes beyond
    those of training, and an effect that is lost at once."""
    k_patient, k_drift, k_device = jax.random.split(key, 3)
    loop = beta.draw_patient(loop, k_patient, held_out)
    drift = pd_adbs_onoff.drawn(loop.plant.drift, k_drift, held_out)
    keys = jax.random.split(k_device, max(len(drift), 1))
    drift = tuple(_drawn(process, k, held_out) for process, k in zip(drift, keys))
    return dataclasses.replace(loop, plant=dataclasses.replace(loop.plant, drift=drift))


def _drawn(process: Any, key: Array, held_out: bool) -> Any:
    k_size, k_time = jax.random.split(key)
    if isinstance(process, GainDrift):
        rate = beta.between(k_size, 0.2, 0.3) if held_out else beta.between(k_size, 0.05, 0.2)
        return dataclasses.replace(process, rate=rate)
    if isinstance(process, EfficacyLoss):
        # held out: more is lost, at once instead of slowly
        loss = beta.between(k_size, 0.4, 0.6) if held_out else beta.between(k_size, 0.0, 0.4)
        tau = jnp.float32(600.0) if held_out else process.tau_s
        return dataclasses.replace(process, loss=loss, onset_s=beta.between(k_time, 2 * HOUR, 12 * HOUR), tau_s=tau)
    if isinstance(process, Encapsulation):
        size = beta.between(k_size, 300.0, 450.0) if held_out else beta.between(k_size, 100.0, 300.0)
        return dataclasses.replace(process, fluctuation=size)
    return process
