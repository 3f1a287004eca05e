"""Fine-tuning on few trials: what moves, when it stops, and whether it knows how good it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.finetune import (
    FewTrials,
    clopper_pearson,
    cross_validated,
    estimate_accuracy,
    fit_temperature,
    folds_of,
    prior_of_people,
)
from neurodrift.adaptation.finetune.confidence import posterior_interval
from neurodrift.adaptation.finetune.folds import of_own_fold, without
from neurodrift.adaptation.methods.layers import AllLayers, LastLayer, LayerDecay, PlainRates
from neurodrift.scenarios.metrics import calibration_bins, expected_calibration_error
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key

from .toy import Toy, calibration, sure, windows

TRIALS = calibration(np.random.default_rng(0), 10)
METHOD = FewTrials(learning_rate=0.05, max_steps=12, reach=PlainRates())


@jax.jit
def tuned(method, variables, trials, n_steps):
    return method.tuned(Toy(), variables, trials, n_steps, jax.random.key(0))


def test_steps_are_optax_adam_on_all_trials():
    variables = sure(0.5)
    optimizer = optax.adam(0.05)

    def loss(params):
        logits = jax.vmap(lambda x: Toy().apply(variables._replace(params=params), x))(TRIALS.x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, TRIALS.y).mean()

    @jax.jit
    def five(params):
        state = optimizer.init(params)
        for _ in range(5):
            updates, state = optimizer.update(jax.grad(loss)(params), state)
            params = optax.apply_updates(params, updates)
        return params

    found = tuned(METHOD, variables, TRIALS, 5)
    jax.tree.map(functools.partial(assert_allclose, rtol=1e-4, atol=1e-6), found.params, five(variables.params))
    jax.tree.map(assert_array_equal, found.stats, variables.stats)


def test_no_step_leaves_the_decoder_and_the_path_ends_where_all_steps_do():
    variables = sure(0.5)
    jax.tree.map(assert_array_equal, tuned(METHOD, variables, TRIALS, 0), variables)
    path = jax.jit(METHOD.path, static_argnums=())(Toy(), variables, TRIALS, jax.random.key(0))
    assert path.shape == (13, 10, 2)
    for n_steps in (0, 7, 12):
        end = tuned(METHOD, variables, TRIALS, n_steps)
        logits = jax.vmap(lambda x, end=end: Toy().apply(end, x))(TRIALS.x)
        assert_allclose(path[n_steps], logits, atol=1e-5)


def test_the_reach_says_how_far_each_layer_goes():
    variables = sure(0.5)

    def moved(reach):
        found = tuned(FewTrials(learning_rate=0.05, max_steps=1, reach=reach), variables, TRIALS, 1)
        by = jax.tree.map(lambda a, b: jnp.abs(a - b).max(), found.params, variables.params)
        # the first step of Adam is the rate, whatever the gradient
        return [max(float(v) for v in jax.tree.leaves(by[name])) for name in ("norm", "readout")]

    norm, readout = moved(LayerDecay(decay=0.9))
    scale = np.sqrt(0.5), np.sqrt(2 * 0.25**2 / 6)  # root mean squares of the layers' parameters
    assert_allclose([norm, readout], [0.05 * 0.9 * scale[0], 0.05 * scale[1]], rtol=1e-3)
    assert_allclose(moved(LayerDecay(decay=0.5))[0], norm * 0.5 / 0.9, rtol=1e-3)
    assert moved(AllLayers(lower=0.0)) == [0.0, pytest.approx(readout)]
    assert moved(LastLayer()) == [0.0, pytest.approx(readout)]


def test_folds_are_balanced_and_hold_every_trial_once():
    y = jnp.asarray([0] * 10 + [1] * 10)
    trials = Trials(jnp.zeros((20, 1, 1)), y, jnp.ones(20))
    folds = jax.jit(folds_of, static_argnums=(2, 3))
    fold = np.asarray(folds(jax.random.key(0), trials, 5, 2))
    assert_array_equal([np.bincount(fold[np.asarray(y) == k], minlength=5) for k in (0, 1)], np.full((2, 5), 2))
    assert not np.array_equal(fold, np.asarray(folds(jax.random.key(1), trials, 5, 2)))
    assert_array_equal(without(trials, jnp.asarray(fold), 2).weight, fold != 2)
    by_fold = jnp.arange(5.0)[:, None, None, None] + jnp.zeros((5, 3, 20, 2))
    assert_array_equal(of_own_fold(by_fold, jnp.asarray(fold))[1, :, 0], fold)


@jax.jit
def stopped(variables, trials, key):
    return cross_validated(METHOD, Toy(), variables, trials, key)


def test_it_goes_on_where_steps_help_and_stays_where_they_do_not():
    rng = np.random.default_rng(3)
    y = np.arange(20) % 2
    new = Trials(windows(rng, y), jnp.asarray(y), jnp.ones(20))
    # a decoder of the opposite sign has everything to learn, one that is right and knows it nothing
    wrong = stopped(sure(-1.0), new, jax.random.key(0))
    assert wrong.n_steps >= 10
    assert wrong.loss[-1] < 0.8 * wrong.loss[0]
    luck = Trials(windows(rng, rng.integers(0, 2, 20), spread=3.0), jnp.asarray(y), jnp.ones(20))
    noise = stopped(sure(0.01), luck, jax.random.key(0))
    assert noise.n_steps <= 2


def test_where_no_step_is_taken_the_decoder_is_judged_by_its_own_answers():
    y = np.arange(20) % 2
    start, n_still = sure(0.01), 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        luck = Trials(windows(rng, rng.integers(0, 2, 20), spread=3.0), jnp.asarray(y), jnp.ones(20))
        found = stopped(start, luck, jax.random.key(0))
        if found.n_steps == 0:
            n_still += 1
            assert_allclose(found.logits, jax.vmap(lambda x: Toy().apply(start, x))(luck.x), atol=1e-6)
    assert n_still >= 3


def test_no_trial_has_a_say_in_its_own_prediction():
    rng = np.random.default_rng(4)
    y = np.arange(20) % 2
    trials = Trials(windows(rng, y, spread=1.5), jnp.asarray(y), jnp.ones(20))
    key = jax.random.key(5)
    found = stopped(sure(-0.3), trials, key)
    fold = np.asarray(jax.jit(folds_of, static_argnums=(2, 3))(stream_key(key, "folds"), trials, 5, 2))
    path = jax.jit(lambda trials: METHOD.path(Toy(), sure(-0.3), trials, stream_key(key, "steps")))
    along = np.stack([path(without(trials, jnp.asarray(fold), f)) for f in range(5)])[fold, :, np.arange(20)]
    losses = -log_softmax(along, axis=-1)[np.arange(20), :, y]  # (trials, steps)
    steps = [int(losses[fold != f].mean(0).argmin()) for f in range(5)]
    assert_allclose(found.logits, along[np.arange(20), np.asarray(steps)[fold]], atol=1e-5)
    assert_allclose(found.loss, losses.mean(0), rtol=1e-4)
    assert found.n_steps == losses.mean(0).argmin()


@pytest.mark.parametrize(("n_right", "n_trials"), [(0, 10), (7, 10), (10, 10), (13, 20)])
def test_the_exact_interval_is_scipys(n_right, n_trials):
    expected = stats.binomtest(n_right, n_trials).proportion_ci(0.95, "exact")
    assert_allclose(clopper_pearson(n_right, n_trials), expected, atol=1e-9)


def test_the_posterior_is_scipys_beta():
    found = estimate_accuracy([True] * 7 + [False] * 3, prior=(6.0, 2.0))
    assert found.accuracy == pytest.approx(stats.beta(13, 5).mean())
    assert_allclose(posterior_interval(7, 10, (6.0, 2.0)), stats.beta(13, 5).interval(0.95), atol=1e-9)
    with pytest.raises(InputError, match="held-out predictions have shape"):
        estimate_accuracy([])


def test_a_prior_of_other_people_has_their_mean_and_spread():
    rng = np.random.default_rng(0)
    a, b = prior_of_people(rng.beta(12, 4, 4000))
    assert (a, b) == (pytest.approx(12, rel=0.1), pytest.approx(4, rel=0.1))
    assert sum(prior_of_people([0.8, 0.8, 0.8])) == pytest.approx(50)
    assert sum(prior_of_people([0.01, 0.99])) == pytest.approx(2)
    with pytest.raises(InputError, match="wanted two or more"):
        prior_of_people([0.8])


def test_the_temperature_is_scipys_and_finite_where_all_is_right():
    rng = np.random.default_rng(0)
    logits, y = 3 * rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    fitted = jax.jit(fit_temperature)

    def loss(log_t, logits, y):
        return -log_softmax(logits / np.exp(log_t), axis=1)[np.arange(20), y].sum() + 0.5 * (log_t / 0.7) ** 2

    for labels in (y, logits.argmax(1)):
        expected = np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded", args=(logits, labels)).x)
        found = fitted(jnp.asarray(logits, jnp.float32), jnp.asarray(labels), jnp.ones(20))
        assert_allclose(found, expected, rtol=2e-3)
    assert fitted(jnp.asarray(logits, jnp.float32), jnp.asarray(y), jnp.zeros(20)) == pytest.approx(1.0, abs=1e-3)


def test_a_temperature_of_twenty_trials_mends_what_is_too_sure_and_leaves_what_is_not():
    rng = np.random.default_rng(0)
    z = rng.normal(0.0, 1.5, (200, 120))
    y = (rng.random(z.shape) < expit(z)).astype(int)
    fit = jax.jit(jax.vmap(fit_temperature))

    def error(logits, temperature):
        p = expit(logits[:, 20:] / temperature)[..., None]
        proba = np.concatenate([1 - p, p], -1).reshape(-1, 2)
        return expected_calibration_error(calibration_bins(proba, y[:, 20:].ravel()))

    after = {}
    for factor in (1.0, 3.0):
        logits = factor * z
        both = np.stack([-logits, logits], -1)[:, :20] / 2
        found = fit(jnp.asarray(both, jnp.float32), jnp.asarray(y[:, :20]), jnp.ones((200, 20)))
        after[factor] = error(logits, 1.0), error(logits, np.asarray(found)[:, None])
    assert after[1.0][1] < after[1.0][0] + 0.03
    assert after[3.0][1] < 0.5 * after[3.0][0]


@pytest.mark.parametrize("n_trials", [10, pytest.param(20, marks=pytest.mark.slow)])
def test_intervals_hold_the_true_accuracy_of_most_toy_streams(n_trials):
    """99 % of 200 streams of two channels at 10 trials, 98 % at 20, as the how-to says."""
    n_people, n_later = 200, 400
    rng = np.random.default_rng(n_trials)
    y = np.tile(np.arange(n_trials + n_later) % 2, (n_people, 1))
    # right at best Phi(1 / spread), the centres of the classes being 1 from the border: 98 to 60 %
    spread = rng.uniform(0.5, 4.0, n_people)
    x = jnp.stack([windows(rng, labels, spread=s) for labels, s in zip(y, spread)])
    few = Trials(x[:, :n_trials], jnp.asarray(y[:, :n_trials]), jnp.ones((n_people, n_trials)))

    @jax.jit
    def person(trials, later, key):
        stopping = cross_validated(METHOD, Toy(), sure(0.3), trials, key)
        tuned = METHOD.tuned(Toy(), sure(0.3), trials, stopping.n_steps, key)
        return stopping.logits, jax.vmap(lambda x: Toy().apply(tuned, x))(later)

    keys = jax.random.split(jax.random.key(0), n_people)
    held, later = jax.jit(jax.vmap(person))(few, x[:, n_trials:], keys)
    right = np.asarray(held.argmax(-1)) == y[:, :n_trials]
    true = (np.asarray(later.argmax(-1)) == y[:, n_trials:]).mean(1)
    estimates = [estimate_accuracy(r) for r in right]
    covered = np.mean([e.lo <= t <= e.hi for e, t in zip(estimates, true)])
    assert covered == pytest.approx({10: 0.99, 20: 0.98}[n_trials], abs=0.01)  # 200 streams have an error of .01
    # the mean of the held-out share is not optimistic by more than its error
    off = right.mean(1) - true
    assert off.mean() < 2.5 * off.std() / np.sqrt(n_people) + 0.01
