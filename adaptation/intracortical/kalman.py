"""The velocity Kalman filter, fitted by least squares, with its full gain or the one that it settles at."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..linalg import inv, solve
from .contract import Session

#: Smallest noise variance of a unit, counts squared: one that never fires in the calibration has none.
LEAST_NOISE = 1e-3
N_RICCATI = 200  # steps in which the gain of any filter in use has settled


class KalmanModel(NamedTuple):
    """v_t = a v_(t-1) + w_t, counts_t = c v_t + d + q_t with covariances w and q (Wu et al. 2006, Kim et al. 2008).

    a, w: (2, 2); c: (n_units, 2); d: (n_units,); q: (n_units, n_units).
    """

    a: Array
    w: Array
    c: Array
    d: Array
    q: Array


class Information(NamedTuple):
    """What a bin tells: weights (n_units, 2) = q^-1 c, and precision (2, 2) = c' q^-1 c."""

    weights: Array
    precision: Array


class Moments(NamedTuple):
    """Sums over bins with regressors x = (v_x, v_y, 1): xx (3, 3), yx (n_units, 3), yy (n_units, n_units), n ()."""

    xx: Array
    yx: Array
    yy: Array
    n: Array

    @classmethod
    def zeros(cls, n_units: int, dtype: jnp.dtype | None = None) -> "Moments":
        return cls(
            jnp.zeros((3, 3), dtype), jnp.zeros((n_units, 3), dtype), jnp.zeros((n_units, n_units), dtype),
            jnp.zeros((), dtype),
        )  # fmt: skip


def moments(session: Session) -> Moments:
    """The sums over a session's bins, each counted ``weight`` times."""
    x = regressors(session.velocity)
    weighted = x * session.weight[:, None]
    y = jnp.where(session.weight[:, None] > 0, session.counts, 0.0)
    return Moments(weighted.T @ x, y.T @ weighted, (y * session.weight[:, None]).T @ y, session.weight.sum())


def regressors(velocity: Array) -> Array:
    """(..., 3): velocity (..., 2) and a one."""
    return jnp.concatenate([velocity, jnp.ones_like(velocity[..., :1])], axis=-1)


def observation(sums: Moments) -> tuple[Array, Array, Array]:
    """Least squares of counts on velocity: c (n_units, 2), d (n_units,) and the residuals' covariance q."""
    scale = jnp.maximum(jnp.trace(sums.xx), 1e-12)
    ridge = 1e-9 * scale * jnp.eye(3, dtype=sums.xx.dtype)
    cd = solve(sums.xx + ridge, sums.yx.T).T
    q = (sums.yy - cd @ sums.yx.T) / jnp.maximum(sums.n, 1e-12)
    q = 0.5 * (q + q.T)
    lift = jnp.maximum(LEAST_NOISE - jnp.diagonal(q), 0.0)
    return cd[:, :2], cd[:, 2], q + jnp.diag(lift)


def fit_kalman(session: Session) -> KalmanModel:
    """The filter of a labelled session: every part by least squares; a step counts where both of its bins do."""
    before, after = session.velocity[:-1], session.velocity[1:]
    weight = session.weight[:-1] * session.weight[1:]
    total = jnp.maximum(weight.sum(), 1.0)
    gram = (before * weight[:, None]).T @ before
    gram = gram + 1e-9 * jnp.maximum(jnp.trace(gram), 1e-12) * jnp.eye(2, dtype=gram.dtype)
    a = ((after * weight[:, None]).T @ before) @ inverse2(gram)
    left = after - before @ a.T
    w = (left * weight[:, None]).T @ left / total
    return KalmanModel(a, w, *observation(moments(session)))


def information(model: KalmanModel) -> Information:
    """What the filter needs of c and q; one solve, worth keeping until the model changes."""
    weights = solve(model.q, model.c)
    return Information(weights, model.c.T @ weights)


def inverse2(m: Array) -> Array:
    """The inverse of a (2, 2) matrix, in closed form: called every bin."""
    (p, q), (r, s) = m
    return jnp.array([[s, -q], [-r, p]]) / (p * s - q * r)


def step(model: KalmanModel, info: Information, velocity: Array, variance: Array, counts: Array) -> tuple[Array, Array]:
    """Velocity (2,) and its covariance (2, 2) after the counts (n_units,) of the next bin.

    In information form, so that a bin costs no factorisation of n_units. A bin with a value that is not finite is no
    evidence: the filter coasts.
    """
    finite = jnp.isfinite(counts).all()
    predicted = model.a @ velocity
    prior = model.a @ variance @ model.a.T + model.w
    eye = jnp.eye(2, dtype=prior.dtype)
    posterior = inverse2(eye + prior @ info.precision) @ prior
    innovation = jnp.where(finite, counts - model.d, 0.0) - jnp.where(finite, 1.0, 0.0) * (model.c @ predicted)
    found = predicted + posterior @ (info.weights.T @ innovation)
    return jnp.where(finite, found, predicted), jnp.where(finite, posterior, prior)


def settled(model: KalmanModel, info: Information) -> Array:
    """The covariance (2, 2) of the velocity once the gain has settled."""

    def next_(variance: Array, _: None) -> tuple[Array, None]:
        prior = model.a @ variance @ model.a.T + model.w
        return inverse2(jnp.eye(2, dtype=prior.dtype) + prior @ info.precision) @ prior, None

    return jax.lax.scan(next_, model.w, None, length=N_RICCATI)[0]


class LinearDecoder(NamedTuple):
    """v_t = keep v_(t-1) + weights counts_t + offset: keep (2, 2), weights (2, n_units), offset (2,)."""

    keep: Array
    weights: Array
    offset: Array

    def __call__(self, velocity: Array, counts: Array) -> Array:
        """The next velocity (2,); without what counts that are not finite would say."""
        finite = jnp.isfinite(counts).all()
        driven = self.weights @ jnp.where(jnp.isfinite(counts), counts, 0.0) + self.offset
        return self.keep @ velocity + jnp.where(finite, driven, 0.0)


def steady(model: KalmanModel) -> LinearDecoder:
    """The filter with the gain that it settles at, as three matrices."""
    info = information(model)
    gain = settled(model, info) @ info.weights.T
    keep = model.a - gain @ model.c @ model.a
    return LinearDecoder(keep, gain, -gain @ model.d)


def gain(model: KalmanModel, prior: Array) -> Array:
    """The Kalman gain (2, n_units) from the covariance form, p c' (c p c' + q)^-1: for tests and for reading."""
    return prior @ model.c.T @ inv(model.c @ prior @ model.c.T + model.q)
