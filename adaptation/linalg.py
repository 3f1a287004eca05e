"""Factorisations that may be vmapped on a CPU without locking it up.

jaxlib 0.10 splits a batched LAPACK call over the threads of its pool and waits, on one of those threads, for the rest.
As many such calls at once as there are threads wait for each other for ever: now and then in a run, always with eight
independent batches on two cores (tests/adaptation/test_linalg.py). A call on one matrix never waits. So under vmap
these take a batch one matrix after the other on the CPU, where the parallelism is over runs anyway, and all at once
elsewhere. Derivatives: of ``eigh`` alone.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError


def _one_by_one(call: Callable[..., Any]) -> Callable[..., Any]:
    safe = jax.custom_batching.custom_vmap(call)

    @safe.def_vmap
    def rule(axis_size: int, in_batched: list[bool], *args: Array) -> tuple[Any, Any]:
        moving = [arg for arg, batched in zip(args, in_batched) if batched]

        def one(moving: list[Array]) -> Any:
            of_batch = iter(moving)
            return safe(*(next(of_batch) if batched else arg for arg, batched in zip(args, in_batched)))

        def in_turn(*moving: Array) -> Any:
            return jax.lax.map(one, list(moving))

        def at_once(*moving: Array) -> Any:
            of_batch = iter(moving)
            whole = [next(of_batch) if batched else arg for arg, batched in zip(args, in_batched)]
            return jax.vmap(call, in_axes=[0 if batched else None for batched in in_batched])(*whole)

        out = jax.lax.platform_dependent(*moving, cpu=in_turn, default=at_once)
        return out, jax.tree.map(lambda _: True, out)

    return safe


@_one_by_one
def _eigh(a: Array) -> tuple[Array, Array]:
    values, vectors = jnp.linalg.eigh(a)
    return values, vectors


@jax.custom_jvp
def eigh(a: Array) -> tuple[Array, Array]:
    """Eigenvalues (n,), ascending, and eigenvectors (n, n) in columns of one symmetric matrix (n, n), vmapped for more.

    The derivative of the vectors is not finite where eigenvalues are equal.
    """
    if a.ndim != 2:
        raise InputError(f"eigh got an array of shape {a.shape}: wanted one matrix (n, n); use jax.vmap for more")
    return _eigh(a)


@eigh.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> Any:
    """d lambda_i = (v' da v)_ii and dv = v F * (v' da v), F_ij = 1/(lambda_j - lambda_i) off the diagonal, 0 on it."""
    values, vectors = eigh(primals[0])
    turned = vectors.T @ tangents[0] @ vectors
    eye = jnp.eye(values.shape[0], dtype=values.dtype)
    spread = 1.0 / (eye + values[None, :] - values[:, None]) - eye
    return (values, vectors), (jnp.diagonal(turned), vectors @ (spread * turned))


@_one_by_one
def qr(a: Array) -> tuple[Array, Array]:
    """Q (m, k) and R (k, n) of a (m, n), k the lesser of the two."""
    q, r = jnp.linalg.qr(a)
    return q, r


@_one_by_one
def qr_r(a: Array) -> Array:
    """R alone, (k, n), of a (m, n)."""
    return jnp.linalg.qr(a, mode="r")


@_one_by_one
def solve(a: Array, b: Array) -> Array:
    """x (n,) or (n, k) with a x = b, a (n, n)."""
    return jnp.linalg.solve(a, b)


@_one_by_one
def solve_spd(a: Array, b: Array) -> Array:
    """x (n,) with a x = b, a (n, n) symmetric and positive definite."""
    return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(a), b)


@_one_by_one
def inv(a: Array) -> Array:
    """The inverse (n, n) of a (n, n)."""
    return jnp.linalg.inv(a)
