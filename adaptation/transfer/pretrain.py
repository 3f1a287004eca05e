"""A decoder trained on many people before it meets its user: one compiled scan, whatever is minimised."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from .contract import Draw, Strategy, check_network, check_people
from .domains import euclidean_align, stacked
from .loop import Notify, Plan, Pretrained, Work, train
from .parts import Parts, train_in_parts


def pretrain(
    decoder: Decoder,
    people: Sequence[Trials] | Trials | Draw,
    key: Array,
    *,
    strategy: Strategy | None = None,
    epochs: int | None = None,
    start: Variables | None = None,
    **options: Any,
) -> Variables:
    """Variables trained on people, each aligned by their own mean covariance unless ``options`` have ``align=False``.

    people: a list of Trials, one Trials with a leading axis (n_people, n_trials, ...), or a :class:`Draw`. Without a
    strategy the decoder's own ``fit`` on everybody's pooled trials, which any decoder has. ``Variables.align`` stays
    the identity: a new person brings an alignment of their own. ``epochs`` overrides the decoder's, where it has any;
    ``start`` continues from earlier variables; ``options``: see :func:`pretrain_with_history`.
    """
    if strategy is not None:
        return pretrain_with_history(
            decoder, people, key, strategy=strategy, epochs=epochs, start=start, **options
        ).variables
    if options or not isinstance(people, Trials | Sequence):
        wanted = ", ".join(options) or "people who are drawn"
        raise InputError(f"pretraining without a strategy knows no {wanted}: give strategy=Supervised()")
    if not isinstance(people, Trials):
        stacked(people)  # the same errors whichever way
    subjects = (
        [jax.tree.map(lambda a, i=i: a[i], people) for i in range(people.y.shape[0])]
        if isinstance(people, Trials)
        else people
    )
    if epochs is not None and hasattr(decoder, "epochs"):
        decoder = dataclasses.replace(decoder, epochs=epochs)  # type: ignore[type-var]
    key_init, key_fit = jax.random.split(key)
    aligned = [euclidean_align(trials) for trials in subjects]
    pooled = jax.tree.map(lambda *parts: jnp.concatenate(parts), *aligned)
    return _fit(decoder, decoder.init(key_init) if start is None else start, pooled, key_fit)


@jax.jit
def _fit(decoder: Decoder, start: Variables, trials: Trials, key: Array) -> Variables:
    return decoder.fit(start, trials, key)


def pretrain_with_history(
    decoder: Decoder,
    people: Sequence[Trials] | Trials | Draw,
    key: Array,
    *,
    strategy: Strategy,
    epochs: int | None = None,
    start: Variables | None = None,
    unlabelled: Sequence[Trials] | Trials | None = None,
    held_out: Sequence[Trials] | Trials | None = None,
    patience: int = 0,
    rounds: int = 1,
    people_per_batch: int = 4,
    trials_per_person: int = 16,
    align: bool = True,
    notify: Notify | None = None,
    parts: Parts | None = None,
) -> Pretrained:
    """As :func:`pretrain`, with what was measured on the way. Jittable with respect to arrays.

    unlabelled: people whose trials are used, their labels never (as many of them in a minibatch as labelled ones);
    held_out: people on whom the loss is measured after each epoch, see :class:`Plan` for ``patience``; rounds: how many
    times a :class:`Draw` is asked for other people; align: each person by their own mean covariance; without it
    windows should come at the network's scale, a standard deviation of about 1; parts: keep the state on the way, and
    go on from one that is there (not inside jit). Raises InputError for people or sizes that do not fit.
    """
    check_network(decoder)
    if epochs is None:
        epochs = int(getattr(decoder, "epochs", 0))
    for name, value, least in (
        ("epochs", epochs, 1), ("rounds", rounds, 1), ("people_per_batch", people_per_batch, 1),
        ("trials_per_person", trials_per_person, 1), ("patience", patience, 0),
    ):  # fmt: skip
        if value < least:
            raise InputError(f"{name} is {value}: wanted {least} or more")
    drawn = not isinstance(people, Trials | Sequence)
    if not drawn and rounds > 1:
        raise InputError(f"rounds is {rounds}: people who are given can be drawn but once; give more epochs")
    known: Any = people if drawn else checked(people, "people")
    hidden = None if unlabelled is None else checked(unlabelled, "unlabelled people")
    outside = None if held_out is None else checked(held_out, "held-out people")
    first = jax.eval_shape(known, key) if drawn else known
    for what, others in (("unlabelled", hidden), ("held-out", outside)):
        if others is not None and others.x.shape[2:] != first.x.shape[2:]:
            raise InputError(
                f"{what} people have windows of {others.x.shape[2:]}, the others of {first.x.shape[2:]}: pick the same "
                "channels, sampling rate and window"
            )
    most = min(first.y.shape[1], *([] if hidden is None else [hidden.y.shape[1]]), trials_per_person)
    plan = Plan(epochs, rounds, min(people_per_batch, first.y.shape[0]), most, patience, align)
    begin = decoder.init(stream_key(key, "init")) if start is None else start
    work, key = Work(decoder, strategy, known, hidden, outside), stream_key(key, "train")
    if parts is not None:
        return train_in_parts(work, begin, key, plan, parts, notify)
    return train(work, begin, key, plan, notify)


def checked(people: Sequence[Trials] | Trials, what: str) -> Trials:
    whole = stacked(people)
    check_people(whole, what)
    return whole
