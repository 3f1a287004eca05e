"""From a pretrained decoder and a few trials to the user's own, with what is known of how good it will be."""

import functools
from typing import NamedTuple

import jax
from jax import Array

from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from ..methods.alignment import with_alignment
from ..trials import usable
from .steps import FewTrials
from .stopping import cross_validated, held_out_of
from .temperature import fit_temperature


class Calibrated(NamedTuple):
    """variables: the user's decoder; n_steps: () int32 taken; loss: (max_steps + 1,) held-out cross-entropy along the
    steps; logits: (n_trials, n_classes) held out; temperature: () that they are to be divided by."""

    variables: Variables
    n_steps: Array
    loss: Array
    logits: Array
    temperature: Array


@functools.partial(jax.jit, static_argnames=("alignment", "n_folds"))
def calibrate(
    decoder: Decoder,
    start: Variables,
    trials: Trials,
    key: Array,
    method: FewTrials,
    *,
    alignment: str = "euclidean",
    n_folds: int = 5,
) -> Calibrated:
    """Align ``start`` to the trials (n_trials, ...), find by held-out trials how many steps help, and take them.

    Alignment uses no label, so that what is held out may be in its mean. ``alignment`` "euclidean" or "riemannian" is
    what the decoder was pretrained behind.
    """
    trials = usable(trials)
    aligned = with_alignment(start, trials, alignment)
    stopping = cross_validated(method, decoder, aligned, trials, key, n_folds)
    tuned = method.tuned(decoder, aligned, trials, stopping.n_steps, stream_key(key, "steps"))
    temperature = fit_temperature(stopping.logits, trials.y, trials.weight)
    return Calibrated(tuned, stopping.n_steps, stopping.loss, stopping.logits, temperature)


@functools.partial(jax.jit, static_argnames="alignment")
def zero_shot(
    decoder: Decoder, start: Variables, trials: Trials, *, alignment: str = "euclidean"
) -> tuple[Variables, Array]:
    """(``start`` aligned to the trials, its logits (n_trials, n_classes) of them): no label is used."""
    trials = usable(trials)
    aligned = with_alignment(start, trials, alignment)
    return aligned, jax.vmap(lambda x: decoder.apply(aligned, x))(trials.x)


@functools.partial(jax.jit, static_argnames=("alignment", "n_folds"))
def held_out(
    decoder: Decoder, trials: Trials, key: Array, *, alignment: str = "euclidean", n_folds: int = 5
) -> tuple[Variables, Array]:
    """(decoder trained from scratch on the trials, logits (n_trials, n_classes) of each by one trained without it)."""
    trials = usable(trials)
    start = with_alignment(decoder.init(stream_key(key, "init")), trials, alignment)

    def fit(trials: Trials) -> Variables:
        return decoder.fit(start, trials, stream_key(key, "fit"))

    return fit(trials), held_out_of(fit, decoder, trials, key, n_folds)
