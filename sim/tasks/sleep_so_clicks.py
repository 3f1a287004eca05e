"""Auditory clicks to sleeping people, on time: slow oscillations grow when they meet the up state.

The thalamocortical column of stages N2 and N3 under a frontal electrode. Ngo et al. (2013), Neuron 78:545: clicks in
phase with the up state of the slow oscillation enhance it and the spindles in it, clicks out of phase do nothing.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..builders import local_plant
from ..drift import SleepSchedule
from ..errors import InputError
from ..keys import stream_key
from ..loop import Judgement, Latency, Loop
from ..plant import Plant, PlantState, Window
from ..pytree import component
from ..sensing import Applied, Envelope, Filter, History, Stack, Standard
from ..sensing.iir import FilterState
from ..sensing.window_mean import WindowMean
from ..sources.registry import make_source

CLICK_S = 0.08
"""s of a control window, which is one click, as in the published program: 27 degrees of a slow oscillation."""
BAND = 0.5, 1.5
"""Hz of slow oscillations in this model (N3 peaks at .9 Hz)."""
REST: tuple[float, float] = (3.9, 18.4)
"""mV^2, mean power of Vp in BAND without clicks, in N2 and in N3 (computed, 20 minutes of each)."""
GAIN = 1250.0
"""V per A·m: a slow oscillation of 15 mV of Vp is one of 110 uV at a frontal electrode (assumed)."""
LARGEST = 2e-3  # A, stands for a click at its usual loudness


class SlowWaveMemory(NamedTuple):
    filter: FilterState
    gain: Array  # () power relative to rest


@component
class SlowWaveTask:
    """marker: 1 minus the gain in slow oscillations, that is 2 - power / what it is at this depth of sleep without
    clicks: 1 off, 0 where they are doubled. The power of Vp in the band is a running mean of ``tau_s`` () s. Reward:
    minus the marker, minus ``weight`` () times the loudness, as every click may wake somebody.

    rest (2,) mV^2: power in N2 and N3 off stimulation, interpolated in its logarithm.
    """

    filter: Filter
    rest: Array
    tau_s: Array
    weight: Array

    def init(self) -> SlowWaveMemory:
        return SlowWaveMemory(self.filter.init(1), jnp.float32(1.0))

    def judge(
        self, memory: SlowWaveMemory, plant: Plant, state: PlantState, window: Window
    ) -> tuple[SlowWaveMemory, Judgement]:
        source: Any = plant.source
        rest = self.resting(source.model.depth + window.conditions.sleep_depth)
        potential = jnp.mean(window.moments, axis=0, keepdims=True) / source.moment
        filtered, wave = self.filter.step(memory.filter, potential)
        keep = jnp.exp(-source.n_times / source.sfreq / self.tau_s)
        gain = keep * memory.gain + (1 - keep) * jnp.mean(wave**2) / rest
        dose = jnp.mean(jnp.abs(window.stim.applied)) / plant.stimulator.max_current
        reward = gain - 2.0 - self.weight * dose
        return SlowWaveMemory(filtered, gain), Judgement(reward, jnp.asarray(False), 2.0 - gain, jnp.zeros(()))

    def resting(self, depth: Array) -> Array:
        """() mV^2 at a ``depth`` () of 0 (N2) to 1 (N3)."""
        logs = jnp.log(self.rest)
        return jnp.exp(logs[0] + jnp.clip(depth, 0.0, 1.0) * (logs[1] - logs[0]))


def make(
    window_s: float = CLICK_S,
    sfreq: float = 250.0,
    drift: bool | tuple[Any, ...] = True,
    *,
    stage: str = "N2",
    delay: float = 0.03,
    jitter: float = 0.5,
    drop: float = 0.0,
    dose_weight: float = 0.2,
    tau_s: float = 30.0,
) -> Loop:
    """One sleeper. window_s s: one window is one click; stage: where sleep begins; delay s: from scalp to sound beside
    the block of a window, median, with ``jitter`` (log-sd) and ``drop`` (probability). drift: from N2 to N3 and back in
    turns of two minutes, or processes of your own; with () or False the stage stays."""
    n_times = round(window_s * sfreq)
    if n_times < 1 or abs(n_times - window_s * sfreq) > 1e-6:
        raise InputError(f"window_s is {window_s:g}; wanted a whole number of samples of {1 / sfreq:g} s")
    source = make_source("thalamocortical", stage, sfreq=sfreq, n_times=n_times)
    processes = (night(),) if drift is True else drift or ()
    plant = local_plant(source, processes, gain=GAIN, impedance=5e3, max_current=LARGEST)
    scale = GAIN * float(source.moment)  # V per mV
    trace = Standard(sensing=WindowMean(n_channels=1), mean=jnp.float32(0.0), sd=jnp.float32(5.0 * scale))
    slow = History(sensing=trace, length=max(round(1.1 / window_s), 1))
    bands = [
        Standard(
            sensing=Envelope.create(band, sfreq, n_times, tau=tau), mean=jnp.float32(math.log(level * scale)),
            sd=jnp.float32(0.7), limit=5.0, log=True,
        )
        for band, tau, level in (((0.5, 1.5), 5.0, 3.0), ((0.5, 4.0), 1.0, 4.0), ((11.0, 15.0), 0.3, 0.5))
    ]  # fmt: skip
    return Loop(
        plant=plant,
        task=SlowWaveTask(
            filter=Filter.band_pass(BAND, sfreq, n_times), rest=jnp.asarray(REST), tau_s=jnp.float32(tau_s),
            weight=jnp.float32(dose_weight),
        ),
        latency=Latency.create(1, sfreq, n_times, transport=delay, jitter=jitter, drop=drop, longest=0.25),
        sensing=Stack(parts=(slow, *bands, Applied())),
        bipolar=False,
    )  # fmt: skip


def night(turn: float | Array = 4.0, deepest: float | Array = 1.0, begun: float | Array = 0.0) -> SleepSchedule:
    """Half an hour in which N2 and ``deepest`` () of the way to N3 take turns of ``turn`` epochs of 30 s, of which
    ``begun`` epochs are over."""
    epoch = jnp.arange(60.0) + begun
    return SleepSchedule(
        depths=jnp.where((epoch // turn) % 2 == 1, deepest, 0.0).astype(jnp.float32), onset_s=jnp.float32(0.0)
    )


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another sleeper: response to clicks and size of the recording lognormal with sd .3, a delay of 20 to 60 ms, turns
    of 2 to 4 epochs that reach .7 to 1 of N3; held out, a delay of 90 to 150 ms and turns of 5 to 8 epochs that reach
    .4 to .7 (all assumed)."""

    def uniform(name: str, low: float, high: float) -> Array:
        return jax.random.uniform(stream_key(key, f"sleep.{name}"), (), minval=low, maxval=high)

    def scale(name: str) -> Array:
        return jnp.exp(0.3 * jax.random.normal(stream_key(key, f"sleep.{name}")))

    turn = uniform("turn", 5.0, 8.0) if held_out else uniform("turn", 2.0, 4.0)
    deepest = uniform("deepest", 0.4, 0.7) if held_out else uniform("deepest", 0.7, 1.0)
    begun = uniform("begun", 0.0, 8.0)
    schedule = night(turn, deepest, begun)
    transport = uniform("delay", 0.09, 0.15) if held_out else uniform("delay", 0.02, 0.06)
    plant = loop.plant
    processes = tuple(schedule if isinstance(p, SleepSchedule) else p for p in plant.drift)
    projection: Any = plant.projection
    conditions = dataclasses.replace(plant.conditions, stim_efficacy=plant.conditions.stim_efficacy * scale("effect"))
    plant = dataclasses.replace(
        plant, drift=processes, conditions=conditions,
        projection=dataclasses.replace(projection, gain=projection.gain * scale("size")),
    )  # fmt: skip
    return dataclasses.replace(loop, plant=plant, latency=dataclasses.replace(loop.latency, transport=transport))
