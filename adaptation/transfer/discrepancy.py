"""How far apart people are in a decoder's features: what pretraining is to have reduced."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..contract import Trials, Variables
from ..decoders.norm import Stored
from ..linalg import solve_spd
from .domains import align_people
from .mmd import mmd_squared


@jax.jit
def features_of(decoder: Any, variables: Variables, people: Trials) -> Array:
    """(n_people, n_trials, n_features) below the readout, of people each aligned by their own mean covariance."""
    stored = Stored(variables.stats)
    aligned = align_people(people)
    return jax.vmap(jax.vmap(lambda x: decoder.features(variables, x, stored, None)))(aligned.x)


@jax.jit
def proxy_a_distance(features: Array, ridge: float = 1.0) -> Array:
    """() mean over pairs of people of 2 (1 - 2 error) of a linear classifier that tells one from the other: 0 where
    nothing does, 2 where everything does (Ben-David 2007). features (n_people, n_trials, n_features).

    The classifier is a ridge regression on standardised features, fitted on every other trial and judged on the rest.
    """
    flat = features.reshape(-1, features.shape[-1])
    scale = jnp.maximum(flat.std(axis=0), 1e-12)
    z = (features - flat.mean(axis=0)) / scale / jnp.sqrt(features.shape[-1])
    n_people = features.shape[0]
    first, second = jnp.triu_indices(n_people, 1)

    def of_pair(pair: tuple[Array, Array]) -> Array:
        a, b = z[pair[0]], z[pair[1]]
        learn = jnp.concatenate([a[::2], b[::2]])
        judge = jnp.concatenate([a[1::2], b[1::2]])
        sides = [jnp.concatenate([jnp.ones(len(a[s::2])), -jnp.ones(len(b[s::2]))]) for s in (0, 1)]
        gram = learn @ learn.T + 1.0
        dual = solve_spd(gram + ridge * jnp.mean(jnp.diagonal(gram)) / 100.0 * jnp.eye(len(gram)), sides[0])
        error = jnp.mean((judge @ learn.T + 1.0) @ dual * sides[1] <= 0)
        return 2.0 * (1.0 - 2.0 * error)

    return jnp.mean(jax.lax.map(of_pair, (first, second)))


@jax.jit
def between_people(features: Array) -> dict[str, Array]:
    """The measures () by name: ``mmd`` (squared, biased, see :func:`mmd.mmd_squared`), ``mmd_alike``, what it would be
    if all were one person (trials dealt out among the people), and ``a_distance``."""
    n_people, n_trials, n_features = features.shape
    dealt = features.reshape(-1, n_features)[jax.random.permutation(jax.random.key(0), n_people * n_trials)]
    ones = jnp.ones((n_people, n_trials))
    return {
        "mmd": mmd_squared(features, ones),
        "mmd_alike": mmd_squared(dealt.reshape(features.shape), ones),
        "a_distance": proxy_a_distance(features),
    }
