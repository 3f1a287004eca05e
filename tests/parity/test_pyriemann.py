"""Riemannian geometry and recentering against pyRiemann, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pyriemann.estimation import Covariances
from pyriemann.geometry.distance import distance_riemann
from pyriemann.geometry.geodesic import geodesic_riemann
from pyriemann.geometry.mean import mean_riemann
from pyriemann.geometry.tangentspace import tangent_space
from pyriemann.preprocessing import Whitening

from neurodrift.adaptation import spd

RTOL = 1e-5


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def windows():
    """20 windows (8 channels, 200 samples) in volts with correlated channels."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(8, 8))
    power = np.exp(0.5 * rng.normal(size=(20, 8, 1)))
    return 1e-5 * np.einsum("cd,ndt->nct", mixing, power * rng.normal(size=(20, 8, 200)))


@pytest.fixture
def covs(windows):
    return np.einsum("nct,ndt->ncd", windows, windows) / windows.shape[-1]


def relative(ours, theirs):
    return np.abs(np.asarray(ours) - theirs).max() / np.abs(theirs).max()


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("t", [0.0, 0.1, 0.5, 1.0])
def test_geodesic(covs, t):
    assert (
        relative(spd.geodesic(jnp.array(covs[0]), jnp.array(covs[1]), t), geodesic_riemann(covs[0], covs[1], t)) < RTOL
    )


@pytest.mark.usefixtures("x64")
def test_distance(covs):
    assert relative(spd.distance(jnp.array(covs[0]), jnp.array(covs[1])), distance_riemann(covs[0], covs[1])) < RTOL


@pytest.mark.usefixtures("x64")
def test_weighted_riemannian_mean(covs):
    weight = np.linspace(0.0, 2.0, len(covs))
    theirs = mean_riemann(covs, sample_weight=weight, tol=1e-12)
    assert relative(spd.riemannian_mean(jnp.array(covs), jnp.array(weight)), theirs) < RTOL


@pytest.mark.usefixtures("x64")
def test_tangent_space(covs):
    reference = mean_riemann(covs)
    whitening = spd.inv_sqrtm(jnp.array(reference))
    ours = jax.vmap(lambda c: spd.tangent_vector(c, whitening))(jnp.array(covs))
    assert relative(ours, tangent_space(covs, reference)) < RTOL


@pytest.mark.usefixtures("x64")
def test_oas_shrinkage(windows):
    # pyRiemann (scikit-learn) centres each channel in time; so must the input here to be comparable.
    centred = windows - windows.mean(-1, keepdims=True)
    ours = jax.vmap(lambda x: spd.oas(spd.covariance(x), x.shape[-1]))(jnp.array(centred))
    assert relative(ours, Covariances("oas").transform(windows)) < RTOL


@pytest.mark.usefixtures("x64")
def test_euclidean_alignment_is_whitening_by_the_arithmetic_mean(covs):
    align = spd.inv_sqrtm(spd.weighted_mean(jnp.array(covs), jnp.ones(len(covs))))
    ours = align @ covs @ align
    assert relative(ours, Whitening(metric="euclid").fit_transform(covs)) < RTOL


def test_float32_whitening_of_microvolts_agrees_with_float64(covs):
    theirs = Whitening(metric="riemann").fit(covs)
    ours = spd.inv_sqrtm(spd.riemannian_mean(jnp.asarray(covs, jnp.float32)))
    condition = np.linalg.cond(mean_riemann(covs))
    # A relative error of eps in the mean becomes one of up to cond · eps in its inverse square root.
    assert relative(ours, theirs.filters_) < condition * np.finfo(np.float32).eps
