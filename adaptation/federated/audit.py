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
    logits = jax.vmap(lambda x: decoder.apply(variables, x))(trials.x)
    log_p = jax.nn.log_softmax(logits)
    of_class = jnp.take_along_axis(log_p, trials.y[:, None], 1)[:, 0]
    others = jnp.where(jax.nn.one_hot(trials.y, logits.shape[1]) > 0, -jnp.inf, log_p)
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


def auc_interval(score: NDArray, member: NDArray, group: NDArray, n_resamples: int = 1000, seed: int = 0) -> Auc:
    """The area with its interval: groups (n_trials,), people say, are drawn with replacement, percentiles taken."""
    score, member, group = (np.asarray(a).ravel() for a in (score, member, group))
    rng = np.random.default_rng(seed)
    names = np.unique(group)
    rows = [np.flatnonzero(group == name) for name in names]
    values = []
    for _ in range(n_resamples):
        drawn = np.concatenate([rows[i] for i in rng.integers(len(names), size=len(names))])
        if 0 < member[drawn].sum() < drawn.size:
            values.append(auc(score[drawn], member[drawn]))
    low, high = np.percentile(values, [2.5, 97.5])
    return Auc(auc(score, member), float(low), float(high))


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
