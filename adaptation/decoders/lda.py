"""Linear discriminant analysis with Ledoit-Wolf shrinkage."""

import jax
import jax.numpy as jnp
from jax import Array

from ..linalg import solve
from ..spd import ledoit_wolf


def fit_lda(features: Array, y: Array, weight: Array, n_classes: int) -> dict[str, Array]:
    """Readout {"w": (n_classes, n_features), "b": (n_classes,)} whose logits are w·features + b.

    features (n_trials, n_features), y (n_trials,) int, weight (n_trials,), 0 leaving a trial out. Classes
    count equally, whatever their share of the trials: a few recalibration trials are no estimate of how often
    a user intends each class. The covariance is the mean over classes of the Ledoit-Wolf estimate on
    standardised features, as scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")``.
    """
    means, cov = class_moments(features, y, weight, n_classes)
    # A feature that never varied (a dead filter) must not make the system singular.
    eps = jnp.finfo(features.dtype).eps
    ridge = jnp.maximum(eps * jnp.trace(cov) / cov.shape[-1], jnp.finfo(cov.dtype).tiny)
    cov = cov + ridge * jnp.eye(cov.shape[-1], dtype=cov.dtype)
    w = solve(cov, means.T).T
    return {"w": w, "b": -0.5 * (w * means).sum(-1)}


def class_moments(features: Array, y: Array, weight: Array, n_classes: int) -> tuple[Array, Array]:
    """Means (n_classes, n_features) of the classes, and the mean over classes of their shrunk covariances."""
    members = jax.nn.one_hot(y, n_classes, dtype=features.dtype) * weight[:, None]
    eps = jnp.finfo(features.dtype).eps

    def one_class(member: Array) -> tuple[Array, Array]:
        total = jnp.maximum(member.sum(), eps)
        mean = member @ features / total
        centred = features - mean
        scale = jnp.sqrt(member @ centred**2 / total)
        scale = jnp.where(scale > 0, scale, 1.0)
        return mean, scale[:, None] * ledoit_wolf(centred / scale, member) * scale

    means, covs = jax.vmap(one_class)(members.T)
    return means, covs.mean(0)
