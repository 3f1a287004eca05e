"""What the tasks of adaptive deep brain stimulation share: a patient, a device, and beta as the symptom.

A subthalamic nucleus and pallidum near the birth of beta (K = .305 of :class:`StnGpe`), kept bursting by noise. The
operating point is chosen by what it gives (``tests/tasks``): bursts of .25 to .3 s, a tenth to a sixth of which outlast
.5 s (Stuart-Landau reference: a tenth; Parkinson's disease off medication: Tinkhauser et al. 2017, Brain 140:1053), and
a quarter of the power left under continuous stimulation (reference: 23 %).
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..builders import local_plant
from ..conditions import Conditions
from ..errors import InputError
from ..loop import Judgement, Latency, Loop, Reading
from ..plant import Plant, PlantState, Window
from ..pytree import component
from ..sensing import Applied, Envelope, Stack, Standard
from ..shield import Profile, ShieldTwin
from ..sources.entry import Drive, InformationalLesion, LesionState
from ..sources.registry import make_source
from ..stimulation import PulseTrain

BAND = 13.0, 35.0
"""Hz; the rhythm is born at 27 Hz."""
K, SIGMA = 0.32, 4.0
"""Strength of the Parkinsonian loop and density of its noise: see the module."""
MAX_CURRENT, WIDTH, RATE = 3e-3, 60e-6, 130.0
"""A, s, Hz: the usual therapeutic setting."""
SUPPRESSION = -25.0
"""Spikes/s into the nucleus at the usual setting. Far below :data:`PER_AMPERE_OF_PULSES`, which abolishes the limit
cycle of K = 1: near its birth a rhythm needs little, and patients keep a quarter of their beta's power."""
HALF = 0.7
"""Share of the usual amplitude that gives half of the largest effect: amplitudes below half of it do little (the lower
end of the therapeutic window; assumed)."""
RAMP_S = 0.25
"""s from nothing to the largest current, as in the first clinical device of this kind (Little 2013)."""
SMOOTH_S = 0.2
"""s, low-pass of the marker: the reference's."""

DEVICES: dict[str, dict[str, float]] = {
    "fast": {"block": 0.02, "compute": 5e-3, "stimulator": 5e-3},
    "implant": {
        "block": 0.05, "transport": 0.02, "jitter": 0.5, "compute": 10e-3, "stimulator": 5e-3, "drop": 0.005,
        "clock_ppm": 20.0,
    },
    "streaming": {
        "block": 0.05, "transport": 0.1, "jitter": 0.5, "compute": 10e-3, "stimulator": 5e-3, "drop": 0.02,
        "clock_ppm": 20.0,
    },
}  # fmt: skip
"""Latencies: a laboratory amplifier; an implant that decides by itself (event to stimulus 20 ms at best, samples in
blocks of 50 ms); one that streams to a computer and back (packets +- 50 ms). Jitter, drops and ppm are assumed."""


@component
class Recruited:
    """Pulses act by the tissue that they recruit: a Hill function of order 4 of the dose of ``lesion``, 1 at the
    ``usual`` () A of mean current, half of the largest at ``half`` () of it. coupling (n_nodes, n_stim): input units at
    the usual setting."""

    lesion: InformationalLesion
    coupling: Array
    usual: Array
    half: Array

    def init(self) -> LesionState:
        return self.lesion.init()

    def step(self, state: LesionState, stim: Array, conditions: Conditions, sfreq: float) -> tuple[LesionState, Drive]:
        nominal = dataclasses.replace(conditions, stim_efficacy=jnp.float32(1.0))
        state, dose = self.lesion.step(state, stim, nominal, sfreq)
        mean: Any = dose.stim
        x = (mean / self.usual) ** 4
        h = self.half**4
        share = x * (1.0 + h) / (x + h) * conditions.stim_efficacy
        return state, Drive(share @ self.coupling.T, None)


class BetaMemory(NamedTuple):
    envelope: Any
    value: Array  # () A·m


@component
class Beta:
    """marker: amplitude of the beta that the source itself makes, low-passed with .2 s, relative to ``off`` () A·m, its
    mean without stimulation and medication. Reward: minus the marker, minus ``weight`` () times the energy of the
    window, 1 at the largest current. cost: that energy times the effect of medication, because what stimulation adds
    to a full dose is dyskinesia (a stand-in, assumed). Never ends."""

    envelope: Envelope
    off: Array
    weight: Array | float = 0.15

    def init(self) -> BetaMemory:
        return BetaMemory(self.envelope.init(), jnp.zeros(()))

    def judge(
        self, memory: BetaMemory, plant: Plant, state: PlantState, window: Window
    ) -> tuple[BetaMemory, Judgement]:
        none = jnp.zeros(window.moments.shape[-1], bool)
        silent = jnp.zeros(plant.stimulator.n_stim)
        reading = Reading(window.moments, none, jnp.zeros(()), jnp.asarray(True), silent)
        envelope, amplitude = self.envelope.step(memory.envelope, reading)
        marker = jnp.mean(amplitude) / self.off
        energy = relative_energy(plant, window)
        cost = energy * window.conditions.medication
        reward = -marker - self.weight * energy
        return BetaMemory(envelope, marker), Judgement(reward, jnp.asarray(False), marker, cost)


def relative_energy(plant: Plant, window: Window) -> Array:
    """() energy of the window (TEED, through the contacts' present impedance) relative to the largest current through
    the nominal impedance, held."""
    stimulator: Any = plant.stimulator
    train, seconds = stimulator.waveform, stimulator.n_times / stimulator.sfreq
    most = stimulator.n_stim * stimulator.max_current**2 * stimulator.nominal_impedance
    return window.stim.energy / (most * train.width * train.frequency * seconds)


def off_amplitude(strength: ArrayLike) -> Array:
    """A·m: mean of the marker's envelope without stimulation in a patient of this K (of moment 1), .28 to .36.

    A parabola through what simulations give (``tests/tasks`` make them again); traceable.
    """
    x = jnp.asarray(strength) - K
    return 1e-9 * (OFF[0] + OFF[1] * x + OFF[2] * x**2)


OFF = 4.37, 40.4, 203.0
"""Spikes/s."""


def make_loop(
    *,
    window_s: float = 0.1,
    sfreq: float = 250.0,
    drift: tuple[Any, ...] = (),
    compression: float = 1.0,
    device: str = "implant",
    control: str = "current",
    dose_weight: float = 0.15,
    shield: bool = True,
    history: float = 2.0,
    burn_in_s: float = 1.0,
) -> Loop:
    """The nominal patient with a lead beside the nucleus: one channel, one contact.

    window_s s, a whole number of samples; drift: processes; compression: s of drift time in a second of brain time;
    device: of :data:`DEVICES`; control: of the :class:`Stimulator`; history: s, time constant of the slow one of
    the two amplitudes that are observed. Observation (3,): log amplitude of beta, low-passed with .1 s and with
    ``history``, standardised to the nominal patient without stimulation, and the amplitude that is applied.
    """
    n_times = round(window_s * sfreq)
    if n_times < 1 or abs(n_times - window_s * sfreq) > 1e-6:
        raise InputError(f"window_s is {window_s:g}; wanted a whole number of samples of {1 / sfreq:g} s")
    if not 0 < compression < np.inf:
        raise InputError(f"compression is {compression:g}; wanted s of drift time in a second of brain time, above 0")
    if device not in DEVICES:
        raise InputError(f"unknown device {device!r}; use one of {', '.join(DEVICES)}")
    source = make_source(
        "stn_gpe", sfreq=sfreq, n_times=n_times, letters={"K": K, "sigma": SIGMA}, burn_in_s=burn_in_s,
        entry=Recruited(
            lesion=InformationalLesion.create(np.ones((1, 1))), coupling=jnp.full((1, 1), SUPPRESSION),
            usual=jnp.float32(MAX_CURRENT * WIDTH * RATE), half=jnp.float32(HALF),
        ),
    )  # fmt: skip
    plant = local_plant(
        source, drift, max_current=MAX_CURRENT, waveform=PulseTrain.create(sfreq, RATE, WIDTH),
        drift_window_s=compression * window_s,
    )  # fmt: skip
    plant = dataclasses.replace(plant, stimulator=dataclasses.replace(plant.stimulator, control=control))
    projection: Any = plant.projection
    size = float(projection.gain) * float(off_amplitude(K))
    beta = [Envelope.create(BAND, sfreq, n_times, tau=tau) for tau in (0.1, history)]
    log = [Standard(sensing=e, mean=jnp.float32(np.log(size)), sd=jnp.float32(0.5), limit=5.0, log=True) for e in beta]
    profile = Profile.preset("dbs_ring", amplitude=MAX_CURRENT, slew=MAX_CURRENT / RAMP_S)
    return Loop(
        plant=plant,
        task=Beta(
            envelope=Envelope.create(BAND, sfreq, n_times, tau=SMOOTH_S), off=off_amplitude(K),
            weight=jnp.float32(dose_weight),
        ),
        shield=ShieldTwin.create(profile, 1, window_s, operator="attentive") if shield else None,
        latency=Latency.create(1, sfreq, n_times, **DEVICES[device]),
        sensing=Stack(parts=(*log, Applied(n_stim=1))),
        bipolar=False,
    )  # fmt: skip


def between(key: Array, low: float, high: float) -> Array:
    """() uniform."""
    return jax.random.uniform(key, (), minval=low, maxval=high)


def draw_patient(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another patient: strength of the loop, size of the recorded field, what a milliampere does; drifts as they are.

    Traceable. held_out: patients at the edges of those ranges, where training has none. The ranges are assumed.
    """
    k_strength, k_moment, k_efficacy = jax.random.split(key, 3)
    outer = 1.0 if held_out else 0.0
    strength = K + 0.02 * _signed(k_strength, outer)
    moment = jnp.exp(0.5 * _signed(k_moment, outer))
    efficacy = jnp.exp(0.3 * _signed(k_efficacy, outer))
    source: Any = loop.plant.source
    model = dataclasses.replace(source.model, K=jnp.float32(strength))
    entry = dataclasses.replace(source.entry, coupling=source.entry.coupling * efficacy)
    source = dataclasses.replace(source, model=model, entry=entry, moment=source.moment * moment)
    task = dataclasses.replace(loop.task, off=moment * off_amplitude(strength))
    return dataclasses.replace(loop, plant=dataclasses.replace(loop.plant, source=source), task=task)


def _signed(key: Array, outer: float) -> Array:
    """() uniform in [-1, 1]; with ``outer`` in [-1.5, -1] or [1, 1.5]."""
    k_size, k_sign = jax.random.split(key)
    size = between(k_size, 0.0, 1.0) if not outer else 1.0 + 0.5 * between(k_size, 0.0, 1.0)
    return jnp.where(jax.random.bernoulli(k_sign), size, -size)
