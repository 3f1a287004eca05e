"""A new user of motor imagery: decoders of many others, with 0, 10, 20 and 40 labelled trials of the user."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation import registry
from ...adaptation.contract import Decoder, Trials
from ...adaptation.preprocessing import Preprocessing
from ...adaptation.transfer.channels import ChannelMap
from ...sim.builders import motor_imagery_plant
from ...sim.errors import InputError
from ...sim.head.montage import LAYOUTS, make_montage
from ...sim.keys import stream_key
from ...sim.plant import record
from ..contract import Cell, Notify, RunConfig
from ..eegmmidb import of_subject, recorded_subjects
from ..known_people import refuse_known
from ..own import Finished, cells_of, people
from ..preparing import prepared
from ..simulated import CLASS_NAMES
from ..starting import Start, checkpoint_for, start_from
from .alignments import Euclidean
from .arms import Fitting, Person, make_source, run_arms, tuned_as
from .infos import ARMS
from .outcome import Outcome
from .privacy import with_audit
from .risk import find, interval_of
from .scenario import Measured, Table, Told
from .verdict import beside, compared, points

MONTAGE, SFREQ, DECODER_SFREQ, SECONDS = "10-10-31", 250.0, 125.0, 3.0
CHANNELS = tuple(f"{row}{column}" for row in ("FC", "C", "CP") for column in ("5", "3", "1", "z", "2", "4", "6"))
NETWORK_RATE = 80.0  # Hz, the lowest that EEGNet takes and that divides the recordings' 160
POOL, TEST, HELD = 40, 80, 20
RECORDED_POOL = 20  # of 45 trials
RECORDED, SHUFFLED = "EEGMMIDB", "EEGMMIDB, shuffled orders"
BUDGETS = (0, 10, 20, 40)
PUBLISHED = (10.0, 18.8, 22.1)
"""Points that a few labelled trials gained a network of other subjects, three figures of arXiv 2506.14120."""
QUOTED = "Published: a convolutional network of other people, updated with a few trials; as quoted, not read."


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How many people the source has, of how many trials, and how long networks are trained on them."""

    n_source: int
    n_trials: int
    source_epochs: int
    scratch_epochs: int
    tuned_epochs: int


FULL = Sizes(n_source=12, n_trials=80, source_epochs=30, scratch_epochs=100, tuned_epochs=20)
QUICK = Sizes(n_source=4, n_trials=40, source_epochs=4, scratch_epochs=10, tuned_epochs=4)


@dataclasses.dataclass(frozen=True)
class NewUser:
    """Simulated people, or with ``--data`` EEGMMIDB's, one left out at a time."""

    arms: tuple[str, ...] = ARMS
    budget_unit: str = "labelled trials"

    def plan(self, config: RunConfig) -> list[Cell]:
        if config.data is None:
            _ = _start(config)
            return cells_of(config, people(config))
        if config.start is not None:
            found = checkpoint_for(config.start, config.decoder)
            refuse_known(config.start, found.card, recorded_subjects(config.data), "judged")
        return cells_of(config, *((name,) for name in recorded_subjects(config.data)))

    def run(self, config: RunConfig, cell: Cell, notify: Notify) -> Measured:
        sizes = QUICK if config.quick else FULL
        if config.data is not None:
            return self._recorded(config, cell, notify, sizes)
        numbers, start = jnp.asarray([int(name[1:]) for name in cell.subjects]), _start(config)
        notify("recording the people of the source")
        everybody = record_people(config.decoder, sizes.n_trials + HELD, "source", jnp.arange(sizes.n_source), 0)
        notify("recording the new users")
        users = record_people(config.decoder, POOL + TEST, "user", numbers, cell.seed)
        if start is not None and start.channels is not None:
            everybody, users = (mapped(start.channels, trials) for trials in (everybody, users))
        fitting = fitting_of(decoder_of(config, everybody.x.shape[2:], DECODER_SFREQ), sizes)
        outcome = meet(fitting, everybody, HELD, users, POOL, BUDGETS, config, cell, notify)
        return Measured("simulated people", outcome)

    def _recorded(self, config: RunConfig, cell: Cell, notify: Notify, sizes: Sizes) -> Measured:
        names = recorded_subjects(str(config.data))
        notify(f"{cell.subjects[0]}: reading everybody")
        xs, sfreq = zip(*(recorded(str(config.data), name, config.decoder, config.start) for name in names))
        for name, trials, rate in zip(names, xs, sfreq):
            if trials.x.shape != xs[0].x.shape or rate != sfreq[0]:
                raise InputError(
                    f"{name} has trials {trials.x.shape} at {rate:g} Hz, {names[0]} {xs[0].x.shape} at "
                    f"{sfreq[0]:g} Hz: wanted everybody alike; take {name} out of the folder"
                )
        everybody = jax.tree.map(lambda *a: jnp.stack(a), *xs)
        held_out = names.index(cell.subjects[0])
        others = jax.tree.map(lambda a: jnp.delete(a, held_out, axis=0), everybody)
        order = np.arange(everybody.y.shape[1])
        if cell.seed:
            order = np.random.default_rng([20090912, held_out, cell.seed]).permutation(order)
        user = jax.tree.map(lambda a: a[held_out][order][None], everybody)
        fitting = fitting_of(decoder_of(config, everybody.x.shape[2:], sfreq[0]), sizes)
        budgets = tuple(b for b in BUDGETS if b <= RECORDED_POOL)
        outcome = meet(fitting, others, HELD // 2, user, RECORDED_POOL, budgets, config, cell, notify)
        return Measured(SHUFFLED if cell.seed else RECORDED, outcome)

    def tell(self, transfers: Mapping[str, Mapping[str, Any]], done: Finished) -> Told:
        sentences, rows = [], []
        for name, risk in transfers.items():
            for budget in (b for b in (10, 20) if b in risk["budgets"]):
                if not {"scratch", "finetuned"} <= set(risk["arms"]):
                    continue
                tuned = find(risk, "finetuned", budget)
                gain = interval_of(tuned, "gain")
                clauses = [
                    f"{name}, {budget} trials: fine-tuned {points(gain)} points over from scratch",
                    *compared(risk, "finetuned", budget),
                    f"{100 * tuned['negative']:.0f} % of people are more than a point below from scratch",
                ]
                sentences.append("; ".join(clauses) + ".")
                rows.append([f"{name}, {budget} trials", points(gain)])
            sentences += _adapting(name, risk)
        rows += [[f"published, arXiv 2506.14120, figure {i}", f"{gain:+.1f}"] for i, gain in enumerate(PUBLISHED, 1)]
        table = Table("Gain beside what was published", ("", "points over from scratch"), rows,
                      QUOTED)  # fmt: skip
        best = sentences[0] if sentences else "No arm to compare was run."
        notes = NOTES if done.config.start is None else (*NOTES, STARTED.format(done.config.start))
        return Told(best, sentences[1:], [table] if rows else [], notes)


STARTED = (
    "The source is the checkpoint {}, not trained on the source's people here: they lend their scale to the arm "
    "frozen, and what is forgotten is measured on them."
)
NOTES = (
    "Every arm sees the same first trials of the user and answers the same later ones; what is aligned follows the "
    "mean covariance trial by trial, each trial transformed by what is known when it comes. From scratch keeps the "
    "scale of its own labelled trials; scratch_aligned is the same network and follows the scale as the others do. "
    "The first of several orders of a recording is that in which it happened; in the others its trials are shuffled, "
    "so that earlier and later are then an order and no time: they are a transfer of their own.",
    "A network from scratch is near chance with ten or twenty trials: much of its gain is over a weak beginning, and "
    "tangent space from scratch, on the same trials in a run of its own, is the harder one to beat.",
    "Epochs, rates and the penalty were not searched for: the decoders' own, a hundred epochs for a network from "
    "scratch, twenty for fine-tuning.",
    "Networks are fine-tuned in all layers with half the learning rate; tangent space and CSP refit the readout, the "
    "tangent space's penalty centred on the source's readout.",
    "The oracle is tuned on all trials of the user but the fifth that it answers, and aligned by all: no user has it. "
    "It goes on from the source; where that or tuning costs, other arms pass it.",
)


def _adapting(name: str, risk: Mapping[str, Any]) -> list[str]:
    """Whether 20 trials from scratch lose to adapting without any label."""
    if not {"scratch", "aligned"} <= set(risk["arms"]) or 20 not in risk["budgets"]:
        return []
    scratch, adapted = (find(risk, arm, 20) for arm in ("scratch", "aligned"))
    gain = interval_of(adapted, "gain")
    word = beside(gain, 0.0, "lose to", "beat", "are not settled beside")
    return [
        f"{name}: 20 trials from scratch ({100 * scratch['value']:.1f} %) {word} the source that is aligned without "
        f"labels ({100 * adapted['value']:.1f} %): {points(gain)} points."
    ]


def _start(config: RunConfig) -> Start | None:
    """The checkpoint for simulated people, where one is asked for."""
    if config.start is None:
        return None
    n_times = round(SECONDS * DECODER_SFREQ)
    return start_from(config.start, config.decoder, CLASS_NAMES, LAYOUTS[MONTAGE], DECODER_SFREQ, n_times)


@jax.jit
def mapped(channels: ChannelMap, everybody: Trials) -> Trials:
    """Everybody's windows (n_people, n_trials, n_channels, n_times) under the electrodes of a checkpoint."""
    return everybody._replace(x=channels.apply(everybody.x))


def decoder_of(config: RunConfig, shape: tuple[int, int], sfreq: float) -> Decoder:
    """The decoder of the run, or the one of its checkpoint."""
    if config.start is not None:
        return checkpoint_for(config.start, config.decoder).decoder
    return registry.decoder(config.decoder).make(shape[0], shape[1], 2, sfreq)


def fitting_of(decoder: Decoder, sizes: Sizes) -> Fitting:
    """How the decoder is trained from scratch, on the source and fine-tuned."""
    if not hasattr(decoder, "epochs"):
        return Fitting(decoder=decoder, source=decoder, tuned=decoder, alignment=Euclidean(), refit=True)
    scratch = tuned_as(decoder, epochs=sizes.scratch_epochs, batch_size=16)
    tuned = tuned_as(decoder, epochs=sizes.tuned_epochs, batch_size=16, learning_rate=5e-4)
    source = tuned_as(decoder, epochs=sizes.source_epochs, batch_size=64)
    return Fitting(decoder=scratch, source=source, tuned=tuned, alignment=Euclidean())


def meet(
    fitting: Fitting, others: Trials, n_held: int, users: Trials, n_pool: int, budgets: tuple[int, ...],
    config: RunConfig, cell: Cell, notify: Notify,
) -> Outcome:  # fmt: skip
    """The outcome of the users (n_users, n_trials, ...), of whose trials the first ``n_pool`` may be labelled,
    with the source trained on all but the last ``n_held`` trials of the others, or the checkpoint of the run."""
    key = stream_key(jax.random.key(0), "transfer", cell.seed)
    notify("training on the source" if config.start is None else f"starting from {config.start}")
    begin = None if config.start is None else checkpoint_for(config.start, config.decoder).variables
    trained = make_source(fitting, *split(others, -n_held), key, variables=begin)
    pool, test = split(users, n_pool)
    notify("answering by every arm")
    keys = jax.vmap(lambda i: stream_key(key, "user", i))(jnp.arange(users.y.shape[0]))
    person = Person(pool, test)
    proba, on_source, told = run_arms(fitting, trained, person, budgets, keys)
    outcome = Outcome.create(cell.subjects, budgets, ARMS, proba, np.asarray(test.y))
    return with_audit(outcome.with_source(on_source, np.asarray(trained.held.y)), told, person)


def split(everybody: Trials, at: int) -> tuple[Trials, Trials]:
    """The trials of everybody (n_people, n_trials, ...) before and from ``at``."""
    first, second = (jax.tree.map(lambda a, s=s: a[:, s], everybody) for s in (slice(at), slice(at, None)))
    return first, second


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def record_people(decoder_name: str, n_trials: int, who: str, numbers: Array, seed: Array | int) -> Trials:
    """Trials (n_people, n_trials, n_channels, n_times) of the simulated people of these numbers, filtered for the
    decoder; who they are depends on ``who`` and the number alone."""
    spec = registry.decoder(decoder_name)
    with jax.ensure_compile_time_eval():
        filters = Preprocessing.create(SFREQ, round(SECONDS * SFREQ), spec.l_freq, spec.h_freq, sfreq_out=DECODER_SFREQ)
        make_montage(MONTAGE)
    root = jax.random.key(0)

    def one(number: Array) -> Trials:
        key = stream_key(root, f"transfer.{who}", number)
        plant = motor_imagery_plant(key, MONTAGE, SFREQ)
        epochs = record(plant, stream_key(key, "run", seed), n_trials)
        return Trials(filters.apply(epochs.x), epochs.label, jnp.ones(n_trials))

    return jax.lax.map(one, numbers)


@functools.lru_cache(maxsize=128)
def recorded(folder: str, name: str, decoder_name: str, start: str | None = None) -> tuple[Trials, float]:
    """One subject's 45 trials in the decoder's band, or as a checkpoint wants them, and their rate, Hz."""
    recording = of_subject(folder, name, 0.0, SECONDS)
    if start is not None:
        card = checkpoint_for(start, decoder_name).card
        return prepared(recording, card), card.sfreq
    spec, recording = registry.decoder(decoder_name), recording.pick(CHANNELS)
    rate = None if spec.covariance_only else NETWORK_RATE
    filters = Preprocessing.create(recording.sfreq, recording.x.shape[-1], spec.l_freq, spec.h_freq, rate)
    x = filters.apply(jnp.asarray(recording.x))
    y = jnp.asarray(recording.y == recording.class_names.index("right"), jnp.int32)
    return Trials(x, y, jnp.ones(y.shape)), filters.sfreq
