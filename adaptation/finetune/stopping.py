"""When to stop on few trials: the number of steps after which trials that were held out are predicted best."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ..contract import Decoder, Trials, Variables
from .folds import folds_of, of_own_fold, without
from .steps import FewTrials


class Stopping(NamedTuple):
    """n_steps: () int32 to take on all trials; loss: (max_steps + 1,) mean held-out cross-entropy before and after each
    step; logits: (n_trials, n_classes) of each trial by decoders that were neither trained nor stopped on it, or by the
    decoder as it was where no step is taken."""

    n_steps: Array
    loss: Array
    logits: Array


def cross_validated(
    method: FewTrials, decoder: Decoder, variables: Variables, trials: Trials, key: Array, n_folds: int = 5
) -> Stopping:
    """Each fold is predicted along the steps on the others, and the steps of least mean loss are taken.

    No step at all is a choice: ten trials that agree with the decoder leave it as it is. ``logits`` of a fold come from
    steps counted on the *other* folds' losses: with the count of all, the best of max_steps + 1 accuracies would be
    reported, which is higher than the next trial's. Where no step is taken, what is kept has learnt from no trial, and
    its own logits are those to judge it by.
    """
    fold = folds_of(stream_key(key, "folds"), trials, n_folds, decoder.n_classes)

    def without_fold(held: Array) -> Array:
        return method.path(decoder, variables, without(trials, fold, held), stream_key(key, "steps"))

    along = of_own_fold(jax.vmap(without_fold)(jnp.arange(n_folds)), fold)
    label = jax.nn.one_hot(trials.y, decoder.n_classes)
    losses = -(jax.nn.log_softmax(along) * label).sum(-1)
    members = jax.nn.one_hot(fold, n_folds, axis=0) * trials.weight
    of_fold = losses @ members.T  # (max_steps + 1, n_folds)
    total = of_fold.sum(-1)
    counted_elsewhere = jnp.argmin(total[:, None] - of_fold, axis=0)  # (n_folds,)
    honest = along[counted_elsewhere[fold], jnp.arange(fold.shape[0])]
    n_steps = jnp.argmin(total).astype(jnp.int32)
    mean = total / jnp.maximum(trials.weight.sum(), 1e-12)
    return Stopping(n_steps, mean, jnp.where(n_steps == 0, along[0], honest))


def held_out_of(fit: Any, decoder: Decoder, trials: Trials, key: Array, n_folds: int = 5) -> Array:
    """Logits (n_trials, n_classes) of each trial by ``fit(trials) -> Variables`` on the folds it is not in."""
    fold = folds_of(stream_key(key, "folds"), trials, n_folds, decoder.n_classes)

    def without_fold(held: Array) -> Array:
        variables = fit(without(trials, fold, held))
        return jax.vmap(lambda x: decoder.apply(variables, x))(trials.x)

    return of_own_fold(jax.lax.map(without_fold, jnp.arange(n_folds)), fold)
