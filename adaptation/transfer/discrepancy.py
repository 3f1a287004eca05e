"""How far apart people are in a decoder's features: what pretraining is to have reduced."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..contract import Trials, Variables
from ..decoders.norm import Stored
from ..linalg import solve_spd
from .domains import ready, share_of_domains
from .mmd import mmd_squared


@jax.jit(static_argnames="align")
def features_of(decoder: Any, variables: Variables, people: Trials, align: bool = True) -> Array:
    """(n_people, n_trials, n_features) below the readout, of people each aligned by their own mean covariance or, with
    ``align`` False, as they come; trials of weight 0 among them."""
    stored = Stored(variables.stats)
    return jax.vmap(jax.vmap(lambda x: decoder.features(variables, x, stored, None)))(ready(people, align).x)


@jax.jit
def proxy_a_distance(features: Array, weight: Array | None = None, ridge: float = 1.0) -> Array:
    """() mean over pairs of people of 2 (1 - 2 error) of a linear classifier that tells one from the other: 0 where
    nothing does, 2 where everything does (Ben-David 2007). features (n_people, n_trials, n_features), weight
    (n_people, n_trials), None for all alike: those of weight 0 are not there, and nobody without two trials is.

    The classifier is a ridge regression on standardised features, fitted on every other trial and judged on the rest;
    both of a pair count alike, whoever has more trials.
    """
    weight = jnp.ones(features.shape[:2]) if weight is None else weight
    n_people, total = features.shape[0], jnp.maximum(weight.sum(), 1e-12)
    mean = jnp.einsum("pi,pif->f", weight, features) / total
    scale = jnp.sqrt(jnp.einsum("pi,pif->f", weight, (features - mean) ** 2) / total)
    z = (features - mean) / jnp.maximum(scale, 1e-12) / jnp.sqrt(features.shape[-1])
    first, second = jnp.triu_indices(n_people, 1)

    def of_pair(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        def half(s: int) -> tuple[Array, Array, Array, Array]:
            ours = weight[pair, s::2]
            share, present = share_of_domains(ours)
            rows = z[pair, s::2].reshape(-1, z.shape[-1])
            sides = jnp.repeat(jnp.asarray([1.0, -1.0]), ours.shape[1])
            return rows, sides, (share * ours.sum() / 2.0).reshape(-1), present.prod()

        (learn, sides, counts, can_learn), (judge, truth, judged, can_judge) = half(0), half(1)
        root = jnp.sqrt(counts)
        gram = root[:, None] * (learn @ learn.T + 1.0) * root
        loading = ridge * jnp.diagonal(gram).sum() / jnp.maximum(counts.sum(), 1e-12) / 100.0
        dual = solve_spd(gram + jnp.maximum(loading, 1e-12) * jnp.eye(len(gram)), root * sides)
        wrong = (judge @ learn.T + 1.0) @ (root * dual) * truth <= 0
        error = jnp.sum(judged * wrong) / jnp.maximum(judged.sum(), 1e-12)
        return 2.0 * (1.0 - 2.0 * error), can_learn * can_judge

    found, there = jax.lax.map(of_pair, (first, second))
    return jnp.sum(found * there) / jnp.maximum(there.sum(), 1.0)


@jax.jit
def between_people(features: Array, weight: Array | None = None) -> dict[str, Array]:
    """The measures () by name: ``mmd`` (squared, biased, see :func:`mmd.mmd_squared`), ``mmd_alike``, what it would be
    if all were one person (trials dealt out among the people), and ``a_distance``. weight (n_people, n_trials), None
    for all alike: trials of weight 0, with which people of fewer trials are filled up, are not there."""
    weight = jnp.ones(features.shape[:2]) if weight is None else weight
    return {
        "mmd": mmd_squared(features, weight),
        "mmd_alike": mmd_squared(_dealt(features, weight), weight),
        "a_distance": proxy_a_distance(features, weight),
    }


def _dealt(features: Array, weight: Array) -> Array:
    """The trials that are there dealt out among the people, each of whom gets as many as before."""
    flat, absent = features.reshape(-1, features.shape[-1]), weight.reshape(-1) <= 0
    luck = jax.random.permutation(jax.random.key(0), len(flat))
    there, places = luck[jnp.argsort(absent[luck], stable=True)], jnp.argsort(absent, stable=True)
    return flat.at[places].set(flat[there]).reshape(features.shape)
