"""One person's motor imagery over months of real days: decoders of the past meet the next morning."""

import copy
import dataclasses
import datetime
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..adaptation import registry
from ..adaptation.blocks import by_block, mean_by_block, stacked
from ..adaptation.contract import Adapter, Decoder, Trials, Variables
from ..adaptation.methods import with_alignment
from ..adaptation.preprocessing import Preprocessing, shrunk
from ..adaptation.spd import covariance, inv_sqrtm, regularised, riemannian_mean, sqrtm, weighted_mean
from ..adaptation.trials import balanced
from ..sim.errors import InputError
from ..sim.keys import stream_key
from ..sim.recordings import Recording, load_embedded
from .budgets import FULL, Budget, base, split_arm
from .contract import Cell, Notify, RunConfig, ScenarioInfo
from .decoding import ErrorSignals, Labels, Stream, decode_stream, reveal
from .infos import DAILY, INFOS
from .lookup import make_adapter
from .revealed import reveal_within
from .timing import time_methods

RECORDING = "p01"
CLASSES = ("imagery", "idle")
LAST_TRAINING_DAY = "2022-03-01"  # the last day that the frozen decoder saw
MAINS = 50.0  # Hz, where the recording was made
EDGE = 32  # samples dropped at both ends of a filtered trial, where the filters ring
N_FOLDS = 10


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is free in the arms, by default the field's values; nothing is chosen on the recording that is scored.

    bands:          Hz, of the filter bank in front of the tangent space, and
    c:              the inverse penalty of its readout; both chosen by benchmarks/choose_multiday.py on EEGMMIDB and on
                    the days up to LAST_TRAINING_DAY
    session_weight: windows that the mean of the past days counts when a run begins; one, so that the n-th window has
                    the weight 1/(n + 1) of an incremental mean
    floor:          least weight of a new window in the running mean, an exponential memory of 20
    ridge:          prior precision of the online readout; chosen by benchmarks/choose_multiday.py on EEGMMIDB
    new_weight:     what a label of the day counts beside one of the past in the refitted readout; chosen likewise
    """

    bands: tuple[tuple[float, float], ...] = ((8.0, 12.0), (12.0, 20.0), (20.0, 30.0))
    c: float = 0.1
    session_weight: float = 1.0
    floor: float = 0.05
    ridge: float = 3.0
    new_weight: float = 2.0


class Days(NamedTuple):
    """All trials in the order in which they happened.

    x (n_trials, n_bands n_channels, n_bands n_channels): windows with the OAS-shrunk covariances of each trial in each
    band as blocks, V; y, run, day (n_trials,) int32, the last two counted from 0; scored (n_trials,) bool, or True for
    all: trials that count, the others are part of the stream alone.
    """

    x: np.ndarray
    y: np.ndarray
    run: np.ndarray
    day: np.ndarray
    scored: np.ndarray | bool = True


class Aligned(NamedTuple):
    """windows (n_trials, n_channels, n_times), whitened by their own run's mean, means (n_runs, n_channels,
    n_channels), run (n_trials,): the run of each. Kind "static": windows as they are, means the identity."""

    windows: Array
    means: Array
    run: Array


class Segments(NamedTuple):
    """Stretches of trials that one decoder serves, rows padded with -1.

    trial (n_segments, 1 + length): the first column is -1 too, the moment at which the cap goes on.
    source (n_segments,): the day whose morning the decoder is of.
    """

    trial: np.ndarray
    source: np.ndarray


@dataclasses.dataclass(frozen=True)
class MultidayScenario:
    """Every day but the first is scored, each trial predicted before anything is learnt from it.

    Arms are registry methods on the decoder of 1 March 2022 (before that day: of the latest morning), or, called
    ``daily_METHOD``, on a decoder trained anew each morning on all days before. Methods that move the alignment have
    their past runs aligned one by one, each by its own mean, before training: in training as in use. A run is a
    mounting of the cap, so that alignment starts again with each.
    """

    info: ScenarioInfo

    def plan(self, config: RunConfig) -> list[Cell]:
        if config.data is not None:
            raise InputError(f"--data is '{config.data}': mi_multiday runs on its own recording; leave --data out")
        if config.subjects != 1:
            raise InputError(f"--subjects is {config.subjects}: mi_multiday has one person; leave --subjects out")
        return [
            Cell(scenario=config.scenario, severity=s, subjects=("P01",), seed=seed)
            for seed in range(config.seeds)
            for s in config.severities
        ]

    def run_cell(self, config: RunConfig, cell: Cell, notify: Notify) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        notify("filtering the recording")
        recording = load_embedded(RECORDING).select_quality("ok")
        settings = Settings()
        days, names = arrange(recording, bands_of(config.decoder, settings))
        first, onset_day = 1, names.index(LAST_TRAINING_DAY) + 1
        study = Study(days, config.decoder, first, onset_day, settings)
        study = study.with_labels(cell.seed, config.label_missing, config.label_noise, config.label_delay)
        scored = (days.day >= first) & days.scored
        arrays: dict[str, np.ndarray] = {}
        for name in config.methods:
            notify(f"decoding with {name}")
            proba, used = study.run(name)
            arrays[f"proba/{name}"] = proba[None, scored]
            arrays[f"labels/{name}"] = used[None, scored]
        arrays |= {
            "y": days.y[None, scored].astype(np.int8),
            "onset": np.array([int((days.day[scored] < onset_day).sum())], np.int32),
            "session": days.day[scored].astype(np.int32),
            "time_s": _clock(recording)[scored],
        }
        unknown = "the pauses between trials were not stored"
        meta = {
            "severity": cell.severity,
            "severity_unit": self.info.severity_unit,
            "seed": cell.seed,
            "subjects": list(cell.subjects),
            "ch_names": list(recording.ch_names),
            "class_names": list(CLASSES),
            "session_names": {str(i): name for i, name in enumerate(names)},
            "undefined": {"itr": unknown},
            "notes": [
                f"One person on {len(names)} days; the interval is over the {len(names) - onset_day} days after "
                f"{LAST_TRAINING_DAY}, not over people.",
                "Imagery of either hand against idle, for nobody can tell this person's hands apart; scored are right "
                "hand and idle, the left hand's trials are decoded and learnt from as they come and not scored.",
                "Labels are counted from that day on; trials up to it train every decoder. A budget of 10 or 20 labels "
                "is of each day.",
                "Settings: the field's defaults; filter bank, penalty, ridge and new labels' weight chosen on other "
                f"recordings and earlier days: {dataclasses.asdict(settings)}.",
                *recording.notes,
            ],
        }
        return meta, arrays

    def timing(self, config: RunConfig) -> dict[str, Any]:
        settings = Settings()
        days, names = arrange(load_embedded(RECORDING).select_quality("ok"), bands_of(config.decoder, settings))
        study = Study(days, config.decoder, 1, names.index(LAST_TRAINING_DAY) + 1, settings)
        trials, variables = study.source("static", study.onset_day)
        of = {name: base_method(base(name)) for name in config.methods}
        times = time_methods(list(dict.fromkeys(of.values())), study.decoder, variables, trials)
        return {name: times[method] for name, method in of.items() if method in times}


def base_method(name: str) -> str:
    """The registry method that an arm, without its budget, runs online."""
    if name == "daily":
        return "frozen"
    if name == "daily_riemann_labels":
        return "riemann_online"
    return name.removeprefix("daily_")


def bands_of(decoder: str, settings: Settings) -> tuple[tuple[float, float], ...]:
    """Hz: the filter bank for the tangent space, one band for any other decoder."""
    spec = registry.decoder(decoder)
    return settings.bands if decoder == "tangent_lr" else ((spec.l_freq, spec.h_freq),)


def arrange(
    recording: Recording, bands: tuple[tuple[float, float], ...], mains: float = MAINS
) -> tuple[Days, list[str]]:
    """The recording's trials, each filtered over its own length, and the names of its days.

    Classes are imagery, or any other task, against the last class; where there is a class "left", its trials are not
    scored.
    """
    n_channels = recording.x.shape[1]
    x = np.zeros((len(recording.x), len(bands) * n_channels, len(bands) * n_channels), np.float32)
    for n in np.unique(recording.n_samples):
        of_length = recording.n_samples == n
        kept = int(n) - 2 * EDGE
        raw, windows = jnp.asarray(recording.x[of_length, :, :n]), []
        for band in bands:
            filtered = Preprocessing.create(recording.sfreq, int(n), *band, notch=mains).apply(raw)[..., EDGE:-EDGE]
            windows.append(jax.vmap(lambda window, kept=kept: shrunk(window, kept))(filtered))
        x[of_length] = jax.vmap(stacked)(jnp.stack(windows, axis=1))
    names = list(dict.fromkeys(recording.session_days))
    day = np.array([names.index(recording.session_days[s]) for s in recording.session], np.int32)
    idle = recording.y == len(recording.class_names) - 1
    left = recording.class_names.index("left") if "left" in recording.class_names else -1
    return Days(x, idle.astype(np.int32), recording.session.astype(np.int32), day, recording.y != left), names


class Study:
    """Runs arms over days; what does not depend on the arm is made once."""

    def __init__(self, days: Days, decoder_name: str, first: int, onset_day: int, settings: Settings):
        """``first``: the first day that is scored; ``onset_day``: the first after the frozen decoder's training."""
        self.days, self.first, self.onset_day, self.settings = days, first, onset_day, settings
        self.n_days = int(days.day.max()) + 1
        self.spec = registry.decoder(decoder_name)
        n_trials, n_channels, n_times = days.x.shape
        decoder = self.spec.make(n_channels, n_times, int(days.y.max()) + 1, 0.0)
        self.n_blocks = len(bands_of(decoder_name, settings))
        if hasattr(decoder, "c"):
            decoder = dataclasses.replace(decoder, c=settings.c, shrinkage=False, n_blocks=self.n_blocks)  # type: ignore[type-var]
        self.decoder: Decoder = decoder
        self.label, self.available = days.y, np.ones(n_trials, bool)
        self.delay, self.key = 0, jax.random.key(0)
        self._aligned: dict[str, Aligned] = {}
        self._sources: dict[tuple[str, bytes], Variables] = {}

    def with_labels(self, seed: int, missing: float, noise: float, delay: int) -> "Study":
        """The same study with labels as an experimenter reveals them: in training as well as online."""
        self.key = stream_key(jax.random.key(0), "multiday", seed)
        n_classes = self.decoder.n_classes
        labels = reveal(stream_key(self.key, "labels"), jnp.asarray(self.days.y), n_classes, 0, missing, noise)
        self.label, self.available, self.delay = np.asarray(labels.label), np.asarray(labels.available), delay
        return self

    def knowing(self, available: np.ndarray) -> "Study":
        """The same study where these labels (n_trials,) bool come and no others; what does not depend on that is
        shared."""
        study = copy.copy(self)
        study.available = available
        return study

    def run(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Class probabilities (n_trials, n_classes) and labels used so far (n_trials,), 0 before the first scored."""
        if name == "oracle":
            return self.oracle()
        name, budget = split_arm(name)
        method = base_method(name)
        daily = name.startswith(DAILY)
        if daily and budget != FULL:
            raise InputError(
                f"'{name}@{budget.name}': {name} trains on the labels of all past days and takes no label budget; "
                f"leave '@{budget.name}' out"
            )
        available, errors = self.within(budget)
        segments = self.segments(daily)
        kind = self.kind(method)
        proba, used = _decode(
            self.adapter(method),
            self.decoder,
            kind,
            self.delay + budget.delay,
            self._all(kind, daily),
            self._tensors(segments, available, errors),
            self._aligned_runs(kind),
            jnp.arange(len(segments.source)),
            stream_key(self.key, "adapter"),
        )
        offset = np.array([self.labels_before(day) if daily else 0 for day in segments.source])
        return self._scatter(segments, np.asarray(proba), np.asarray(used) + offset[:, None])

    def within(self, budget: Budget) -> tuple[np.ndarray, ErrorSignals | None]:
        """Which labels (n_trials,) bool come within the budget, whose 10 or 20 count anew every day, and the signs of
        errors where the budget is of them."""
        labels = Labels(*(jnp.asarray(a)[None] for a in (self.label, self.available, np.arange(len(self.label)))))
        ends = np.append(self.days.day[1:] != self.days.day[:-1], False)
        onset = int((self.days.day < self.onset_day).sum())
        key, y = stream_key(self.key, "signs")[None], jnp.asarray(self.days.y, jnp.int32)[None]
        # the delay is counted where the stream is played, in which the cap goes on once more
        told, errors = reveal_within(key, y, labels, jnp.asarray(ends), onset, budget._replace(delay=0))
        return np.asarray(told.available[0]), jax.tree.map(lambda a: a[0], errors)

    def labels_before(self, day: int) -> int:
        """Labels that training before ``day`` used beyond those of the frozen decoder."""
        return int((self.available & (self.days.day >= self.onset_day) & (self.days.day < day)).sum())

    def segments(self, daily: bool) -> Segments:
        """Days apart, or from the onset on as one stretch."""
        last = self.n_days if daily else self.onset_day + 1
        rows = [np.flatnonzero(self.days.day == d) for d in range(self.first, last)]
        if not daily:
            rows[-1] = np.flatnonzero(self.days.day >= self.onset_day)
        trial = np.full((len(rows), 1 + max(len(r) for r in rows)), -1, np.int32)
        for padded, row in zip(trial, rows):
            padded[1 : 1 + len(row)] = row
        return Segments(trial, np.arange(self.first, last, dtype=np.int32))

    def kind(self, name: str) -> str:
        """How the runs of the past are brought together for training: one alignment for all, or each its own. A method
        of a user's own has the first, for nobody knows what it moves."""
        if name not in registry.METHODS or "align" not in registry.method(name).parts:
            return "static"
        return "riemannian" if name.startswith("riemann") else "euclidean"

    def adapter(self, name: str) -> Adapter:
        """The method of that name with the settings chosen for days, in whatever it is wrapped."""
        return self._settled(make_adapter(name))

    def _settled(self, adapter: Any) -> Any:
        if not hasattr(adapter, "parts"):
            inner = getattr(adapter, "adapter", None)
            return adapter if inner is None else dataclasses.replace(adapter, adapter=self._settled(inner))
        parts = []
        for part in adapter.parts:
            fields = {f.name for f in dataclasses.fields(part)}
            new = {
                k: getattr(self.settings, k) for k in ("session_weight", "floor", "ridge", "new_weight") if k in fields
            }
            new |= {"n_blocks": self.n_blocks} if "n_blocks" in fields else {}
            # the incremental mean has no floor by definition
            parts.append(dataclasses.replace(part, **{k: v for k, v in new.items() if k != "floor" or part.floor > 0}))
        return dataclasses.replace(adapter, parts=tuple(parts))

    def source(self, kind: str, day: int) -> tuple[Trials, Variables]:
        """The training set of the morning of ``day``, and the decoder trained on it."""
        past = jnp.asarray((self.days.day < day) & self.available, jnp.float32)
        trials = _calibration(kind, self._aligned_runs(kind), jnp.asarray(self.label), past, self.n_blocks)
        return trials, jax.tree.map(lambda a: a[day - self.first], self._all(kind, True))

    def oracle(self) -> tuple[np.ndarray, np.ndarray]:
        """Each trial by a decoder of all others but its fold, past and future, every run aligned as a whole."""
        aligned = self._aligned_runs("riemannian")
        n_trials = len(self.days.y)
        fold = np.arange(n_trials) % N_FOLDS
        others = jnp.asarray(fold[None] != np.arange(N_FOLDS)[:, None], jnp.float32)
        fitted = _train(self.decoder, "static", self.spec.alignment, aligned, jnp.asarray(self.days.y), others)
        proba = np.asarray(_probabilities(self.decoder, fitted, aligned.windows, jnp.asarray(fold)))
        after = self.days.day >= self.onset_day
        return proba, np.where(after, round(after.sum() * (1 - 1 / N_FOLDS)), 0).astype(np.int32)

    def _all(self, kind: str, daily: bool) -> Variables:
        """Decoders of every morning, stacked; those after the onset's are right for ``daily`` arms alone."""
        morning = np.arange(self.first, self.n_days)
        # Labels from the onset on train no other decoder: then it does not matter which of them come.
        known = self.available if daily else self.available | (self.days.day >= self.onset_day)
        past = (self.days.day[None] < morning[:, None]) & known
        trained_on = kind, past.tobytes()
        if trained_on not in self._sources:
            mean = self.spec.alignment if kind == "static" else kind
            label, weight = jnp.asarray(self.label), jnp.asarray(past, jnp.float32)
            fitted = _train(self.decoder, kind, mean, self._aligned_runs(kind), label, weight)
            self._sources[trained_on] = fitted
        return self._sources[trained_on]

    def _aligned_runs(self, kind: str) -> "Aligned":
        if kind not in self._aligned:
            x = jnp.asarray(self.days.x)
            names, run = np.unique(self.days.run, return_inverse=True)
            of_run = [np.flatnonzero(run == r) for r in range(len(names))]
            index = np.full((len(names), max(len(r) for r in of_run)), -1)
            for padded, row in zip(index, of_run):
                padded[: len(row)] = row
            means = jnp.broadcast_to(jnp.eye(x.shape[1]), (len(names), x.shape[1], x.shape[1]))
            if kind != "static":
                means = _run_means(x, jnp.asarray(index), kind, self.n_blocks)
                x = jax.vmap(by_block(inv_sqrtm, self.n_blocks))(means)[run] @ x
            self._aligned[kind] = Aligned(x, means, jnp.asarray(run))
        return self._aligned[kind]

    def _tensors(
        self, segments: Segments, available: np.ndarray, errors: ErrorSignals | None
    ) -> tuple[Array | ErrorSignals | None, ...]:
        """What ``_decode`` needs of the stream: windows, truth as revealed and whether it is, signs of errors, runs,
        and the past of every segment."""
        past = (self.days.day[None] < segments.source[:, None]) & self.available
        return (
            jnp.asarray(self.days.x),
            jnp.asarray(self.label, jnp.int32),
            jnp.asarray(available),
            errors,
            jnp.asarray(self.days.run, jnp.int32),
            jnp.asarray(segments.trial),
            jnp.asarray(past, jnp.float32),
        )

    def _scatter(self, segments: Segments, proba: np.ndarray, used: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_trials = len(self.days.y)
        out = np.full((n_trials, proba.shape[-1]), 1.0 / proba.shape[-1], np.float32)
        labels = np.zeros(n_trials, np.int32)
        real = segments.trial >= 0
        out[segments.trial[real]] = proba[real]
        labels[segments.trial[real]] = used[real]
        labels[self.days.day < self.onset_day] = 0
        return out, labels


@functools.partial(jax.jit, static_argnames=("kind", "n_blocks"))
def _run_means(x: Array, index: Array, kind: str, n_blocks: int) -> Array:
    """Mean covariance (n_runs, n_channels, n_channels) of each run's trials, index (n_runs, longest), -1 for none."""

    def one(row: Array) -> Array:
        weight = (row >= 0).astype(x.dtype)
        covs = jax.vmap(lambda w: regularised(covariance(w)))(x[jnp.maximum(row, 0)])
        return _mean(kind, n_blocks)(covs, weight)

    return jax.lax.map(one, index)


def _mean(kind: str, n_blocks: int) -> Callable[[Array, Array], Array]:
    return mean_by_block(riemannian_mean, n_blocks) if kind == "riemannian" else weighted_mean


def _calibration(kind: str, aligned: "Aligned", y: Array, past: Array, n_blocks: int) -> Trials:
    """The trials of the past, each run recentred on the mean of the past: methods of the registry find one mean.

    In the place of a later trial stands one of the past with weight 0: no method can look at what is to come.
    """
    windows = aligned.windows
    if kind != "static":
        weight = jax.ops.segment_sum(past, aligned.run, aligned.means.shape[0])
        windows = by_block(sqrtm, n_blocks)(_mean(kind, n_blocks)(aligned.means, weight)) @ windows
    at = jnp.where(past > 0, jnp.arange(past.shape[0]), jnp.argmax(past > 0))
    return Trials(windows[at], y[at], past)


@functools.partial(jax.jit, static_argnames=("kind", "mean"))
def _train(decoder: Decoder, kind: str, mean: str, aligned: "Aligned", y: Array, past: Array) -> Variables:
    """Decoders (n_mornings, ...) of past (n_mornings, n_trials), each behind the mean of its past."""

    def one(past: Array) -> Variables:
        n_blocks = getattr(decoder, "n_blocks", 1)
        trials = _calibration(kind, aligned, y, past, n_blocks)
        start = with_alignment(decoder.init(jax.random.key(0)), trials, mean, n_blocks)
        return decoder.fit(start, balanced(trials, decoder.n_classes), jax.random.key(0))

    return jax.lax.map(one, past)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _decode(
    adapter: Adapter,
    decoder: Decoder,
    kind: str,
    delay: int,
    sources: Variables,
    tensors: tuple[Any, ...],
    aligned: "Aligned",
    rows: Array,
    key: Array,
) -> tuple[Array, Array]:
    """Probabilities (n_segments, 1 + length, n_classes) and labels used, the segments one after another."""
    x, label, available, errors, run, trial, past = tensors

    def one(row: Array) -> tuple[Array, Array]:
        index = trial[row]
        real = index >= 0
        at = jnp.maximum(index, 0)
        calibration = _calibration(kind, aligned, label, past[row], getattr(decoder, "n_blocks", 1))
        variables = jax.tree.map(lambda a: a[row], sources)
        # The cap goes on: a window that is not finite teaches nothing, but a session end is heard.
        windows = jnp.where(real[:, None, None], x[at], jnp.nan)
        last = jnp.append(run[at][1:] != run[at][:-1], False) & real
        origin = jnp.arange(index.shape[0]) - delay
        arrived = (origin > 0) & real[jnp.maximum(origin, 0)] & real
        origin = jnp.maximum(origin, 0)
        labels = Labels(label[at][origin], arrived & available[at][origin], origin.astype(jnp.int32))
        signs = jax.tree.map(lambda a: a[at], errors)
        stream = Stream(windows, labels, last.at[0].set(True), signs)
        return decode_stream(adapter, decoder, variables, calibration, stream, stream_key(key, "segment", row))

    return jax.lax.map(one, rows)


@jax.jit
def _probabilities(decoder: Decoder, fitted: Variables, windows: Array, fold: Array) -> Array:
    """Probabilities (n_trials, n_classes) of every window by the decoder of its fold."""

    def one(args: tuple[Array, Array]) -> Array:
        window, k = args
        return jax.nn.softmax(decoder.apply(jax.tree.map(lambda a: a[k], fitted), window))

    return jax.lax.map(one, (windows, fold))


def _clock(recording: Recording) -> np.ndarray:
    """Seconds (n_trials,) since the first run began; within a run recorded signal only, for pauses were not stored."""
    starts = [datetime.datetime.strptime(name, "%Y-%m-%d %H:%M") for name in recording.session_names]
    begin = np.array([(start - starts[0]).total_seconds() for start in starts])
    length = recording.n_samples / recording.sfreq
    within = np.zeros(len(length))
    for run in np.unique(recording.session):
        of_run = recording.session == run
        within[of_run] = np.cumsum(length[of_run]) - length[of_run]
    return begin[recording.session] + within


def multiday(name: str) -> MultidayScenario:
    return MultidayScenario(INFOS[name])
