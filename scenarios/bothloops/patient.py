"""The people of pd_decoded_adbs: one loop as a template, and its leaves drawn anew from a key."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.anatomy import SUBTHALAMIC
from ...sim.background import Background
from ...sim.builders import brain_plant
from ...sim.drift import CapShift, Circadian, EfficacyLoss, GainDrift, GelDrying, Levodopa
from ...sim.keys import stream_key
from ...sim.loop import Latency, Loop
from ...sim.shield import Profile, ShieldTwin
from ...sim.sources.entry import InformationalLesion
from ...sim.sources.models.stn_gpe import PER_AMPERE_OF_PULSES
from ...sim.stimulation import PulseTrain
from ...sim.stimulation_artefacts import DBSArtefact
from ...sim.stimulation_artefacts.dbs import LEAD_AXIS
from .beta import BetaTask, Episodes

SFREQ = 250.0
WINDOW_S = 0.5
MONTAGE = "10-10-16"
MAX_CURRENT = 3e-3
POTENCY = 0.5  # of the lead relative to a well-placed one, whose 3 mA abolish beta
HARMLESS = 8.0  # spikes/s, beta amplitude that does not impair
HIGH = HARMLESS  # spikes/s, beta amplitude that is called high
SCALE = 6.0  # spikes/s, mean excess off stimulation and medication
EPISODE_DEPTH, EPISODE_STEEP, EPISODE_WINDOWS = 0.7, 4.0, 30.0
OUTLASTING = 0.15  # share of the effect that outlasts the pulses by 12 s
WEIGHT = 0.6  # of the dose in the reward: full stimulation costs six tenths of the untreated symptom
HAND = (-0.55, 0.15, 0.82)  # direction of the left motor cortex, where the loop's beta is seen
MOMENT = 2e-9  # A·m per spike/s: 30 nA·m of untreated beta
CAP_M, GEL_OHM, GAIN, LEVODOPA, CIRCADIAN, HABITUATION = 0.02, 30e3, 0.05, 0.35, 0.4, 0.35


def template() -> Loop:
    """One patient: subthalamic beta as seen over the motor cortex under a cap of 16 electrodes, pulses of 130 Hz from
    one lead with its artefact in the recording, an amplifier that blanks 1 ms after each pulse, and background.

    The artefact's analogue filter is two poles at 100 Hz, as in implants that sense: the fourth harmonic of the pulses
    folds onto 20 Hz, into beta. Episodes alone drift.
    """
    n_times = round(WINDOW_S * SFREQ)
    train = PulseTrain.create(SFREQ)
    entry = InformationalLesion.create(np.full((1, 1), POTENCY * PER_AMPERE_OF_PULSES), share=OUTLASTING)
    plant = brain_plant(
        "stn_gpe", "parkinsonian", MONTAGE, SFREQ, WINDOW_S, "FCz", max_current=MAX_CURRENT, waveform=train,
        n_nodes=1, n_stim=1, entry=entry, moment=MOMENT,
    )  # fmt: skip
    artefact = DBSArtefact.create(SFREQ, SUBTHALAMIC[:1], LEAD_AXIS[:1], bandwidth=100.0, order=2, n_harmonics=16)
    amplifier = dataclasses.replace(plant.amplifier, blanking="hold", blank=jnp.float32(1e-3))
    plant = dataclasses.replace(
        plant,
        background=_background(jax.random.key(0), n_times),
        amplifier=amplifier,
        stim_artefact=artefact,
        conditions=dataclasses.replace(plant.conditions, alpha_gain=jnp.float32(0.25)),
        drift=(_episodes(),),
    )
    n_channels = plant.amplifier.n_channels
    latency = Latency.create(
        n_channels, SFREQ, n_times, block=0.04, filter=0.01, transport=0.01, jitter=0.3, compute=5e-3,
        stimulator=5e-3, drop=0.01,
    )  # fmt: skip
    # the steepest rise that adaptive stimulation wants here: full current within a control window
    profile = Profile.preset("dbs_ring", amplitude=MAX_CURRENT, slew=MAX_CURRENT / WINDOW_S)
    return Loop(
        plant=plant,
        task=BetaTask.create(SFREQ, n_times, MOMENT, MAX_CURRENT, HARMLESS, SCALE, WEIGHT),
        shield=ShieldTwin.create(profile, 1, WINDOW_S, operator="attentive"),
        latency=latency,
        bipolar=False,
    )


def draw(loop: Loop, key: Array) -> Loop:
    """Another patient: severity of the disease, place and size of what the scalp sees, background. Traceable."""
    k_severity, k_place, k_size, k_background = (stream_key(key, name) for name in ("K", "place", "size", "background"))
    plant = loop.plant
    source: Any = plant.source
    radius = plant.projection.head.radius
    place = jnp.asarray(HAND) + 0.08 * jax.random.normal(k_place, (3,))
    place = place / jnp.sqrt(jnp.sum(place**2))
    size = jnp.exp(0.2 * jax.random.normal(k_size, ()))
    model = dataclasses.replace(source.model, K=0.9 + 0.2 * jax.random.uniform(k_severity, ()))
    source = dataclasses.replace(
        source, model=model, moment=MOMENT * size, positions=place[None] * (radius - 0.016), orientations=place[None]
    )
    background = _background(k_background, source.n_times)
    plant = dataclasses.replace(plant, source=source, background=background)
    return dataclasses.replace(loop, plant=plant, task=dataclasses.replace(loop.task, moment=MOMENT * size))


def drifting(loop: Loop, key: Array, severity: Array | float, onset_s: Array | float, drift_window_s: float) -> Loop:
    """The loop under ``severity`` () times the standard drift from ``onset_s`` s of drift time on. Traceable.

    Electrodes: the cap slips 2 cm to a side drawn from ``key``, gel dries by 30 kOhm with its drop-outs, gains walk by
    5 % per square root of an hour. Brain: levodopa takes .35 of the disease away at its peak, the time of day moves the
    beta that electrodes see (not the symptom) by .4 in log power, and stimulation loses a third of its effect.
    """
    s = jnp.asarray(severity, jnp.float32)
    n_channels = loop.plant.amplifier.n_channels
    side = jnp.where(jax.random.bernoulli(stream_key(key, "side")), 1.0, -1.0)
    peak = jax.random.uniform(stream_key(key, "peak"), maxval=24 * 3600.0)
    circadian = Circadian.beta(CIRCADIAN * s, onset_s)
    drift = (
        CapShift.lateral(CAP_M * s * side, onset_s, random_side=False),
        GelDrying.create(n_channels, GEL_OHM * s, onset_s),
        GainDrift.create(n_channels, GAIN * s, onset_s),
        Levodopa.create(LEVODOPA * s, jnp.asarray(onset_s) + 3600.0, n_doses=4),
        dataclasses.replace(circadian, peak_s=peak),
        EfficacyLoss.create(HABITUATION * s, onset_s, tau_s=7200.0),
        _episodes(),
    )
    plant = dataclasses.replace(loop.plant, drift=drift, window_s=jnp.float32(drift_window_s))
    return dataclasses.replace(loop, plant=plant)


def _episodes() -> Episodes:
    return Episodes(
        depth=jnp.float32(EPISODE_DEPTH), steep=jnp.float32(EPISODE_STEEP), windows=jnp.float32(EPISODE_WINDOWS)
    )


def _background(key: Array, n_times: int) -> Background:
    """A third of the usual dipoles, each stronger, so that the scalp sees as much: they are most of a window's work."""
    return Background.sample(key, SFREQ, n_times, n_dipoles=20, moment=11e-9 * 3**0.5)
