"""Factor analysis of spike counts by expectation maximisation: what the units share, and what each has of its own."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..linalg import eigh, inv


class FactorModel(NamedTuple):
    """counts = mean + loadings z + e, z standard normal: mean (n_units,), loadings (n_units, n_latents), private
    (n_units,) variances of e."""

    mean: Array
    loadings: Array
    private: Array


def readout(model: FactorModel) -> Array:
    """(n_latents, n_units): takes counts less their mean to the expected latents, (I + L'P^-1 L)^-1 L'P^-1."""
    scaled = model.loadings / model.private[:, None]
    gram = jnp.eye(model.loadings.shape[1], dtype=scaled.dtype) + model.loadings.T @ scaled
    return inv(gram) @ scaled.T


def log_likelihood(model: FactorModel, covariance: Array) -> Array:
    """Mean log-likelihood () of one bin, given the covariance (n_units, n_units) of the counts about the mean."""
    n_units, n_latents = model.loadings.shape
    scaled = model.loadings / model.private[:, None]
    gram = jnp.eye(n_latents, dtype=scaled.dtype) + model.loadings.T @ scaled
    values, _ = eigh(gram)
    log_det = jnp.log(model.private).sum() + jnp.log(values).sum()
    fit = (jnp.diagonal(covariance) / model.private).sum() - jnp.trace(inv(gram) @ (scaled.T @ covariance @ scaled))
    return -0.5 * (n_units * jnp.log(2 * jnp.pi) + log_det + fit)


def fit_factors(
    mean: Array,
    covariance: Array,
    n_latents: int,
    n_iterations: int = 300,
    least: float = 0.05,
    tolerance: float = 1e-6,
) -> FactorModel:
    """The model of counts with this mean (n_units,) and covariance (n_units, n_units), n_latents < n_units.

    Expectation maximisation (Rubin & Thayer 1982) from the leading principal components, until the mean log-likelihood
    gains less than ``tolerance`` per iteration, ``n_iterations`` at most. A private variance stays above ``least`` of
    its unit's whole variance: with few bins the likelihood has no maximum otherwise (Heywood cases).
    """
    total = jnp.maximum(jnp.diagonal(covariance), 1e-6)
    floor = least * total
    values, vectors = eigh(covariance)
    spare = jnp.maximum(values[:-n_latents].mean(), 1e-6)
    loadings = vectors[:, -n_latents:] * jnp.sqrt(jnp.maximum(values[-n_latents:] - spare, 1e-3 * spare))
    private = jnp.maximum(total - (loadings**2).sum(1), floor)
    eye = jnp.eye(n_latents, dtype=covariance.dtype)

    def better(state: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        loadings, private, _, now, n = state
        model = FactorModel(mean, loadings, private)
        beta = readout(model)
        across = covariance @ beta.T
        second = eye - beta @ loadings + beta @ across
        loadings = across @ inv(second)
        private = jnp.maximum(jnp.diagonal(covariance) - (loadings * across).sum(1), floor)
        return loadings, private, now, log_likelihood(FactorModel(mean, loadings, private), covariance), n + 1

    def unfinished(state: tuple[Array, Array, Array, Array, Array]) -> Array:
        *_, before, now, n = state
        return (n < n_iterations) & ((now - before > tolerance) | (n < 2))

    first = log_likelihood(FactorModel(mean, loadings, private), covariance)
    state = (loadings, private, jnp.full_like(first, -jnp.inf), first, jnp.zeros((), jnp.int32))
    loadings, private, *_ = jax.lax.while_loop(unfinished, better, state)
    return FactorModel(mean, loadings, private)


def mean_covariance(counts: Array, weight: Array) -> tuple[Array, Array]:
    """Mean (n_units,) and covariance (n_units, n_units) of counts (n_bins, n_units), each bin counted ``weight``
    (n_bins,) times."""
    total = jnp.maximum(weight.sum(), 1.0)
    counts = jnp.where(weight[:, None] > 0, counts, 0.0)
    mean = weight @ counts / total
    centred = (counts - mean) * jnp.sqrt(weight)[:, None]
    return mean, centred.T @ centred / total
