"""Simulated sleepers: two nights of NREM sleep of the thalamocortical column under the electrodes of a recording.

The model knows stages N2 and N3 alone (Schellenberger Costa et al. 2016). Of every epoch of 30 s the first
``Recording.epoch_s`` are simulated, the rest is time that passes.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.signal import welch

from ...sim.background import Background
from ...sim.builders import source_plant
from ...sim.drift import SleepSchedule
from ...sim.drift.contact import GainDrift
from ...sim.drift.session import SessionJumps
from ...sim.drift.sleep import EPOCH_S
from ...sim.keys import stream_key
from ...sim.plant import Plant
from ...sim.sources.registry import make_source
from .sleep_nights import Night

SFREQ = 100.0
ELECTRODES = ("Fpz", "Cz", "Pz", "Oz")
BANDS = ((0.5, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 50.0))
FLOOR = 1e-10  # V²/Hz, as in the recorded features
PLACE = (0.0, 0.85, 0.53)  # direction of the column: frontal, where slow waves are largest
MOMENT = 60e-9  # A·m per mV of Vp: a slow oscillation of 15 mV is about 100 uV between Fpz and Cz (assumed)
LEAVE = {"N2": 1 / 14, "N3": 1 / 12}
"""Chance per epoch of going over into the other stage: bouts of six to seven minutes in the mean (assumed)."""


class Recording(NamedTuple):
    """n_epochs of a night, of each of which epoch_s s are simulated."""

    n_epochs: int
    epoch_s: float


def record_sleepers(
    recording: Recording, known: np.ndarray, new: np.ndarray, seed: int
) -> tuple[list[tuple[Night, Night]], list[tuple[Night, Night]]]:
    """Two nights each of known and of new sleepers of these numbers; who they are depends on the number alone, and
    ``seed`` chooses nights of the new ones."""
    is_new = np.r_[np.zeros(len(known), int), np.ones(len(new), int)]
    arguments = (jnp.asarray(a) for a in (is_new, np.r_[known, new], is_new * seed))
    v, y = (np.asarray(a) for a in _record(recording, *arguments))
    x = features(np.stack([v[:, :, :, 0] - v[:, :, :, 1], v[:, :, :, 2] - v[:, :, :, 3]], axis=3), SFREQ)
    pairs = [(Night(n[0], s[0]), Night(n[1], s[1])) for n, s in zip(x, y)]
    return pairs[: len(known)], pairs[len(known) :]


def features(x: np.ndarray, sfreq: float) -> np.ndarray:
    """What the recorded nights have of every epoch x (..., n_derivations, n_times) V, (..., 9 n_derivations): ln power
    in ``BANDS``, V²/Hz (Welch, 4 s), the ratios theta to alpha and alpha to delta of those logarithms, ln variance, and
    Hjorth's mobility."""
    freqs, density = welch(np.asarray(x, float), sfreq, nperseg=min(round(4 * sfreq), x.shape[-1]), axis=-1)
    bands = [density[..., (freqs >= lo) & (freqs < hi)].mean(-1) for lo, hi in BANDS]
    logs = [np.log(b + FLOOR) for b in bands]
    variance = np.var(x, axis=-1)
    mobility = np.sqrt(np.var(np.diff(x, axis=-1), axis=-1) / np.maximum(variance, np.finfo(float).tiny))
    rows = [*logs, logs[1] / logs[2], logs[2] / logs[0], np.log(variance + FLOOR), mobility]
    return np.stack(rows, -1).reshape(*x.shape[:-2], -1)


@functools.partial(jax.jit, static_argnums=0)
def _record(recording: Recording, is_new: Array, numbers: Array, seeds: Array) -> tuple[Array, Array]:
    """v (n_people, 2, n_epochs, 4, n_times) V, y (n_people, 2, n_epochs)."""
    with jax.ensure_compile_time_eval():
        n_times = round(recording.epoch_s * SFREQ)
        source = make_source("thalamocortical", "N2", sfreq=SFREQ, n_times=n_times)
        plant = source_plant(source, ELECTRODES, "infinity")
    root = stream_key(jax.random.key(0), "transfer.sleep")

    def night(new: Array, number: Array, seed: Array, which: Array) -> tuple[Array, Array]:
        key = stream_key(stream_key(root, "new", new), "person", number)
        run = stream_key(stream_key(key, "run", seed), "night", which)
        mine = night_plant(plant, key, run, recording.n_epochs)

        def epoch(state: Any, _: None) -> Any:
            state, window = mine.step(state, jnp.zeros(1))
            return state, (window.v, window.conditions.sleep_depth >= 0.5)

        v, deep = jax.lax.scan(epoch, mine.init(run), None, length=recording.n_epochs)[1]
        return v, deep.astype(jnp.int32)

    both = jax.vmap(night, in_axes=(None, None, None, 0))
    return jax.vmap(both, in_axes=(0, 0, 0, None))(is_new, numbers, seeds, jnp.arange(2))


def night_plant(plant: Plant, key: Array, run: Array, n_epochs: int) -> Plant:
    """The sleeper of ``key`` in the night of ``run``.

    A person has a size of the sleep waves (log-sd .3), of the background (log-sd .2), depths of N2 (0 to .1) and N3
    (.85 to 1). A night has its own hypnogram, mounting (7.5 mm, 5 % of mixing) and size (log-sd .15); gain wanders by
    10 % per sqrt(hour). All assumed.
    """

    def uniform(name: str, low: float, high: float) -> Array:
        return jax.random.uniform(stream_key(key, f"sleep.{name}"), (), minval=low, maxval=high)

    own = jax.random.normal(stream_key(key, "sleep.size"), (2,))
    tonight = jax.random.normal(stream_key(run, "sleep.tonight"))
    depths = jnp.where(
        hypnogram(stream_key(run, "sleep.stages"), n_epochs) > 0, uniform("N3", 0.85, 1.0), uniform("N2", 0.0, 0.1)
    )
    source: Any = plant.source
    place = jnp.asarray([PLACE]) / np.linalg.norm(PLACE)
    source = dataclasses.replace(
        source, positions=0.074 * place, orientations=place, moment=MOMENT * jnp.exp(0.3 * own[0] + 0.15 * tonight)
    )
    background = Background.sample(stream_key(key, "sleep.background"), SFREQ, source.n_times)
    background = dataclasses.replace(background, moment=background.moment * jnp.exp(0.2 * own[1] + 0.15 * tonight))
    drift = (
        SleepSchedule(depths=depths, onset_s=jnp.float32(0.0)),
        SessionJumps.create(1e9, 1.0, 0.0),
        GainDrift.create(len(ELECTRODES), 0.1),
    )
    conditions = dataclasses.replace(plant.conditions, alpha_gain=jnp.float32(0.2))
    return dataclasses.replace(
        plant, source=source, background=background, drift=drift, conditions=conditions, window_s=jnp.float32(EPOCH_S)
    )


def hypnogram(key: Array, n_epochs: int) -> Array:
    """(n_epochs,) 0 for N2, 1 for N3, beginning in N2."""

    def step(stage: Array, coin: Array) -> tuple[Array, Array]:
        leave = coin < jnp.where(stage > 0, LEAVE["N3"], LEAVE["N2"])
        new = jnp.where(leave, 1 - stage, stage)
        return new, new

    return jax.lax.scan(step, jnp.int32(0), jax.random.uniform(key, (n_epochs,)))[1]
