"""Symmetric positive-definite matrices: covariance, matrix functions, Riemannian mean, tangent space.

Everything takes one matrix (n, n) unless it says otherwise and is vmapped for more. Each matrix function
costs one symmetric eigendecomposition; eigenvalues below ``FLOOR`` times their mean are raised to it, so a
flat channel or an average reference (rank n - 1) stays finite. Formulas: Pennec 2006, Barachant 2013.

Derivatives of the matrix functions are those of :mod:`neurodrift.adaptation.matrix_functions`: finite where eigenvalues
are equal, which whitening brings about.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .linalg import eigh
from .matrix_functions import matrix_function, matrix_functions

#: Relative ridge of covariance inverses (1e-6 tr/n, the value in use for Euclidean alignment).
FLOOR = 1e-6


def covariance(x: Array) -> Array:
    """Spatial covariance x xᵀ / n_times (n_channels, n_channels) of one zero-mean window x, V²."""
    return x @ x.T / x.shape[-1]


def weighted_mean(covs: Array, weight: Array) -> Array:
    """Arithmetic mean (n, n) of covs (n_matrices, n, n), each counted ``weight`` (n_matrices,) times."""
    return jnp.tensordot(weight / jnp.maximum(weight.sum(), 1e-12), covs, axes=1)


def regularised(cov: Array, ridge: float | Array = FLOOR) -> Array:
    """``cov`` + ridge · tr(cov)/n · identity: a ridge in proportion to the mean variance."""
    n = cov.shape[-1]
    return cov + ridge * jnp.trace(cov) / n * jnp.eye(n, dtype=cov.dtype)


def oas(cov: Array, n_samples: int) -> Array:
    """Oracle-approximating shrinkage towards a scaled identity (Chen 2010) of an empirical covariance."""
    n = cov.shape[-1]
    mu = jnp.trace(cov) / n
    # In units of mu: squares of volts² would leave the range of float32 for quiet signals.
    scaled = cov / jnp.maximum(mu, jnp.finfo(cov.dtype).tiny)
    alpha = jnp.mean(scaled**2)
    excess = (n_samples + 1.0) * (alpha - 1.0 / n)
    safe = jnp.where(excess > 0, excess, 1.0)
    shrinkage = jnp.where(excess > 0, jnp.minimum((alpha + 1.0) / safe, 1.0), 1.0)
    return (1 - shrinkage) * cov + shrinkage * mu * jnp.eye(n, dtype=cov.dtype)


def ledoit_wolf(centred: Array, weight: Array) -> Array:
    """Ledoit-Wolf covariance (n_features, n_features) of centred rows (n_samples, n_features).

    ``weight`` (n_samples,) scales how much each row counts; 0 leaves it out. Ledoit & Wolf 2004.
    """
    p = centred.shape[-1]
    total = jnp.maximum(weight.sum(), 1.0)
    cov = (centred * weight[:, None]).T @ centred / total
    mu = jnp.trace(cov) / p
    squares = (weight * (centred**2).sum(-1) ** 2).sum() / total
    norm = (cov**2).sum()
    beta = jnp.maximum(squares - norm, 0.0) / total
    delta = norm - p * mu**2
    shrinkage = jnp.where(delta > 0, jnp.minimum(beta / jnp.where(delta > 0, delta, 1.0), 1.0), 0.0)
    return (1 - shrinkage) * cov + shrinkage * mu * jnp.eye(p, dtype=cov.dtype)


def eigh_floored(a: Array) -> tuple[Array, Array]:
    """Eigenvalues (n,), raised to at least FLOOR times their mean, and eigenvectors (n, n) in columns."""
    values, vectors = eigh(a)
    return jnp.maximum(values, _floor(a)), vectors


def _floor(a: Array) -> Array:
    return jnp.maximum(FLOOR * jnp.trace(a) / a.shape[-1], jnp.finfo(a.dtype).tiny)


def sqrtm(a: Array) -> Array:
    """The SPD square root."""
    return powm(a, 0.5)


def inv_sqrtm(a: Array) -> Array:
    """The inverse of the SPD square root: whitens signals of covariance ``a``."""
    return powm(a, -0.5)


def sqrtm_pair(a: Array) -> tuple[Array, Array]:
    """(a^½, a^-½) from one eigendecomposition."""
    root, inv_root = matrix_functions(("power", "power"), a, (0.5, -0.5), _floor(a))
    return root, inv_root


def powm(a: Array, t: float | Array) -> Array:
    """The SPD matrix ``a`` to the power ``t``."""
    return matrix_function("power", a, t, _floor(a))


def logm(a: Array) -> Array:
    """The matrix logarithm of an SPD matrix."""
    return matrix_function("log", a, 1.0, _floor(a))


def expm(a: Array) -> Array:
    """The exponential of a symmetric matrix (no floor: its eigenvalues may be negative)."""
    return matrix_function("exp", a, 1.0, -jnp.inf)


def geodesic_from(root: Array, inv_root: Array, b: Array, t: float | Array) -> Array:
    """The point at ``t`` on the geodesic from a, given as a^½ and a^-½, to ``b``."""
    return root @ powm(inv_root @ b @ inv_root, t) @ root


def geodesic(a: Array, b: Array, t: float | Array) -> Array:
    """a^½ (a^-½ b a^-½)^t a^½: a at t = 0, b at t = 1 (affine-invariant metric)."""
    return geodesic_from(*sqrtm_pair(a), b, t)


def riemannian_mean(covs: Array, weight: Array | None = None, n_steps: int = 10) -> Array:
    """Affine-invariant mean (n, n) of covs (n_matrices, n, n), by ``n_steps`` Karcher steps."""
    weight = jnp.ones(covs.shape[0], covs.dtype) if weight is None else weight

    def step(_: int, mean: Array) -> Array:
        root, inv_root = sqrtm_pair(mean)
        logs = jax.vmap(lambda c: logm(inv_root @ c @ inv_root))(covs)
        return root @ expm(weighted_mean(logs, weight)) @ root

    return jax.lax.fori_loop(0, n_steps, step, weighted_mean(covs, weight))


def distance(a: Array, b: Array) -> Array:
    """Affine-invariant Riemannian distance () between two SPD matrices."""
    return jnp.sqrt(squared_distance(b, inv_sqrtm(a)))


def squared_distance(cov: Array, whitening: Array) -> Array:
    """Squared distance () from ``cov`` to the matrix whose inverse square root is ``whitening``."""
    return (logm(whitening @ cov @ whitening.T) ** 2).sum()


def upper(a: Array) -> Array:
    """Upper triangle (n(n+1)/2,) of a symmetric matrix, off-diagonals times √2 so that norms are kept."""
    rows, columns = np.triu_indices(a.shape[-1])
    return a[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0)).astype(a.dtype)


def tangent_vector(cov: Array, whitening: Array) -> Array:
    """``cov`` seen from the tangent space at the matrix whose inverse square root is ``whitening``."""
    return upper(logm(whitening @ cov @ whitening.T))
