"""People as domains: aligned by their own covariance, and drawn into minibatches some people at a time."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ..contract import Trials
from ..spd import covariance, inv_sqrtm, weighted_mean
from ..trials import usable


@jax.jit
def euclidean_align(trials: Trials, by: Trials | None = None) -> Trials:
    """The trials whitened by the inverse root of a weighted mean covariance, that of ``by`` or their own (He & Wu
    2020)."""
    by = trials if by is None else by
    whitening = inv_sqrtm(weighted_mean(jax.vmap(covariance)(by.x), by.weight))
    return trials._replace(x=jnp.einsum("ij,njt->nit", whitening, trials.x))


@jax.jit
def align_people(people: Trials) -> Trials:
    """Each of the people (n_people, n_trials, ...) aligned, windows that hold what is not finite left out."""
    return jax.vmap(lambda trials: euclidean_align(usable(trials)))(people)


def ready(people: Trials, align: bool) -> Trials:
    """The people (n_people, n_trials, ...) as training takes them: aligned, or as they come but for windows that hold
    what is not finite."""
    return align_people(people) if align else jax.vmap(usable)(people)


def stacked(people: Sequence[Trials] | Trials) -> Trials:
    """People in one Trials with a leading axis, those with fewer trials filled up with trials of weight 0.

    InputError for nobody, or for windows of unequal shape.
    """
    if isinstance(people, Trials):
        return people
    if not people:
        raise InputError("pretraining got no subject but needs at least one: check the subject selection.")
    shapes = sorted({tuple(trials.x.shape[1:]) for trials in people})
    if len(shapes) > 1:
        raise InputError(
            f"pretraining got windows of shapes {shapes} but needs one (n_channels, n_times): "
            "pick the same channels, sampling rate and window for every subject."
        )
    longest = max(trials.y.shape[0] for trials in people)

    def filled(leaf: Array) -> Array:
        return jnp.pad(leaf, [(0, longest - leaf.shape[0])] + [(0, 0)] * (leaf.ndim - 1))

    return jax.tree.map(lambda *leaves: jnp.stack([filled(jnp.asarray(leaf)) for leaf in leaves]), *people)


def orders(key: Array, n_people: int, n_drawn: int, n_batches: int) -> Array:
    """Which people (n_batches, n_drawn) int32 each minibatch holds: everybody once before anybody twice, and no one
    twice in a minibatch."""
    n_rounds = -(-n_batches // (n_people // n_drawn))
    rounds = jax.vmap(lambda k: jax.random.permutation(k, n_people))(jax.random.split(key, n_rounds))
    whole = rounds[:, : n_people // n_drawn * n_drawn].reshape(-1, n_drawn)
    return whole[:n_batches].astype(jnp.int32)


def draw_trials(people: Trials, chosen: Array, n_trials: int, key: Array) -> Trials:
    """``n_trials`` trials of each of the ``chosen`` (n_drawn,) people, none twice: (n_drawn, n_trials, ...)."""

    def of_person(person: Array, key: Array) -> Trials:
        index = jax.random.permutation(key, people.y.shape[1])[:n_trials]
        return jax.tree.map(lambda leaf: leaf[person, index], people)

    return jax.vmap(of_person)(chosen, jax.random.split(key, chosen.shape[0]))


def share_of_domains(weight: Array) -> tuple[Array, Array]:
    """(n_people, n_trials) weights that sum to 1 in each person, and (n_people,) float32 1 where there is a trial."""
    total = weight.sum(axis=1)
    present = (total > 0).astype(weight.dtype)
    return weight / jnp.where(total > 0, total, 1.0)[:, None], present


def mean_over_pairs(spread: Array, present: Array) -> Array:
    """() mean of the squared distances between any two of the people that are there, from the sum ``spread`` () of
    squared distances to their mean: sum over pairs |a - b|² = n sum |a - mean|², in whatever Hilbert space."""
    n = present.sum()
    return jnp.where(n > 1, 2.0 * spread / jnp.maximum(n - 1.0, 1.0), 0.0)
