"""LAPACK under vmap: right, and never waiting for itself."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurodrift
from neurodrift.adaptation import linalg

# Eight independent batches of eigendecompositions a step, on a pool of two threads: with jnp.linalg.eigh of jaxlib
# 0.10.2 this stops for ever in the first seconds.
MANY = """
import os
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
import jax, jax.numpy as jnp
from neurodrift.adaptation.linalg import eigh

def root(a):
    values, vectors = eigh(a)
    return (vectors * values) @ vectors.T

@jax.jit
def walk(matrices):
    def step(matrices, _):
        new = [jax.vmap(root)(a) for a in matrices]
        return tuple(a * (1 + 1e-9 * jnp.tanh(b)) for a, b in zip(matrices, new)), sum(b.sum() for b in new)
    return jax.lax.scan(step, matrices, None, length=100)[1]

x = jax.random.normal(jax.random.key(0), (8, 16, 31, 31))
print(float(walk(tuple(x @ x.mT)).sum()))
"""


def test_many_batches_at_once_finish_on_two_threads():
    as_users = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run([sys.executable, "-c", MANY], env=as_users, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert np.isfinite(float(done.stdout))


@pytest.mark.parametrize("module", ["adaptation", "agents", "scenarios", "sim"])
def test_nothing_calls_lapack_around_it(module):
    folder = Path(neurodrift.__file__).parent / module
    called = re.compile(r"jnp\.linalg\.(?!norm)|jax\.scipy\.linalg|lax\.linalg|jnp\.fft")
    around = [str(f) for f in folder.rglob("*.py") if f.name != "linalg.py" and called.search(f.read_text())]
    assert not around


def twice(f):
    return jax.vmap(jax.vmap(f))


def test_batches_are_what_single_matrices_are():
    x = jax.random.normal(jax.random.key(1), (3, 2, 7, 7))
    spd, b = x @ x.mT + jnp.eye(7), x[..., 0]
    values, vectors = twice(linalg.eigh)(spd)
    np.testing.assert_allclose((vectors * values[..., None, :]) @ vectors.mT, spd, rtol=1e-4, atol=1e-4)
    q, r = twice(linalg.qr)(x)
    np.testing.assert_allclose(q @ r, x, atol=1e-5)
    np.testing.assert_array_equal(twice(linalg.qr_r)(x), r)
    for f in (linalg.solve, linalg.solve_spd):
        np.testing.assert_allclose(jnp.einsum("abij,abj->abi", spd, twice(f)(spd, b)), b, atol=1e-4)
    np.testing.assert_allclose(twice(linalg.inv)(spd) @ spd, np.broadcast_to(np.eye(7), spd.shape), atol=1e-4)


def test_eigendecompositions_have_the_derivative_that_jax_gives_them():
    a = jax.random.normal(jax.random.key(2), (3, 5, 5))
    a = a @ a.mT

    def root(eigh, a):
        values, vectors = eigh(a)
        return (vectors * jnp.sqrt(values)) @ vectors.T

    def gradient(eigh):
        return jax.grad(lambda a: jnp.sum(jnp.sin(jax.vmap(lambda m: root(eigh, m))(a))))(a)

    expected = gradient(jnp.linalg.eigh)
    # the derivative on symmetric matrices: what is antisymmetric in it is nobody's
    ours = gradient(linalg.eigh)
    np.testing.assert_allclose(ours + ours.mT, expected + expected.mT, rtol=1e-4, atol=1e-4)


def test_what_all_of_a_batch_share_may_stay_single():
    a, b = 2 * jnp.eye(4), jnp.arange(12.0).reshape(3, 4)
    np.testing.assert_allclose(jax.vmap(linalg.solve, in_axes=(None, 0))(a, b), b / 2)
    np.testing.assert_allclose(
        jax.vmap(linalg.solve, in_axes=(0, None))(jnp.stack([a, 2 * a]), b[0]), [b[0] / 2, b[0] / 4]
    )
