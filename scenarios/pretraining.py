"""``neurodrift pretrain``: people, a decoder, a strategy; a checkpoint, and what it is worth to strangers."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .. import __version__
from ..adaptation import registry
from ..adaptation.contract import Decoder, Trials, Variables
from ..adaptation.preprocessing import Preprocessing
from ..adaptation.transfer.card import Card, decoder_fields
from ..adaptation.transfer.checkpoint import Checkpoint
from ..adaptation.transfer.discrepancy import between_people, features_of
from ..adaptation.transfer.domains import align_people, stacked
from ..adaptation.transfer.loop import Notify
from ..adaptation.transfer.pretrain import pretrain, pretrain_with_history
from ..adaptation.transfer.strategies import STRATEGIES, strategy
from ..sim.errors import InputError
from ..sim.head.montage import LAYOUTS
from ..sim.keys import stream_key
from ..sim.recordings import Recording, load
from .people import VirtualPeople
from .preparing import Windows, prepared
from .simulated import CLASS_NAMES, DECODER_SFREQ, MONTAGE, Setup
from .statistics import bootstrap, resample, weighted_mean

AT_ONCE = 64  # virtual people kept in memory; more are drawn anew, round by round
HELD_OUT = 16
SECONDS = (0.5, 3.5)  # of a recording after the cue


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a checkpoint is made of.

    people, trials: virtual people and trials of each (ignored with ``data``); data: recordings, one for each person, as
    ``neurodrift.sim.recordings.load`` has them, the last fifth held out; strategy: a name of STRATEGIES; weight: of its
    penalty, None for its own; epochs: passes over everybody; rate: of learning, None for the decoder's own.
    """

    decoder: str = "eegnet"
    strategy: str = "supervised"
    weight: float | None = None
    people: int = 64
    trials: int = 40
    epochs: int = 10
    rate: float | None = None
    seed: int = 0
    data: tuple[str, ...] = ()
    command: str = ""


class Worth(NamedTuple):
    """Of one measure on people who were not trained on: before training, after it, its interval over people after."""

    name: str
    before: float
    after: float
    lo: float
    hi: float
    unit: str


def make_checkpoint(recipe: Recipe, notify: Notify | None = None) -> tuple[Checkpoint, list[Worth]]:
    """Train by ``recipe`` and measure on people held out; InputError where it asks for what cannot be."""
    _check(recipe)
    key = stream_key(jax.random.key(recipe.seed), "pretraining")
    if recipe.data:
        known, outside, decoder, facts = _recorded(recipe)
    else:
        known, outside, decoder, facts = _virtual(recipe, key)
    network = hasattr(decoder, "learning_rate")
    learner: Any = decoder
    if network and recipe.rate is not None:
        learner = dataclasses.replace(learner, learning_rate=recipe.rate)
    start = decoder.init(stream_key(key, "start"))
    if network:
        rounds = 1 if isinstance(known, Trials) else -(-recipe.people // AT_ONCE)
        found = pretrain_with_history(
            learner, known, stream_key(key, "network"), strategy=strategy(recipe.strategy, recipe.weight),
            epochs=recipe.epochs, start=start, rounds=rounds, notify=notify,
        ).variables  # fmt: skip
    else:
        found = pretrain(decoder, known, stream_key(key, "network"), start=start)
    worth = _worth(decoder, start, found, outside, network)
    after = {row.name: row.after for row in worth}
    chosen = STRATEGIES[recipe.strategy].weight if recipe.weight is None else recipe.weight
    how: dict[str, Any] = (
        {"name": recipe.strategy, "weight": chosen, "epochs": recipe.epochs} if network else {"name": "pooled"}
    )
    if network:
        how["rate"] = float(learner.learning_rate)
    card = Card(
        decoder=recipe.decoder, fields=decoder_fields(decoder), class_names=CLASS_NAMES, seed=recipe.seed,
        strategy=how, metrics=after, code=__version__, command=recipe.command, **facts,
    )  # fmt: skip
    return Checkpoint(decoder, found, card), worth


def _check(recipe: Recipe) -> None:
    spec = registry.decoder(recipe.decoder)
    strategy(recipe.strategy, recipe.weight)
    for name, value, least in (
        ("people", recipe.people, 2),
        ("trials", recipe.trials, 2),
        ("epochs", recipe.epochs, 1),
    ):
        if value < least:
            raise InputError(f"--{name} is {value}: wanted {least} or more")
    if recipe.rate is not None and not 0 < recipe.rate < 1:
        raise InputError(f"--rate is {recipe.rate:g}: wanted a number between 0 and 1, such as 0.001")
    if spec.covariance_only and recipe.strategy != "supervised":
        raise InputError(
            f"--strategy {recipe.strategy} is for networks, {recipe.decoder} is none: choose eegnet or shallow, or "
            "leave --strategy out"
        )
    if spec.covariance_only and recipe.people > AT_ONCE:
        raise InputError(f"--people is {recipe.people}: {recipe.decoder} takes {AT_ONCE} at most, all at once")


def _virtual(recipe: Recipe, key: Array) -> tuple[Any, Trials, Decoder, dict[str, Any]]:
    streamed = recipe.people > AT_ONCE
    n_known = 0 if streamed else recipe.people  # in one call with those held out: recording is compiled but once
    draw = VirtualPeople.create(recipe.decoder, HELD_OUT + n_known, recipe.trials)
    drawn = _drawn(draw, stream_key(key, "held out"))
    outside, known = (jax.tree.map(lambda a, s=s: a[s], drawn) for s in (slice(HELD_OUT), slice(HELD_OUT, None)))
    if streamed:
        known = dataclasses.replace(draw, n_people=AT_ONCE)
    spec = registry.decoder(recipe.decoder)
    setup: Setup = draw.setup
    facts = {
        "ch_names": LAYOUTS[MONTAGE], "sfreq": DECODER_SFREQ, "n_times": setup.preprocessing.n_times_out,
        "preprocessing": _preprocessing(spec, 3.0), "reference": "FCz", "people": recipe.people,
        "trials": recipe.people * recipe.trials,
        "data": "virtual people imagining left and right hand, simulated; head, rhythm, noise and drift randomised",
        "licence": "BSD-3-Clause",
    }  # fmt: skip
    return known, outside, setup.decoder, facts


@jax.jit
def _drawn(draw: VirtualPeople, key: Array) -> Trials:
    return draw(key)


def _preprocessing(spec: registry.DecoderSpec, seconds: float) -> dict[str, Any]:
    aligned = "euclidean"  # by pretrain, whatever the decoder
    return {"l_freq": spec.l_freq, "h_freq": spec.h_freq, "window_s": seconds, "alignment": aligned}


def _recorded(recipe: Recipe) -> tuple[Trials, Trials, Decoder, dict[str, Any]]:
    spec = registry.decoder(recipe.decoder)
    recordings = [load(word) for word in recipe.data]
    if len(recordings) < 3:
        raise InputError(f"--data names {len(recordings)} recordings: wanted 3 or more, one is held out of every five")
    names = tuple(n for n in recordings[0].ch_names if all(n in r.ch_names for r in recordings))
    if len(names) < 3:
        raise InputError(f"--data: the recordings share {len(names)} channels: wanted 3 or more")
    sfreq, seconds = min(r.sfreq for r in recordings), SECONDS[1] - SECONDS[0]
    rate = _rate(sfreq, spec.min_sfreq)
    n_times = Preprocessing.create(sfreq, round(seconds * sfreq), spec.l_freq, spec.h_freq, rate).n_times_out
    wanted = Windows(recipe.decoder, names, rate, n_times, CLASS_NAMES, _preprocessing(spec, seconds))
    people = [prepared(_two_hands(r).pick(names).crop(*SECONDS), wanted) for r in recordings]
    n_out = max(1, len(people) // 5)
    decoder = spec.make(len(names), n_times, 2, rate)
    facts = {
        "ch_names": names, "sfreq": rate, "n_times": n_times,
        "preprocessing": dict(wanted.preprocessing), "people": len(people) - n_out,
        "trials": sum(len(p.y) for p in people[:-n_out]),
        "licence": "that of the recordings: " + "; ".join(sorted({r.licence for r in recordings})),
        "data": f"recorded: {', '.join(recipe.data[:-n_out])}; held out: {', '.join(recipe.data[-n_out:])}",
    }  # fmt: skip
    return stacked(people[:-n_out]), stacked(people[-n_out:]), decoder, facts


def _two_hands(recording: Recording) -> Recording:
    """The trials of the left and the right hand alone, named as the simulated ones are."""
    sides = [next((name for name in recording.class_names if side in name.lower()), None) for side in ("left", "right")]
    if None in sides:
        raise InputError(
            f"--data {recording.source} has the classes {', '.join(recording.class_names)}: wanted the left and the "
            "right hand"
        )
    return dataclasses.replace(recording.select_classes([str(s) for s in sides]), class_names=CLASS_NAMES)


def _rate(sfreq: float, least: float) -> float:
    """The lowest rate that divides ``sfreq`` and is ``least`` Hz or more."""
    return sfreq / max(1, int(sfreq // least))


def accuracy_of(decoder: Decoder, variables: Variables, people: Trials) -> np.ndarray:
    """(n_people,) accuracy, %, of the decoder as it is behind each person's own alignment, which reads no label."""
    return np.asarray(_accuracy(decoder, variables, people), float)


@jax.jit
def _accuracy(decoder: Decoder, variables: Variables, people: Trials) -> Array:
    aligned = align_people(people)
    logits = jax.vmap(jax.vmap(lambda x: decoder.apply(variables, x)))(aligned.x)
    right = (logits.argmax(-1) == aligned.y) * aligned.weight
    return 100.0 * right.sum(1) / jnp.maximum(aligned.weight.sum(1), 1e-12)


def _worth(decoder: Decoder, start: Variables, found: Variables, outside: Trials, network: bool) -> list[Worth]:
    before, after = (accuracy_of(decoder, v, outside) for v in (start, found))
    interval = bootstrap(weighted_mean(after), resample(len(after), 0))
    nan = float("nan")
    if not network:
        return [Worth("accuracy", nan, interval.value, interval.lo, interval.hi, "%")]
    rows = [Worth("accuracy", float(before.mean()), interval.value, interval.lo, interval.hi, "%")]
    if len(after) > 1:
        measured = [
            {k: float(v) for k, v in between_people(features_of(decoder, v, outside)).items()} for v in (start, found)
        ]
        rows += [Worth(name, measured[0][name], measured[1][name], nan, nan, "") for name in measured[0]]
    return rows


def recordings_of(words: Sequence[str]) -> tuple[str, ...]:
    """The recordings of ``--data``, "eegbci:7,eegbci:49" or several files."""
    return tuple(part.strip() for word in words for part in word.split(",") if part.strip())


def default_out(recipe: Recipe) -> Path:
    """Where a checkpoint goes that nobody names."""
    return Path("checkpoints") / f"{recipe.decoder}-{recipe.strategy}-{recipe.seed}"
