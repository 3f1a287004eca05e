"""Riemannian geometry and recentering against pyRiemann, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pyriemann.estimation import Covariances
from pyriemann.geometry.base import invsqrtm
from pyriemann.geometry.distance import distance_riemann
from pyriemann.geometry.geodesic import geodesic_riemann
from pyriemann.geometry.mean import mean_riemann
from pyriemann.geometry.tangentspace import tangent_space
from pyriemann.preprocessing import Whitening

from neurodrift.adaptation import spd
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.methods import (
    EuclideanAlignment,
    RiemannianRecentering,
    SlidingAlignment,
    with_alignment,
)

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


def observe_all(part, windows):
    """``align`` after each of windows 10-19, the decoder being calibrated and aligned on windows 0-9."""
    decoder = CSPLDA.create(8, 200)
    calibration = Trials(jnp.array(windows[:10]), jnp.arange(10) % 2, jnp.ones(10))
    mean = "riemannian" if isinstance(part, RiemannianRecentering) else "euclidean"
    variables = with_alignment(decoder.init(jax.random.key(0)), calibration, mean)
    memory = part.start(decoder, variables, calibration, jax.random.key(0))
    aligns = []
    for x in windows[10:]:
        memory, variables = part.observe(memory, decoder, variables, jnp.array(x))
        aligns.append(np.asarray(variables.align))
    return aligns


def ridged(covs):
    return covs + 1e-6 * np.trace(covs, axis1=1, axis2=2)[:, None, None] / 8 * np.eye(8)


@pytest.mark.usefixtures("x64")
def test_incremental_alignment_whitens_by_the_mean_of_all_windows_so_far(windows, covs):
    for i, ours in enumerate(observe_all(EuclideanAlignment(), windows), start=10):
        assert relative(ours, Whitening(metric="euclid").fit(ridged(covs[: i + 1])).filters_) < RTOL


@pytest.mark.usefixtures("x64")
def test_sliding_alignment_whitens_by_the_mean_of_the_last_windows_once_it_is_full(windows, covs):
    for i, ours in enumerate(observe_all(SlidingAlignment(n_windows=4), windows)[3:], start=13):
        assert relative(ours, Whitening(metric="euclid").fit(ridged(covs[i - 3 : i + 1])).filters_) < RTOL


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_recentering_as_it_runs_follows_the_geodesic(windows, covs, floor):
    covs = ridged(covs)
    mean = mean_riemann(covs[:10], tol=1e-12)
    for i, ours in enumerate(observe_all(RiemannianRecentering(floor=floor), windows), start=10):
        mean = geodesic_riemann(mean, covs[i], max(1 / (i + 1), floor))
        assert relative(ours, invsqrtm(mean)) < RTOL
