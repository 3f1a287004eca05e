"""L2-penalised logistic regression by damped Newton steps, of static shape and therefore jittable."""

import jax
import jax.numpy as jnp
from jax import Array

from ..linalg import qr, solve_spd

#: Halvings tried at every Newton step; the one of least loss is taken, so the loss never rises.
_STEP_SIZES = (1.0, 0.5, 0.25, 0.0625, 0.0)


def fit_logistic(
    features: Array,
    y: Array,
    weight: Array,
    n_classes: int,
    c: float | Array = 1.0,
    prior: dict[str, Array] | None = None,
    n_steps: int = 12,
    start: dict[str, Array] | None = None,
) -> dict[str, Array]:
    """Readout {"w": (n_classes, n_features), "b": (n_classes,)} minimising ½‖w‖² + c · weighted log-loss.

    features (n_trials, n_features), y (n_trials,) int, weight (n_trials,), 0 leaving a trial out. The
    intercept is not penalised. ``prior``, a readout, moves the centre of the penalty: few trials then change
    little. ``start``, a readout, is where the steps begin (at zero, or at the prior, without); it does not change what
    they lead to. Two classes share one weight vector (w₀ = -w₁) with the penalty of binary logistic regression;
    more are multinomial. Both equal scikit-learn's ``LogisticRegression(C=c)``.
    """
    n_trials, n_features = features.shape
    if n_trials < n_features:
        # The penalty is rotation-invariant, so the fit lives in the span of the trials: fewer unknowns.
        basis, triangle = qr(features.T)
        reduced = triangle.T
    else:
        basis, reduced = None, features
    design = jnp.concatenate([reduced, jnp.ones((n_trials, 1), features.dtype)], axis=1)
    mixing = jnp.array([[-0.5, 0.5]]) if n_classes == 2 else jnp.eye(n_classes)
    mixing = mixing.astype(features.dtype)
    n_scores, n_columns = mixing.shape[0], design.shape[1]
    offset = 0.0 if prior is None else features @ prior["w"].T + prior["b"]
    onehot = jax.nn.one_hot(y, n_classes, dtype=features.dtype)
    # A sliver of penalty on the intercept removes the null direction of the multinomial parametrisation.
    penalty = jnp.ones(n_columns, features.dtype).at[-1].set(1e-6)

    def loss(theta: Array) -> Array:
        log_p = jax.nn.log_softmax(design @ theta.T @ mixing + offset)
        return 0.5 * (penalty * theta**2).sum() - c * (weight * (onehot * log_p).sum(-1)).sum()

    def newton(_: int, theta: Array) -> Array:
        p = jax.nn.softmax(design @ theta.T @ mixing + offset)
        gradient = penalty * theta + c * (mixing @ ((p - onehot) * weight[:, None]).T) @ design
        curvature = jnp.einsum("nk,nkl->nkl", p, jnp.eye(n_classes) - p[:, None, :])
        curvature = c * weight[:, None, None] * (mixing @ curvature @ mixing.T)
        hessian = jnp.einsum("ni,npq,nj->piqj", design, curvature, design, optimize="optimal")
        hessian = hessian.reshape(n_scores * n_columns, -1) + jnp.diag(jnp.tile(penalty, n_scores))
        direction = solve_spd(hessian, gradient.ravel()).reshape(theta.shape)
        candidates = theta - jnp.array(_STEP_SIZES, theta.dtype)[:, None, None] * direction
        return candidates[jnp.argmin(jax.vmap(loss)(candidates))]

    theta = jnp.zeros((n_scores, n_columns), features.dtype)
    if start is not None:
        begin = start if prior is None else jax.tree.map(jnp.subtract, start, prior)
        # two classes: scores are their difference
        w, b = (mixing @ begin[k] * (2.0 if n_classes == 2 else 1.0) for k in ("w", "b"))
        theta = jnp.concatenate([w if basis is None else w @ basis, b[:, None]], axis=1)
    theta = jax.lax.fori_loop(0, n_steps, newton, theta)
    w = theta[:, :-1] if basis is None else theta[:, :-1] @ basis.T
    readout = {"w": mixing.T @ w, "b": mixing.T @ theta[:, -1]}
    return readout if prior is None else jax.tree.map(jnp.add, readout, prior)
