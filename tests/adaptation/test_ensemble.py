"""The spectral meta-learner against NumPy on simulated voters, and the ensemble that uses it."""

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Variables
from neurodrift.adaptation.methods import Composed
from neurodrift.adaptation.methods.ensemble import Ensemble, Votes, sml_weights

from . import toy

KEY = jax.random.key(0)


def voters(rng, sensitivity, specificity, n, share=0.5):
    """One-hot votes (n, n_voters, 2) that err independently given the class, and the classes (n,)."""
    y = (rng.uniform(size=n) < share).astype(int)
    right = np.where(y[:, None] == 1, sensitivity, specificity)
    votes = np.where(rng.uniform(size=right.shape) < right, y[:, None], 1 - y[:, None])
    return np.eye(2, dtype=np.float32)[votes], y


def test_the_weights_of_an_exact_rank_one_covariance_are_its_factor():
    v = np.array([0.8, 0.5, 0.3, 0.1, 0.6])
    covariance = 0.9 * np.outer(v, v)
    np.fill_diagonal(covariance, 1.0)  # a vote's own variance, which says nothing
    found = sml_weights(jnp.asarray(covariance, jnp.float32))
    np.testing.assert_allclose(found, v / np.linalg.norm(v), atol=2e-3)


def test_weights_are_in_proportion_to_balanced_accuracy():
    rng = np.random.default_rng(0)
    sensitivity = np.array([0.95, 0.8, 0.7, 0.6, 0.55])
    specificity = np.array([0.85, 0.8, 0.8, 0.6, 0.5])
    votes, _ = voters(rng, sensitivity, specificity, 40_000, share=0.3)
    # Parisi 2014, lemma 1: off the diagonal, cov(f_i, f_j) = (1 - b²)(2π_i - 1)(2π_j - 1).
    expected = sensitivity + specificity - 1
    covariance = np.cov(votes[..., 1].T.astype(float))
    found = np.asarray(sml_weights(jnp.asarray(covariance, jnp.float32)))
    # Sampling error of a covariance of 40 000 votes is 1/200 of their variance.
    np.testing.assert_allclose(found / found.sum(), expected / expected.sum(), atol=0.02)


def test_running_votes_hold_the_covariance_and_weigh_equally_until_there_are_enough():
    votes, _ = voters(np.random.default_rng(1), np.full(3, 0.8), np.full(3, 0.8), 30)
    start = Votes(jnp.zeros(()), jnp.zeros((2, 3)), jnp.zeros((2, 3, 3)))
    after, weights = jax.lax.scan(lambda s, p: (s.add(p), s.weights()), start, jnp.asarray(votes))
    np.testing.assert_allclose(weights[:3], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(after.scatter[1] / 30, np.cov(votes[..., 1].T, bias=True), atol=1e-6)
    np.testing.assert_allclose(after.weights().sum(0), 1.0, rtol=1e-5)


def readouts(kernels):
    one = toy.sure()
    stack = jax.tree.map(lambda a: jnp.stack([a] * len(kernels)), one)
    readout = {**stack.params["readout"], "kernel": jnp.asarray(kernels, jnp.float32)}
    return Variables(stack.align, {**stack.params, "readout": readout}, stack.stats)


def test_weighted_votes_beat_equal_ones_where_members_err_independently():
    accuracies = np.array([0.95, 0.6, 0.6, 0.55, 0.55])
    votes, y = voters(np.random.default_rng(5), accuracies, accuracies, 600)
    start = Votes(jnp.zeros(()), jnp.zeros((2, 5)), jnp.zeros((2, 5, 5)))
    _, weights = jax.lax.scan(lambda s, p: (s.add(p), s.add(p).weights()), start, jnp.asarray(votes))
    later = slice(200, None)  # when the weights are known
    weighted = ((weights * votes).sum(1).argmax(-1) == y)[later].mean()
    equal = (votes.mean(1).argmax(-1) == y)[later].mean()
    assert weighted > equal + 0.05


def test_members_that_err_together_are_taken_for_good_ones():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 300)
    x = toy.windows(rng, y, centres=((-1.0, -0.3), (1.0, 0.3)), spread=0.7)
    # Two that see the channel that tells the classes apart, three that see the other one.
    kernels = [[[-3.0, 0.5], [3.0, -0.5]], *([[0.0, -s], [0.0, s]] for s in (2.0, 4.0, 8.0))]
    ensemble = Ensemble(adapter=Composed(), n_members=5, members=readouts(kernels))
    state, logits = toy.run(ensemble, toy.sure(), toy.calibration(rng), x)
    assert state.votes.weights()[2:].sum(0).min() > 0.5
    alone = (np.argmax(toy.logits(toy.sure(), x), -1) == y).mean()
    assert (np.argmax(logits, -1) == y).mean() < alone - 0.05
    assert state.labels_used == 0


def test_members_are_trained_from_other_seeds_and_the_first_is_the_one_given():
    rng = np.random.default_rng(3)
    trials = toy.calibration(rng)
    ensemble = Ensemble(adapter=Composed(), n_members=4)
    state = jax.jit(ensemble.init)(toy.Toy(), toy.sure(), trials, KEY)
    kernels = state.variables.params["readout"]["kernel"]
    np.testing.assert_array_equal(kernels[0], toy.sure().params["readout"]["kernel"])
    assert len({tuple(np.ravel(k)) for k in np.asarray(kernels)}) == 4
    logits = jax.vmap(lambda v: toy.logits(v, trials.x))(state.variables)
    assert float((logits.argmax(-1) == trials.y).mean(1).min()) > 0.9


def test_an_ensemble_averages_probabilities_until_it_has_a_window_a_member():
    rng = np.random.default_rng(4)
    ensemble = Ensemble(adapter=Composed(), n_members=3, members=readouts([[[1.0, 0.0], [0.0, 1.0]]] * 2))
    state = ensemble.init(toy.Toy(), toy.sure(), toy.calibration(rng), KEY)
    x = toy.windows(rng, np.array([0]))[0]
    each = [
        jax.nn.softmax(toy.logits(jax.tree.map(lambda a, i=i: a[i], state.variables), x[None])[0]) for i in range(3)
    ]
    np.testing.assert_allclose(jax.nn.softmax(ensemble.predict(state, x)), np.mean(each, 0), rtol=1e-5)
    np.testing.assert_array_equal(ensemble.predict(state, x.at[0].set(jnp.nan)), 0.0)
