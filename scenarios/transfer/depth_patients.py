"""Patients under propofol, recorded by several sensors at once: ten seconds of each as band powers, and the depth."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.signal import butter, sosfilt

from ...sim.amplifier import Amplifier
from ...sim.background import Background
from ...sim.conditions import Conditions
from ...sim.drift.anaesthesia import Anaesthesia
from ...sim.head.heads import make_head
from ...sim.head.montage import make_montage
from ...sim.head.projection import DipoleProjection
from ...sim.keys import stream_key
from ...sim.sources.infused import KE0
from ...sim.sources.models.eirs import Eirs
from ...sim.sources.registry import make_source
from ...sim.tasks.anaes_depth import ABSENT, DEEPEST, LOOPS, bank

SFREQ, N_TIMES = 128.0, 128  # windows of one second
PER_EPOCH, SPECTRUM = 10, 256  # windows in an epoch, samples of a spectrum
N_DIPOLES = 30
STAGE = 48  # epochs for which a target is held: eight minutes, near four time constants of the effect site
TARGETS = ((0.0, 0.0), (0.5, 0.7), (1.0, 1.1))  # of each stage, between which it is drawn: of anaes_depth's scale
LIMITS = 0.35, 0.85
"""Depth at which light and deep begin: half of what anaes_depth aims at, and midway from there to its ceiling."""
BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 10.5), (10.5, 13.0), (13.0, 20.0), (20.0, 30.0), (30.0, 45.0))
FRONT = (0.0, 0.93, 0.36)  # direction of AFz, below which the loop's alpha appears
MOMENT = 4e-6  # A·m per 1/s, sixteen times the model's own (assumed)
POSTERIOR = 0.7  # depth at which the alpha of the back of the head is gone (assumed)
SPREAD = 0.3  # standard deviation of the logarithm of sizes and impedances between people (assumed)


class Sensor(NamedTuple):
    """Channels against both mastoids, mean contact impedance ohm, and the recorder's band, Hz."""

    channels: tuple[str, ...]
    impedance: float
    band: tuple[float, float]


SENSORS = {
    "wet, forehead": Sensor(("Fp1", "Fp2", "AF7", "AF8"), 5e3, (0.5, 47.0)),
    "dry, forehead": Sensor(("Fp1", "Fp2", "AF7", "AF8"), 20e3, (2.0, 25.0)),
    "dry, back": Sensor(("P3", "Pz", "P4"), 20e3, (2.0, 25.0)),
}
"""A strip of gelled electrodes; dry ones in the same places, of 20 kOhm, and with a recorder of
a narrower band; and the same behind the vertex."""


class Patients(NamedTuple):
    """x: of each sensor (n_patients, n_epochs, n_bands) logarithms of power, V²; depth (n_patients, n_epochs) at the
    end of the epoch; in_bounds (n_patients, n_epochs) bool, whether the loop kept to its rhythm."""

    x: dict[str, np.ndarray]
    depth: np.ndarray
    in_bounds: np.ndarray


def classes(depth: np.ndarray) -> np.ndarray:
    """0 awake, 1 light, 2 deep."""
    return np.digitize(depth, LIMITS)


def record_patients(numbers: np.ndarray, seed: int, courses: int) -> Patients:
    """Patients by number: each course is a stage of each target, the first from awake to deep, the others in any
    order."""
    voltages, depth, inside = _record(courses * len(TARGETS) * STAGE, jnp.asarray(numbers), seed)
    x = {name: band_powers(np.asarray(v), SENSORS[name].band) for name, v in voltages.items()}
    return Patients(x, np.asarray(depth), np.asarray(inside))


def band_powers(v: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    """v (n_people, n_windows, n_channels, n_times) V through a recorder of ``band`` Hz: logarithms of the power in
    ``BANDS`` over each epoch, mean over the channels of their logarithms: (n_people, n_epochs, n_bands)."""
    n_people, _, n_channels, _ = v.shape
    whole = np.moveaxis(v, 2, 1).reshape(n_people, n_channels, -1)
    seen = np.asarray(sosfilt(butter(2, band, "bandpass", fs=SFREQ, output="sos"), whole, axis=-1))
    seen = seen.reshape(n_people, n_channels, -1, SPECTRUM)
    taper = np.hanning(SPECTRUM)
    power = np.abs(np.fft.rfft(seen * taper, axis=-1)) ** 2 / (taper**2).sum() / SPECTRUM * 2
    freqs = np.fft.rfftfreq(SPECTRUM, 1 / SFREQ)
    bands = np.stack([power[..., (freqs >= lo) & (freqs < hi)].sum(-1) for lo, hi in BANDS], -1)
    epochs = bands.reshape(n_people, n_channels, -1, PER_EPOCH * N_TIMES // SPECTRUM, len(BANDS)).mean(3)
    return np.log(epochs + 1e-20).mean(1)


@functools.partial(jax.jit, static_argnums=0)
def _record(n_epochs: int, numbers: Array, seed: Any) -> tuple[dict[str, Array], Array, Array]:
    """Of each sensor v (n_patients, n_windows, n_channels, n_times) V; depth and in_bounds (n_patients, n_epochs)."""
    loops, starts = bank()
    with jax.ensure_compile_time_eval():
        template: Any = make_source("eirs", "wake", sfreq=SFREQ, n_times=N_TIMES)
        head = make_head("mne")
        radius = float(head.radius)
        cap = make_montage(tuple(dict.fromkeys(c for s in SENSORS.values() for c in s.channels)), radius)
        sites = (*cap.ch_names, *cap.reference_names)
        rows = {n: np.array([sites.index(c) for c in (*s.channels, "TP9", "TP10")]) for n, s in SENSORS.items()}
        amplifiers = {n: Amplifier.create(len(s.channels), SFREQ, N_TIMES) for n, s in SENSORS.items()}
        front = jnp.asarray(FRONT)[None] / np.linalg.norm(FRONT)
        depth_of_source = jnp.linalg.norm(template.positions[0])
    root = stream_key(jax.random.key(0), "transfer.depth")

    def one(number: Array) -> tuple[dict[str, Array], Array, Array]:
        key = stream_key(root, "patient", number)
        run = stream_key(key, "run", seed)
        ages = len(LOOPS[0])
        row = jnp.where(
            jax.random.bernoulli(stream_key(key, "absent"), ABSENT), ages,
            jax.random.randint(stream_key(key, "age"), (), 0, ages),
        )  # fmt: skip
        sizes = jnp.exp(SPREAD * jax.random.normal(stream_key(key, "sizes"), (2,)))
        source = dataclasses.replace(
            template, positions=front * depth_of_source, orientations=front, moment=MOMENT * sizes[0],
            model=Eirs(**{letter: jnp.asarray(values)[row] for letter, values in loops.items()}),
            initial=tuple(jnp.broadcast_to(jnp.asarray(s)[row], old.shape) for s, old in zip(starts, template.initial)),
        )  # fmt: skip
        background = Background.sample(stream_key(key, "background"), SFREQ, N_TIMES, N_DIPOLES, radius=radius)
        conditions = {}
        for name, sensor in SENSORS.items():
            n = len(sensor.channels)
            own = jnp.exp(SPREAD * jax.random.normal(stream_key(run, f"contacts {name}"), (n,)))
            mastoids = jnp.append(jnp.zeros(n), jnp.full(2, 0.5))
            conditions[name] = Conditions.nominal(n, mastoids, sensor.impedance)
            conditions[name] = dataclasses.replace(conditions[name], impedance=sensor.impedance * own)
        awake = next(iter(conditions.values()))
        leadfield = DipoleProjection(head=head, montage=cap).matrix(awake, [source, background])

        def window(state: Any, given: tuple[Array, Array]) -> Any:
            brain, ongoing, chains, depth = state
            target, key = given
            # exact for a target that is held
            depth = target + (depth - target) * jnp.exp(-KE0 * N_TIMES / SFREQ)
            slowed = 1.0 - Anaesthesia.SLOWING * jnp.minimum(depth, DEEPEST)
            alpha = sizes[1] * jnp.maximum(1.0 - depth / POSTERIOR, 0.0)
            now = dataclasses.replace(awake, gaba_rate=slowed, alpha_gain=alpha)
            k_brain, k_ongoing, k_chains = jax.random.split(key, 3)
            brain, moments, truth = source.step(brain, jnp.zeros((source.n_stim, N_TIMES)), now, k_brain)
            ongoing, others = background.step(ongoing, now, k_ongoing)
            moments = jnp.concatenate([moments, others])
            after, seen = {}, {}
            for name, amplifier in amplifiers.items():
                after[name], seen[name], _ = amplifier.step(
                    chains[name], (leadfield @ moments)[rows[name]], conditions[name], stream_key(k_chains, name)
                )
            return (brain, ongoing, after, depth), (seen, depth, truth["in_bounds"])

        start = (
            source.begin(), background.init(stream_key(run, "background")),
            {n: a.init(stream_key(run, f"amplifier {n}")) for n, a in amplifiers.items()}, jnp.zeros(()),
        )  # fmt: skip
        # awake for one epoch more, in which the rhythms grow out of their steady state
        windows = jnp.repeat(jnp.append(0.0, targets(stream_key(run, "targets"), n_epochs)), PER_EPOCH)
        given = (windows, jax.random.split(stream_key(run, "windows"), len(windows)))
        found = jax.lax.scan(window, start, given)[1]
        seen, depth, inside = jax.tree.map(lambda a: a[PER_EPOCH:], found)
        return seen, depth[PER_EPOCH - 1 :: PER_EPOCH], inside.reshape(-1, PER_EPOCH).all(1)

    return jax.vmap(one)(numbers)


def targets(key: Array, n_epochs: int) -> Array:
    """(n_epochs,) depth aimed at: stages of every class, in order in the first course and shuffled in the others."""
    n = len(TARGETS)
    courses = n_epochs // (n * STAGE)
    k_order, k_level = jax.random.split(key)
    orders = jax.vmap(lambda k: jax.random.permutation(k, n))(jax.random.split(k_order, courses))
    orders = orders.at[0].set(jnp.arange(n))
    low, high = jnp.asarray(TARGETS)[orders.ravel()].T
    return jnp.repeat(low + (high - low) * jax.random.uniform(k_level, low.shape), STAGE)
