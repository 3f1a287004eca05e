"""Suppression of synchrony: kicks that desynchronise an ensemble, the test bed of learned stimulation.

Two published settings, implemented from their definitions. ``krylov``: Krylov, Dylov & Rosenblum (2020), Chaos
30:033126 and its code (cviaai/RL-DBS): 1000 Bonhoeffer-van der Pol oscillators, a kick of at most 1 on every x at every
step of .2 units, the last 250 values of the mean field observed, reward -(X - <X>)^2 - 2 |a|; success is the ratio of
the mean field's sd without and with kicks. ``dbs_gym``: env0 of Kuzmina et al. (KDD 2025) and its code
(NevVerVer/DBS-Gym): 512 phase oscillators, pulses of at most 5 V, 130 pulses observed; success is the power from 12.5
to 21 Hz relative to none (beta %) at a mean |u| relative to the largest (energy %).
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..builders import local_plant
from ..errors import InputError, unknown
from ..loop import Judgement, Loop, Reading
from ..plant import Plant, PlantState, Window
from ..pytree import component, static
from ..sensing import History
from ..stimulation import PulseTrain, Stimulator
from .ensembles import Ensemble, phases, relaxation

PRESETS = "krylov", "dbs_gym"
BETA = 12.5, 21.0
"""Hz, what DBS-Gym counts."""
LENGTH = {"krylov": 250, "dbs_gym": 130}
"""Windows that are observed and judged."""


@component
class MeanField:
    """Sensing: the mean of the window's usable samples, (v / gain - ``offset``) / ``scale``: (1,)."""

    gain: Array
    offset: Array
    scale: Array

    @property
    def n_features(self) -> int:
        return 1

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], reading: Reading) -> tuple[tuple[()], Array]:
        good = ~reading.blanked & jnp.isfinite(reading.v[0])
        mean = jnp.sum(jnp.where(good, reading.v[0], 0.0)) / jnp.maximum(jnp.sum(good), 1)
        return state, ((mean / self.gain - self.offset) / self.scale)[None]


class PastMemory(NamedTuple):
    past: Array  # (length,), the newest last
    n: Array  # () int32, how many of them have been


@component
class Krylov:
    """marker: sd of the mean field X over the last 250 samples relative to ``off`` (), that of the settled ensemble
    without kicks. Reward: -(X - <X>)^2 - ``weight`` () |a|, <X> the mean of those samples, a the kick, at most 1."""

    off: Array
    weight: Array | float = 2.0
    length: int = static(default=250)

    def init(self) -> PastMemory:
        return PastMemory(jnp.zeros(self.length), jnp.int32(0))

    def judge(
        self, memory: PastMemory, plant: Plant, state: PlantState, window: Window
    ) -> tuple[PastMemory, Judgement]:
        new = mean_field(plant, window)
        past = jnp.concatenate([memory.past, new])[-self.length :]
        n = jnp.minimum(memory.n + new.shape[0], self.length)
        been = jnp.arange(self.length) >= self.length - n
        mean = jnp.sum(jnp.where(been, past, 0.0)) / n
        sd = jnp.sqrt(jnp.sum(jnp.where(been, (past - mean) ** 2, 0.0)) / n)
        kick = jnp.mean(jnp.abs(window.stim.applied)) / plant.stimulator.max_current
        reward = -((past[-1] - mean) ** 2) - self.weight * kick
        return PastMemory(past, n), Judgement(reward, jnp.asarray(False), sd / self.off, jnp.zeros(()))


@component
class Beta:
    """marker: power from 12.5 to 21 Hz of the mean field over the last 130 windows (with a Hann taper), relative to
    ``off`` (), that of the settled ensemble. Reward: minus the marker, at most ten, minus ``weight`` () |u|, relative
    to the largest. basis (length n_times, 2 n_bins) of the band."""

    off: Array
    basis: Array
    weight: Array | float = 0.2

    def init(self) -> PastMemory:
        return PastMemory(jnp.zeros(self.basis.shape[0]), jnp.int32(0))

    def judge(
        self, memory: PastMemory, plant: Plant, state: PlantState, window: Window
    ) -> tuple[PastMemory, Judgement]:
        new = mean_field(plant, window)
        length = self.basis.shape[0]
        past = jnp.concatenate([memory.past, new])[-length:]
        n = jnp.minimum(memory.n + new.shape[0], length)
        # the power of a window that is not yet full, as if what is missing were like the rest
        power = jnp.sum((past @ self.basis) ** 2) * length / n
        marker = power / self.off
        dose = jnp.mean(jnp.abs(window.stim.applied)) / plant.stimulator.max_current
        reward = -jnp.minimum(marker, 10.0) - self.weight * dose
        return PastMemory(past, n), Judgement(reward, jnp.asarray(False), marker, jnp.zeros(()))


def mean_field(plant: Plant, window: Window) -> Array:
    """(n_times,) of the window, in the model's own unit: ground truth."""
    source: Any = plant.source
    return window.moments[0] / source.source.moment + source.source.mean


def band_basis(n: int, sfreq: float, band: tuple[float, float] = BETA) -> np.ndarray:
    """(n, 2 n_bins): the squares of x @ basis sum up to the power of x in the band (Hann taper)."""
    taper = np.hanning(n + 1)[:-1]
    bins = np.arange(n // 2)
    bins = bins[(bins * sfreq / n > band[0]) & (bins * sfreq / n < band[1])]
    turn = 2 * np.pi * np.outer(np.arange(n), bins) / n
    scale = np.sqrt(2.0 / (n * np.sum(taper**2))) * taper[:, None]
    return np.concatenate([scale * np.cos(turn), scale * np.sin(turn)], axis=1)


def make(
    preset: str = "krylov",
    drift: bool | tuple[Any, ...] = False,
    *,
    n_oscillators: int | None = None,
    dose_weight: float | None = None,
    bound: float = 1.0,
    noise: float = 0.0,
    one_sign: bool = False,
) -> Loop:
    """preset: of :data:`PRESETS`; n_oscillators: the published number by default, a cube for dbs_gym; dose_weight: of
    the reward, the published 2 of krylov, .2 of dbs_gym (its own, .004, makes energy nearly free); bound: the largest
    kick of krylov; noise: sd of what is recorded beside the field, relative to the field's own sd; drift: processes;
    one_sign: only kicks or pulses of above 0, as of a device with amplitudes.
    InputError for names and numbers that cannot be.
    """
    if preset not in PRESETS:
        raise unknown("preset of sync_rl_suppress", preset, PRESETS)
    if not (0.0 <= noise < np.inf and 0.0 < bound < np.inf):
        raise InputError(f"noise {noise:g} and bound {bound:g}; wanted 0 or more, and a bound above 0")
    ensemble = _ensemble(preset, n_oscillators, bound)
    source: Any = ensemble.source
    if isinstance(drift, bool):
        drift = ()
    waveform = None if preset == "krylov" else PulseTrain.create(source.sfreq, 125.0, 1e-3)
    largest = 4e-3 if preset == "krylov" else 5e-3
    plant = local_plant(source, drift, max_current=largest)
    if waveform is not None:
        stimulator = Stimulator.create(1, source.sfreq, source.n_times, largest, waveform=waveform)
        plant = dataclasses.replace(plant, stimulator=stimulator)
    projection: Any = plant.projection
    gain = projection.gain * source.source.moment
    sd = float(np.std(ensemble.field))
    quiet = dict.fromkeys(("contact_sd", "open_sd", "line_imbalance"), jnp.float32(0.0))
    amplifier = dataclasses.replace(
        plant.amplifier, **quiet, white_sd=jnp.float32(noise * sd * gain), lsb=jnp.float32(2.0**-40)
    )
    plant = dataclasses.replace(plant, amplifier=amplifier)
    length = LENGTH[preset]
    # volts are of the source's moment, from which its own mean has been taken
    field = MeanField(gain=gain, offset=jnp.float32(0.0), scale=jnp.float32(sd if preset == "dbs_gym" else 1.0))
    weight = {"krylov": 2.0, "dbs_gym": 0.2}[preset] if dose_weight is None else dose_weight
    if preset == "krylov":
        task: Any = Krylov(off=jnp.float32(sd), weight=jnp.float32(weight * bound), length=length)
    else:
        basis = band_basis(length * source.n_times, source.sfreq)
        task = Beta(
            off=jnp.float32(_power(ensemble.field, basis)), basis=jnp.asarray(basis, jnp.float32),
            weight=jnp.float32(weight),
        )  # fmt: skip
    return Loop(plant=plant, task=task, sensing=History(sensing=field, length=length), bipolar=not one_sign)


def _ensemble(preset: str, n: int | None, bound: float) -> Ensemble:
    if n is not None and n < 2:
        raise InputError(f"n_oscillators is {n}; wanted 2 or more")
    if preset == "krylov":
        return relaxation(1000 if n is None else n, largest=bound)
    side = 8 if n is None else round(n ** (1 / 3))
    if n is not None and side**3 != n:
        raise InputError(f"n_oscillators is {n}; the oscillators of dbs_gym fill a cube: 64, 125, 216, 343, 512")
    return phases(side)


def _power(field: np.ndarray, basis: np.ndarray) -> float:
    """Mean over stretches of the field, overlapping by half."""
    n = len(basis)
    starts = range(0, len(field) - n + 1, n // 2)
    return float(np.mean([np.sum((field[start : start + n] @ basis) ** 2) for start in starts]))


def draw(loop: Loop, key: Array, held_out: bool = False) -> Loop:
    """Another ensemble; traceable. krylov: drives drawn anew, shifted by up to .01, spread by up to 10 % more or
    less; a coupling up to 10 % weaker or stronger (held out: 10 to 30 % stronger). dbs_gym: other frequencies, by up
    to 2 % (held out: 2 to 5 %) each; a contact up to 20 % closer or further (held out: 20 to 40 % further). Assumed."""
    k_first, k_second, k_third = jax.random.split(key, 3)
    settled: Any = loop.plant.source
    source = settled.source
    model, entry, wiring = source.model, source.entry, source.wiring
    if isinstance(loop.task, Krylov):
        k_draw, k_shift, k_width = jax.random.split(k_first, 3)
        spread = jnp.sort(jax.random.normal(k_draw, model.I.shape))
        width = 0.1 * (1.0 + 0.1 * _signed(k_width))
        model = dataclasses.replace(model, I=0.6 + 0.01 * _signed(k_shift) + width * spread)
        more = 0.1 + 0.2 * jax.random.uniform(k_third) if held_out else 0.1 * _signed(k_third)
        wiring = dataclasses.replace(wiring, gain=wiring.gain * (1.0 + more))
    else:
        change = jax.random.uniform(k_first, model.f.shape, minval=-1.0)
        change = jnp.sign(change) * (0.02 + 0.03 * jnp.abs(change)) if held_out else 0.02 * change
        model = dataclasses.replace(model, f=model.f * (1.0 + change))
        further = 0.2 + 0.2 * jax.random.uniform(k_second) if held_out else 0.2 * _signed(k_second)
        entry = dataclasses.replace(entry, coupling=entry.coupling * (1.0 - further))
    source = dataclasses.replace(source, model=model, entry=entry, wiring=wiring)
    settled = dataclasses.replace(settled, source=source)
    return dataclasses.replace(loop, plant=dataclasses.replace(loop.plant, source=settled))


def _signed(key: Array) -> Array:
    return jax.random.uniform(key, (), minval=-1.0, maxval=1.0)


class Variant(NamedTuple):
    """A preset with options as a task by itself, for commands that take ``module:attribute``."""

    title: str
    summary: str
    n_windows: int
    marker: str
    marker_unit: str
    preset: str
    options: tuple[tuple[str, Any], ...] = ()

    def make(self, **options: Any) -> Loop:
        return make(self.preset, **{**dict(self.options), **options})

    def draw(self, loop: Loop, key: Array, held_out: bool = False) -> Loop:
        return draw(loop, key, held_out)


DBS_GYM = Variant(
    title="Suppression of synchrony in DBS-Gym's phases",
    summary="pulses that desynchronise 512 phase oscillators at known places (env0 of DBS-Gym, KDD 2025)",
    n_windows=1111,
    marker="beta power",
    marker_unit="of the ensemble without pulses",
    preset="dbs_gym",
    options=(("dose_weight", 0.5), ("one_sign", True)),
)
"""``neurodrift train ppo --task neurodrift.sim.tasks.sync_rl_suppress:DBS_GYM``: episodes as long as DBS-Gym evaluates
(1000 of its units), and a dose that costs .5, with which half of it must be worth a quarter of the rhythm. Pulses are
of one sign: small ones do next to nothing and those of the other sign hold the rhythm back less (-.5 leaves 64 %, .5
leaves 33), so that a policy that begins at none in the mean finds no way out."""

SPARING = Variant(
    title="Suppression of synchrony where kicks are dear",
    summary="kicks that cost five times as much as published desynchronise 1000 relaxation oscillators",
    n_windows=2000,
    marker="collective rhythm",
    marker_unit="of the ensemble without kicks",
    preset="krylov",
    options=(("dose_weight", 10.0),),
)
"""Krylov's ensemble with a reward that leads to small kicks: what it takes to suppress at a fraction of the dose."""
