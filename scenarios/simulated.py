"""Simulated scenarios: people are drawn, calibrated, and decoded while their world drifts."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..adaptation import registry
from ..adaptation.contract import Decoder, Trials, Variables
from ..adaptation.methods import with_alignment
from ..adaptation.methods.composed import Composed
from ..adaptation.preprocessing import Preprocessing
from ..sim.builders import motor_imagery_plant
from ..sim.conditions import Conditions
from ..sim.head.montage import make_montage
from ..sim.keys import stream_key
from ..sim.plant import Epoch, Plant, record
from .contract import Cell, Notify, RunConfig, ScenarioInfo
from .decoding import Stream, decode_stream, reveal
from .infos import INFOS
from .timing import time_methods
from .truth import topography, trajectory

MONTAGE = "10-10-31"
SFREQ = 250.0  # Hz, of the amplifier
DECODER_SFREQ = 125.0  # Hz, after filtering
BATCH = 16  # simulated people per cell
CLASS_NAMES = ("left hand", "right hand")
INVARIANT = "invariant"


class Timeline(NamedTuple):
    """Static lengths of a run, in trials: calibration (never scored), before and after the onset, sessions.

    seconds_per_trial of drift time (a trial lasts 8 s; more where pauses are skipped); session trials, 0 for one
    session; oracle_blocks after the onset, each with an oracle of its own.
    """

    n_calibration: int = 80
    n_before: int = 50
    n_after: int = 120
    seconds_per_trial: float = 8.0
    session: int = 0
    oracle_blocks: int = 1

    @property
    def n_trials(self) -> int:
        return self.n_before + self.n_after

    @property
    def onset_s(self) -> float:
        return self.n_before * self.seconds_per_trial


@dataclasses.dataclass(frozen=True)
class SimulatedScenario:
    """Motor imagery of simulated people under a drift.

    make_drift(severity (), onset_s) -> tuple of processes; severity is traced, so one compilation serves all.
    """

    info: ScenarioInfo
    timeline: Timeline
    make_drift: Callable[[Array, float], tuple[Any, ...]]

    def plan(self, config: RunConfig) -> list[Cell]:
        people = [f"P{i + 1:02d}" for i in range(config.subjects)]
        batches = [tuple(people[i : i + BATCH]) for i in range(0, len(people), BATCH)]
        return [
            Cell(scenario=config.scenario, severity=severity, subjects=batch, seed=seed)
            for seed in range(config.seeds)
            for severity in config.severities
            for batch in batches
        ]

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        setup = Setup(self.timeline, config.decoder, config.quick)
        numbers = jnp.asarray([int(name[1:]) for name in cell.subjects])
        notify("drawing people")
        keys = _person_keys(numbers, cell.seed)
        notify("recording calibration")
        plants, calibration = _calibration(setup, keys)
        variables = _train(setup, calibration, keys)
        notify("recording the drifting session")
        severity = jnp.float32(cell.severity)
        epochs = _session(setup, self.make_drift, plants, keys, severity)
        stream_x = setup.preprocessing.apply(epochs.x)
        session = _sessions(self.timeline)
        ends = jnp.asarray(np.append(session[1:] != session[:-1], False))
        labels = _reveal_all(keys.labels, epochs.label, config.label_delay, config.label_missing, config.label_noise)
        arrays: dict[str, np.ndarray] = {}
        for name in config.methods:
            notify(f"decoding with {name}")
            stream = Stream(stream_x, labels, ends)
            if name == "oracle":
                blocks, block_of_trial = _oracle(setup, plants, keys, epochs.conditions, variables)
                adapter = registry.method(name).make(
                    blocks=blocks, block_of_trial=block_of_trial, labels=jnp.int32(self.timeline.n_calibration)
                )
                proba, used = _decode_each(adapter, setup.decoder, variables, calibration, stream, keys.adapter)
            elif name == INVARIANT:
                centred = calibration._replace(x=_centre(calibration.x))
                source = _train(setup, centred, keys)
                stream = stream._replace(x=_centre(stream_x))
                proba, used = _decode(Composed(), setup.decoder, source, centred, stream, keys.adapter)
            else:
                adapter = registry.method(name).make()
                proba, used = _decode(adapter, setup.decoder, variables, calibration, stream, keys.adapter)
            arrays[f"proba/{name}"] = np.asarray(proba, np.float32)
            arrays[f"labels/{name}"] = np.asarray(used, np.int32)
        conditions = jax.tree.map(np.asarray, epochs.conditions)
        drift, units = trajectory(conditions)
        montage = make_montage(MONTAGE)
        arrays |= {
            "y": np.asarray(epochs.label, np.int8),
            "onset": np.full(len(cell.subjects), self.timeline.n_before, np.int32),
            "session": session,
            "time_s": np.asarray(epochs.seconds[0], np.float64),
            **{f"drift/{name}": values for name, values in drift.items()},
            "topography/before": topography(plants, jax.tree.map(lambda a: a[:, 0], epochs.conditions)),
            "topography/after": topography(plants, jax.tree.map(lambda a: a[:, -1], epochs.conditions)),
        }
        meta = {
            "severity": cell.severity,
            "severity_unit": self.info.severity_unit,
            "seed": cell.seed,
            "subjects": list(cell.subjects),
            "ch_names": list(montage.ch_names),
            "positions": np.asarray(montage.positions[: montage.n_channels], float).round(6).tolist(),
            "class_names": list(CLASS_NAMES),
            "drift_units": units,
        }
        return meta, arrays

    def timing(self, config: RunConfig) -> dict[str, Any]:
        setup = Setup(self.timeline, config.decoder, config.quick)
        keys = _person_keys(jnp.asarray([1]), 0)
        _, calibration = _calibration(setup, keys)
        variables = _train(setup, calibration, keys)
        one = jax.tree.map(lambda a: a[0], (variables, calibration))
        return time_methods(config.methods, setup.decoder, *one)


@dataclasses.dataclass(frozen=True)
class Setup:
    """What is static about a run: hashable, so that compiled functions are shared between cells."""

    timeline: Timeline
    decoder_name: str
    quick: bool

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        spec = registry.decoder(self.decoder_name)
        # first asked for inside a compiled function: it must be a constant there, not a tracer
        with jax.ensure_compile_time_eval():
            return Preprocessing.create(SFREQ, round(3 * SFREQ), spec.l_freq, spec.h_freq, sfreq_out=DECODER_SFREQ)

    @functools.cached_property
    def decoder(self) -> Decoder:
        spec = registry.decoder(self.decoder_name)
        decoder = spec.make(make_montage(MONTAGE).n_channels, self.preprocessing.n_times_out, 2, DECODER_SFREQ)
        if self.quick and hasattr(decoder, "epochs"):
            decoder = dataclasses.replace(decoder, epochs=5)
        return decoder


class Keys(NamedTuple):
    """Keys by purpose, one row per person: who they are depends on the number alone, what happens also on the seed."""

    person: Array
    calibration: Array
    session: Array
    oracle: Array
    labels: Array
    adapter: Array


def _person_keys(numbers: Array, seed: int) -> Keys:
    def one(number: Array) -> Keys:
        person = stream_key(jax.random.key(0), "person", number)
        run = stream_key(stream_key(jax.random.key(0), "run", number), "seed", seed)
        return Keys(
            person, *(stream_key(run, name) for name in ("calibration", "session", "oracle", "labels", "adapter"))
        )

    return jax.vmap(one)(numbers)


def _plant(key: Array, timeline: Timeline) -> Plant:
    # a trial is eight windows of one second
    return motor_imagery_plant(key, MONTAGE, SFREQ, window_s=1.0, drift_window_s=timeline.seconds_per_trial / 8.0)


def _record(setup: Setup, plant: Plant, key: Array) -> Trials:
    epochs = record(plant, key, setup.timeline.n_calibration)
    return Trials(setup.preprocessing.apply(epochs.x), epochs.label, jnp.ones(epochs.label.shape))


@functools.partial(jax.jit, static_argnums=0)
def _calibration(setup: Setup, keys: Keys) -> tuple[Plant, Trials]:
    """People (stacked plants) and their calibration trials, under nominal conditions."""

    def one(keys: Keys) -> tuple[Plant, Trials]:
        plant = _plant(keys.person, setup.timeline)
        return plant, _record(setup, plant, keys.calibration)

    return jax.vmap(one)(keys)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _session(setup: Setup, make_drift: Callable, plants: Plant, keys: Keys, severity: Array) -> Epoch:
    """The scored trials of every person."""
    drift = make_drift(severity, setup.timeline.onset_s)

    def one(plant: Plant, key: Array) -> Epoch:
        return record(dataclasses.replace(plant, drift=drift), key, setup.timeline.n_trials)

    return jax.vmap(one)(plants, keys.session)


def _train(setup: Setup, calibration: Trials, keys: Keys) -> Variables:
    """Variables of every person's decoder: networks start from people they have never seen."""
    start = _pretrained(setup) if hasattr(setup.decoder, "epochs") else setup.decoder.init(jax.random.key(0))
    return _fit(setup, start, calibration, keys.adapter)


@functools.partial(jax.jit, static_argnums=0)
def _fit(setup: Setup, start: Variables, calibration: Trials, keys: Array) -> Variables:
    alignment = registry.decoder(setup.decoder_name).alignment

    def one(trials: Trials, key: Array) -> Variables:
        return setup.decoder.fit(with_alignment(start, trials, alignment), trials, key)

    return jax.vmap(one)(calibration, keys)


@functools.lru_cache(maxsize=4)
def _pretrained(setup: Setup) -> Variables:
    """Weights fitted on eight simulated people of another population key than any person scored."""
    from ..adaptation.pretrain import pretrain

    n = 2 if setup.quick else 8
    keys = _person_keys(jnp.arange(n), -1)
    keys = keys._replace(person=jax.vmap(lambda k: stream_key(k, "pretraining"))(keys.person))
    _, trials = _calibration(setup, keys)
    return pretrain(setup.decoder, trials, jax.random.key(1))


def _oracle(
    setup: Setup, plants: Plant, keys: Keys, conditions: Conditions, variables: Variables
) -> tuple[Variables, Array]:
    """Variables stacked (n_people, 1 + n_blocks, ...) and the block (n_people, n_trials) of every trial.

    Block 0 is the source decoder, in force before the onset; each later block is retrained on labelled trials
    recorded apart, under the conditions in the middle of the block.
    """
    timeline = setup.timeline
    trial = np.arange(timeline.n_trials)
    span = timeline.n_after / timeline.oracle_blocks
    block = np.where(trial < timeline.n_before, 0, 1 + ((trial - timeline.n_before) // span).astype(int))
    parts = [variables]
    for b in range(timeline.oracle_blocks):
        middle = timeline.n_before + int((b + 0.5) * span)
        frozen = jax.tree.map(lambda a, t=middle: a[:, t], conditions)
        trials = _under(setup, plants, frozen, jax.vmap(lambda k, b=b: stream_key(k, "block", b))(keys.oracle))
        parts.append(_train(setup, trials, keys))
    blocks = jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=1), *parts)
    n_people = keys.oracle.shape[0]
    return blocks, jnp.broadcast_to(jnp.asarray(block, jnp.int32), (n_people, timeline.n_trials))


@functools.partial(jax.jit, static_argnums=0)
def _under(setup: Setup, plants: Plant, conditions: Conditions, keys: Array) -> Trials:
    """Labelled trials recorded with the conditions held still."""

    def one(plant: Plant, conditions: Conditions, key: Array) -> Trials:
        return _record(setup, dataclasses.replace(plant, conditions=conditions), key)

    return jax.vmap(one)(plants, conditions, keys)


def _centre(x: Array) -> Array:
    """The common average taken out of every window: what any reference change leaves as it is."""
    return x - jnp.mean(x, axis=-2, keepdims=True)


@functools.partial(jax.jit, static_argnames="delay")
def _reveal_all(keys: Array, y: Array, delay: int, missing: float, noise: float) -> Any:
    return jax.vmap(lambda key, y: reveal(key, y, 2, delay, missing, noise))(keys, y)


@jax.jit
def _decode(adapter: Any, decoder: Any, variables: Variables, calibration: Trials, stream: Stream, keys: Array) -> Any:
    """One method on every person: the adapter is common, everything else has a leading person axis."""
    one = functools.partial(decode_stream, adapter, decoder)
    return jax.vmap(one, in_axes=(0, 0, Stream(0, 0, None), 0))(variables, calibration, stream, keys)  # type: ignore[arg-type]


@jax.jit
def _decode_each(
    adapter: Any, decoder: Any, variables: Variables, calibration: Trials, stream: Stream, keys: Array
) -> Any:
    """As ``_decode``, with an adapter per person whose ``labels`` are common."""
    axes = dataclasses.replace(jax.tree.map(lambda _: 0, adapter), labels=None)

    def one(adapter: Any, *rest: Any) -> Any:
        return decode_stream(adapter, decoder, *rest)

    return jax.vmap(one, in_axes=(axes, 0, 0, Stream(0, 0, None), 0))(adapter, variables, calibration, stream, keys)  # type: ignore[arg-type]


def _sessions(timeline: Timeline) -> np.ndarray:
    trial = np.arange(timeline.n_trials)
    return (trial // timeline.session if timeline.session else np.zeros_like(trial)).astype(np.int32)


def simulated(
    name: str, timeline: Timeline, make_drift: Callable[[Array, float], tuple[Any, ...]]
) -> SimulatedScenario:
    return SimulatedScenario(INFOS[name], timeline, make_drift)
