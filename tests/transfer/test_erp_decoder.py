"""Evoked potentials: what a covariance alone can't see, and the stacked covariance of the literature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pyriemann.estimation import ERPCovariances

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.erp import ErpTangent
from neurodrift.adaptation.spd import covariance
from neurodrift.sim.errors import InputError

N, N_CHANNELS, N_TIMES = 80, 2, 40
DECODER = ErpTangent.create(N_CHANNELS, N_TIMES, 2, c=10.0)


@pytest.fixture(scope="module")
def trials():
    """The same bump in both classes, with the opposite sign: their covariances are equal in law."""
    rng = np.random.default_rng(0)
    y = np.arange(2 * N) % 2
    bump = np.exp(-(((np.arange(N_TIMES) - 20) / 4) ** 2))
    x = rng.normal(size=(2 * N, N_CHANNELS, N_TIMES)) + 0.8 * (2 * y - 1)[:, None, None] * bump
    return Trials(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones(2 * N))


@pytest.fixture(scope="module")
def fitted(trials):
    first = trials._replace(weight=trials.weight * (jnp.arange(2 * N) < N))
    return jax.jit(DECODER.fit)(DECODER.init(jax.random.key(0)), first, jax.random.key(1))


def test_a_sign_that_no_covariance_sees_is_decoded(trials, fitted):
    logits = jax.vmap(DECODER.apply, in_axes=(None, 0))(fitted, trials.x)
    assert np.mean(np.asarray(logits.argmax(-1) == trials.y)[N:]) > 0.85


def test_the_stacked_covariance_is_that_of_pyriemann(trials, fitted):
    prototype = fitted.params["prototype"]["mean"]
    ours = jax.vmap(lambda x: covariance(jnp.concatenate([prototype, x])))(trials.x[:N])
    theirs = ERPCovariances(estimator=lambda a: a @ a.T / a.shape[1]).fit_transform(
        np.asarray(trials.x[:N], float), np.asarray(trials.y[:N])
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_shapes_that_are_none_are_refused():
    with pytest.raises(InputError, match="wanted at least 1 of 2"):
        ErpTangent.create(0, 10)
