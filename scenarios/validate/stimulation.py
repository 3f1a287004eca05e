"""Stimulation: charge, limits in closed form, and what the amplifier sees of it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import curve_fit

from ...sim.amplifier import Amplifier
from ...sim.conditions import Conditions
from ...sim.head import DipoleProjection, SphereHead, make_montage
from ...sim.stimulation import (
    PulseTrain,
    Stimulator,
    charge_density,
    charge_per_phase,
    largest_current,
    pulse_is_allowed,
    shannon_k,
    teed,
    transcranial_is_allowed,
)
from ...sim.stimulation_artefacts import DBSArtefact, Scene, TMSArtefact, TranscranialArtefact
from .row import Row, row

LIMITS = "Shannon 1992; closed form"
EXACT = "arithmetic"
CM2 = 1e-4
# name, A, s, cm2; Q uC, D uC/cm2, k, allowed
VECTORS = (
    ("DBS 3 mA x 60 us", 3e-3, 60e-6, 0.06, 0.18, 3.0, -0.27, 1),
    ("DBS 5 mA x 90 us", 5e-3, 90e-6, 0.06, 0.45, 7.5, 0.53, 1),
    ("DBS 12 mA x 90 us", 12e-3, 90e-6, 0.06, 1.08, 18.0, 1.29, 1),
    ("segment 3 mA x 60 us", 3e-3, 60e-6, 0.0114, 0.18, 15.8, None, 1),
    ("ECoG 10 mA x 300 us", 10e-3, 300e-6, 0.0415, 3.0, 72.0, 2.34, 0),
    ("Utah .1 mA x 200 us", 0.1e-3, 200e-6, 2e-5, 0.02, 1000.0, 1.30, 0),
)


def rows(fast: bool) -> list[Row]:
    """All is short; ``fast`` leaves nothing out."""
    return [*_limits(), *_charge(), *_dbs(), *_tms(), *_transcranial()]


def _limits() -> list[Row]:
    out = []
    for name, current, width, area, charge, density, k, allowed in VECTORS:
        out += [
            row(f"{name}: uC a phase", charge, charge_per_phase(current, width) * 1e6, 0.005 * charge, LIMITS),
            row(f"{name}: uC/cm2 a phase", density, charge_density(current, width, area * CM2) * 100,
                0.005 * density, LIMITS),
            row(f"{name}: allowed, 1 or 0", allowed, pulse_is_allowed(current, width, area * CM2), 0, LIMITS),
        ]  # fmt: skip
        if k is not None:
            out.append(row(f"{name}: Shannon k", k, shannon_k(current, width, area * CM2), 0.006, LIMITS))
    return [
        *out,
        row("segment, 30 uC/cm2 at 60 us: mA", 5.7, largest_current(60e-6, 0.0114 * CM2) * 1e3, 0.05, LIMITS),
        row("segment, 30 uC/cm2 at 90 us: mA", 3.8, largest_current(90e-6, 0.0114 * CM2) * 1e3, 0.05, LIMITS),
        row("TEED at 3 V, 60 us, 130 Hz, 1 kOhm: uW", 70.2, teed(3.0, 60e-6, 130.0, 1e3) * 1e6, 0.05, "Koss 2005"),
        # 4 mA and 40 minutes each keep their own bound, together they are 9.6 C
        row("tDCS 4 mA for 40 min: allowed, 1 or 0", 0, transcranial_is_allowed(4e-3, 2400.0), 0, "<= 7.2 C"),
        row("tDCS 3 mA for 40 min: allowed, 1 or 0", 1, transcranial_is_allowed(3e-3, 2400.0), 0, "<= 7.2 C"),
    ]


def _charge() -> list[Row]:
    """A second of 3 mA x 60 us at 130 Hz: 23.4 uC, whatever the sampling and the windows."""
    out = []
    for sfreq, n_times in ((160.0, 16), (250.0, 25), (250.0, 250), (1000.0, 100), (4000.0, 80)):
        train = PulseTrain.create(sfreq, 130.0, 60e-6)
        ticks = jnp.arange(round(sfreq) // n_times) + 10_000 * round(sfreq) // n_times
        share = np.asarray(jax.jit(jax.vmap(lambda tick, train=train, n=n_times: train.share(tick, n)))(ticks), float)
        charge = 3e-3 * share.sum() / sfreq * 1e6
        out.append(row(f"charge of a second, {sfreq:g} Hz, windows of {n_times}: uC", 23.4, charge, 2e-5, EXACT))
    stimulator = Stimulator.create(1, 250.0, 250, 5e-3, waveform=PulseTrain.create(250.0))
    _, delivered = jax.jit(stimulator.step)(jnp.asarray([3e-3]), jnp.int32(0), Conditions.nominal(1))
    out.append(row("TEED of the simulated stimulator: uW", 70.2, float(delivered.energy) * 1e6, 0.05, "Koss 2005"))
    return out


def _scene(stimulator: Stimulator, action: list[float], tick: int) -> Scene:
    montage = make_montage("10-10-16")
    conditions = Conditions.nominal(montage.n_channels)
    _, delivered = jax.jit(stimulator.step)(jnp.asarray(action), jnp.int32(tick), conditions)
    projection = DipoleProjection(head=SphereHead.preset(), montage=montage)
    return Scene(stimulator, delivered, jnp.int32(tick), projection, conditions)


def _dbs() -> list[Row]:
    out = []
    for sfreq, expected in ((250.0, 120.0), (200.0, 70.0), (500.0, 130.0)):
        n_times = round(4 * sfreq)
        stimulator = Stimulator.create(2, sfreq, n_times, 5e-3, waveform=PulseTrain.create(sfreq, recharge=10.0))
        _, v = jax.jit(DBSArtefact.create(sfreq).step)((), _scene(stimulator, [3e-3, 0.0], 3))
        spectrum = np.abs(np.fft.rfft(np.asarray(v[0], float)))
        alias = np.fft.rfftfreq(n_times, 1 / sfreq)[spectrum.argmax()]
        out.append(row(f"130 Hz pulses sampled at {sfreq:g} Hz: Hz", expected, alias, 0.0, "|130 - n fs|"))
    return out


def _tms() -> list[Row]:
    sfreq = 1000.0
    train = PulseTrain.create(sfreq, 2.0, 3e-4)
    stimulator = Stimulator.create(1, sfreq, 500, 1.0, waveform=train)
    scene = _scene(stimulator, [1.0], 0)
    artefact = TMSArtefact.sample(jax.random.key(0), scene.projection.montage.positions.shape[0])
    _, v = jax.jit(artefact.step)(artefact.init(), scene)
    # exponent and offset by a fit that knows neither
    t = np.arange(500) / sfreq
    late = t > 0.01
    trace = np.abs(np.asarray(v, float))[:, late].max(axis=0)
    law = lambda t, size, offset, exponent: size + exponent * np.log(t + offset)  # noqa: E731
    (_, offset, exponent), _ = curve_fit(
        law, t[late], np.log(trace), (0.0, 5e-3, -1.5), bounds=((-50.0, 0.0, -5.0), (50.0, 0.05, 0.0))
    )
    # the pulse itself, on a time axis fine enough to see it end
    fine = np.arange(0.0, 2e-3, 1e-6)
    course = np.abs(np.asarray(jax.jit(artefact.course)(jnp.asarray(fine)), float))
    spike = 1e3 * float(fine[course > 0.05 * course.max()].max())
    source = "doi:10.1371/journal.pcbi.1006177"
    return [
        row("TMS artefact: exponent of the decay", -2.0, float(exponent), 0.02, source),
        row("TMS artefact: offset of the decay, ms", (0.0, 5.0), 1e3 * float(offset), 0.0, source),
        row("TMS pulse, until it is below a twentieth: ms", (0.0, 1.0), spike, 0.0, source),
    ]


def _transcranial() -> list[Row]:
    """1 mA between C3 and the right forehead, at the electrodes of a cap; and through an amplifier of 1 mV."""
    stimulator = Stimulator.create(1, 250.0, 250, frequency=10.0)
    scene = _scene(stimulator, [1e-3], 0)
    place = dict(zip(scene.projection.montage.ch_names, np.asarray(scene.projection.montage.positions)))
    artefact = TranscranialArtefact.create([place["C3"]], [place["Fp2"]])
    _, v = jax.jit(artefact.step)((), scene)
    size = np.abs(np.asarray(v, float)).max(axis=1) * 1e6
    amplifier = Amplifier.create(16, 250.0, 250)
    state = amplifier.init(jax.random.key(0))
    quiet = dataclasses.replace(scene.conditions, reference=jnp.zeros(v.shape[0]))
    _, recorded, unusable = jax.jit(amplifier.step)(state, v, quiet, jax.random.key(1))
    return [
        row("tACS 1 mA, median over the cap: uV", (1e3, 1e5), float(np.median(size[:16])), 0.0, "reported range"),
        row("tACS 1 mA, largest: uV", (1e3, 1e5), float(size[:16].max()), 0.0, "reported range"),
        row("tACS 1 mA, largest recorded: uV", 1e3, float(jnp.abs(recorded).max()) * 1e6, 0.1, "clips at 1 mV"),
        row("tACS 1 mA, samples marked unusable: %", (50.0, 100.0), 100 * float(jnp.mean(unusable)), 0.0, "clipped"),
    ]
