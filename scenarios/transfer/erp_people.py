"""Simulated people with a headband, on two days: evoked responses to rare pictures, and to flicker."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.artefacts import Artefacts
from ...sim.background import Background
from ...sim.builders import source_plant
from ...sim.drift.session import SessionJumps
from ...sim.keys import stream_key
from ...sim.plant import Plant
from ...sim.sources.evoked import Flicker, Oddball
from .muse import CHANNELS, SFREQ, Session, epochs

REFERENCE = "Fpz"
TARGETS = 0.16  # share of targets, as in the recordings
PICTURE_S, FLICKER_S = 1.0, 3.0
IMPEDANCE = 5e3, 20e3  # ohm, drawn anew every day


def evoked_days(
    pictures: bool, numbers: np.ndarray, seed: int, n_trials: int, band: tuple[float, float], span: tuple[float, float]
) -> list[tuple[Session, Session]]:
    """Two days of the people of these numbers, looking at rare and frequent pictures or at flicker of 30 and 20 Hz, as
    :func:`muse.read` has the recorded ones; who they are depends on the number alone."""
    recorded = _record(pictures, n_trials, jnp.asarray(numbers), seed)
    out = []
    for person, classes in zip(*(np.asarray(a) for a in recorded)):
        onsets = np.arange(n_trials) * person.shape[-1]
        # windows follow each other
        signals = np.moveaxis(person, 2, 1).reshape(2, len(CHANNELS), -1)
        first, second = (epochs(v, onsets, y, band, span) for v, y in zip(signals, classes))
        out.append((first, second))
    return out


@functools.partial(jax.jit, static_argnums=(0, 1))
def _record(pictures: bool, n_trials: int, numbers: Array, seed: Array | int) -> tuple[Array, Array]:
    """v (n_people, 2, n_trials, 4, n_times) V and y (n_people, 2, n_trials) of two days."""
    root = jax.random.key(0)

    def person(number: Array) -> tuple[Array, Array]:
        key = stream_key(root, f"transfer.{'pictures' if pictures else 'flicker'}", number)
        return jax.lax.map(lambda day: _day(pictures, key, day, n_trials, seed), jnp.arange(2))

    return jax.lax.map(person, numbers)


def _day(pictures: bool, key: Array, day: Array, n_trials: int, seed: Array | int) -> tuple[Array, Array]:
    plant = day_plant(pictures, key, day)

    def trial(state: Any, _: None) -> Any:
        state, window = plant.step(state, jnp.zeros(1))
        return state, (window.v[: len(CHANNELS)], window.truth["label"])

    begun = plant.init(stream_key(stream_key(key, "run", seed), "day", day))
    return jax.lax.scan(trial, begun, None, length=n_trials)[1]


def day_plant(pictures: bool, key: Array, day: Array) -> Plant:
    """The person of ``key`` on ``day`` () 0 or 1.

    A day has its own mounting (7.5 mm, 5 % of mixing), impedances of 5 to 20 kOhm, size of the responses (log-sd .15)
    and latency of the P3b (sd 10 ms); the person has latency, sizes, places, background (all assumed).
    """
    made = Oddball.sample if pictures else Flicker.sample
    source: Any = made(stream_key(key, "source"), sfreq=SFREQ, window_s=PICTURE_S if pictures else FLICKER_S)
    own = stream_key(key, "day", day)
    size, latency = jax.random.normal(stream_key(own, "response"), (2,))
    if pictures:
        source = dataclasses.replace(source, latency=source.latency + 0.01 * latency)
    # from the start on: without an onset the first session is the nominal one
    mounting = SessionJumps.create(1e9, 1.0, 0.0)
    plant = source_plant(source, (*CHANNELS, REFERENCE), REFERENCE, (mounting,))
    low, high = IMPEDANCE
    ohm = jax.random.uniform(stream_key(own, "impedance"), plant.conditions.impedance.shape, minval=low, maxval=high)
    conditions = dataclasses.replace(
        plant.conditions, impedance=ohm, rhythm_gain=jnp.exp(0.15 * size), alpha_gain=jnp.float32(0.25),
        class_prior=jnp.float32(TARGETS if pictures else 0.5),
    )  # fmt: skip
    background = Background.sample(stream_key(key, "background"), SFREQ, source.n_times)
    artefacts = Artefacts.create(SFREQ, source.n_times)
    return dataclasses.replace(plant, conditions=conditions, background=background, artefacts=artefacts)
