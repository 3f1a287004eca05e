"""The arms of a transfer: from scratch, source frozen, aligned, fine-tuned, and an oracle, on the same trials.

From scratch comes twice, on the scale of its labelled trials and following the person's: what fine-tuning is above the
second is what the source taught, and no running scale.

A person brings a *pool*, the first trials, of which the first k have labels, and *test* trials that come after. Every
arm answers each test trial with what was known before it: the oracle alone knows the future.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation.contract import Decoder, Trials, Variables
from ...adaptation.federated.audit import margins
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from .alignments import Alignment, aligned, mean_moments, running

N_FOLDS = 5


class Person(NamedTuple):
    """pool (n_pool, ...) and test (n_test, ...) trials in the order in which they happened; weight 0 is no trial.

    scale: unlabelled trials from before the test that tell the person's scale; None: the labelled ones do.
    """

    pool: Trials
    test: Trials
    scale: Trials | None = None


class Source(NamedTuple):
    """What is known before the person comes: the decoder, trained on aligned people; the mean of their moments; and
    trials of source people that it was not trained on, aligned, to see what is forgotten."""

    variables: Variables
    moments: Any
    held: Trials


@component
class Fitting:
    """How decoders are made, all of the same shapes. decoder: trained as from scratch; source: as on many people;
    tuned: as fine-tuning is (fewer epochs, smaller steps); refit: fine-tuning refits the readout alone, its penalty
    centred on the source's, as for decoders without gradients; balanced: the oracle's trials weigh as much in each
    class, as labelled ones that are drawn so do."""

    decoder: Decoder
    source: Decoder
    tuned: Decoder
    alignment: Alignment
    refit: bool = static(default=False)
    balanced: bool = static(default=False)

    def scratch(self, trials: Trials, key: Array) -> Variables:
        """Trained from nothing on the trials of one person."""
        return _trained(self.decoder, self._full(trials), key)

    def pretrain(self, trials: Trials, key: Array) -> Variables:
        """Trained from nothing on the trials of many people."""
        return _trained(self.source, trials, key)

    def finetune(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Fine-tuned on the trials; the source's variables where no trial has weight."""
        fit: Callable[[], Variables] = (
            (lambda: self.tuned.refit_readout(variables, trials))
            if self.refit
            else (lambda: self.tuned.fit(variables, self._full(trials), stream_key(key, "tune")))
        )
        some = trials.weight.sum() > 0
        return jax.tree.map(lambda new, old: jnp.where(some, new, old), fit(), variables)

    def _full(self, trials: Trials) -> Trials:
        """For minibatches, which a few labelled trials among many without would leave nearly empty."""
        return trials if self.refit else repeated(trials)


def repeated(trials: Trials) -> Trials:
    """Those of weight, over and over in their order, as many in all as the trials (n_trials, ...) are."""
    here = trials.weight > 0
    turn = jnp.arange(trials.y.shape[0]) % jnp.maximum(here.sum(), 1)
    chosen = jnp.argsort(~here, stable=True)[turn]
    return jax.tree.map(lambda a: a[chosen], trials)


def balanced(trials: Trials, n_classes: int) -> Trials:
    """Trials (n_trials, ...) whose weights add up to the same in each class, and in all to what they did."""
    here = jax.nn.one_hot(trials.y, n_classes) * trials.weight[:, None]
    share = here.sum() / n_classes / jnp.maximum(here.sum(axis=0), 1e-12)
    return trials._replace(weight=trials.weight * share[trials.y])


def _trained(decoder: Decoder, trials: Trials, key: Array) -> Variables:
    return decoder.fit(decoder.init(stream_key(key, "init")), trials, stream_key(key, "fit"))


class Answers(NamedTuple):
    """proba (n_arms, n_test, n_classes); held (n_arms, n_held, n_classes): of the source's held trials, NaN where there
    is no sense in asking; told (3, n_pool + n_test): how sure the decoders from scratch, of the source and fine-tuned
    are of the class of all of the person's trials, on one scale (see ``privacy``)."""

    proba: Array
    held: Array
    told: Array


def source_of(
    fitting: Fitting, people: Trials, held: Trials, key: Array, scale: Trials | None = None,
    variables: Variables | None = None,
) -> Source:  # fmt: skip
    """Pooled training on people x (n_people, n_trials, ...), each on their own scale, or on that of ``scale``; held
    (n_people, n_held, ...): later trials of the same people, which nothing is trained on. ``variables``: of a decoder
    that was trained before; the people lend it their scale alone."""
    moments = jax.vmap(functools.partial(mean_moments, fitting.alignment))(people if scale is None else scale)

    def flat(trials: Trials) -> Trials:
        each = jax.vmap(lambda t, m: aligned(fitting.alignment, t, m))(trials, moments)
        return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), each)

    variables = fitting.pretrain(flat(people), key) if variables is None else variables
    return Source(variables, jax.tree.map(lambda m: m.mean(axis=0), moments), flat(held))


def answer(fitting: Fitting, source: Source, person: Person, n_labels: Array, key: Array) -> Answers:
    """All arms on one person with ``n_labels`` () labelled trials.

    scratch: trained on those alone, on their own scale. scratch_aligned: the same, the scale followed trial by trial.
    frozen: the source behind the mean of the source's people.
    aligned: the source, the person's scale followed trial by trial, begun with the labelled trials; labels unused.
    finetuned: aligned, and tuned on the labelled trials. oracle: tuned on all of the person's trials but the fold that
    it answers.
    """
    apply = jax.vmap(fitting.decoder.apply, in_axes=(None, 0))
    first = person.pool._replace(weight=person.pool.weight * (jnp.arange(person.pool.y.shape[0]) < n_labels))
    some = first.weight.sum() > 0
    scale = first if person.scale is None else person.scale
    seen = scale.weight.sum()
    alone = mean_moments(fitting.alignment, scale)
    start = fitting.alignment.start
    # a few trials of one kind are no scale: the source's counts as some more
    own = jax.tree.map(lambda mine, theirs: (seen * mine + start * theirs) / (seen + start), alone, source.moments)
    nothing = jnp.full((*person.test.y.shape, fitting.decoder.n_classes), jnp.nan)
    scratch = fitting.scratch(aligned(fitting.alignment, first, alone), key)
    by_scratch = apply(scratch, aligned(fitting.alignment, person.test, alone).x)
    most = fitting.alignment.most
    by_following = apply(scratch, running(fitting.alignment, alone, jnp.minimum(seen, most), person.test).x)
    frozen = apply(source.variables, aligned(fitting.alignment, person.test, source.moments).x)
    followed = running(fitting.alignment, own, jnp.minimum(seen + start, most), person.test)
    tuned = fitting.finetune(source.variables, aligned(fitting.alignment, first, own), key)
    logits = (
        jnp.where(some, by_scratch, nothing), jnp.where(some, by_following, nothing), frozen,
        apply(source.variables, followed.x), apply(tuned, followed.x),
    )  # fmt: skip
    unasked = jnp.full((*source.held.y.shape, fitting.decoder.n_classes), jnp.nan)
    before, after = apply(source.variables, source.held.x), apply(tuned, source.held.x)
    held = (unasked, unasked, before, before, after)
    whole = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), person.pool, person.test)
    mine, theirs = (aligned(fitting.alignment, whole, mean).x for mean in (own, alone))
    of = (apply(scratch, theirs), apply(source.variables, mine), apply(tuned, mine))
    told = jnp.stack([margins(each, whole.y) for each in of])
    return Answers(jax.nn.softmax(jnp.stack(logits)), jax.nn.softmax(jnp.stack(held)), told)


def oracle(fitting: Fitting, source: Source, person: Person, key: Array) -> Array:
    """Probabilities (n_test, n_classes): each fifth of the test trials by what was tuned on all the others."""
    n_pool, n_test = person.pool.y.shape[0], person.test.y.shape[0]
    whole = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), person.pool, person.test)
    scale = whole if person.scale is None else person.scale
    whole = aligned(fitting.alignment, whole, mean_moments(fitting.alignment, scale))
    fold = jnp.concatenate([jnp.full(n_pool, -1), jnp.arange(n_test) % N_FOLDS])

    def one(k: Array) -> Array:
        others = whole._replace(weight=whole.weight * (fold != k))
        others = balanced(others, fitting.decoder.n_classes) if fitting.balanced else others
        variables = fitting.finetune(source.variables, others, key)
        return jax.vmap(fitting.decoder.apply, in_axes=(None, 0))(variables, whole.x[n_pool:])

    logits = jax.lax.map(one, jnp.arange(N_FOLDS))
    return jax.nn.softmax(logits[fold[n_pool:], jnp.arange(n_test)])


_source = jax.jit(source_of)
_oracles = jax.jit(jax.vmap(oracle, in_axes=(None, None, 0, 0)))
_answers = jax.jit(
    lambda fitting, source, people, n_labels, keys: jax.lax.map(
        lambda n: jax.vmap(lambda p, k: answer(fitting, source, p, n, k))(people, keys), n_labels
    )
)


def run_arms(
    fitting: Fitting, source: Source, people: Person, budgets: tuple[int, ...], keys: Array
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (n_people, n_budgets, n_arms, n_test, n_classes) of all ``ARMS``; those of the source's held trials
    (n_people, n_budgets, n_arms, n_held, n_classes), NaN for arms that know no source; and what decoders tell of all
    trials (n_people, n_budgets, 3, n_pool + n_test), see :class:`Answers`."""
    found = _answers(fitting, source, people, jnp.asarray(budgets), keys)
    proba, held, told = (np.moveaxis(np.asarray(a), 0, 1) for a in found)
    best = np.asarray(_oracles(fitting, source, people, keys))[:, None, None]
    proba = np.concatenate([proba, np.broadcast_to(best, (*proba.shape[:2], 1, *proba.shape[3:]))], axis=2)
    return proba, np.concatenate([held, np.full_like(held[:, :, :1], np.nan)], axis=2), told


def make_source(
    fitting: Fitting, people: Trials, held: Trials, key: Array, scale: Trials | None = None,
    variables: Variables | None = None,
) -> Source:  # fmt: skip
    """:func:`source_of`, compiled."""
    return _source(fitting, people, held, key, scale, variables)


def tuned_as(decoder: Decoder, **changes: Any) -> Decoder:
    """The same decoder, trained otherwise."""
    return dataclasses.replace(decoder, **changes)  # type: ignore[type-var]
