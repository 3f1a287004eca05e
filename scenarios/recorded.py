"""Recordings under an imposed drift: real trials, in an order drawn per seed, seen through electrodes that change."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..adaptation import registry
from ..adaptation.contract import Decoder, Trials, Variables
from ..adaptation.methods import Scheduled, with_alignment
from ..adaptation.preprocessing import Preprocessing
from ..sim.builders import replay_plant
from ..sim.conditions import Conditions
from ..sim.drift import CapShift
from ..sim.errors import InputError
from ..sim.keys import stream_key
from ..sim.plant import Plant, record
from ..sim.recordings import Recording, load
from ..sim.sources.replay import Replay
from .budgets import split_arm
from .contract import Cell, Notify, RunConfig, ScenarioInfo
from .decoding import Stream, decode_stream, reveal
from .infos import INFOS
from .lookup import make_adapter
from .revealed import reveal_within
from .timing import time_methods
from .truth import trajectory

EMBEDDED = ("embedded:eegmmidb-S007", "embedded:eegmmidb-S094")
WINDOW = (0.5, 3.5)  # s after the cue
SECONDS_PER_TRIAL = 8.0  # of drift time
N_FOLDS = 5
DECIMATED_TO = 128.0  # Hz, at least
# The electrodes over and around the hand areas (FC, C, CP rows): 20 calibration trials cannot carry the 2080 tangent
# features of 64 channels, and the accuracies published for these recordings are of these 21.
SENSORIMOTOR = tuple(f"{row}{n}" for row in ("FC", "C", "CP") for n in ("5", "3", "1", "z", "2", "4", "6"))

MakeDrift = Callable[..., tuple[Any, ...]]  # (montage, severity, onset_s)


class Split(NamedTuple):
    """Trials by purpose, in the order in which they are played: calibration (never scored), before, after."""

    n_calibration: int
    n_before: int
    n_after: int

    @property
    def n_trials(self) -> int:
        return sum(self)

    @property
    def n_unshifted(self) -> int:
        return self.n_calibration + self.n_before


class Played(NamedTuple):
    """A recording as replayed: x, of trials before and under the drift, and still, all of them under the conditions
    in the middle of the drift, which no causal method sees (n_trials, n_channels, n_times) V, filtered, in the
    channels of the decoder; y (n_trials,); rms, still_rms (n_trials, n_all) V; conditions, seconds (n_trials,)."""

    x: Array
    still: Array
    y: Array
    rms: Array
    still_rms: Array
    conditions: Conditions
    seconds: Array


@dataclasses.dataclass(frozen=True)
class Setup:
    """What is static about a replay; equal ones share their compiled functions."""

    split: Split
    decoder_name: str
    quick: bool
    sfreq: float
    n_times: int
    n_classes: int
    ch_names: tuple[str, ...]

    @functools.cached_property
    def rows(self) -> tuple[int, ...]:
        """Channels that are decoded, of all that are re-projected."""
        chosen = [self.ch_names.index(name) for name in SENSORIMOTOR if name in self.ch_names]
        return tuple(chosen) if len(chosen) >= 8 else tuple(range(len(self.ch_names)))

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        spec = registry.decoder(self.decoder_name)
        step = max(int(self.sfreq // DECIMATED_TO), 1)
        with jax.ensure_compile_time_eval():
            return Preprocessing.create(self.sfreq, self.n_times, spec.l_freq, spec.h_freq, self.sfreq / step)

    @functools.cached_property
    def decoder(self) -> Decoder:
        spec = registry.decoder(self.decoder_name)
        filtered = self.preprocessing
        decoder: Any = spec.make(len(self.rows), filtered.n_times_out, self.n_classes, filtered.sfreq)
        if self.quick and hasattr(decoder, "epochs"):
            decoder = dataclasses.replace(decoder, epochs=5)
        return decoder


@dataclasses.dataclass(frozen=True)
class ReplayScenario:
    """Recorded people whose cap is shifted at a known trial, by re-projection.

    make_drift(montage, severity, onset_s) -> tuple of processes.
    """

    info: ScenarioInfo
    make_drift: MakeDrift
    n_calibration: int = 20
    n_before: int = 10

    def plan(self, config: RunConfig) -> list[Cell]:
        names = sources(config)
        people = tuple(name.rpartition(":")[2].rpartition("-")[2] for name in names)
        return [
            Cell(scenario=config.scenario, severity=severity, subjects=people, seed=seed)
            for seed in range(config.seeds)
            for severity in config.severities
        ]

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        notify("reading the recordings")
        recordings = [recording(name) for name in sources(config)]
        setup = self.setup(config, recordings)
        orders = [_order(r.n_trials, setup.split.n_trials, i, cell.seed) for i, r in enumerate(recordings)]
        chosen = [r.select(order) for r, order in zip(recordings, orders)]
        key = stream_key(stream_key(jax.random.key(0), "replay"), "seed", cell.seed)
        make_drift = functools.partial(self.make_drift, severity=cell.severity)
        meta, arrays = compare(setup, chosen, make_drift, SECONDS_PER_TRIAL, config, key, notify)
        notes = [
            "The shift is a re-projection: minimum-norm sources of the recording seen by electrodes at other places. "
            "Tissue under those places was never recorded.",
            f"Two people cannot stand for others: intervals over {len(chosen)} subjects with {config.seeds} orders "
            "each cover the draw of trials more than that of subjects."
            if len(chosen) == 2
            else f"{len(chosen)} subjects with {config.seeds} orders of trials each.",
            *(note for r in chosen for note in r.notes),
        ]
        facts = {
            "severity": cell.severity,
            "severity_unit": self.info.severity_unit,
            "seed": cell.seed,
            "subjects": list(cell.subjects),
        }
        return facts | meta | {"notes": meta["notes"] + notes}, arrays

    def setup(self, config: RunConfig, recordings: Sequence[Recording]) -> Setup:
        shortest = min(r.n_trials for r in recordings)
        n_after = shortest - self.n_calibration - self.n_before
        if n_after < 10:
            raise InputError(
                f"a recording has {shortest} trials; {self.n_calibration} calibrate and {self.n_before} come before "
                f"the shift, so at least {self.n_calibration + self.n_before + 10} are needed"
            )
        return make_setup(recordings[0], Split(self.n_calibration, self.n_before, n_after), config)

    def timing(self, config: RunConfig) -> dict[str, Any]:
        recordings = [recording(name) for name in sources(config)[:1]]
        return time_replay(self.setup(config, recordings), recordings[0], config)


def sources(config: RunConfig) -> list[str]:
    """The recordings that a configuration names; InputError for what cannot be one, or for too few."""
    names: list[str] = list(EMBEDDED) if config.data is None else [name.strip() for name in config.data.split(",")]
    for name in names:
        kind, _, rest = name.partition(":")
        if (kind, bool(rest)) not in (("embedded", True), ("eegbci", True)):
            raise InputError(
                f"--data is '{config.data}': wanted eegbci:7 or embedded:eegmmidb-S007, more with commas between; "
                "a file of your own goes to neurodrift replay FILE"
            )
        if kind == "eegbci" and not (rest.isdecimal() and 1 <= int(rest) <= 109):
            raise InputError(f"--data is '{config.data}': EEGMMIDB's subjects are 1 to 109, for instance eegbci:7")
    if len(set(names)) < len(names):
        raise InputError(f"--data is '{config.data}': it names a recording twice; name each once")
    if config.data is None and config.subjects > len(names):
        raise InputError(f"--subjects is {config.subjects}: there are {len(names)} recordings; add more with --data")
    return names[: config.subjects] if config.data is None else names


@functools.lru_cache(maxsize=8)
def recording(name: str) -> Recording:
    """The named recording's window in the channels that are good."""
    found = load(name)
    return found.pick([c for c in found.ch_names if c not in found.bad_channels]).crop(*WINDOW)


def make_setup(recording: Recording, split: Split, config: RunConfig) -> Setup:
    """The setup of a recording; InputError where its sampling rate or window cannot serve the decoder."""
    spec = registry.decoder(config.decoder)
    if recording.sfreq < spec.min_sfreq:
        raise InputError(
            f"the recording has {recording.sfreq:g} Hz but {config.decoder} needs at least {spec.min_sfreq:g} Hz; "
            "use the original recording or another decoder"
        )
    setup = Setup(
        split=split,
        decoder_name=config.decoder,
        quick=config.quick,
        sfreq=recording.sfreq,
        n_times=recording.n_times,
        n_classes=len(recording.class_names),
        ch_names=recording.ch_names,
    )
    _ = setup.decoder  # a window or rate that will not do is bad input here, not later
    return setup


def compare(
    setup: Setup,
    recordings: Sequence[Recording],
    make_drift: Callable[..., tuple[Any, ...]],
    seconds_per_trial: float,
    config: RunConfig,
    key: Array,
    notify: Notify,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of every method on recordings whose trials are in the order in which they are played."""
    split = setup.split
    notify("replaying under drift")
    plants = [replay_plant(r, drift_window_s=seconds_per_trial) for r in recordings]
    montage = plants[0].projection.montage  # type: ignore[attr-defined]
    onset_s = split.n_unshifted * seconds_per_trial
    drift = make_drift(montage, onset_s=onset_s)
    # one set of electrodes; only what was recorded differs between people
    replay: Any = plants[0].source
    x = jnp.stack([plant.source.x for plant in plants])  # type: ignore[attr-defined]
    y = jnp.stack([plant.source.y for plant in plants])  # type: ignore[attr-defined]
    clip = jnp.stack([jnp.asarray(plant.amplifier.clip) for plant in plants]).max()
    amplifier = dataclasses.replace(plants[0].amplifier, clip=clip)
    plant = dataclasses.replace(plants[0], drift=drift, amplifier=amplifier)
    keys = jax.vmap(lambda i: stream_key(key, "subject", i))(jnp.arange(len(plants)))
    played = _play(setup, dataclasses.replace(plant, source=_empty(replay)), x, y, keys)
    variables, calibration = _train(setup, played, keys)
    scored = slice(split.n_calibration, None)
    # whoever puts a cap back knows it: the session before the onset ends with its last trial
    ends = jnp.arange(split.n_trials - split.n_calibration) == split.n_before - 1
    arrays: dict[str, np.ndarray] = {}
    labels = _reveal(
        keys, played.y[:, scored], setup.n_classes, config.label_delay, config.label_missing, config.label_noise
    )
    for name in config.methods:
        notify(f"decoding with {name}")
        method, budget = split_arm(name)
        told, errors = reveal_within(keys, played.y[:, scored], labels, ends, split.n_before, budget)
        stream = Stream(played.x[:, scored], told, ends, errors)
        if name == "oracle":
            proba, used = _oracle(setup, played, variables, calibration, stream, keys)
        else:
            proba, used = _decode(make_adapter(method), setup.decoder, variables, calibration, stream, keys)
        arrays[f"proba/{name}"] = np.asarray(proba, np.float32)
        arrays[f"labels/{name}"] = np.asarray(used, np.int32)
    conditions = jax.tree.map(lambda a: np.asarray(a[:, scored]), played.conditions)
    truth, units = trajectory(conditions)
    arrays |= {
        "y": np.asarray(played.y[:, scored], np.int8),
        "onset": np.full(len(recordings), split.n_before, np.int32),
        "session": np.zeros(split.n_before + split.n_after, np.int32),
        "time_s": np.asarray(played.seconds[0, scored], np.float64),
        **{f"drift/{name}": values for name, values in truth.items()},
        "topography/before": _contrast(played.rms, played.y),
        "topography/after": _contrast(played.still_rms, played.y),
    }
    meta = {
        "ch_names": list(setup.ch_names),
        "positions": np.asarray(montage.positions, float).round(6).tolist(),
        "class_names": list(recordings[0].class_names),
        "topography_title": f"amplitude in the decoder's band, {recordings[0].class_names[1]} minus "
        f"{recordings[0].class_names[0]}",
        "drift_units": units,
        "notes": [
            f"Decoded from {len(setup.rows)} of {len(setup.ch_names)} channels, {setup.preprocessing.sfreq:g} Hz."
        ],
    }
    return meta, arrays


def time_replay(setup: Setup, recording: Recording, config: RunConfig) -> dict[str, Any]:
    """Predict and update times of the methods on calibration trials as recorded."""
    first = recording.select(np.arange(setup.split.n_calibration))
    x = setup.preprocessing.apply(jnp.asarray(first.x)[:, jnp.asarray(setup.rows)])
    calibration = Trials(x, jnp.asarray(first.y), jnp.ones(len(first.y)))
    variables = _fit(setup, calibration, jax.random.key(0))
    return time_methods(config.methods, setup.decoder, variables, calibration)


def _order(n_trials: int, n_used: int, subject: int, seed: int) -> np.ndarray:
    """Which trials are played and in which order: the same at every severity."""
    return np.random.default_rng([20090912, subject, seed]).permutation(n_trials)[:n_used]


def _empty(source: Replay) -> Replay:
    """The source without its trials, which are mapped over."""
    return dataclasses.replace(source, x=source.x[:1], y=source.y[:1], session=source.session[:1])


@functools.partial(jax.jit, static_argnums=0)
def _play(setup: Setup, plant: Plant, x: Array, y: Array, keys: Array) -> Played:
    split, rows = setup.split, jnp.asarray(setup.rows)

    def one(x: Array, y: Array, key: Array) -> Played:
        recorded: Any = plant.source
        source = dataclasses.replace(recorded, x=x, y=y, session=jnp.zeros_like(y))
        here = dataclasses.replace(plant, source=source)
        k_play, k_still = (stream_key(key, name) for name in ("play", "still"))
        epochs = record(here, k_play, split.n_trials)
        middle = jax.tree.map(lambda a: a[split.n_unshifted + split.n_after // 2], epochs.conditions)
        still = record(dataclasses.replace(here, conditions=middle, drift=()), k_still, split.n_trials)
        filtered, filtered_still = setup.preprocessing.apply(epochs.x), setup.preprocessing.apply(still.x)
        before = record(dataclasses.replace(here, drift=()), k_play, split.n_trials)
        return Played(
            x=filtered[:, rows],
            still=filtered_still[:, rows],
            y=epochs.label,
            rms=jnp.sqrt((setup.preprocessing.apply(before.x) ** 2).mean(-1)),
            still_rms=jnp.sqrt((filtered_still**2).mean(-1)),
            conditions=epochs.conditions,
            seconds=epochs.seconds,
        )

    return jax.vmap(one)(x, y, keys)


def _fit(setup: Setup, trials: Trials, key: Array) -> Variables:
    start = setup.decoder.init(stream_key(key, "init"))
    alignment = registry.decoder(setup.decoder_name).alignment
    return setup.decoder.fit(with_alignment(start, trials, alignment), trials, stream_key(key, "fit"))


@functools.partial(jax.jit, static_argnums=0)
def _train(setup: Setup, played: Played, keys: Array) -> tuple[Variables, Trials]:
    n = setup.split.n_calibration

    def one(x: Array, y: Array, key: Array) -> tuple[Variables, Trials]:
        trials = Trials(x[:n], y[:n], jnp.ones(n))
        return _fit(setup, trials, key), trials

    return jax.vmap(one)(played.x, played.y, keys)


@functools.partial(jax.jit, static_argnums=0)
def _oracle(
    setup: Setup, played: Played, variables: Variables, calibration: Trials, stream: Stream, keys: Array
) -> tuple[Array, Array]:
    """Each trial after the onset by a decoder of all other trials under drift but its fold; before it, the source."""
    split = setup.split
    trial = np.arange(split.n_trials)
    after = trial >= split.n_unshifted
    fold = np.where(after, 1 + (trial - split.n_unshifted) % N_FOLDS, 0)
    weights = jnp.asarray(fold[None] != np.arange(1, N_FOLDS + 1)[:, None], jnp.float32)
    block = jnp.asarray(fold[split.n_calibration :], jnp.int32)
    n_labels = split.n_trials - -(-split.n_after // N_FOLDS)

    def one(still: Array, y: Array, source: Variables, calibration: Trials, stream: Stream, key: Array) -> Any:
        fitted = jax.lax.map(lambda w: _fit(setup, Trials(still, y, w), key), weights)
        blocks = jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), source, fitted)
        oracle = Scheduled(blocks=blocks, block_of_trial=block, labels=jnp.int32(n_labels))
        return decode_stream(oracle, setup.decoder, source, calibration, stream, key)

    axes = (0, 0, 0, 0, Stream(0, 0, None), 0)  # type: ignore[arg-type]
    return jax.vmap(one, in_axes=axes)(played.still, played.y, variables, calibration, stream, keys)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _reveal(keys: Array, y: Array, n_classes: int, delay: int, missing: float, noise: float) -> Any:
    return jax.vmap(lambda k, y: reveal(stream_key(k, "labels"), y, n_classes, delay, missing, noise))(keys, y)


@jax.jit
def _decode(
    adapter: Any, decoder: Any, variables: Variables, calibration: Trials, stream: Stream, keys: Array
) -> tuple[Array, Array]:
    one = functools.partial(decode_stream, adapter, decoder)
    return jax.vmap(one, in_axes=(0, 0, Stream(0, 0, None, 0), 0))(variables, calibration, stream, keys)  # type: ignore[arg-type]


def _contrast(rms: Array, y: Array) -> np.ndarray:
    """(n_channels,) V: mean over people of the amplitude of class 1 minus that of class 0."""
    pairs = zip(np.asarray(rms), np.asarray(y))
    return np.mean([r[t == 1].mean(0) - r[t == 0].mean(0) for r, t in pairs], axis=0)


def lateral_shift(montage: Any, severity: float, onset_s: float) -> tuple[Any, ...]:
    """The cap moves sideways by ``severity`` cm at once, to a side drawn per run."""
    return (CapShift.lateral(severity / 100.0, onset_s),)


def replay_shift(name: str) -> ReplayScenario:
    return ReplayScenario(INFOS[name], lateral_shift)
