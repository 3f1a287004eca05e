"""Functions of symmetric matrices whose derivative is finite where eigenvalues are equal.

With a = V diag(w) V', f(a) = V diag(f(w)) V' changes by V (F * V' da V) V' with F_ij the divided difference
(f(w_i) - f(w_j))/(w_i - w_j), f'(w_i) where they are equal (Daleckii & Krein 1965; for layers of networks Brooks 2019).
Differences of nearby numbers lose their digits, so each F is written in closed form without one. Differentiating
through the eigenvectors instead divides by w_i - w_j, which is what whitened windows make zero.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .linalg import eigh


def _sinhc(x: Array) -> Array:
    """sinh(x)/x, 1 at 0."""
    small = jnp.abs(x) < 1e-2
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, 1.0 + x**2 / 6.0, jnp.sinh(safe) / safe)


def _power(a: Array, b: Array, t: Array) -> Array:
    # with a = g e^u and b = g e^-u: g^(t-1) sinh(t u)/sinh(u)
    u = 0.5 * (jnp.log(a) - jnp.log(b))
    return jnp.sqrt(a * b) ** (t - 1.0) * t * _sinhc(t * u) / _sinhc(u)


def _log(a: Array, b: Array, t: Array) -> Array:
    # u/(g sinh(u)), a and b as above
    u = 0.5 * (jnp.log(a) - jnp.log(b))
    return 1.0 / (jnp.sqrt(a) * jnp.sqrt(b) * _sinhc(u))


def _exp(a: Array, b: Array, t: Array) -> Array:
    return jnp.exp(0.5 * (a + b)) * _sinhc(0.5 * (a - b))


#: name -> (f(w, t), its divided difference at (a, b), its derivative in t)
_KINDS: dict[str, tuple[Callable, Callable, Callable]] = {
    "power": (lambda w, t: w**t, _power, lambda w, t: jnp.log(w) * w**t),
    "log": (lambda w, t: jnp.log(w), _log, lambda w, t: jnp.zeros_like(w)),
    "exp": (lambda w, t: jnp.exp(w), _exp, lambda w, t: jnp.zeros_like(w)),
}


def matrix_function(kind: str, a: Array, t: float | Array, floor: float | Array) -> Array:
    """f(a) (n, n) of one symmetric matrix a (n, n): "power" a^t, "log" or "exp" (which have no t).

    Eigenvalues below ``floor`` are raised to it. To the derivative that floor is a constant, and what lies below it is
    flat. First derivatives only.
    """
    return matrix_functions((kind,), a, (t,), floor)[0]


def matrix_functions(
    kinds: tuple[str, ...], a: Array, ts: tuple[float | Array, ...], floor: float | Array
) -> tuple[Array, ...]:
    """Several functions of one matrix from one eigendecomposition, ``matrix_function`` of each."""
    return _functions(kinds, a, tuple(jnp.asarray(t, a.dtype) for t in ts), jnp.asarray(floor, a.dtype))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _functions(kinds: tuple[str, ...], a: Array, ts: tuple[Array, ...], floor: Array) -> tuple[Array, ...]:
    values, vectors = eigh(a)
    raised = jnp.maximum(values, floor)
    return tuple((vectors * _KINDS[kind][0](raised, t)) @ vectors.T for kind, t in zip(kinds, ts))


@_functions.defjvp
def _(kinds: tuple[str, ...], primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    a, ts, floor = primals
    da, dts, _ = tangents
    values, vectors = eigh(a)
    raised = jnp.maximum(values, floor)
    turned = vectors.T @ da @ vectors
    # A divided difference is taken between raised eigenvalues; where the floor raised one of two, the step between
    # them was longer, and where it raised both there is none.
    gap, apart = raised[:, None] - raised[None, :], values[:, None] - values[None, :]
    above = values > floor
    mixed = above[:, None] != above[None, :]
    share = jnp.where(mixed, gap / jnp.where(mixed & (apart != 0), apart, 1.0), (above[:, None] & above[None, :]) * 1.0)
    out, dout = [], []
    for kind, t, dt in zip(kinds, ts, dts):
        f, divided, in_t = _KINDS[kind]
        out.append((vectors * f(raised, t)) @ vectors.T)
        inner = divided(raised[:, None], raised[None, :], t) * share * turned + jnp.diag(in_t(raised, t) * dt)
        dout.append(vectors @ inner @ vectors.T)
    return tuple(out), tuple(dout)
