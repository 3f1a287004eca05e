"""Folds of few trials, each class spread evenly over them."""

import jax
import jax.numpy as jnp
from jax import Array

from ..contract import Trials
from ..trials import in_turn


def folds_of(key: Array, trials: Trials, n_folds: int, n_classes: int) -> Array:
    """Which fold (n_trials,) int32 each trial is held out in; a fold's classes are as balanced as they can be.

    Leaving one out of a balanced set leaves the others unbalanced against it, so that a classifier that has learnt
    nothing is wrong more often than chance; whole rounds of classes are held out instead.
    """
    order = in_turn(key, trials, n_classes)
    place = jnp.zeros_like(order).at[order].set(jnp.arange(order.shape[0], dtype=order.dtype))
    return (place // n_classes) % n_folds


def without(trials: Trials, fold: Array, held: Array | int) -> Trials:
    """The trials with weight 0 in fold ``held``."""
    return trials._replace(weight=trials.weight * (fold != held))


def of_own_fold(by_fold: Array, fold: Array) -> Array:
    """(..., n_trials, n_classes) of by_fold (n_folds, ..., n_trials, n_classes): each trial from where it was held
    out."""
    mine = jax.nn.one_hot(fold, by_fold.shape[0], axis=0, dtype=by_fold.dtype)
    return jnp.einsum("f...nk,fn->...nk", by_fold, mine)
