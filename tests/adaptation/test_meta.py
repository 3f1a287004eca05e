"""Meta-learning: gradients against closed forms and NumPy, and what the learnt start is worth on people never seen."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.meta import ANIL, MAML, OverPeople, Reptile, draw_episode, meta_train, recalibrate
from neurodrift.adaptation.meta.training import problem_of
from neurodrift.adaptation.transfer.contract import Batch, Strategy
from neurodrift.adaptation.transfer.domains import align_people
from neurodrift.adaptation.trials import in_turn
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key

from .toy import N_TIMES, Toy, sure

RATE, STEPS = 0.1, 3
CURVATURE = np.array([[2.0, 0.3], [0.3, 1.0]])
SUPPORT, QUERY = np.array([1.0, -2.0]), np.array([0.5, 3.0])
THETA = np.array([0.7, 0.2])


def quadratic(params, theta, centre):
    off = theta["w"] - centre
    return 0.5 * off @ jnp.asarray(CURVATURE, jnp.float32) @ off


def direction(learner, loss, params, theta_of=lambda params: params, support=SUPPORT, query=QUERY):
    support, query = (jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), part) for part in (support, query))
    return learner.direction(loss, params, theta_of, RATE, support, query, jax.random.key(0))


@pytest.mark.parametrize("first_order", [False, True])
def test_maml_on_a_quadratic_is_the_closed_form(first_order):
    # theta_k - c = (I - aA)^k (theta - c) for the support's centre; d theta_k / d theta = (I - aA)^k, or I.
    contraction = np.linalg.matrix_power(np.eye(2) - RATE * CURVATURE, STEPS)
    end = SUPPORT + contraction @ (THETA - SUPPORT)
    expected = (np.eye(2) if first_order else contraction) @ CURVATURE @ (end - QUERY)
    learner = MAML(n_steps=STEPS, first_order=first_order)
    loss, gradient = direction(learner, quadratic, {"w": jnp.asarray(THETA, jnp.float32)})
    assert_allclose(gradient["w"], expected, rtol=1e-5)
    assert_allclose(loss, 0.5 * (end - QUERY) @ CURVATURE @ (end - QUERY), rtol=1e-5)


def logistic_numpy(w, x, y):
    """(gradient, Hessian) of the mean log-loss, float64."""
    p = expit(x @ w)
    return x.T @ (p - y) / len(y), (x * (p * (1 - p))[:, None]).T @ x / len(y)


@pytest.mark.parametrize("first_order", [False, True])
def test_maml_on_logistic_regression_is_numpy_with_its_hessians(first_order):
    rng = np.random.default_rng(0)
    sets = [(rng.normal(size=(12, 3)), rng.integers(0, 2, 12).astype(float)) for _ in range(2)]
    w, chain = rng.normal(size=3), np.eye(3)
    start = w.copy()
    for _ in range(STEPS):
        gradient, hessian = logistic_numpy(w, *sets[0])
        chain = (np.eye(3) - RATE * hessian) @ chain
        w = w - RATE * gradient
    expected = logistic_numpy(w, *sets[1])[0]
    expected = expected if first_order else chain.T @ expected

    def loss(params, theta, data):
        z = data[0] @ theta["w"]
        return jnp.mean(jnp.logaddexp(0.0, z) - data[1] * z)

    learner = MAML(n_steps=STEPS, first_order=first_order)
    _, found = direction(learner, loss, {"w": jnp.asarray(start, jnp.float32)}, support=sets[0], query=sets[1])
    assert_allclose(found["w"], expected, rtol=1e-4, atol=1e-6)


def test_anil_moves_the_readout_alone_and_learns_what_is_below_through_it():
    # f = (u v - c)^2 / 2, v the readout: v' = v - a u (u v - c); d/du, d/dv of (u v' - q)^2 / 2 by the chain rule.
    u, v, c, q = 1.2, -0.4, 0.9, 0.3
    after = v - RATE * u * (u * v - c)
    residual = u * after - q
    expected = {
        "below": residual * (after + u * (-RATE * (2 * u * v - c))),
        "readout": residual * u * (1 - RATE * u**2),
    }

    def loss(params, theta, target):
        moved = {**params, **theta}
        return 0.5 * (moved["below"] * moved["readout"] - target) ** 2

    params = {"below": jnp.float32(u), "readout": jnp.float32(v)}
    learner = ANIL(n_steps=1)
    _, found = direction(learner, loss, params, lambda params: {"readout": params["readout"]}, c, q)
    assert_allclose(found["below"], expected["below"], rtol=1e-5)
    assert_allclose(found["readout"], expected["readout"], rtol=1e-5)


def test_reptile_goes_from_the_start_to_the_end_of_plain_steps():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(10, 3, 1)), rng.integers(0, 2, 10)
    trials = Trials(*(jnp.asarray(a) for a in (x.astype(np.float32), y, np.ones(10, np.float32))))
    w = rng.normal(size=3)
    end = w.copy()
    for _ in range(STEPS):  # a batch holds all trials, in whatever order
        end = end - RATE * logistic_numpy(end, x[..., 0], y)[0]

    def loss(params, theta, trials):
        z = trials.x[..., 0] @ theta["w"]
        return jnp.mean(jnp.logaddexp(0.0, z) - trials.y * z)

    support, query = (jax.tree.map(lambda a, s=s: a[s], trials) for s in (slice(0, 4), slice(4, 10)))
    params = {"w": jnp.asarray(w, jnp.float32)}
    learner = Reptile(n_steps=STEPS, batch_size=10)
    _, found = learner.direction(loss, params, lambda p: p, RATE, support, query, jax.random.key(3))
    assert_allclose(found["w"], w - end, rtol=1e-4, atol=1e-6)


def test_reptiles_minibatches_use_every_trial_once_before_any_twice():
    rows = np.asarray(Reptile(n_steps=5, batch_size=4)._rows(12, jax.random.key(0)))
    assert rows.shape == (5, 4)
    assert_array_equal(np.sort(rows[:3].ravel()), np.arange(12))
    assert len(set(rows[3:].ravel().tolist())) == 8


def test_an_episode_is_balanced_disjoint_and_never_holds_what_has_no_weight():
    y = np.array([[0] * 14 + [1] * 8] * 3)
    weight = np.ones((3, 22))
    weight[:, [0, 15]] = 0
    x = np.arange(66.0).reshape(3, 22, 1, 1)
    people = Trials(jnp.asarray(x), jnp.asarray(y), jnp.asarray(weight))
    draw_one = jax.jit(functools.partial(draw_episode, n_support=6, n_query=8, n_classes=2))
    seen = set()
    for seed in range(30):
        support, query = draw_one(jax.random.key(seed), people)
        ids = np.concatenate([support.x.ravel(), query.x.ravel()]).astype(int)
        assert len(set(ids)) == 14
        assert len(set(ids // 22)) == 1
        assert_array_equal(np.bincount(support.y), [3, 3])
        assert_array_equal(np.bincount(query.y), [4, 4])
        assert support.weight.min() == query.weight.min() == 1
        seen |= set(ids)
    assert len(seen) > 45


N = 6


@functools.partial(jax.jit, static_argnums=(1, 2))
def draw(key, n_people, n_trials):
    """People of two opposite kinds, whose class centres lie at a point about the first axis or at its mirror image."""

    def person(key):
        k_angle, k_kind, k_y, k_x = jax.random.split(key, 4)
        angle = 0.3 * jax.random.normal(k_angle) + jnp.pi * jax.random.bernoulli(k_kind)
        y = jax.random.permutation(k_y, jnp.arange(n_trials) % 2)
        centre = (2.0 * y - 1)[:, None] * jnp.array([jnp.cos(angle), jnp.sin(angle)])
        x = centre + 0.8 * jax.random.normal(k_x, (n_trials, 2))
        return Trials(jnp.repeat(x[..., None], N_TIMES, -1), y, jnp.ones(n_trials))

    people = jax.vmap(person)(jax.random.split(key, n_people))
    return align_people(people)


@pytest.fixture(scope="module")
def world():
    """People to learn from, the decoder of all of them pooled, few and later trials of sixteen others."""
    sources, others = (
        jax.jit(draw, static_argnums=(1, 2))(jax.random.key(i), n, k) for i, n, k in ((0, 24, 40), (1, 16, N + 100))
    )
    everybody = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), sources)
    pooled = jax.jit(Toy().fit)(Toy().init(jax.random.key(0)), everybody, None)
    few, later = (jax.tree.map(lambda a, s=s: a[:, s], others) for s in (slice(0, N), slice(N, None)))
    return sources, pooled, few, later


@jax.jit
def accuracy(variables, trials):
    """(n_people,) of one decoder each."""
    of_person = jax.vmap(lambda v, x: jax.vmap(lambda x: Toy().apply(v, x))(x))
    return (of_person(variables, trials.x).argmax(-1) == trials.y).mean(-1)


@pytest.mark.parametrize(
    "learner",
    [
        pytest.param(ANIL(outer_rate=0.03), id="anil"),
        pytest.param(Reptile(rate=1.0), id="reptile", marks=pytest.mark.slow),
        pytest.param(MAML(outer_rate=0.03), id="maml", marks=pytest.mark.slow),
        pytest.param(MAML(first_order=True, outer_rate=0.03), id="fomaml", marks=pytest.mark.slow),
    ],
)
def test_a_few_steps_from_the_learnt_start_beat_as_many_from_the_pooled_one(world, learner):
    sources, pooled, few, later = world
    learnt, losses = meta_train(
        Toy(), sources, jax.random.key(1), learner, pooled, n_iterations=150, n_support=N, n_query=20
    )
    assert np.isfinite(losses).all()
    steps = jax.vmap(lambda start, trials: recalibrate(Toy(), start, trials, learner), in_axes=(None, 0))
    gain = np.asarray(accuracy(steps(learnt, few), later) - accuracy(steps(pooled, few), later))
    # no decoder common to both kinds is right, and the pooled one is far from either; rates are of other people
    assert gain.mean() - 2 * gain.std(ddof=1) / np.sqrt(gain.size) > 0


@pytest.mark.slow
def test_as_a_strategy_it_answers_the_mean_of_what_it_says_of_each_person(world):
    sources, pooled, _, _ = world
    learner = ANIL()
    strategy = OverPeople(learner=learner, n_support=N)
    assert isinstance(strategy, Strategy)
    people = jax.tree.map(lambda a: a[:2, :16], sources)

    @jax.jit
    def alone(trials, key):
        order = in_turn(stream_key(key, "order"), trials, 2)
        parts = (jax.tree.map(lambda a, rows=rows: a[rows], trials) for rows in (order[:N], order[N:]))
        return learner.direction(loss, pooled.params, theta_of, rates, *parts, key)

    @jax.jit
    def together():
        batch = Batch(people, jnp.arange(2), jnp.ones(2), jnp.zeros(()))
        return strategy.gradient(Toy(), pooled, {}, batch, jax.random.key(0))

    loss, theta_of, rates = problem_of(Toy(), pooled, learner)
    each = [
        alone(jax.tree.map(lambda a, i=i: a[i], people), key)
        for i, key in enumerate(jax.random.split(jax.random.key(0)))
    ]
    found = together()
    assert_allclose(found.terms["task"], np.mean([float(value) for value, _ in each]), rtol=1e-5)
    mean = jax.tree.map(lambda a, b: (a + b) / 2, each[0][1], each[1][1])
    jax.tree.map(functools.partial(assert_allclose, rtol=1e-4, atol=1e-6), found.params, mean)
    jax.tree.map(assert_array_equal, found.stats, pooled.stats)


def test_people_that_have_too_few_trials_are_refused():
    people = Trials(np.zeros((2, 20, 2, N_TIMES)), np.zeros((2, 20), int), np.ones((2, 20)))
    with pytest.raises(InputError, match=r"people have 20 trials, an episode takes 10 \+ 20"):
        meta_train(Toy(), people, jax.random.key(1), MAML(), sure())


def test_people_of_whom_no_trial_is_left_to_judge_by_are_refused():
    trials = Trials(jnp.zeros((2, 8, 3, N_TIMES)), jnp.zeros((2, 8), jnp.int32), jnp.ones((2, 8)))
    batch = Batch(trials, jnp.arange(2), jnp.ones(2), jnp.zeros(()))
    start = Toy().init(jax.random.key(0))
    with pytest.raises(InputError, match="people bring 8 trials to a minibatch: wanted more than the 8"):
        OverPeople(learner=ANIL(), n_support=8).gradient(Toy(), start, {}, batch, jax.random.key(0))
