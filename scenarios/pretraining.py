"""``neurodrift pretrain``: people, a decoder, a strategy; a checkpoint, and what it is worth to strangers."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import jax
from jax import Array

from .. import __version__
from ..adaptation import registry
from ..adaptation.contract import Decoder, Trials
from ..adaptation.strategies import STRATEGIES, strategy
from ..adaptation.transfer.card import Card, decoder_fields
from ..adaptation.transfer.checkpoint import Checkpoint
from ..adaptation.transfer.loop import Notify
from ..adaptation.transfer.parts import Parts
from ..adaptation.transfer.pretrain import pretrain, pretrain_with_history
from ..adaptation.transfer.zoo import ZOO
from ..sim.errors import InputError
from ..sim.head.montage import LAYOUTS
from ..sim.keys import stream_key
from .people import VirtualPeople
from .preparing import preprocessing_of
from .recorded_people import recorded_people
from .simulated import CLASS_NAMES, DECODER_SFREQ, MONTAGE, Setup
from .starting import checkpoint_for
from .worth import N_FEW, Worth, after_steps, metrics_of, worth_of

AT_ONCE = 64  # virtual people kept in memory; more are drawn anew, round by round
HELD_OUT = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a checkpoint is made of.

    people, trials: virtual people and trials of each (ignored with ``data``); data: recordings, one for each person, as
    ``neurodrift.sim.recordings.load`` has them, or a folder of EEGMMIDB, the last fifth held out; events: of files,
    "T1=left,T2=right"; start: a checkpoint to go on from, its channels, rate and window; strategy: a name of
    STRATEGIES; weight: of its penalty, None for its own; epochs: passes over everybody; rate: of learning, None for the
    decoder's own; note: for the card.
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
    events: str | None = None
    start: str | None = None
    command: str = ""
    note: str = ""


def make_checkpoint(
    recipe: Recipe, notify: Notify | None = None, parts: Path | None = None
) -> tuple[Checkpoint, list[Worth]]:
    """Train by ``recipe`` and measure on people held out; InputError where it asks for what cannot be.

    parts: a file in which a network's training is kept while it goes on, and found again by the same recipe.
    """
    _check(recipe)
    key = stream_key(jax.random.key(recipe.seed), "pretraining")
    begun = None if recipe.start is None else checkpoint_for(recipe.start, recipe.decoder)
    if recipe.data:
        known, outside, decoder, facts = recorded_people(
            recipe.data, recipe.events, recipe.decoder, recipe.start, begun
        )
        fewest = min(int((people.weight > 0).sum(1).min()) for people in (known, outside))
        _check_trials(recipe.strategy, fewest, "--data has somebody of {} trials")
    else:
        known, outside, decoder, facts = _virtual(recipe, key)
    network, spec = hasattr(decoder, "learning_rate"), STRATEGIES[recipe.strategy]
    learner: Any = decoder
    if network and recipe.rate is not None:
        learner = dataclasses.replace(learner, learning_rate=recipe.rate)
    start = decoder.init(stream_key(key, "start")) if begun is None else begun.variables
    how: dict[str, Any] = {"name": "pooled"}
    if network:
        rounds = 1 if isinstance(known, Trials) else -(-recipe.people // AT_ONCE)
        found = pretrain_with_history(
            learner, known, stream_key(key, "network"), strategy=strategy(recipe.strategy, recipe.weight),
            epochs=recipe.epochs, start=start, rounds=rounds, notify=notify,
            parts=None if parts is None else Parts(parts, repr((recipe, __version__))),
        ).variables  # fmt: skip
        how = {"name": recipe.strategy, "epochs": recipe.epochs, "rate": float(learner.learning_rate)}
        if spec.weight is not None:
            how["weight"] = spec.weight if recipe.weight is None else recipe.weight
        if begun is not None:
            how["after"] = {"checkpoint": recipe.start, **begun.card.strategy}
    else:
        found = pretrain(decoder, known, stream_key(key, "network"), start=start)
    worth = worth_of(decoder, start, found, outside, network)
    if spec.continues:
        worth.append(after_steps(decoder, strategy(recipe.strategy).learner, start, found, outside))
    if begun is not None:
        facts |= begun.card.gone_on(facts["data"], facts["subjects"], facts["licence"])
    card = Card(
        decoder=recipe.decoder, fields=decoder_fields(decoder), class_names=CLASS_NAMES, seed=recipe.seed,
        strategy=how, code=__version__, command=recipe.command, note=recipe.note,
        metrics=metrics_of(worth), **facts,
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
    if STRATEGIES[recipe.strategy].continues and recipe.start is None:
        raise InputError(
            f"--strategy {recipe.strategy} goes on from a trained decoder: give one with --start, such as --start "
            f"{next(iter(ZOO))}"
        )
    if not recipe.data:
        _check_trials(recipe.strategy, recipe.trials, "--trials is {}")
    if spec.covariance_only and recipe.people > AT_ONCE:
        raise InputError(f"--people is {recipe.people}: {recipe.decoder} takes {AT_ONCE} at most, all at once")


def _check_trials(name: str, fewest: int, said: str) -> None:
    """InputError where the people of a strategy that learns to learn have too few trials to learn from and judge by."""
    if not STRATEGIES[name].continues:
        return
    n_support = strategy(name).n_support
    if fewest <= max(n_support, N_FEW):
        raise InputError(
            f"{said.format(fewest)}: --strategy {name} wants {max(n_support, N_FEW) + 1} or more, {n_support} to learn "
            f"from and others to judge by, and more than the {N_FEW} that a new user gives"
        )


def _virtual(recipe: Recipe, key: Array) -> tuple[Any, Trials, Decoder, dict[str, Any]]:
    streamed = recipe.people > AT_ONCE
    n_known = 0 if streamed else recipe.people  # in one call with those held out: recording is compiled but once
    draw = VirtualPeople.create(recipe.decoder, HELD_OUT + n_known, recipe.trials, start=recipe.start)
    drawn = _drawn(draw, stream_key(key, "held out"))
    outside, known = (jax.tree.map(lambda a, s=s: a[s], drawn) for s in (slice(HELD_OUT), slice(HELD_OUT, None)))
    if streamed:
        known = dataclasses.replace(draw, n_people=AT_ONCE)
    spec = registry.decoder(recipe.decoder)
    setup: Setup = draw.setup
    names = LAYOUTS[MONTAGE] if setup.begin is None else setup.begin.checkpoint.card.ch_names
    facts = {
        "ch_names": names, "sfreq": DECODER_SFREQ, "n_times": setup.preprocessing.n_times_out,
        "preprocessing": preprocessing_of(spec, 3.0), "reference": "FCz", "people": recipe.people,
        "trials": recipe.people * recipe.trials,
        "data": "virtual people imagining left and right hand, simulated; head, rhythm, noise and drift randomised",
        "licence": "BSD-3-Clause", "subjects": (),
    }  # fmt: skip
    return known, outside, setup.decoder, facts


@jax.jit
def _drawn(draw: VirtualPeople, key: Array) -> Trials:
    return draw(key)


def default_out(recipe: Recipe) -> Path:
    """Where a checkpoint goes that nobody names."""
    return Path("checkpoints") / f"{recipe.decoder}-{recipe.strategy}-{recipe.seed}"


def parts_of(out: Path, recipe: Recipe) -> Path:
    """Where training is kept until ``out`` is there, one file for each recipe."""
    seal = hashlib.sha256(repr((recipe, __version__)).encode()).hexdigest()
    return out.with_name(f"{out.name}.{seal[:8]}.part.npz")
