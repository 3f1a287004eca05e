"""Filter banks: a block-diagonal matrix is as good as its blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurodrift.adaptation.blocks import block_diagonal, by_block, diagonal_blocks, mean_by_block, stacked
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.logistic import fit_logistic
from neurodrift.adaptation.decoders.tangent import TangentLR
from neurodrift.adaptation.methods.alignment import RiemannianRecentering
from neurodrift.adaptation.methods.composed import Composed
from neurodrift.adaptation.methods.refit import RefittedReadout
from neurodrift.adaptation.spd import covariance, inv_sqrtm, riemannian_mean
from neurodrift.adaptation.trials import balanced
from neurodrift.scenarios.decoding import Stream, decode_stream, reveal
from neurodrift.sim.errors import InputError

N_BANDS, M = 2, 3


def _covs(n, seed=0):
    a = np.random.default_rng(seed).standard_normal((n, N_BANDS, M, 2 * M))
    return (a @ a.transpose(0, 1, 3, 2) / (2 * M)).astype(np.float32)


def test_blocks_put_together_and_taken_apart_are_the_same():
    blocks = _covs(1)[0]
    whole = np.asarray(block_diagonal(blocks))
    expected = np.zeros((N_BANDS * M, N_BANDS * M))
    for k in range(N_BANDS):
        expected[k * M : (k + 1) * M, k * M : (k + 1) * M] = blocks[k]
    assert_allclose(whole, expected)
    assert_allclose(diagonal_blocks(whole, N_BANDS), blocks)


def test_a_factorisation_of_blocks_is_that_of_the_whole_matrix():
    covs = jax.vmap(block_diagonal)(_covs(6))
    weight = jnp.arange(1.0, 7.0)
    assert_allclose(by_block(inv_sqrtm, N_BANDS)(covs[0]), inv_sqrtm(covs[0]), atol=2e-5)
    of_blocks = mean_by_block(riemannian_mean, N_BANDS)(covs, weight)
    assert_allclose(of_blocks, riemannian_mean(covs, weight), atol=2e-5)


def test_stacked_windows_have_the_covariances_of_the_bands_as_blocks():
    windows = np.random.default_rng(1).standard_normal((N_BANDS, M, M)).astype(np.float32)
    found = covariance(stacked(windows))
    assert_allclose(diagonal_blocks(found, N_BANDS), [covariance(w) for w in windows], rtol=1e-5)
    assert_allclose(found - block_diagonal(diagonal_blocks(found, N_BANDS)), 0.0, atol=1e-7)


def _trials(n, seed):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 % 2  # two of one class to one of the other
    windows = rng.standard_normal((n, N_BANDS, M, M)) * np.where(y == 1, 1.6, 1.0)[:, None, None, None]
    x = jax.vmap(stacked)(jnp.asarray(windows, jnp.float32))
    return Trials(x, jnp.asarray(y, jnp.int32), jnp.ones(n))


def test_a_bank_in_blocks_decodes_as_the_whole_matrix_does():
    trials = _trials(30, 2)
    n = N_BANDS * M
    whole = TangentLR(n_channels=n, n_times=n, n_classes=2, shrinkage=False)
    blocks = TangentLR(n_channels=n, n_times=n, n_classes=2, shrinkage=False, n_blocks=N_BANDS)
    assert blocks.n_features == N_BANDS * M * (M + 1) // 2 < whole.n_features
    start = jax.random.key(0)
    labels = reveal(start, trials.y, 2)
    stream = Stream(trials.x, labels, jnp.zeros(30, bool))
    proba = []
    for decoder in (whole, blocks):
        method = Composed(parts=(RiemannianRecentering(n_blocks=decoder.n_blocks),))
        variables = decoder.fit(decoder.init(start), trials, start)
        proba.append(decode_stream(method, decoder, variables, trials, stream, start)[0])
    assert_allclose(proba[1], proba[0], atol=2e-3)


def test_balanced_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_sample_weight

    trials = _trials(30, 3)
    assert_allclose(balanced(trials, 2).weight, compute_sample_weight("balanced", np.asarray(trials.y)), rtol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_where_the_steps_begin_does_not_change_where_they_lead(n_classes):
    rng = np.random.default_rng(4)
    features, y = jnp.asarray(rng.standard_normal((40, 5)), jnp.float32), jnp.asarray(rng.integers(0, n_classes, 40))
    weight = jnp.ones(40)
    cold = fit_logistic(features, y, weight, n_classes)
    elsewhere = jax.tree.map(lambda a: a + jnp.asarray(rng.standard_normal(a.shape), a.dtype), cold)
    warm = fit_logistic(features, y, weight, n_classes, start=elsewhere)
    found, expected = (jax.nn.softmax(features @ readout["w"].T + readout["b"]) for readout in (warm, cold))
    assert_allclose(found, expected, atol=1e-4)
    # begun at the answer one step suffices
    one = fit_logistic(features, y, weight, n_classes, n_steps=1, start=cold)
    assert_allclose(one["w"], cold["w"], atol=1e-4)


def test_the_refitted_readout_is_scikit_learns_on_all_labels_so_far():
    from sklearn.linear_model import LogisticRegression

    calibration, new = _trials(24, 5), _trials(12, 6)
    n = N_BANDS * M
    decoder = TangentLR(n_channels=n, n_times=n, n_classes=2, shrinkage=False, n_blocks=N_BANDS)
    variables = decoder.fit(decoder.init(jax.random.key(0)), calibration, jax.random.key(0))
    method = Composed(parts=(RefittedReadout(new_weight=2.0, capacity=16),))
    stream = Stream(new.x, reveal(jax.random.key(1), new.y, 2), jnp.zeros(12, bool))
    proba, used = decode_stream(method, decoder, variables, calibration, stream, jax.random.key(2))
    assert np.asarray(used).tolist() == list(range(1, 13))
    feature = jax.vmap(lambda x: decoder.features(variables, x) - variables.stats["features"]["mean"])
    past, now = np.asarray(feature(calibration.x), float), np.asarray(feature(new.x), float)
    for t in (1, 6, 11):
        x, y = np.concatenate([past, now[:t]]), np.concatenate([calibration.y, new.y[:t]])
        weight = np.repeat([1.0, 2.0], [24, t])
        weight *= np.where(y == 1, weight.sum() / 2 / weight[y == 1].sum(), weight.sum() / 2 / weight[y == 0].sum())
        model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(x, y, sample_weight=weight)
        assert_allclose(proba[t], model.predict_proba(now[t : t + 1])[0], atol=2e-3)


def test_a_decoder_without_a_logistic_readout_is_refused():
    class Other:
        pass

    with pytest.raises(InputError, match=r"got Other.*use tangent_lr"):
        RefittedReadout().start(Other(), None, None, None)  # type: ignore[arg-type]
