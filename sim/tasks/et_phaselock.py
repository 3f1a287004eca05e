"""Phase-locked stimulation of essential tremor: pulses that meet the tremor at the right moment of its cycle.

A Stuart-Landau limit cycle kicked by pulses. Its two numbers follow from Cagnan et al. (2013), Brain 136:3062: four
pulses at the same phase act three times as much as one, which gives the rate at which the amplitude recovers, and at
the best phase the tremor is 27 % smaller, which gives the kick. What it then does by half-cycle (their +- 10 %) and to
pulses that do not look is for the model to show.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..builders import local_plant
from ..drift import PhaseWalk, TremorDrift
from ..errors import InputError
from ..keys import stream_key
from ..loop import Judgement, Latency, Loop
from ..plant import Plant, PlantState, Window
from ..pytree import component
from ..sensing import Applied, Stack, Standard
from ..sensing.ec_hilbert import EcHilbert
from ..sources.registry import make_source
from ..stimulation import PulseTrain

BEST = 0.27
"""Share of the tremor that stimulation at the best phase takes away, in steady state."""
CONSECUTIVE = 4, 3.0
"""So many pulses at the same phase act so many times as much as one."""
MAX_CURRENT, WIDTH = 3e-3, 60e-6  # A, s
LOWEST, HIGHEST = 3.5, 8.0  # Hz, of tremor


class Response(NamedTuple):
    """recovery: a, 1/s, of the Stuart-Landau; kick: change of |z| by one pulse at the best phase."""

    recovery: float
    kick: float


def response(frequency: float = 5.0, best: float = BEST, consecutive: tuple[int, float] = CONSECUTIVE) -> Response:
    """The letters that give the published response to one pulse in each cycle of ``frequency`` Hz.

    Small deviations of the amplitude decay by q = exp(-2 a / f) a cycle, so that n pulses act 1 + q + ... + q^(n-1)
    times as much as one. In the steady state of the best phase, at (1 - best) sqrt(a), the kick is what the cycle gives
    back: e f = a r - r^3. InputError for what no q gives.
    """
    n, times = consecutive
    if not (1.0 < times < n and 0.0 < best < 1.0):
        raise InputError(
            f"{n} pulses that act {times:g} times as much as one, a best suppression of {best:g}; wanted a factor"
            " between 1 and the number of pulses, and a share between 0 and 1"
        )
    low, high = 0.0, 1.0
    for _ in range(60):
        q = 0.5 * (low + high)
        low, high = (q, high) if sum(q**k for k in range(n)) < times else (low, q)
    recovery = -0.5 * frequency * math.log(low)
    r = (1.0 - best) * math.sqrt(recovery)
    return Response(recovery, (recovery * r - r**3) / frequency)


def mean_amplitude(a: Array | float, s: Array | float) -> Array:
    """() E|z| of a Stuart-Landau rhythm without stimulation: its law is r exp((a r^2 - r^4 / 2) / s^2); traceable."""
    r = jnp.linspace(0.0, 4.0, 4001)[1:]
    log_p = jnp.log(r) + (a * r**2 - 0.5 * r**4) / jnp.asarray(s) ** 2
    p = jnp.exp(log_p - jnp.max(log_p))
    return jnp.sum(r * p) / jnp.sum(p)


@component
class TremorTask:
    """marker: amplitude of the tremor at the window's end, |z| / ``off`` (), the mean without stimulation. Reward:
    minus the marker, minus ``weight`` () times the pulse's amplitude. Never ends, nothing constrained."""

    off: Array
    weight: Array | float = 0.1

    def init(self) -> tuple[()]:
        return ()

    def judge(self, memory: tuple[()], plant: Plant, state: PlantState, window: Window) -> tuple[tuple[()], Judgement]:
        marker = jnp.mean(window.truth["amplitude"]) / self.off
        dose = jnp.mean(jnp.abs(window.stim.applied)) / plant.stimulator.max_current
        return memory, Judgement(-marker - self.weight * dose, jnp.asarray(False), marker, jnp.zeros(()))


def make(
    window_s: float = 0.01,
    sfreq: float = 500.0,
    drift: bool | tuple[Any, ...] = True,
    *,
    frequency: float = 5.0,
    noise: float = 0.1,
    best_phase: float = 0.0,
    delay: float = 4e-3,
    jitter: float = 0.3,
    drop: float = 0.0,
    dose_weight: float = 0.1,
    best: float = BEST,
) -> Loop:
    """One patient. window_s s: a window holds one pulse of 60 us, given or not, so 10 ms are 18 degrees of the cycle.

    frequency Hz of the tremor; noise s^-1/2 of its amplitude and phase; best_phase rad: where in the recorded cycle
    (0 at its peak) a pulse takes most away; delay s: from recording to effect beside the block of a window, median,
    with ``jitter`` (log-sd) and ``drop`` (probability); best: suppression at full current. drift: a frequency that
    wanders by .3 Hz and a best phase that wanders by 30 degrees in a minute, or processes of your own. Both sizes are
    assumed. InputError for a window that is no whole number of samples, and a tremor outside 3.5 to 8 Hz.
    """
    n_times = round(window_s * sfreq)
    if n_times < 1 or abs(n_times - window_s * sfreq) > 1e-6:
        raise InputError(f"window_s is {window_s:g}; wanted a whole number of samples of {1 / sfreq:g} s")
    if not LOWEST <= frequency <= HIGHEST:
        raise InputError(f"frequency is {frequency:g} Hz; essential tremor wants {LOWEST:g} to {HIGHEST:g} Hz")
    if not noise > 0:
        raise InputError(f"noise is {noise:g}; wanted a density above 0 s^-1/2")
    recovery, kick = response(frequency, best)
    per_ampere_second = kick / (MAX_CURRENT * WIDTH)
    # the fastest tremor sets the step, so that a drawn one is as exact
    fastest = {"a": recovery, "f": HIGHEST, "s": noise, "phi": np.pi - best_phase}
    source: Any = make_source("stuart_landau", "cycle", sfreq=sfreq, n_times=n_times, letters=fastest)
    model = dataclasses.replace(
        source.model, f=jnp.float32(frequency), c=jnp.float32(per_ampere_second / source.model.STIM_PER_AMPERE)
    )
    processes = (TremorDrift.create(0.3), PhaseWalk.create(_walk(30.0))) if drift is True else drift or ()
    plant = local_plant(
        dataclasses.replace(source, model=model), processes, max_current=MAX_CURRENT,
        waveform=PulseTrain.create(sfreq, 1.0 / window_s, WIDTH),
    )  # fmt: skip
    scale = float(source.moment) * 500.0 * math.sqrt(recovery)
    estimator = EcHilbert.create((LOWEST, HIGHEST), sfreq, n_times, seconds=1.0)
    sensing = Stack(
        parts=(
            Standard(sensing=estimator, mean=jnp.asarray([0.0, 0.0, 0.0, 5.5]), sd=jnp.asarray([1.0, 1.0, scale, 1.5])),
            Applied(),
        )
    )
    return Loop(
        plant=plant,
        task=TremorTask(off=mean_amplitude(model.a, model.s), weight=jnp.float32(dose_weight)),
        latency=Latency.create(1, sfreq, n_times, transport=delay, jitter=jitter, drop=drop, longest=0.05),
        sensing=sensing,
        bipolar=False,
    )


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient: frequency 4 to 6.5 Hz, best phase anywhere in the cycle, strength of the response lognormal (sd
    .25), noise .05 to .15. Drifts of the default: frequency sd .1 to .4 Hz and phase 0 to 45 degrees a minute; held
    out, .5 to .8 Hz and 60 to 120 degrees a minute."""
    k = {name: stream_key(key, f"tremor.{name}") for name in ("f", "phi", "c", "s", "sd", "walk")}
    source: Any = loop.plant.source
    model = source.model
    noise = jax.random.uniform(k["s"], (), minval=0.05, maxval=0.15)
    model = dataclasses.replace(
        model,
        f=jax.random.uniform(k["f"], (), minval=4.0, maxval=6.5),
        phi=jax.random.uniform(k["phi"], (), maxval=2 * jnp.pi),
        c=model.c * jnp.exp(0.25 * jax.random.normal(k["c"])),
        s=noise,
    )
    wander = (0.5, 0.8) if held_out else (0.1, 0.4)
    degrees = (60.0, 120.0) if held_out else (0.0, 45.0)
    sd = jax.random.uniform(k["sd"], (), minval=wander[0], maxval=wander[1])
    rate = _walk(jax.random.uniform(k["walk"], (), minval=degrees[0], maxval=degrees[1]))
    processes = tuple(
        dataclasses.replace(process, sd=sd) if isinstance(process, TremorDrift)
        else dataclasses.replace(process, rate=rate) if isinstance(process, PhaseWalk)
        else process
        for process in loop.plant.drift
    )  # fmt: skip
    plant = dataclasses.replace(loop.plant, source=dataclasses.replace(source, model=model), drift=processes)
    task = dataclasses.replace(loop.task, off=mean_amplitude(model.a, model.s))
    return dataclasses.replace(loop, plant=plant, task=task)


def _walk(degrees: Any) -> Any:
    """rad per sqrt(hour) of a walk by ``degrees`` in a minute."""
    return degrees * (math.pi / 180.0) * math.sqrt(60.0)
