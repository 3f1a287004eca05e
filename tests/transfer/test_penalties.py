"""The penalties of pretraining against their formulas, written out person by person in NumPy float64."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.transfer.contract import Batch
from neurodrift.adaptation.transfer.coral import coral_distance
from neurodrift.adaptation.transfer.dann import DANN, reverse_gradient, strength_at
from neurodrift.adaptation.transfer.discrepancy import between_people, proxy_a_distance
from neurodrift.adaptation.transfer.mcc import MCC, class_confusion
from neurodrift.adaptation.transfer.mmd import SCALES, mmd_squared

N_PEOPLE, N_TRIALS, N_FEATURES = 3, 7, 4


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


def features(seed=0, shift=1.0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N_PEOPLE, N_TRIALS, N_FEATURES)) * rng.uniform(
        0.5, 2.0, (N_PEOPLE, 1, N_FEATURES)
    ) + shift * rng.standard_normal((N_PEOPLE, 1, N_FEATURES))


WEIGHT = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 1, 1]], float)


def test_the_discrepancy_is_the_mean_of_kernels_within_less_twice_between():
    f = features()
    people = [x[w > 0] for x, w in zip(f, WEIGHT)]
    points = np.concatenate(people)
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    width = squares.sum() / (len(points) * (len(points) - 1))

    def kernel(a, b):
        squares = ((a[:, None] - b[None]) ** 2).sum(-1)
        return np.mean([np.exp(-squares / (s * width)) for s in SCALES], axis=0).mean()

    expected = np.mean([kernel(a, a) + kernel(b, b) - 2 * kernel(a, b) for a, b in itertools.combinations(people, 2)])
    np.testing.assert_allclose(mmd_squared(jnp.asarray(f), jnp.asarray(WEIGHT)), expected, rtol=1e-12)


def test_people_with_the_same_features_have_no_discrepancy():
    f = np.repeat(features()[:1], N_PEOPLE, axis=0)
    ones = jnp.ones((N_PEOPLE, N_TRIALS))
    np.testing.assert_allclose(mmd_squared(jnp.asarray(f), ones), 0.0, atol=1e-14)
    np.testing.assert_allclose(coral_distance(jnp.asarray(f), ones), 0.0, atol=1e-14)


def test_what_fills_people_up_changes_no_discrepancy():
    f, weight = features(), np.array([[1.0] * 7, [1.0] * 4 + [0.0] * 3, [1.0] * 5 + [0.0] * 2])
    found = between_people(jnp.asarray(f), jnp.asarray(weight))
    filled = np.where(weight[..., None] > 0, f, 50.0)
    jax.tree.map(np.testing.assert_array_equal, between_people(jnp.asarray(filled), jnp.asarray(weight)), found)
    longer, more = (np.pad(a, [(0, 0), (0, 4)] + [(0, 0)] * (a.ndim - 2), constant_values=v)
                    for a, v in ((f, -9.0), (weight, 0.0)))  # fmt: skip
    again = between_people(jnp.asarray(longer), jnp.asarray(more))
    for name in ("mmd", "a_distance"):  # the third deals trials out by lot
        np.testing.assert_allclose(again[name], found[name], rtol=1e-12)
    ones = between_people(jnp.asarray(f), jnp.ones(weight.shape))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), between_people(jnp.asarray(f)), ones)


def test_the_a_distance_is_that_of_a_ridge_regression_with_both_people_alike():
    """Primal normal equations, person by person, the trials that are not there taken out beforehand."""
    f, weight = features(seed=5, shift=0.4), np.array([[1.0] * 7, [1.0] * 4 + [0.0] * 3, [1.0] * 5 + [0.0] * 2])
    there = [x[w > 0] for x, w in zip(f, weight)]
    everything = np.concatenate(there)
    people = [(x - everything.mean(0)) / everything.std(0) / np.sqrt(N_FEATURES) for x in there]
    distances = []
    for a, b in itertools.combinations(people, 2):
        fit = np.concatenate([a[::2], b[::2]])
        n_a, n_b = len(a[::2]), len(b[::2])
        counts = np.repeat([(n_a + n_b) / 2 / n_a, (n_a + n_b) / 2 / n_b], [n_a, n_b])
        sides = np.repeat([1.0, -1.0], [n_a, n_b])
        design = np.column_stack([fit, np.ones(len(fit))])
        loading = (counts * (design**2).sum(1)).sum() / counts.sum() / 100.0
        slope = np.linalg.solve(design.T @ (counts[:, None] * design) + loading * np.eye(N_FEATURES + 1),
                                design.T @ (counts * sides))  # fmt: skip
        missed = [np.mean(side * np.column_stack([x[1::2], np.ones(len(x[1::2]))]) @ slope <= 0)
                  for x, side in ((a, 1.0), (b, -1.0))]  # fmt: skip
        distances.append(2 * (1 - 2 * np.mean(missed)))
    found = proxy_a_distance(jnp.asarray(f), jnp.asarray(weight))
    np.testing.assert_allclose(found, np.mean(distances), rtol=1e-9)
    assert 0.1 < float(found) < 1.9


def test_people_with_too_few_trials_to_be_told_apart_have_no_a_distance():
    f, weight = features(), np.ones((N_PEOPLE, N_TRIALS))
    f[2] = f[0]  # whom nothing tells apart; f[1] against nobody would count as told apart by everything
    f[1, 0] = f[0].mean(0)
    weight[1, 1:] = 0
    gone = np.where(np.arange(N_PEOPLE)[:, None] == 1, 0.0, weight)
    found, without = (float(proxy_a_distance(jnp.asarray(f), jnp.asarray(w))) for w in (weight, gone))
    assert found == pytest.approx(without, abs=1e-12)
    assert found <= 0.0
    assert float(proxy_a_distance(jnp.asarray(f), jnp.asarray(weight * [[0.0], [1.0], [0.0]]))) == 0.0


def test_coral_is_the_squared_distance_of_the_covariances_over_four_d_squared():
    f = features()
    covs = [np.cov(x[w > 0].T) for x, w in zip(f, WEIGHT)]
    expected = np.mean([((a - b) ** 2).sum() / (4 * N_FEATURES**2) for a, b in itertools.combinations(covs, 2)])
    np.testing.assert_allclose(coral_distance(jnp.asarray(f), jnp.asarray(WEIGHT)), expected, rtol=1e-12)


@pytest.mark.parametrize("distance", [mmd_squared, coral_distance])
def test_people_without_a_trial_are_not_there(distance):
    f, weight = features(), np.ones((N_PEOPLE, N_TRIALS))
    weight[1] = 0
    alone = distance(jnp.asarray(f[[0, 2]]), jnp.asarray(weight[[0, 2]]))
    np.testing.assert_allclose(distance(jnp.asarray(f), jnp.asarray(weight)), alone, rtol=1e-12)
    assert distance(jnp.asarray(f[:1]), jnp.ones((1, N_TRIALS))) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("distance", [mmd_squared, coral_distance])
def test_gradients_are_those_of_finite_differences(distance):
    f, weight = jnp.asarray(features()), jnp.asarray(WEIGHT)
    if distance is mmd_squared:  # no gradient goes through the width: hold it while differencing
        from neurodrift.adaptation.monitors.mmd import kernel_matrix
        from neurodrift.adaptation.transfer.mmd import mean_squared_distance

        points = f.reshape(-1, N_FEATURES)
        width = mean_squared_distance(points, weight.reshape(-1))

        def value(f):
            kernel = kernel_matrix(f.reshape(-1, N_FEATURES), SCALES, width)
            total = 0.0
            for p, q in itertools.combinations(range(N_PEOPLE), 2):
                v = np.zeros((N_PEOPLE, N_TRIALS))
                v[p], v[q] = WEIGHT[p] / WEIGHT[p].sum(), -WEIGHT[q] / WEIGHT[q].sum()
                total = total + v.reshape(-1) @ kernel @ v.reshape(-1)
            return total / 3
    else:

        def value(f):
            return distance(f, weight)

    gradient = jax.grad(lambda f: distance(f, weight))(f)
    step = 1e-5 * np.random.default_rng(3).standard_normal(f.shape)
    expected = float(value(f + step) - value(f - step)) / 2
    np.testing.assert_allclose(float(jnp.sum(gradient * step)), expected, rtol=1e-5)


def test_reversal_leaves_values_and_turns_gradients():
    x = jnp.asarray(np.random.default_rng(0).standard_normal(5))
    w = jnp.arange(5.0)
    value, gradient = jax.value_and_grad(lambda x: jnp.sum(w * reverse_gradient(x, 0.3) ** 2))(x)
    np.testing.assert_allclose(value, jnp.sum(w * x**2), rtol=1e-12)
    np.testing.assert_allclose(gradient, -0.3 * 2 * w * x, rtol=1e-12)
    np.testing.assert_array_equal(jax.vmap(lambda x: reverse_gradient(x, 0.3))(x), x)


@pytest.mark.parametrize(("progress", "expected"), [(0.0, 0.0), (0.5, 0.9866142981514303), (1.0, 0.9999092042625951)])
def test_reversal_grows_as_published(progress, expected):
    np.testing.assert_allclose(float(strength_at(progress)), expected, rtol=1e-6)


def batch(progress=0.5, labelled=(1.0, 1.0, 0.0)):
    trials = Trials(jnp.zeros((N_PEOPLE, N_TRIALS, 1, 1)), jnp.zeros((N_PEOPLE, N_TRIALS), int), jnp.asarray(WEIGHT))
    return Batch(trials, jnp.array([4, 0, 2]), jnp.asarray(labelled), jnp.float64(progress))


def test_the_discriminator_learns_who_it_is_while_the_features_forget_it():
    """One side's gradient is that of the plain loss, the other's is the plain one times minus the strength."""
    penalty, f = DANN(n_hidden=5), jnp.asarray(features())
    extra = jax.tree.map(lambda a: a.astype(float), penalty.init(N_FEATURES, 5, jax.random.key(0)))

    def plain(extra, f):
        total, count = 0.0, 0.0
        for p, person in enumerate((4, 0, 2)):
            hidden = jnp.maximum(f[p] @ extra["hidden"]["kernel"].T + extra["hidden"]["bias"], 0.0)
            z = hidden @ extra["out"]["kernel"].T + extra["out"]["bias"]
            log_p = z - jnp.log(jnp.exp(z).sum(-1, keepdims=True))
            total, count = total - jnp.sum(WEIGHT[p] * log_p[:, person]), count + WEIGHT[p].sum()
        return total / count

    value, (g_extra, g_features) = jax.value_and_grad(
        lambda e, f: penalty(e, f, jnp.zeros((N_PEOPLE, N_TRIALS, 2)), batch()), argnums=(0, 1)
    )(extra, f)
    expected, (e_extra, e_features) = jax.value_and_grad(plain, argnums=(0, 1))(extra, f)
    np.testing.assert_allclose(value, expected, rtol=1e-7)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9), g_extra, e_extra)
    np.testing.assert_allclose(g_features, -float(strength_at(0.5)) * e_features, rtol=1e-6, atol=1e-9)


def test_sure_and_balanced_predictions_confuse_nothing_and_even_ones_all():
    sure = jnp.asarray(np.where(np.eye(3)[np.arange(9) % 3] > 0, 200.0, 0.0))
    np.testing.assert_allclose(class_confusion(sure, jnp.ones(9)), 0.0, atol=1e-12)
    # even: every row of the normalised confusion is 1/3, two thirds of it off the diagonal
    np.testing.assert_allclose(class_confusion(jnp.zeros((9, 3)), jnp.ones(9)), 2 / 3, rtol=1e-12)


def test_confusion_is_the_formula_written_out():
    z = np.random.default_rng(1).standard_normal((10, 3)) * 2
    w = (np.arange(10) != 4).astype(float)
    kept = z[w > 0] / 2.5
    p = np.exp(kept) / np.exp(kept).sum(1, keepdims=True)
    sure = 1 + np.exp((p * np.log(p)).sum(1))
    sure *= len(p) / sure.sum()
    c = p.T @ np.diag(sure) @ p
    c /= c.sum(1, keepdims=True)
    np.testing.assert_allclose(class_confusion(jnp.asarray(z), jnp.asarray(w)), (c.sum() - np.trace(c)) / 3, rtol=1e-6)


def test_confusion_is_that_of_people_without_labels_where_there_are_some():
    z = jnp.asarray(np.random.default_rng(2).standard_normal((N_PEOPLE, N_TRIALS, 2)))
    f = jnp.zeros((N_PEOPLE, N_TRIALS, 1))
    found = MCC()({}, f, z, batch())
    np.testing.assert_allclose(found, class_confusion(z[2], jnp.asarray(WEIGHT[2])), rtol=1e-12)
    everybody = MCC()({}, f, z, batch(labelled=(1.0, 1.0, 1.0)))
    np.testing.assert_allclose(
        everybody, class_confusion(z.reshape(-1, 2), jnp.asarray(WEIGHT.reshape(-1))), rtol=1e-12
    )
