"""Mixed trials with mixed labels (Zhang et al 2018)."""

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component
from ..contract import Trials


@component
class Mixup:
    """lambda x_i + (1 - lambda) x_j with the label y_i at weight lambda and y_j at 1 - lambda, lambda ~ Beta(a, a).

    A mixed label is a window that occurs twice, once under each class: the weighted cross-entropy is that of the mixed
    label, and decoders without a notion of one can be given it. 2 n_trials are drawn.
    """

    a: float = 0.2

    def __call__(self, trials: Trials, key: Array) -> Trials:
        n = trials.y.shape[0]
        share = jax.random.beta(stream_key(key, "share"), self.a, self.a, (n,)).astype(trials.x.dtype)
        other = jax.random.permutation(stream_key(key, "other"), n)
        return mixed(trials, other, share)


def mixed(trials: Trials, other: Array, share: Array) -> Trials:
    """Every trial mixed with trial ``other`` (n_trials,) at ``share`` (n_trials,) of its own, once under each label."""
    wide = share[:, None, None]
    x = wide * trials.x + (1 - wide) * trials.x[other]
    both = jnp.sqrt(trials.weight * trials.weight[other])  # none where one of the two has none
    return Trials(
        jnp.concatenate([x, x]),
        jnp.concatenate([trials.y, trials.y[other]]),
        jnp.concatenate([share * both, (1 - share) * both]),
    )
