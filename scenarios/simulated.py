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
from ..adaptation.preprocessing import Preprocessing, compressed
from ..sim.builders import motor_imagery_plant
from ..sim.conditions import Conditions
from ..sim.errors import InputError
from ..sim.head.montage import LAYOUTS, make_montage
from ..sim.keys import stream_key
from ..sim.plant import Epoch, Plant, run_trial
from .budgets import split_arm
from .contract import Cell, Notify, RunConfig, ScenarioInfo
from .decoding import Stream, decode_stream, reveal
from .infos import INFOS
from .lookup import make_adapter
from .metrics import class_weights
from .revealed import reveal_within
from .starting import Start, start_from
from .timing import time_methods
from .truth import topography, trajectory

MONTAGE = "10-10-31"
SFREQ = 250.0  # Hz, of the amplifier
DECODER_SFREQ = 125.0  # Hz, after filtering
BATCH = 16  # simulated people per cell
CHUNK = 10  # trials per compiled call; timelines are multiples of it
CLASS_NAMES = ("left hand", "right hand")
PRETRAINING_SEED = 2**32 - 1  # a repetition that nobody scores
INVARIANT = "invariant"


class People(NamedTuple):
    """The population: contralateral desynchronisation (mean, standard deviation) and ipsilateral (least, greatest),
    as fractions of power."""

    erd_contra: tuple[float, float] = (0.45, 0.15)
    erd_ipsi: tuple[float, float] = (0.10, 0.15)


POPULATION = People()


class Timeline(NamedTuple):
    """Static lengths of a run, in trials: calibration (never scored), before and after the onset, sessions.

    seconds_per_trial of drift time (a trial lasts 8 s; more where pauses are skipped); session trials, 0 for one
    session; oracle_blocks after the onset, each with an oracle of its own; announced: the methods are told that a
    session ends at the onset (the cap is put on again), which also starts a period of recalibration; n_away: trials
    after the onset until the conditions are again what they were before it, 0 where they never are.
    """

    n_calibration: int = 80
    n_before: int = 50
    n_after: int = 120
    seconds_per_trial: float = 8.0
    session: int = 0
    oracle_blocks: int = 1
    announced: bool = True
    n_away: int = 0

    @property
    def n_trials(self) -> int:
        return self.n_before + self.n_after

    @property
    def onset_s(self) -> float:
        return self.n_before * self.seconds_per_trial


@dataclasses.dataclass(frozen=True)
class SimulatedScenario:
    """Motor imagery of simulated people under a drift.

    make_drift(severity (), onset_s ()) -> tuple of processes; severity is traced, so one compilation serves all.
    population: words of 32 bits, none for the published people; others draw others.
    """

    info: ScenarioInfo
    timeline: Timeline
    make_drift: Callable[[Array, Array], tuple[Any, ...]]
    people: People = POPULATION
    population: tuple[int, ...] = dataclasses.field(default=(), repr=False)

    def plan(self, config: RunConfig) -> list[Cell]:
        if config.data is not None:
            raise InputError(
                f"--data is '{config.data}': {config.scenario} simulates its people; leave --data out, or run "
                "mi_replay_shift"
            )
        self._setup(config)  # a checkpoint that does not fit is refused before anything is computed
        names = [f"P{i + 1:02d}" for i in range(config.subjects)]
        batches = [tuple(names[i : i + BATCH]) for i in range(0, len(names), BATCH)]
        return [
            Cell(scenario=config.scenario, severity=severity, subjects=batch, seed=seed)
            for seed in range(config.seeds)
            for severity in config.severities
            for batch in batches
        ]

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        setup = self._setup(config)
        numbers = jnp.asarray([int(name[1:]) for name in cell.subjects])
        notify("drawing people")
        keys = _person_keys(numbers, cell.seed, self.population)
        plants = _plants(setup, keys.person)
        notify("recording calibration")
        still = Recorder(setup, self.make_drift, plants, severity=0.0, onset_s=np.inf)
        calibration = still.trials(keys.calibration, self.timeline.n_calibration)
        variables = _train(setup, calibration, keys)
        notify("recording the drifting session")
        drifting = dataclasses.replace(still, severity=cell.severity, onset_s=self.timeline.onset_s)
        epochs = drifting.record(keys.session, self.timeline.n_trials)
        session = _sessions(self.timeline)
        last = np.append(session[1:] != session[:-1], False)
        # whoever puts the cap back knows it, not where it sits now
        last[self.timeline.n_before - 1] |= self.timeline.announced
        ends = jnp.asarray(last)
        labels = _reveal_all(keys.labels, epochs.label, config.label_delay, config.label_missing, config.label_noise)
        arrays: dict[str, np.ndarray] = {}
        for name in config.methods:
            notify(f"decoding with {name}")
            method, budget = split_arm(name)
            told, errors = reveal_within(keys.labels, epochs.label, labels, ends, self.timeline.n_before, budget)
            stream = Stream(epochs.x, told, ends, errors)
            if name == "oracle":
                blocks, block_of_trial = _oracle(still, keys, epochs.conditions, variables)
                adapter = registry.method(name).make(
                    blocks=blocks,
                    block_of_trial=block_of_trial,
                    labels=jnp.int32(self.timeline.n_calibration * self.timeline.oracle_blocks),
                )
                proba, used = _decode_each(adapter, setup.decoder, variables, calibration, stream, keys.adapter)
            elif method == INVARIANT:
                centred = calibration._replace(x=_centre(calibration.x))
                source = _train(setup, centred, keys)
                stream = stream._replace(x=_centre(stream.x))
                proba, used = _decode(Composed(), setup.decoder, source, centred, stream, keys.adapter)
            else:
                adapter = make_adapter(method)
                proba, used = _decode(adapter, setup.decoder, variables, calibration, stream, keys.adapter)
            arrays[f"proba/{name}"] = np.asarray(proba, np.float32)
            arrays[f"labels/{name}"] = np.asarray(used, np.int32)
        conditions = jax.tree.map(np.asarray, epochs.conditions)
        drift, units = trajectory(conditions)
        montage = make_montage(MONTAGE)
        n_before, n_away = self.timeline.n_before, self.timeline.n_away
        if n_away:
            arrays["back"] = np.full(len(cell.subjects), n_before + n_away, np.int32)
        if np.ptp(conditions.class_prior) > 0:  # one class becomes frequent: guessing it is no accuracy
            arrays["weight"] = _balance(np.asarray(epochs.label), n_before)
        arrays |= {
            "y": np.asarray(epochs.label, np.int8),
            "onset": np.full(len(cell.subjects), n_before, np.int32),
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
            "topography_title": "mu pattern of one person, left minus right hand area",
        }
        return meta, arrays

    def _setup(self, config: RunConfig) -> "Setup":
        setup = Setup(self.timeline, self.people, config.decoder, config.quick, config.start)
        _ = setup.begin
        return setup

    def timing(self, config: RunConfig) -> dict[str, Any]:
        setup = self._setup(config)
        trials = setup.noise(self.timeline.n_calibration)
        variables = setup.decoder.init(jax.random.key(0))
        if not hasattr(setup.decoder, "epochs"):  # how long a network takes does not depend on its weights
            variables = _fit_one(setup, variables, trials, jax.random.key(0))
        return time_methods(config.methods, setup.decoder, variables, trials)


@dataclasses.dataclass(frozen=True)
class Setup:
    """What is static about a run: hashable, so that compiled functions are shared between cells."""

    timeline: Timeline
    people: People
    decoder_name: str
    quick: bool
    start: str | None = None

    def prepare(self, x: Array) -> Array:
        """A raw epoch (n_channels, n_times) V as the decoder is given it."""
        x = self.preprocessing.apply(x)
        if self.begin is not None and self.begin.channels is not None:
            x = self.begin.channels.apply(x)
        return compressed(x) if registry.decoder(self.decoder_name).covariance_only else x

    def noise(self, n_trials: int) -> Trials:
        """Noise of 10 uV in windows as long as a user's, louder on one channel in each class: for timing."""
        n_channels, n_times = self.decoder.n_channels, self.preprocessing.n_times_out  # type: ignore[attr-defined]
        y = np.arange(n_trials) % len(CLASS_NAMES)
        x = np.random.default_rng(0).normal(scale=1e-5, size=(n_trials, n_channels, n_times)).astype(np.float32)
        x[np.arange(n_trials), y] *= 2
        return Trials(jnp.asarray(x), jnp.asarray(y, jnp.int32), jnp.ones(n_trials))

    @functools.cached_property
    def preprocessing(self) -> Preprocessing:
        spec = registry.decoder(self.decoder_name)
        # first asked for inside a compiled function: it must be a constant there, not a tracer
        with jax.ensure_compile_time_eval():
            return Preprocessing.create(SFREQ, round(3 * SFREQ), spec.l_freq, spec.h_freq, sfreq_out=DECODER_SFREQ)

    @functools.cached_property
    def begin(self) -> Start | None:
        """The checkpoint to start from, where one is asked for."""
        if self.start is None:
            return None
        windows = self.preprocessing
        with jax.ensure_compile_time_eval():
            return start_from(
                self.start, self.decoder_name, CLASS_NAMES, LAYOUTS[MONTAGE], windows.sfreq, windows.n_times_out
            )

    @functools.cached_property
    def decoder(self) -> Decoder:
        spec = registry.decoder(self.decoder_name)
        decoder = spec.make(make_montage(MONTAGE).n_channels, self.preprocessing.n_times_out, 2, DECODER_SFREQ)
        if self.begin is not None:
            decoder = self.begin.checkpoint.decoder
        if self.quick and hasattr(decoder, "epochs"):
            decoder = dataclasses.replace(decoder, epochs=5)  # type: ignore[type-var]
        return decoder


class Keys(NamedTuple):
    """Keys by purpose, one row per person: who they are depends on the number alone, what happens also on the seed."""

    person: Array
    calibration: Array
    session: Array
    oracle: Array
    labels: Array
    adapter: Array


def _person_keys(numbers: Array, seed: int, population: tuple[int, ...] = ()) -> Keys:
    root = jax.random.key(0)
    for word in population:
        root = jax.random.fold_in(root, np.uint32(word))

    def one(number: Array) -> Keys:
        person = stream_key(root, "person", number)
        run = stream_key(stream_key(root, "run", number), "seed", seed)
        return Keys(
            person, *(stream_key(run, name) for name in ("calibration", "session", "oracle", "labels", "adapter"))
        )

    return jax.vmap(one)(numbers)


# run once each, these are not worth an optimised compilation
_unoptimised = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


@functools.partial(_unoptimised, static_argnums=0)
def _plants(setup: "Setup", keys: Array) -> Plant:
    """Stacked plants of the people with these keys (n_people,); a trial is eight windows of one second."""
    window_s = setup.timeline.seconds_per_trial / 8.0

    def plant(key: Array) -> Plant:
        return motor_imagery_plant(key, MONTAGE, SFREQ, window_s=1.0, drift_window_s=window_s, **setup.people._asdict())

    return jax.vmap(plant)(keys)


@dataclasses.dataclass(frozen=True)
class Recorder:
    """Records trials of several people, some at a time: calibration, session and the oracle's trials differ in
    numbers only, so they share one compiled function. An infinite onset holds the conditions still."""

    setup: "Setup"
    make_drift: Callable[[Array, Array], tuple[Any, ...]]
    plants: Plant
    severity: float
    onset_s: float
    conditions: Conditions | None = None

    def record(self, keys: Array, n_trials: int) -> Epoch:
        """Epochs (n_people, n_trials, ...), filtered (and compressed, where the decoder sees covariances only)."""
        plants = self.plants
        if self.conditions is not None:
            plants = dataclasses.replace(plants, conditions=self.conditions)
        drift = (jnp.float32(self.severity), jnp.float32(self.onset_s))
        states, parts = None, []
        for _ in range(n_trials // CHUNK):
            if states is None:
                states = _start(self.make_drift, plants, drift, keys)
            states, epochs = _advance(self.setup, self.make_drift, plants, drift, states)
            parts.append(epochs)
        return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), *parts)

    def trials(self, keys: Array, n_trials: int) -> Trials:
        """The same as labelled trials."""
        epochs = self.record(keys, n_trials)
        return Trials(epochs.x, epochs.label, jnp.ones(epochs.label.shape))


@functools.partial(_unoptimised, static_argnums=0)
def _start(make_drift: Callable, plants: Plant, drift: tuple[Array, Array], keys: Array) -> Any:
    processes = make_drift(*drift)
    return jax.vmap(lambda plant, key: dataclasses.replace(plant, drift=processes).init(key))(plants, keys)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _advance(setup: "Setup", make_drift: Callable, plants: Plant, drift: tuple[Array, Array], states: Any) -> Any:
    """The next CHUNK trials of everybody."""
    processes = make_drift(*drift)

    def one(plant: Plant, state: Any) -> Any:
        plant = dataclasses.replace(plant, drift=processes)
        action = jnp.zeros(plant.source.n_stim)

        def trial(state: Any, _: None) -> Any:
            state, epoch = run_trial(plant, state, action)
            return state, epoch._replace(x=setup.prepare(epoch.x))

        return jax.lax.scan(trial, state, None, length=CHUNK)

    return jax.vmap(one)(plants, states)


def _train(setup: Setup, calibration: Trials, keys: Keys) -> Variables:
    """Variables of every person's decoder: networks start from people they have never seen."""
    start = _pretrained(setup) if hasattr(setup.decoder, "epochs") else setup.decoder.init(jax.random.key(0))
    return _fit(setup, start, calibration, keys.adapter)


@functools.partial(jax.jit, static_argnums=0)
def _fit(setup: Setup, start: Variables, calibration: Trials, keys: Array) -> Variables:
    return jax.vmap(lambda trials, key: _fit_one(setup, start, trials, key))(calibration, keys)


@functools.partial(jax.jit, static_argnums=0)
def _fit_one(setup: Setup, start: Variables, trials: Trials, key: Array) -> Variables:
    alignment = registry.decoder(setup.decoder_name).alignment
    return setup.decoder.fit(with_alignment(start, trials, alignment), trials, key)


@functools.lru_cache(maxsize=4)
def _pretrained(setup: Setup) -> Variables:
    """Weights fitted on eight simulated people of another population key than any person scored."""
    from ..adaptation.transfer.pretrain import pretrain

    if setup.begin is not None:
        return setup.begin.checkpoint.variables
    n = 2 if setup.quick else 8
    keys = _person_keys(jnp.arange(n), PRETRAINING_SEED)
    plants = _plants(setup, jax.vmap(lambda k: stream_key(k, "pretraining"))(keys.person))
    trials = Recorder(setup, _no_drift, plants, severity=0.0, onset_s=np.inf).trials(keys.calibration, 80)
    return pretrain(setup.decoder, trials, jax.random.key(1))


def _no_drift(severity: Array, onset_s: Array) -> tuple[Any, ...]:
    return ()


def _oracle(still: Recorder, keys: Keys, conditions: Conditions, variables: Variables) -> tuple[Variables, Array]:
    """Variables stacked (n_people, 1 + n_blocks, ...) and the block (n_people, n_trials) of every trial.

    Block 0 is the source decoder, in force before the onset; each later block is retrained on labelled trials
    recorded apart, under the conditions in the middle of the block; a calibration is balanced, whatever is asked then.
    """
    timeline = still.setup.timeline
    trial = np.arange(timeline.n_trials)
    span = timeline.n_after / timeline.oracle_blocks
    block = np.where(trial < timeline.n_before, 0, 1 + ((trial - timeline.n_before) // span).astype(int))
    parts = [variables]
    for b in range(timeline.oracle_blocks):
        middle = timeline.n_before + int((b + 0.5) * span)
        now = jax.tree.map(lambda a, t=middle: a[:, t], conditions)
        now = dataclasses.replace(now, class_prior=still.plants.conditions.class_prior)
        held = dataclasses.replace(still, conditions=now)
        block_keys = jax.vmap(lambda k, b=b: stream_key(k, "block", b))(keys.oracle)
        parts.append(_train(still.setup, held.trials(block_keys, timeline.n_calibration), keys))
    blocks = jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=1), *parts)
    n_people = keys.oracle.shape[0]
    return blocks, jnp.broadcast_to(jnp.asarray(block, jnp.int32), (n_people, timeline.n_trials))


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
    return jax.vmap(one, in_axes=(0, 0, Stream(0, 0, None, 0), 0))(variables, calibration, stream, keys)  # type: ignore[arg-type]


@jax.jit
def _decode_each(
    adapter: Any, decoder: Any, variables: Variables, calibration: Trials, stream: Stream, keys: Array
) -> Any:
    """As ``_decode``, with an adapter per person whose ``labels`` are common."""
    axes = dataclasses.replace(jax.tree.map(lambda _: 0, adapter), labels=None)

    def one(adapter: Any, *rest: Any) -> Any:
        return decode_stream(adapter, decoder, *rest)

    return jax.vmap(one, in_axes=(axes, 0, 0, Stream(0, 0, None), 0))(adapter, variables, calibration, stream, keys)  # type: ignore[arg-type]


def _balance(label: np.ndarray, n_before: int) -> np.ndarray:
    """Weights of trials, label (n_people, n_trials), with which everybody's classes count alike from n_before on."""
    after = [class_weights(one[n_before:]) for one in label]
    return np.concatenate([np.ones((len(label), n_before)), after], axis=1)


def _sessions(timeline: Timeline) -> np.ndarray:
    trial = np.arange(timeline.n_trials)
    return (trial // timeline.session if timeline.session else np.zeros_like(trial)).astype(np.int32)


def simulated(
    name: str, timeline: Timeline, make_drift: Callable[[Array, Array], tuple[Any, ...]], people: People = POPULATION
) -> SimulatedScenario:
    return SimulatedScenario(INFOS[name], timeline, make_drift, people)
