"""Factor analysis against scikit-learn, Procrustes against SciPy, and when the stabiliser stabilises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from sklearn.decomposition import FactorAnalysis

from neurodrift.adaptation.intracortical.contract import Feedback, Session, decode_session
from neurodrift.adaptation.intracortical.factor_analysis import fit_factors, log_likelihood, mean_covariance, readout
from neurodrift.adaptation.intracortical.stabiliser import Stabiliser, align_loadings, polar
from neurodrift.sim.errors import InputError

N_UNITS, N_LATENTS = 30, 4


def counts_of(seed, n=3000):
    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(N_UNITS, N_LATENTS))
    private = rng.uniform(0.5, 3.0, N_UNITS)
    return rng.normal(size=(n, N_LATENTS)) @ loadings.T + np.sqrt(private) * rng.normal(size=(n, N_UNITS)) + 4.0


def test_factor_analysis_is_that_of_scikit_learn():
    y = counts_of(0)
    peer = FactorAnalysis(n_components=N_LATENTS, tol=1e-8, max_iter=5000).fit(y)
    with jax.enable_x64(True):
        moments = mean_covariance(jnp.asarray(y), jnp.ones(len(y)))
        model = jax.jit(lambda m, c: fit_factors(m, c, N_LATENTS, 3000, least=1e-3, tolerance=1e-12))(*moments)
        ours = float(log_likelihood(model, moments[1]))
        reading = np.asarray(readout(model))
        implied = np.asarray(model.loadings @ model.loadings.T + jnp.diag(model.private))
    assert ours == pytest.approx(peer.score(y), abs=1e-6)
    np.testing.assert_allclose(implied, peer.get_covariance(), atol=2e-4 * np.abs(implied).max())
    # the same latents but for a rotation
    theirs = peer.transform(y)
    mine = (y - y.mean(axis=0)) @ reading.T
    turn, _ = scipy.linalg.orthogonal_procrustes(mine, theirs)
    np.testing.assert_allclose(mine @ turn, theirs, atol=2e-3)


def test_the_nearest_rotation_is_scipys():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(20, 5)), rng.normal(size=(20, 5))
    expected, _ = scipy.linalg.orthogonal_procrustes(a, b)
    with jax.enable_x64(True):
        np.testing.assert_allclose(polar(jnp.asarray(a.T @ b)), expected, atol=1e-10)


def rotation(seed, n):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def changed(n_changed, seed=2, n_units=40, n_latents=5):
    """Loadings, the same turned with ``n_changed`` rows replaced and a little noise, and which are stable."""
    rng = np.random.default_rng(seed)
    old = rng.normal(size=(n_units, n_latents))
    new = old @ rotation(seed, n_latents) + 0.02 * rng.normal(size=old.shape)
    new[:n_changed] = rng.normal(size=(n_changed, n_latents))
    return old, new, np.arange(n_units) >= n_changed


def test_the_rows_that_changed_are_dropped_and_the_rest_is_turned_onto_the_old():
    old, new, stable = changed(12)
    found = jax.jit(lambda a, b: align_loadings(a, b, 28))(jnp.asarray(old), jnp.asarray(new))
    np.testing.assert_array_equal(found.stable, stable)
    np.testing.assert_allclose(new[stable] @ np.asarray(found.turn), old[stable], atol=0.12)


def test_silent_rows_are_not_counted_on():
    old, new, _ = changed(0)
    new[3] = 0.0
    found = align_loadings(jnp.asarray(old), jnp.asarray(new), 40)
    assert not found.stable[3]
    assert int(found.stable.sum()) == 39


def test_with_fewer_stable_rows_than_latents_the_turn_is_wrong():
    old, new, stable = changed(37)
    turn = np.asarray(align_loadings(jnp.asarray(old), jnp.asarray(new), 28).turn)
    misfit = np.linalg.norm(new[stable] @ turn - old[stable]) / np.linalg.norm(old[stable])
    assert misfit > 0.5
    np.testing.assert_allclose(turn @ turn.T, np.eye(5), atol=1e-4)


def moving(seed, n, tuning, mean):
    rng = np.random.default_rng(seed)
    v = np.zeros((n, 2))
    for t in range(1, n):
        v[t] = 0.8 * v[t - 1] + 0.6 * rng.normal(size=2)
    return v, v @ tuning.T + mean + rng.normal(size=(n, len(tuning)))


def r2(found, v):
    found, v = np.asarray(found), np.asarray(v)
    return 1 - ((found - v) ** 2).sum() / ((v - v.mean(axis=0)) ** 2).sum()


@pytest.fixture(scope="module")
def stabiliser():
    adapter = Stabiliser(n_latents=3, n_stable=20, n_bins=800, every=800, n_iterations=60)
    run = jax.jit(lambda s, y: decode_session(adapter, s, y, Feedback.nothing(y.shape[0])))
    return adapter, jax.jit(adapter.init), run


def after_swap(stabiliser, share, seed=5):
    """R² before and after a stabilisation without labels, ``share`` of 30 units having been exchanged."""
    _, init, run = stabiliser
    rng = np.random.default_rng(seed)
    tuning, mean = rng.normal(size=(30, 2)), rng.uniform(2, 6, 30)
    v, y = moving(seed + 1, 1500, tuning, mean)
    state = init(Session.of(y, v), jax.random.key(0))
    swapped = np.arange(30)
    n = round(30 * share)
    swapped[:n] = np.roll(swapped[:n], 1)
    new_v, new_y = moving(seed + 2, 1600, tuning[swapped], mean[swapped])
    _, found = run(state, jnp.asarray(new_y, jnp.float32))
    return r2(found[:800], new_v[:800]), r2(found[800:], new_v[800:])


def test_a_third_of_the_units_exchanged_is_made_good_without_labels(stabiliser):
    before, after = after_swap(stabiliser, 1 / 3)
    assert before < 0.75
    assert after > 0.85


def test_with_too_few_stable_units_the_stabiliser_does_not_find_back(stabiliser):
    _, after = after_swap(stabiliser, 0.95)
    assert after < 0.6


def test_as_many_latents_as_units_are_refused():
    with pytest.raises(InputError, match="n_latents = 10 of 6 units; wanted 1 or more, and fewer"):
        Stabiliser().init(Session.of(np.zeros((20, 6)), np.zeros((20, 2))), jax.random.key(0))
