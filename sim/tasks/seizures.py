"""What the two seizure tasks share: patients, a lead, features, and how detections and seizures are counted.

A Wendling column or an Epileptor under :class:`~neurodrift.sim.sources.seizing.Seizing`. Rates of seizures are of a bad
hour rather than of a usual day (six an hour, assumed), so that an episode has some; false alarms are rates of time
between seizures and do not depend on it.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..builders import local_plant
from ..drift.contact import GainDrift
from ..errors import InputError, unknown
from ..keys import stream_key
from ..loop import Latency, Outcome
from ..plant import Plant
from ..sensing import Applied, Envelope, LineLength, Stack, Standard
from ..sources.entry import InformationalLesion
from ..sources.registry import make_source
from ..sources.seizing import ExcitabilityCourse, InhibitionCourse, Seizing
from ..stimulation import PulseTrain

MODELS = "wendling", "epileptor"
UNIT_S = 0.03
"""s per unit of the Epileptor's time: seizures of 17 s with spikes of 5 to 2 Hz (a choice)."""
MAX_CURRENT, WIDTH, RATE = 5e-3, 160e-6, 200.0
"""A, s, Hz: a usual setting of a responsive neurostimulator."""
SUPPRESSION = {"wendling": (60.0, 1.0), "epileptor": (1.5, 0.3)}
"""What stimulation at that setting takes off the model's input (p in 1/s; I1), and s with which the effect comes and
goes. Half of it silences a Wendling column in the spikes of the build-up and does nothing to its fast activity; an
offset of -1 ends a seizure of the Epileptor (all computed), -0.3 does not. The time constants are assumed."""
GAIN = 1500.0
"""V per A·m: background of 15 uV rms and spikes of up to a millivolt on an intracranial lead (assumed)."""
LATENCY: dict[str, float] = {"block": 0.0625, "compute": 0.03, "stimulator": 5e-3, "clock_ppm": 20.0}
"""Of an implant that decides by itself: blocks of a sixteenth of a second (assumed)."""


def make_plant(model: str, window_s: float, sfreq: float, drift: Any, per_hour: float, resistant: float) -> Plant:
    """A lead at the focus; drift True: the amplifier's gain wanders by 5 % per sqrt(hour) (the lead's encapsulation;
    assumed)."""
    if model not in MODELS:
        raise unknown("model of seizures", model, MODELS)
    n_times = round(window_s * sfreq)
    if n_times < 1 or abs(n_times - window_s * sfreq) > 1e-6:
        raise InputError(f"window_s is {window_s:g}; wanted a whole number of samples of {1 / sfreq:g} s")
    strength, tau = SUPPRESSION[model]
    dose = MAX_CURRENT * WIDTH * RATE
    entry = InformationalLesion.create(np.full((1, 1), -strength / dose), tau_fast=tau, share=0.0)
    options: dict[str, Any] = {"sfreq": sfreq, "n_times": n_times, "entry": entry}
    if model == "wendling":
        source, course = make_source("wendling", **options), InhibitionCourse()
    else:
        # below the threshold of seizing, as the "propagation" of the model, until excitability rises
        source = make_source("epileptor", "propagation", letters={"unit": UNIT_S}, **options)
        course = ExcitabilityCourse()
    course = jax.tree.map(jnp.float32, course)
    processes = (GainDrift.create(1, 0.05),) if drift is True else drift or ()
    plant = local_plant(
        Seizing.create(source, course, per_hour, resistant), processes, gain=GAIN, max_current=MAX_CURRENT,
        waveform=PulseTrain.create(sfreq, RATE, WIDTH),
    )  # fmt: skip
    amplifier = dataclasses.replace(plant.amplifier, clip=jnp.float32(5e-3))
    return dataclasses.replace(plant, amplifier=amplifier)


def make_latency(sfreq: float, window_s: float) -> Latency:
    return Latency.create(1, sfreq, round(window_s * sfreq), **LATENCY)


def make_sensing(sfreq: float, window_s: float) -> Stack:
    """Logarithms of line length over 1 and 8 s and of the envelopes of 1-12 and 12-45 Hz, and the amplitude applied."""
    n_times = round(window_s * sfreq)
    lengths = [LineLength.create(sfreq, n_times, seconds=s) for s in (1.0, 8.0)]
    bands = [Envelope.create(band, sfreq, n_times, tau=1.0) for band in ((1.0, 12.0), (12.0, 45.0))]
    scales = (1e-3, 1e-3, 1e-5, 5e-6)
    log = [
        Standard(sensing=part, mean=jnp.float32(np.log(scale)), sd=jnp.float32(1.0), limit=6.0, log=True)
        for part, scale in zip((*lengths, *bands), scales)
    ]
    return Stack(parts=(*log, Applied()))


def draw_plant(plant: Plant, key: Array, held_out: bool = False) -> Plant:
    """Another patient; traceable.

    Wendling: slow inhibition B 46 to 54 mV, which with a restlessness of .04 to .08 makes patients of few and of many
    interictal spikes; seizures that begin within 5 to 12 s and build up for 8 to 20. Epileptor: x0 -2.3 to -2.15,
    excitability rises by .5 to .8. Both: effect of stimulation, and size of the recording, lognormal with sd .2 and .4.
    Drift: gain wanders by 2 to 8 % per sqrt(hour). Held out: restlessness .08 to .1, a build-up of 4 to 8 s, a rise of
    .8 to 1, gain by 10 to 20 % (all assumed).
    """

    def uniform(name: str, low: float, high: float) -> Array:
        return jax.random.uniform(stream_key(key, f"seizures.{name}"), (), minval=low, maxval=high)

    source: Any = plant.source
    mass = source.source
    if isinstance(source.course, InhibitionCourse):
        model = dataclasses.replace(mass.model, B=uniform("B", 46.0, 54.0))
        course = dataclasses.replace(
            source.course,
            tone=uniform("tone", 0.08, 0.1) if held_out else uniform("tone", 0.04, 0.08),
            trigger_s=uniform("trigger", 5.0, 12.0),
            build_up_s=uniform("build_up", 4.0, 8.0) if held_out else uniform("build_up", 8.0, 20.0),
        )
    else:
        model = dataclasses.replace(mass.model, x0=uniform("x0", -2.3, -2.15))
        course = dataclasses.replace(
            source.course, rise=uniform("rise", 0.8, 1.0) if held_out else uniform("rise", 0.5, 0.8)
        )
    effect = jnp.exp(0.2 * jax.random.normal(stream_key(key, "seizures.effect")))
    size = jnp.exp(0.4 * jax.random.normal(stream_key(key, "seizures.size")))
    entry = dataclasses.replace(mass.entry, coupling=mass.entry.coupling * effect)
    mass = dataclasses.replace(mass, model=model, entry=entry)
    rate = uniform("gain", 0.1, 0.2) if held_out else uniform("gain", 0.02, 0.08)
    processes = tuple(dataclasses.replace(p, rate=rate) if isinstance(p, GainDrift) else p for p in plant.drift)
    projection = dataclasses.replace(plant.projection, gain=plant.projection.gain * size)  # pyright: ignore
    return dataclasses.replace(
        plant, source=dataclasses.replace(source, source=mass, course=course), drift=processes, projection=projection
    )


def keep(outcome: Outcome) -> dict[str, Array]:
    """What :func:`score` needs of a window, for :func:`~neurodrift.sim.loop.run_loop`: all () but ``applied``."""
    truth = outcome.window.truth
    return {
        "marker": outcome.marker, "reward": outcome.reward, "cost": outcome.cost,
        "applied": jnp.max(jnp.abs(outcome.applied)), "charge": outcome.window.stim.charge,
        "seizing": truth["seizing"], "impending": truth["impending"], "resistant": truth["resistant"],
        "vetoes": outcome.vetoes, "in_bounds": truth["in_bounds"],
    }  # fmt: skip


class Detection(NamedTuple):
    """sensitivity: share of seizures detected; delays (n_detected,) s; false_per_day: false alarms in 24 h of time
    outside seizures; n_seizures; hours outside seizures."""

    sensitivity: float
    delays: np.ndarray
    false_per_day: float
    n_seizures: int
    hours: float


def score(
    flag: ArrayLike, seizing: ArrayLike, impending: ArrayLike, window_s: float, detect_s: float = 30.0,
    merge_s: float = 30.0, after_s: float = 10.0,
) -> Detection:  # fmt: skip
    """Detections of one or more runs: flag, seizing, impending (..., n_windows) bool.

    A seizure is detected when the flag is up in a window that begins within ``detect_s`` s of its onset; the delay
    counts to the end of the first such window, by when it is known. The flag is a false alarm when it is up neither
    while seizing, nor within ``after_s`` after it, nor while a seizure is coming on already (``impending``); flags
    less than ``merge_s`` apart are one alarm, and one that stays up is another every ``merge_s``.
    """
    arrays = (np.atleast_2d(np.asarray(x, bool)) for x in (flag, seizing, impending))
    flag_, seizing_, impending_ = (a.reshape(-1, a.shape[-1]) for a in arrays)
    delays, n_seizures, n_false, outside = [], 0, 0, 0
    for f, s, i in zip(flag_, seizing_, impending_):
        onsets = np.flatnonzero(s & ~np.r_[False, s[:-1]])
        n_seizures += len(onsets)
        for onset in onsets:
            until = onset + round(detect_s / window_s)
            ends = np.flatnonzero(~s[onset:])
            until = min(until, onset + ends[0] if len(ends) else len(s))
            hit = np.flatnonzero(f[onset:until])
            if len(hit):
                delays.append((hit[0] + 1) * window_s)
        last = -1e9
        since_end = 1e9
        for n in range(len(s)):
            since_end = 0.0 if s[n] else since_end + window_s
            quiet = not s[n] and not i[n] and since_end > after_s
            outside += quiet
            if f[n] and n * window_s - last >= merge_s - 1e-9:
                last = n * window_s
                n_false += quiet
    hours = outside * window_s / 3600.0
    return Detection(
        sensitivity=len(delays) / n_seizures if n_seizures else float("nan"), delays=np.asarray(delays, float),
        false_per_day=24.0 * n_false / hours if hours else float("nan"), n_seizures=n_seizures, hours=hours,
    )  # fmt: skip


def count(seizing: ArrayLike, window_s: float, least_s: float = 10.0) -> tuple[int, float]:
    """(seizures of at least ``least_s`` s, share of time seizing) of seizing (..., n_windows) bool. Shorter ones are
    discharges that came to nothing; the 3 s for which a seizure counts after its last discharge are in its length."""
    runs = np.atleast_2d(np.asarray(seizing, bool))
    runs = runs.reshape(-1, runs.shape[-1])
    lengths = []
    for s in runs:
        edges = np.flatnonzero(np.diff(np.r_[0, s.astype(int), 0]))
        lengths += list((edges[1::2] - edges[::2]) * window_s)
    return int(np.sum(np.asarray(lengths) >= least_s - 1e-9)), float(runs.mean())
