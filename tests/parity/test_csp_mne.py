"""CSP filters and log-power features against MNE-Python, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.decoders.lda import fit_lda
from neurodrift.adaptation.decoders.logistic import fit_logistic


@pytest.fixture(autouse=True)
def _x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def trials():
    """60 windows (8 channels, 150 samples): two sources change power with the class, six do not."""
    rng = np.random.default_rng(2)
    y = np.arange(60) % 2
    sources = rng.normal(size=(60, 8, 150)) * np.exp(0.2 * rng.normal(size=(60, 8, 1)))
    sources[y == 0, 0] *= 2.0
    sources[y == 1, 1] *= 1.7
    return np.einsum("cd,ndt->nct", rng.normal(size=(8, 8)), sources), y


jitted_fit = jax.jit(lambda decoder, variables, trials: decoder.fit(variables, trials, jax.random.key(1)))


def fit(x, y, weight=None):
    decoder = CSPLDA.create(8, 150)
    weight = np.ones(len(y)) if weight is None else weight
    variables = decoder.init(jax.random.key(0))
    return decoder, jax.jit(decoder.fit)(
        variables, Trials(jnp.array(x), jnp.array(y), jnp.array(weight)), jax.random.key(1)
    )


@pytest.fixture
def mne_csp(trials):
    mne = pytest.importorskip("mne")
    csp = mne.decoding.CSP(n_components=4, reg=None, log=True)
    with mne.use_log_level("ERROR"):
        return csp.fit(*trials)


def test_filters_equal_mne_up_to_sign(trials, mne_csp):
    _, variables = fit(*trials)
    # MNE divides a class's 4500 samples by 4499 (unbiased), we by 4500 (maximum likelihood).
    ours, theirs = np.asarray(variables.params["spatial"]["w"]) * np.sqrt(4499 / 4500), mne_csp.filters_[:4]
    theirs = theirs * np.sign((ours * theirs).sum(1, keepdims=True))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())


def test_log_power_features_equal_mne(trials, mne_csp):
    decoder, variables = fit(*trials)
    ours = jax.vmap(lambda x: decoder.features(variables, x))(jnp.array(trials[0])) + np.log(4499 / 4500)
    np.testing.assert_allclose(ours, mne_csp.transform(trials[0]), rtol=1e-5, atol=1e-5)


def test_decision_equals_mne_csp_then_scikit_learn_lda(trials, mne_csp):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    decoder, variables = fit(*trials)
    logits = jax.vmap(lambda x: decoder.apply(variables, x))(jnp.array(trials[0]))
    features = mne_csp.transform(trials[0])
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=[0.5, 0.5]).fit(features, trials[1])
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], lda.decision_function(features), rtol=1e-4, atol=1e-5)


def test_a_trial_of_weight_zero_is_as_good_as_absent(trials):
    x, y = trials
    weight = np.ones(60)
    weight[40:] = 0.0
    x_spoilt = x.copy()
    x_spoilt[40:] *= 100.0
    _, weighted = fit(x_spoilt, y, weight)
    _, short = fit(x[:40], y[:40])
    for ours, theirs in zip(jax.tree.leaves(weighted.params), jax.tree.leaves(short.params)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def test_alignment_before_csp_changes_no_decision(trials):
    # CSP and LDA are invariant under an invertible change of sensors: decisions depend on W·align only.
    x, y = jnp.array(trials[0]), jnp.array(trials[1])
    decoder, plain = fit(*trials)
    mixing = jnp.eye(8) + 0.3 * jax.random.normal(jax.random.key(3), (8, 8))
    start = decoder.init(jax.random.key(0))._replace(align=mixing)
    mixed = jitted_fit(decoder, start, Trials(x, y, jnp.ones(60)))
    ours, theirs = (jax.vmap(lambda one, v=v: decoder.apply(v, one))(x) for v in (mixed, plain))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_four_class_csp_separates_four_classes():
    rng = np.random.default_rng(4)
    y = np.arange(160) % 4
    sources = rng.normal(size=(160, 8, 200))
    for k in range(4):
        sources[y == k, k] *= 2.0
    x = jnp.array(np.einsum("cd,ndt->nct", rng.normal(size=(8, 8)), sources))
    decoder = CSPLDA.create(8, 200, n_classes=4)
    trials = Trials(x[:80], jnp.array(y[:80]), jnp.ones(80))
    variables = jitted_fit(decoder, decoder.init(jax.random.key(0)), trials)
    logits = jax.vmap(lambda one: decoder.apply(variables, one))(x[80:])
    assert (logits.argmax(-1) == y[80:]).mean() > 0.95


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_trials", [12, 90])
def test_lda_equals_scikit_learn(n_classes, n_trials):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    rng = np.random.default_rng(5)
    y = np.arange(n_trials) % n_classes
    features = rng.normal(size=(n_trials, 5)) * [1, 5, 0.1, 2, 1] + y[:, None] * [1, 2, 0, 0, 1]
    readout = jax.jit(fit_lda, static_argnums=3)(features, y, np.ones(n_trials), n_classes)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=np.full(n_classes, 1 / n_classes))
    theirs = lda.fit(features, y).predict_log_proba(features)
    ours = jax.nn.log_softmax(features @ readout["w"].T + readout["b"])
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


jitted_logistic = jax.jit(fit_logistic, static_argnums=3)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_features", [4, 70])
@pytest.mark.parametrize("c", [0.1, 1.0, 100.0])
def test_logistic_regression_equals_scikit_learn(n_classes, n_features, c):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(6)
    y = np.arange(50) % n_classes
    features = rng.normal(size=(50, n_features))
    features[:, 0] += 1.5 * y
    ours = jitted_logistic(features, y, np.ones(50), n_classes, c)
    theirs = LogisticRegression(C=c, tol=1e-12, max_iter=100_000).fit(features, y)
    np.testing.assert_allclose(
        jax.nn.softmax(features @ ours["w"].T + ours["b"]), theirs.predict_proba(features), atol=1e-5
    )


def test_a_logistic_prior_stays_put_without_trials():
    prior = {"w": jnp.array([[1.0, -2.0], [-1.0, 2.0]]), "b": jnp.array([0.3, -0.3])}
    features = jnp.array(np.random.default_rng(7).normal(size=(10, 2)))
    readout = jitted_logistic(features, jnp.zeros(10, int), jnp.zeros(10), 2, prior=prior)
    for name in prior:
        np.testing.assert_allclose(readout[name], prior[name], atol=1e-12)
