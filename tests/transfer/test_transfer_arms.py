"""The arms of a transfer on people whose answer is known, and that no arm but the oracle sees what comes after."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.feature_net import FeatureNet
from neurodrift.scenarios.transfer.alignments import Euclidean, Standardised, aligned, mean_moments, running
from neurodrift.scenarios.transfer.arms import (
    Fitting,
    Person,
    balanced,
    make_source,
    repeated,
    run_arms,
    tuned_as,
)
from neurodrift.scenarios.transfer.infos import ARMS
from neurodrift.scenarios.transfer.measures import score
from neurodrift.sim.errors import InputError

N_FEATURES, N_POOL, N_TEST = 4, 20, 60
BUDGETS = (0, 4, 20)


def people(n_people, n_trials, offset, seed=0):
    """Two classes 1.6 apart in every feature, in people of their own offset and gain."""
    rng = np.random.default_rng([seed, n_people])
    y = np.arange(n_trials)[None] % 2 * np.ones((n_people, 1), int)
    x = rng.normal(size=(n_people, n_trials, N_FEATURES)) + 0.8 * (2 * y[..., None] - 1)
    gain = np.exp(0.3 * rng.normal(size=(n_people, 1, N_FEATURES)))
    x = gain * x + offset * rng.normal(size=(n_people, 1, N_FEATURES))
    return Trials(jnp.asarray(x[..., None], jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones(y.shape))


def fitting(start=1.0):
    net = FeatureNet.create(N_FEATURES, 1, 2, n_hidden=8, epochs=15, batch_size=16, learning_rate=1e-2)
    alignment = Standardised(start=start, most=1000.0)
    return Fitting(decoder=net, source=net, tuned=tuned_as(net, epochs=5, learning_rate=1e-3), alignment=alignment)


@pytest.fixture(scope="module")
def source():
    everybody = people(6, 70, 4.0)
    kept, held = (jax.tree.map(lambda a, s=s: a[:, s], everybody) for s in (slice(60), slice(60, None)))
    return make_source(fitting(), kept, held, jax.random.key(0))


@pytest.fixture(scope="module")
def new():
    everybody = people(5, N_POOL + N_TEST, 4.0, seed=1)
    return Person(*(jax.tree.map(lambda a, s=s: a[:, s], everybody) for s in (slice(N_POOL), slice(N_POOL, None))))


@pytest.fixture(scope="module")
def answers(source, new):
    return run_arms(fitting(), source, new, BUDGETS, jax.random.split(jax.random.key(1), 5))


def test_the_audit_asks_the_decoders_that_answer_about_every_trial(new, answers):
    proba, _, told = answers
    assert told.shape == (5, len(BUDGETS), 3, N_POOL + N_TEST)

    def odds(arm, budget):
        p = np.take_along_axis(proba[:, budget, ARMS.index(arm)], np.asarray(new.test.y)[..., None], -1)[..., 0]
        return np.log(p / (1 - p))

    # from scratch answers on the scale that it was trained on, as the audit asks
    np.testing.assert_allclose(told[:, 1, 0, N_POOL:], odds("scratch", 1), rtol=2e-3, atol=2e-3)
    # without labels the scale of the others is the source's, and nothing is tuned
    for decoder in (1, 2):
        np.testing.assert_allclose(told[:, 0, decoder, N_POOL:], odds("frozen", 0), rtol=2e-3, atol=2e-3)


def accuracy(answers, new, arm, budget):
    proba = answers[0][:, BUDGETS.index(budget), ARMS.index(arm)]
    return np.mean([score("accuracy", p, y) for p, y in zip(proba, np.asarray(new.test.y))])


def test_who_lies_elsewhere_is_lost_to_the_frozen_source_and_not_to_the_aligned_one(answers, new):
    # Bayes, known offset: Phi(.8 * sqrt(4)) = .945
    assert accuracy(answers, new, "frozen", 20) < accuracy(answers, new, "aligned", 20) - 0.05
    assert accuracy(answers, new, "aligned", 20) > 0.88


def test_four_labels_are_few_from_scratch_and_enough_for_a_source(answers, new):
    assert accuracy(answers, new, "finetuned", 4) > accuracy(answers, new, "scratch", 4) + 0.02
    assert accuracy(answers, new, "oracle", 4) > 0.88


def test_a_checkpoint_is_a_source_that_people_lend_their_scale_alone(source):
    everybody = people(6, 70, 4.0)
    kept, held = (jax.tree.map(lambda a, s=s: a[:, s], everybody) for s in (slice(60), slice(60, None)))
    begun = fitting().decoder.init(jax.random.key(7))
    found = make_source(fitting(), kept, held, jax.random.key(0), variables=begun)
    jax.tree.map(np.testing.assert_array_equal, found.variables, begun)
    jax.tree.map(np.testing.assert_array_equal, found.moments, source.moments)


def test_from_scratch_may_follow_the_scale_too(source, answers, new):
    """A person whose offset moves after the labelled trials: the running mean takes it in, the labelled trials' not."""
    moved = new.test._replace(x=new.test.x + 3.0)
    found = run_arms(fitting(), source, new._replace(test=moved), BUDGETS, jax.random.split(jax.random.key(1), 5))
    assert accuracy(found, new, "scratch_aligned", 20) > accuracy(found, new, "scratch", 20) + 0.05


def test_few_labelled_trials_fill_the_minibatches_of_many():
    trials = people(1, 6, 0.0)
    one = jax.tree.map(lambda a: a[0], trials)._replace(weight=jnp.asarray([0.0, 1.0, 0.0, 0.5, 0.0, 0.0]))
    found = repeated(one)
    np.testing.assert_array_equal(found.x, one.x[jnp.asarray([1, 3, 1, 3, 1, 3])])
    np.testing.assert_array_equal(found.weight, [1.0, 0.5, 1.0, 0.5, 1.0, 0.5])
    nobody = repeated(one._replace(weight=jnp.zeros(6)))
    assert not nobody.weight.any()


def test_nothing_is_answered_from_scratch_without_labels(answers):
    assert np.isnan(answers[0][:, 0, [ARMS.index("scratch"), ARMS.index("scratch_aligned")]]).all()
    assert np.isfinite(answers[0][:, 1:]).all()


def test_the_source_as_it_is_forgets_nothing(answers):
    held = answers[1]
    frozen, following, tuned = (held[:, :, ARMS.index(arm)] for arm in ("frozen", "aligned", "finetuned"))
    np.testing.assert_array_equal(frozen, following)
    assert np.isnan(held[:, :, :2]).all()
    assert not np.array_equal(tuned[:, 2], frozen[:, 2])
    np.testing.assert_array_equal(tuned[:, 0], frozen[:, 0])


def test_no_arm_but_the_oracle_knows_what_comes_after(source, new, answers):
    half = N_TEST // 2
    later = new.test._replace(
        x=new.test.x.at[:, half:].set(7.0), y=new.test.y.at[:, half:].set(1 - new.test.y[:, half:])
    )
    other, *_ = run_arms(fitting(), source, new._replace(test=later), BUDGETS, jax.random.split(jax.random.key(1), 5))
    np.testing.assert_array_equal(other[:, :, :5, :half], answers[0][:, :, :5, :half])
    assert not np.array_equal(other[:, :, 5, :half], answers[0][:, :, 5, :half])


def test_labels_beyond_the_budget_change_nothing(source, new, answers):
    flipped = new.pool._replace(y=new.pool.y.at[:, 4:].set(1 - new.pool.y[:, 4:]))
    other, *_ = run_arms(fitting(), source, new._replace(pool=flipped), BUDGETS, jax.random.split(jax.random.key(1), 5))
    np.testing.assert_array_equal(other[:, :2, :5], answers[0][:, :2, :5])
    assert not np.array_equal(other[:, 2, :5], answers[0][:, 2, :5])


@pytest.mark.parametrize("alignment", [Euclidean(), Standardised()])
def test_the_running_scale_is_the_mean_of_what_has_passed(alignment):
    rng = np.random.default_rng(3)
    x = jnp.asarray(rng.normal(size=(12, 3, 40 if isinstance(alignment, Euclidean) else 1)), jnp.float32)
    trials = Trials(x, jnp.zeros(12, jnp.int32), jnp.asarray([1.0, 0.0] + [1.0] * 10))
    before = mean_moments(alignment, trials._replace(x=2.0 * x))
    found = running(alignment, before, 3.0, trials).x
    for t in (0, 1, 5, 11):
        past = [alignment.moments(x[i]) for i in range(t + 1) if trials.weight[i] > 0]
        mean = jax.tree.map(lambda b, *m: (3.0 * b + sum(m)) / (3.0 + len(m)), before, *past)
        np.testing.assert_allclose(found[t], alignment.apply(mean, x[t]), rtol=2e-3, atol=2e-4)


def test_standardising_agrees_with_numpy_and_whitening_gives_the_identity():
    rng = np.random.default_rng(4)
    x = rng.normal(2.0, 3.0, (200, 5, 1)).astype(np.float32)
    trials = Trials(jnp.asarray(x), jnp.zeros(200, jnp.int32), jnp.ones(200))
    np.testing.assert_allclose(aligned(Standardised(), trials).x, (x - x.mean(0)) / x.std(0), atol=2e-4)
    windows = Trials(jnp.asarray(rng.normal(size=(50, 4, 60)), jnp.float32), jnp.zeros(50, jnp.int32), jnp.ones(50))
    white = np.asarray(aligned(Euclidean(), windows).x)
    np.testing.assert_allclose(np.einsum("nit,njt->ij", white, white) / 50 / 60, np.eye(4), atol=1e-4)


def test_the_feature_network_computes_what_numpy_does_and_learns():
    net = FeatureNet.create(3, 2, 2, n_hidden=5)
    variables = net.init(jax.random.key(0))
    x = np.random.default_rng(5).normal(size=(3, 2)).astype(np.float32)
    hidden, readout = variables.params["hidden"], variables.params["readout"]
    z = np.asarray(hidden["kernel"], float) @ x.ravel() + np.asarray(hidden["bias"])
    z = np.where(z > 0, z, np.expm1(z))
    wanted = np.asarray(readout["kernel"], float) @ z + np.asarray(readout["bias"])
    np.testing.assert_allclose(net.apply(variables, jnp.asarray(x)), wanted, atol=1e-5)
    with pytest.raises(InputError, match="wanted 1, 1 and 2 or more"):
        FeatureNet.create(3, 2, 1)


def test_balanced_weights_add_up_to_the_same_in_each_class():
    trials = Trials(jnp.zeros((6, 1, 1)), jnp.asarray([0, 0, 0, 1, 0, 2]), jnp.asarray([1.0, 1.0, 1.0, 1.0, 0.0, 2.0]))
    found = balanced(trials, 3)
    np.testing.assert_allclose(found.weight, [2 / 3, 2 / 3, 2 / 3, 2.0, 0.0, 2.0], rtol=1e-6)
    np.testing.assert_allclose(balanced(trials, 4).weight[4], 0.0)  # a class that nobody has is no division by zero
