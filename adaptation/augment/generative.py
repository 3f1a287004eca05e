"""A generative model of the source people's trials: a Gaussian per class over covariances, in their tangent space.

A window is, to a decoder of oscillations, mostly its spatial covariance. Logarithms of whitened covariances live in a
vector space where class-conditional distributions are close to normal, every draw maps back to an SPD matrix, and the
fit is closed form: with ten or twenty people there is no training to go wrong, as there is in an adversarial or
variational network. What it cannot make is a temporal pattern: each draw borrows that of one of the user's own windows.
"""

from typing import Self

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Trials
from ..linalg import eigh
from ..spd import covariance, expm, inv_sqrtm, logm, regularised, sqrtm, sqrtm_pair, upper, weighted_mean
from ..trials import usable

RIDGE = 0.05  # of a window's covariance: it has some hundred samples of band-passed, hence dependent, values


@component
class ClassGaussian:
    """mean[k] + loading z + noise e, z and e standard normal, of vec(log C) of class k (Tipping & Bishop 1999).

    mean: (n_classes, d); loading: (d, n_factors), principal axes of the spread within classes, pooled over people;
    noise: () standard deviation of what they leave, the same along every axis; d = n_channels (n_channels + 1) / 2.
    C are covariances behind each person's own whitening, so that a new user needs theirs alone.
    """

    mean: Array
    loading: Array
    noise: Array
    n_channels: int = static()

    @classmethod
    def fit(cls, people: Trials, n_classes: int, n_factors: int = 16) -> Self:
        """Maximum likelihood from source people (n_people, n_trials, n_channels, n_times).

        The spread within a class holds that between people as well: a draw may be of another person's like.
        """
        if people.x.ndim != 4:
            raise InputError(
                f"people have x of shape {people.x.shape}: wanted (n_people, n_trials, n_channels, n_times)"
            )
        n_channels = people.x.shape[2]
        d = n_channels * (n_channels + 1) // 2
        n = people.y.size
        if not 0 < n_factors < min(d, n):
            raise InputError(
                f"n_factors is {n_factors}; wanted more than 0, fewer than the {n} trials and than the {d} numbers "
                "of a covariance"
            )
        vectors, y, weight = _tangents(people)
        onehot = jax.nn.one_hot(y, n_classes) * weight[:, None]
        mean = (onehot.T @ vectors) / jnp.maximum(onehot.sum(0), 1e-12)[:, None]
        rest = jnp.sqrt(weight)[:, None] * (vectors - mean[y])
        total = jnp.maximum(weight.sum() - n_classes, 1.0)
        # of the smaller of the two Gram matrices: their eigenvalues but for zeros are the same
        tall = n > d
        values, axes = eigh((rest.T @ rest if tall else rest @ rest.T) / total)
        values, axes = jnp.maximum(values[-n_factors:], 0.0), axes[:, -n_factors:]
        if not tall:
            axes = rest.T @ axes / jnp.sqrt(jnp.maximum(values * total, 1e-12))
        left = jnp.maximum((rest**2).sum() / total - values.sum(), 0.0) / (d - n_factors)
        return cls(
            mean=mean,
            loading=axes * jnp.sqrt(jnp.maximum(values - left, 0.0)),
            noise=jnp.sqrt(left),
            n_channels=n_channels,
        )

    def sample(self, y: Array, key: Array) -> Array:
        """A covariance (n_channels, n_channels) of class y (), whitened as its source people were."""
        k_z, k_e = jax.random.split(key)
        d, n_factors = self.loading.shape
        vector = self.mean[y] + self.loading @ jax.random.normal(k_z, (n_factors,))
        return expm(symmetric(vector + self.noise * jax.random.normal(k_e, (d,)), self.n_channels))

    def __call__(self, trials: Trials, key: Array) -> Trials:
        """Every window brought to a drawn covariance of its class, in the user's own channels.

        x' = M^½ S^½ C^-½ M^-½ x: M the mean covariance of the user's windows, C that of x behind M^-½, S the draw.
        """
        trials = usable(trials)
        covs = jax.vmap(lambda x: regularised(covariance(x), RIDGE))(trials.x)
        root, whitening = sqrtm_pair(weighted_mean(covs, trials.weight))

        def one(x: Array, cov: Array, y: Array, key: Array) -> Array:
            return root @ (sqrtm(self.sample(y, key)) @ (inv_sqrtm(whitening @ cov @ whitening) @ (whitening @ x)))

        keys = jax.random.split(stream_key(key, "draw"), trials.y.shape[0])
        return trials._replace(x=jax.vmap(one)(trials.x, covs, trials.y, keys))


def symmetric(vector: Array, n: int) -> Array:
    """The symmetric matrix (n, n) whose :func:`upper` triangle ``vector`` (n (n + 1) / 2,) is."""
    rows, columns = jnp.triu_indices(n)
    scaled = vector * jnp.where(rows == columns, 1.0, jnp.sqrt(0.5)).astype(vector.dtype)
    half = jnp.zeros((n, n), vector.dtype).at[rows, columns].set(scaled)
    return half + half.T - jnp.diag(jnp.diagonal(half))


@jax.jit
def _tangents(people: Trials) -> tuple[Array, Array, Array]:
    """(vectors (n, d), y (n,), weight (n,)) of everybody's trials, each behind the person's own whitening."""

    def person(trials: Trials) -> tuple[Array, Array, Array]:
        trials = usable(trials)
        covs = jax.vmap(lambda x: regularised(covariance(x), RIDGE))(trials.x)
        whitening = inv_sqrtm(weighted_mean(covs, trials.weight))
        vectors = jax.vmap(lambda c: upper(logm(whitening @ c @ whitening)))(covs)
        return vectors, trials.y, trials.weight

    found = jax.vmap(person)(people)
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), found)
