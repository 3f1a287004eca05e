"""Seizures of a new patient: a detector of other patients, with a few labelled seconds of the patient's own."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...adaptation.contract import Trials
from ...adaptation.decoders.feature_net import FeatureNet
from ...sim.keys import stream_key
from ...sim.tasks.seizures import MODELS, score
from ..contract import Cell, Notify, RunConfig
from ..own import Finished, cells_of, people
from ..report.text import UNDEFINED
from ..statistics import bootstrap, resample, weighted_ratio
from .alignments import Standardised
from .arms import ARMS, Fitting, Person, make_source, run_arms, tuned_as
from .feature_trials import centred, with_context
from .outcome import Outcome
from .risk import BOOTSTRAP_SEED, find, interval_of
from .scenario import Measured, Table, Told
from .seizure_patients import Recorded, record_patients

CONTEXT = (3,)  # s whose causal means are features too
BUDGETS = (0, 4, 10, 20, 60)
SCALE_S = 300  # unlabelled seconds that tell the patient's scale
SMOOTH, THRESHOLD = 5, 0.9  # a flag is up where the mean probability over so many s is above this
GOAL = 0.15
COUNTS = ("detected", "seizures", "false", "hours", "delay")


class Sizes(NamedTuple):
    """n_source patients of ``minutes``; of a new one ``pool`` minutes may be labelled and ``test`` are watched."""

    n_source: int
    minutes: float
    pool: float
    test: float
    source_epochs: int
    scratch_epochs: int
    tuned_epochs: int


FULL = Sizes(n_source=12, minutes=20.0, pool=20.0, test=30.0, source_epochs=40, scratch_epochs=200, tuned_epochs=60)
QUICK = Sizes(n_source=3, minutes=10.0, pool=10.0, test=8.0, source_epochs=20, scratch_epochs=100, tuned_epochs=10)


@dataclasses.dataclass(frozen=True)
class Seizures:
    """Wendling and Epileptor patients: new ones have faster build-ups, more interictal spikes and a drifting lead."""

    arms: tuple[str, ...] = ARMS
    budget_unit: str = "labelled seconds, half of them ictal"

    def plan(self, config: RunConfig) -> list[Cell]:
        groups = [tuple(f"{model[0].upper()}{name[1:]}" for name in people(config)) for model in MODELS]
        return cells_of(config, *groups)

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        sizes = QUICK if config.quick else FULL
        model = next(m for m in MODELS if m[0].upper() == cell.subjects[0][0])
        notify(f"recording {model} patients")
        known = record_patients(model, np.arange(sizes.n_source), 0, sizes.minutes, False)
        numbers = np.array([int(name[1:]) for name in cell.subjects])
        new = record_patients(model, numbers, cell.seed, sizes.pool + sizes.test, True)
        key = stream_key(stream_key(jax.random.key(0), "transfer_seizure", cell.seed), model)
        scaled = centred(known.x)
        fitting, source = trained(known, scaled, sizes, key)
        notify(f"detecting seizures of {model} patients")
        x = with_context(scaled(new.x), CONTEXT)
        n_pool = int(sizes.pool * 60)
        person = Person(
            pool=balanced_pool(x[:, :n_pool], new.seizing[:, :n_pool], new.impending[:, :n_pool], max(BUDGETS)),
            test=everything(x[:, n_pool:], new.seizing[:, n_pool:]),
            scale=everything(x[:, :SCALE_S], new.seizing[:, :SCALE_S]),
        )
        keys = jax.vmap(lambda i: stream_key(key, "patient", i))(jnp.asarray(numbers))
        proba, on_source = run_arms(fitting, source, person, BUDGETS, keys)
        seizing, impending = (a[:, n_pool:] for a in (new.seizing, new.impending))
        y = np.where(impending & ~seizing, -1, seizing)
        held = np.where(np.asarray(source.held.weight) > 0, np.asarray(source.held.y), -1)
        outcome = Outcome.create(cell.subjects, BUDGETS, ARMS, proba, y, "balanced_accuracy").with_source(
            on_source, held
        )
        return Measured(model, outcome, arrays=detections(proba, seizing, impending))

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        sentences, tables = [], []
        smallest = BUDGETS[1]
        for name, risk in transfers.items():
            if {"scratch", "finetuned"} <= set(risk["arms"]):
                found = interval_of(find(risk, "finetuned", smallest), "gain")
                word = "at least the" if found.value >= GOAL else "short of the"
                sentences.append(
                    f"{name}, {smallest} labelled seconds: fine-tuned {100 * found.value:+.1f} [{100 * found.lo:.1f}, "
                    f"{100 * found.hi:.1f}] points of balanced accuracy over from scratch, {word} {100 * GOAL:.0f} "
                    "wanted."
                )
            cells = [arrays for meta, arrays in done.cells if meta["group"] == name]
            tables.append(detection_table(name, risk["arms"], cells))
        return Told(sentences[0] if sentences else "No arm to compare was run.", sentences[1:], tables, NOTES)


NOTES = (
    "Logarithms of band powers, line length and variance of every second, and their causal means over 3 s; a "
    "flag is up where the mean probability of the last 5 s is above .9. Seizures are detected within 30 s of their "
    "onset; alarms while one is coming on, and in the 10 s after it, are not false.",
    "Twenty seizures an hour, a bad hour rather than a usual day; false alarms are of the time outside seizures.",
    "From scratch stands on the scale of the first five minutes, unlabelled; aligned and fine-tuned follow it from "
    "there, which is part of what they are above it; frozen keeps the source's.",
)


def trained(known: Recorded, scaled: Any, sizes: Sizes, key: Any) -> tuple[Fitting, Any]:
    """The detector of the known patients, and how it goes on."""
    x = with_context(scaled(known.x), CONTEXT)
    trials = balanced_pool(x, known.seizing, known.impending, 240)
    held = np.arange(240) % 6 < 2  # pairs, so that both classes are held
    net = FeatureNet.create(x.shape[-1], 1, 2, n_hidden=16)
    fitting = Fitting(
        decoder=tuned_as(net, epochs=sizes.scratch_epochs, batch_size=16, learning_rate=3e-3),
        source=tuned_as(net, epochs=sizes.source_epochs, batch_size=64),
        tuned=tuned_as(net, epochs=sizes.tuned_epochs, batch_size=16, learning_rate=1e-3),
        alignment=Standardised(start=30.0, most=float(SCALE_S)),
    )
    scale = everything(x[:, :SCALE_S], known.seizing[:, :SCALE_S])
    kept = trials._replace(weight=trials.weight * ~held)
    return fitting, make_source(fitting, kept, jax.tree.map(lambda a: a[:, held], trials), key, scale)


def everything(x: np.ndarray, seizing: np.ndarray) -> Trials:
    """All seconds x (n_patients, n_seconds, n_features) as trials."""
    y = jnp.asarray(seizing, jnp.int32)
    return Trials(jnp.asarray(x, jnp.float32)[..., None], y, jnp.ones(y.shape))


def balanced_pool(x: np.ndarray, seizing: np.ndarray, impending: np.ndarray, n: int) -> Trials:
    """For each patient n seconds, ictal and others in turn, in the order in which they happened: the first ictal ones,
    and others spread over the time up to the last of those. Weight 0 where there are too few."""
    rows, labels, weights = [], [], []
    for features, ictal, coming in zip(x, seizing, impending):
        first = np.flatnonzero(ictal)[: n // 2]
        calm = np.flatnonzero(~ictal & ~coming)
        calm = calm[np.linspace(0, len(calm) - 1, n // 2).astype(int)]
        index, weight = np.zeros(n, int), np.zeros(n)
        index[0 : 2 * len(first) : 2], weight[0 : 2 * len(first) : 2] = first, 1.0
        index[1::2], weight[1::2] = calm, 1.0
        rows.append(features[index])
        labels.append(np.arange(n) % 2 == 0)
        weights.append(weight)
    return Trials(
        jnp.asarray(np.stack(rows), jnp.float32)[..., None], jnp.asarray(np.stack(labels), jnp.int32),
        jnp.asarray(np.stack(weights), jnp.float32),
    )  # fmt: skip


def detections(proba: np.ndarray, seizing: np.ndarray, impending: np.ndarray) -> dict[str, np.ndarray]:
    """Counts (n_patients, n_budgets, n_arms) of ``COUNTS``: delay is the sum over detected seizures, s."""
    from ..metrics import causal_mean

    flag = causal_mean(proba[..., 1], SMOOTH) > THRESHOLD
    found = np.zeros((len(COUNTS), *flag.shape[:3]))
    for place in np.ndindex(*flag.shape[:3]):
        one = score(flag[place], seizing[place[0]], impending[place[0]], 1.0)
        false = one.false_per_day * one.hours / 24.0 if one.hours else 0.0
        found[(slice(None), *place)] = len(one.delays), one.n_seizures, false, one.hours, one.delays.sum()
    return {what: found[i] for i, what in enumerate(COUNTS)}


def detection_table(name: str, arms: Sequence[str], cells: Sequence[Mapping[str, np.ndarray]]) -> Table:
    """Sensitivity, delay and false alarms of every arm and budget."""
    counts = {what: np.concatenate([c[what] for c in cells]) for what in COUNTS}
    weights = resample(len(counts["hours"]), BOOTSTRAP_SEED)
    rows = []
    for b, budget in enumerate(BUDGETS):
        for arm in arms:
            if arm == "scratch" and not budget:
                continue
            mine = {what: values[:, b, ARMS.index(arm)] for what, values in counts.items()}
            found = (
                (bootstrap(weighted_ratio(100 * mine["detected"], mine["seizures"]), weights), 0),
                (bootstrap(weighted_ratio(mine["delay"], mine["detected"]), weights), 1),
                (bootstrap(weighted_ratio(24 * mine["false"], mine["hours"]), weights), 1),
            )
            rows.append([f"{budget}", arm, *(_text(interval, digits) for interval, digits in found)])
    n, hours = int(counts["seizures"][:, 0, 0].sum()), counts["hours"][:, 0, 0].sum()
    heads = ("labelled seconds", "arm", "sensitivity, %", "delay, s", "false alarms in 24 h")
    return Table(f"Detections: {name}", heads, rows, f"{n} seizures, {hours:.1f} h outside them. Beside it: 97 % of 67 "
                 "seizures, median delay 5 s, .6 false alarms in 24 h, of patient-specific detectors on intracranial "
                 "recordings.")  # fmt: skip


def _text(found: Any, digits: int) -> str:
    if not np.isfinite(found.value):
        return UNDEFINED
    return f"{found.value:.{digits}f} [{found.lo:.{digits}f}, {found.hi:.{digits}f}]"
