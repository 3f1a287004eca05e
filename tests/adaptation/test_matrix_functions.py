"""Derivatives of matrix functions, equal eigenvalues included."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from neurodrift.adaptation import spd

RNG = np.random.default_rng(3)
DIRECTION = (lambda m: m + m.T)(RNG.standard_normal((4, 4)))
TURN = np.linalg.qr(RNG.standard_normal((4, 4)))[0]
SPECTRA = {
    "distinct": [0.5, 1.0, 2.0, 7.0],
    "two equal": [0.5, 2.0, 2.0, 7.0],
    "next to equal": [0.5, 2.0, 2.0 + 1e-7, 7.0],
    "all equal": [2.0, 2.0, 2.0, 2.0],
}
ORACLES = {
    spd.logm: scipy.linalg.logm,
    spd.sqrtm: scipy.linalg.sqrtm,
    spd.inv_sqrtm: lambda a: np.linalg.inv(scipy.linalg.sqrtm(a)),
    spd.expm: scipy.linalg.expm,
}


def of_spectrum(spectrum):
    return TURN @ np.diag(SPECTRA[spectrum]) @ TURN.T


@functools.cache
def with_derivative(f):
    return jax.jit(lambda a, direction: jax.jvp(f, (a,), (direction,)))


@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("ours", ORACLES, ids=lambda f: f.__name__)
def test_derivatives_are_those_of_finite_differences_of_another_implementation(ours, spectrum):
    a, step = of_spectrum(spectrum), 1e-4
    oracle = ORACLES[ours]
    # fourth-order differences: what is left is of order step⁴
    ahead = [np.real(oracle(a + k * step * DIRECTION)) for k in (-2, -1, 1, 2)]
    expected = (ahead[0] - 8 * ahead[1] + 8 * ahead[2] - ahead[3]) / (12 * step)
    with jax.enable_x64(True):
        value, found = with_derivative(ours)(jnp.asarray(a), jnp.asarray(DIRECTION))
        np.testing.assert_allclose(value, oracle(a), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_the_derivative_of_a_logarithm_is_the_integral_of_resolvents(spectrum):
    # D log(A)[H] = ∫₀^∞ (A + sI)⁻¹ H (A + sI)⁻¹ ds, with s = u/(1 - u), by Gauss-Legendre in float64
    a = of_spectrum(spectrum)
    nodes, weights = np.polynomial.legendre.leggauss(80)
    u = 0.5 * (nodes + 1)
    resolvents = [np.linalg.inv(a + s * np.eye(4)) for s in u / (1 - u)]
    expected = sum(w / 2 / (1 - v) ** 2 * r @ DIRECTION @ r for w, v, r in zip(weights, u, resolvents))
    a32, direction = jnp.asarray(a, jnp.float32), jnp.asarray(DIRECTION, jnp.float32)
    found = with_derivative(spd.logm)(a32, direction)[1]
    # the floor of float32: 7/.5 in condition, a few roundings
    np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_a_gradient_through_whitening_log_and_power_is_finite_at_the_mean_itself():
    eye = jnp.eye(5)

    def loss(a, t):
        white = spd.inv_sqrtm(a)
        seen = spd.powm(spd.geodesic(eye, white @ eye @ white.T, t), t)
        return spd.upper(spd.logm(seen)).sum() + spd.squared_distance(a, eye) + spd.expm(a)[0, 1]

    gradients = jax.jit(jax.grad(loss, argnums=(0, 1)))(eye, 0.3)
    assert all(np.isfinite(g).all() for g in gradients)
    # ... where the derivative through the eigenvectors is not
    from neurodrift.adaptation.linalg import eigh

    def naive(a):
        values, vectors = eigh(a)
        return ((vectors * jnp.log(values)) @ vectors.T).sum()

    assert not np.isfinite(jax.grad(naive)(eye)).all()
    np.testing.assert_allclose(jax.grad(lambda a: spd.logm(a).sum())(eye), np.ones((5, 5)), rtol=1e-6)


def test_a_power_has_its_derivative_in_the_exponent():
    with jax.enable_x64(True):
        a = jnp.asarray(of_spectrum("two equal"))
        found = jax.jacfwd(lambda t: spd.powm(a, t))(0.3)
        np.testing.assert_allclose(found, scipy.linalg.logm(a) @ spd.powm(a, 0.3), rtol=1e-9, atol=1e-9)


def test_below_the_floor_a_function_is_flat():
    with jax.enable_x64(True):
        flat, live = jnp.diag(jnp.asarray([0.0, 0.0, 1.0, 3.0])), jnp.zeros((4, 4)).at[0, 0].set(1.0)
        slope = with_derivative(spd.logm)(flat, live)[1]
        np.testing.assert_allclose(slope, 0.0, atol=1e-12)
        # between one below and one above: the step from the floor over the step between the eigenvalues
        mixed = jnp.zeros((4, 4)).at[0, 3].set(1.0).at[3, 0].set(1.0)
        slope = with_derivative(spd.logm)(flat, mixed)[1]
        np.testing.assert_allclose(slope[0, 3], (np.log(3.0) - np.log(1e-6)) / 3.0, rtol=1e-9)


def test_batches_have_the_derivatives_of_single_matrices():
    a = jnp.stack([jnp.asarray(of_spectrum(s), jnp.float32) for s in SPECTRA])
    gradient = jax.jit(jax.grad(lambda a: jnp.sum(jax.vmap(spd.logm)(a)[:, 0, 1])))(a)
    single = jax.jit(jax.grad(lambda m: spd.logm(m)[0, 1]))
    for one, batched in zip(a, gradient):
        np.testing.assert_allclose(single(one), batched, atol=1e-5)
