"""Membership inference: how well can someone with the trained decoder tell who was in its training?

An area under the curve of .5 is a guess, 1 tells everybody. Two attacks. By loss (Yeom 2018): a trial that the decoder
fits well was probably trained on. By likelihood ratio (LiRA, Carlini 2022), with decoders of the attacker's own trained
with and without each trial: how usual is this loss among those that saw it, against those that did not?
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from scipy.stats import rankdata

from ...sim.errors import InputError
from ..contract import Trials, Variables

_SMALLEST_DEVIATION = 1e-3


class Auc(NamedTuple):
    """Area under the curve, and its 95 % bootstrap interval over groups (people)."""

    value: float
    low: float
    high: float


@jax.jit
def _margins(decoder: Any, variables: Variables, trials: Trials) -> Array:
    return margins(jax.vmap(lambda x: decoder.apply(variables, x))(trials.x), trials.y)


def margins(logits: Array, y: Array) -> Array:
    """log p(y) - log(1 - p(y)) (n_trials,) of logits (n_trials, n_classes); jittable."""
    log_p = jax.nn.log_softmax(logits)
    of_class = jnp.take_along_axis(log_p, y[:, None], 1)[:, 0]
    others = jnp.where(jax.nn.one_hot(y, logits.shape[1]) > 0, -jnp.inf, log_p)
    return of_class - jax.nn.logsumexp(others, axis=1)


def confidence(decoder: Any, variables: Variables, trials: Trials) -> NDArray[np.float64]:
    """log p(y) - log(1 - p(y)) of every trial (n_trials,): falls as the loss grows, and is nearly normal."""
    return np.asarray(_margins(decoder, variables, trials), float)


def auc(score: NDArray, member: NDArray) -> float:
    """Probability that a member's score is above an outsider's, ties halved (Mann and Whitney)."""
    score, member = np.asarray(score, float), np.asarray(member, bool)
    n_in, n_out = int(member.sum()), int((~member).sum())
    if n_in == 0 or n_out == 0:
        raise InputError(f"an audit got {n_in} members and {n_out} outsiders; wanted some of either")
    ranks = rankdata(score)
    return float((ranks[member].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out))


def auc_interval(
    score: NDArray,
    member: NDArray,
    group: NDArray,
    n_resamples: int = 1000,
    seed: int = 0,
    *,
    decoder: NDArray | None = None,
) -> Auc:
    """The area with its interval: groups (n_trials,), people say, are drawn with replacement, percentiles taken.

    decoder (n_trials,): which of several decoders the score is from. Scores of two are not compared: each has its own
    area, of which the mean is taken, and groups are drawn alike for all. The ends are NaN for a single group.
    """
    score, member = np.asarray(score, float).ravel(), np.asarray(member, bool).ravel()
    names, of = np.unique(np.asarray(group).ravel(), return_inverse=True)
    by = np.zeros(score.size, int) if decoder is None else np.asarray(decoder).ravel()
    n = len(names)
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_resamples)
    times = np.concatenate([np.ones((1, n)), drawn])
    areas = np.stack([_areas(score[by == d], member[by == d], of[by == d], times) for d in np.unique(by)])
    known = np.isfinite(areas)
    mean = np.where(known, areas, 0.0).sum(0) / np.maximum(known.sum(0), 1)
    low, high = np.percentile(mean[1:][known[:, 1:].any(0)], [2.5, 97.5]) if n > 1 else (np.nan, np.nan)
    return Auc(float(mean[0]), float(low), float(high))


def _areas(score: NDArray, member: NDArray, group: NDArray, times: NDArray) -> NDArray:
    """Areas (n_draws,) where group g counts times (n_draws, n_groups); NaN of a draw with no member or no outsider."""
    auc(score, member)  # some of either
    n = times.shape[1]
    inside, own = score[member], group[member]
    above = np.zeros((n, n))  # by group of the member and of the outsider: pairs in which the member is above
    for g in range(n):
        others = np.sort(score[~member & (group == g)])
        beaten = 0.5 * (np.searchsorted(others, inside) + np.searchsorted(others, inside, "right"))
        above[:, g] = np.bincount(own, beaten, n)
    n_in, n_out = (np.bincount(group[m], minlength=n) for m in (member, ~member))
    pairs = (times @ n_in) * (times @ n_out)
    won = ((times @ above) * times).sum(1)
    return np.where(pairs > 0, won / np.where(pairs > 0, pairs, 1.0), np.nan)


def likelihood_ratio(target: NDArray, shadows: NDArray, was_in: NDArray) -> NDArray[np.float64]:
    """Score (n_trials,) of each trial: log N(target; in) - log N(target; out), from an attacker's own decoders.

    target (n_trials,): confidences of the decoder under attack. shadows (n_shadows, n_trials): of the attacker's, and
    was_in (n_shadows, n_trials) bool: which trials each was trained on; every trial is in two or more of them and out
    of two or more. With few shadows, one deviation for all trials (Carlini 2022, section V.B), of those in and of those
    out.
    """
    inside, outside = np.asarray(was_in, bool), ~np.asarray(was_in, bool)
    if (inside.sum(0) < 2).any() or (outside.sum(0) < 2).any():
        raise InputError("a trial is in, or out of, fewer than two of the attacker's decoders; train more of them")

    def normal(which: NDArray) -> tuple[NDArray, float]:
        n = which.sum(0)
        mean = np.where(which, shadows, 0.0).sum(0) / n
        square = np.where(which, (shadows - mean) ** 2, 0.0).sum() / (n - 1).sum()
        return mean, max(float(np.sqrt(square)), _SMALLEST_DEVIATION)

    (m_in, s_in), (m_out, s_out) = normal(inside), normal(outside)
    return 0.5 * ((target - m_out) / s_out) ** 2 - 0.5 * ((target - m_in) / s_in) ** 2 + np.log(s_out / s_in)
