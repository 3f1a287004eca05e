"""Adaptive deep brain stimulation: on and off with bursts of beta, while levodopa and the time of day come and go.

The plant and what is assumed of it are in :mod:`neurodrift.sim.tasks.beta`. Two doses of levodopa fall into an episode
of 1200 windows, because a second stands for four minutes: bursts keep their own time, hours pass meanwhile.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..drift import Levodopa
from ..drift.diurnal import Diurnal
from ..errors import unknown
from ..loop import Loop
from . import beta

COMPRESSION = 240.0
"""s of drift time in a second of brain time: 1200 windows of .1 s are 8 hours."""
DRIFTS = "levodopa", "diurnal"
EFFECT, EVERY_S, DEPTH = 0.4, 5 * 3600.0, 0.1
"""Of one dose at its peak (beta falls to about half; assumed), s between doses, and of the night."""


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
    """drift: both processes, none, names of :data:`DRIFTS`, or processes of your own; the rest, and further options, as
    for :func:`neurodrift.sim.tasks.beta.make_loop`."""
    names = (DRIFTS if drift else ()) if isinstance(drift, bool) else drift
    return beta.make_loop(
        window_s=window_s, sfreq=sfreq, drift=tuple(map(_process, names)), compression=compression, device=device,
        dose_weight=dose_weight, shield=shield, **options,
    )  # fmt: skip


def _process(drift: Any) -> Any:
    if not isinstance(drift, str):
        return drift
    if drift == "levodopa":
        # the first dose an hour before the start
        return Levodopa.create(EFFECT, -3600.0, EVERY_S)
    if drift == "diurnal":
        return Diurnal.beta(DEPTH, 12 * 3600.0)
    raise unknown("drift of this task", drift, DRIFTS)


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient on another schedule; traceable. held_out: patients, effects and intervals beyond training's."""
    k_patient, k_drift = jax.random.split(key)
    loop = beta.draw_patient(loop, k_patient, held_out)
    return dataclasses.replace(
        loop, plant=dataclasses.replace(loop.plant, drift=drawn(loop.plant.drift, k_drift, held_out))
    )


def drawn(processes: tuple[Any, ...], key: Array, held_out: bool) -> tuple[Any, ...]:
    """The processes with other numbers; those of another kind stay."""
    return tuple(_drawn(p, k, held_out) for p, k in zip(processes, jax.random.split(key, max(len(processes), 1))))


def _drawn(process: Any, key: Array, held_out: bool) -> Any:
    k_size, k_time, k_rate = jax.random.split(key, 3)
    if isinstance(process, Levodopa):
        # trained on doses every four to six hours; held out: stronger, wearing off sooner, more often or more rarely
        effect = beta.between(k_size, 0.5, 0.7) if held_out else beta.between(k_size, 0.25, 0.5)
        every = jnp.where(
            jax.random.bernoulli(k_rate), beta.between(k_rate, 3.0, 4.0), beta.between(k_rate, 6.0, 7.0)
        ) if held_out else beta.between(k_rate, 4.0, 6.0)  # fmt: skip
        begun = beta.between(k_time, 0.0, 4 * 3600.0)
        n = process.doses_s.shape[0]
        return dataclasses.replace(
            process, effect=effect, doses_s=3600.0 * every * jnp.arange(n, dtype=jnp.float32) - begun,
            elimination_s=process.elimination_s * (0.6 if held_out else 1.0),
        )  # fmt: skip
    if isinstance(process, Diurnal):
        depth = beta.between(k_size, 0.2, 0.3) if held_out else beta.between(k_size, 0.0, 0.2)
        return dataclasses.replace(
            process, depth=depth, wander=process.wander * depth / jnp.maximum(process.depth, 1e-6),
            night_s=beta.between(k_time, 0.0, 86400.0),
        )  # fmt: skip
    return process
