"""Differential privacy: the accountant against published values and closed forms, DP-SGD, and the audit."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.federated import Cohort, Federation, PrivateTraining, Site, federate
from neurodrift.adaptation.federated.accountant import epsilon, noise_for, renyi
from neurodrift.adaptation.federated.audit import auc, auc_interval, confidence, likelihood_ratio
from neurodrift.adaptation.federated.private import room, spent
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key

from .toy import Toy, calibration, sure


def people(seed, n=40):
    return calibration(np.random.default_rng(seed), n)


def test_without_sampling_the_divergence_is_that_of_two_gaussians():
    np.testing.assert_allclose(renyi(1.0, 2.0, [1.5, 2, 10]), np.array([1.5, 2, 10]) / 8)


@pytest.mark.parametrize(("rate", "noise"), [(0.01, 4.0), (0.1, 1.0), (0.5, 0.7)])
def test_the_divergence_equals_its_integral_at_whole_and_other_orders(rate, noise):
    orders = [1.25, 2, 3.7, 6]

    def moment(alpha):
        def integrand(z):
            ratio = (1 - rate) + rate * np.exp((2 * z - 1) / (2 * noise**2))
            return norm.pdf(z, scale=noise) * ratio**alpha

        return quad(integrand, -30 * noise, 30 * noise + 10, epsabs=0, epsrel=1e-12, limit=400, points=[0, 1, alpha])[0]

    expected = [np.log(moment(a)) / (a - 1) for a in orders]
    np.testing.assert_allclose(renyi(rate, noise, orders), expected, rtol=1e-6)


def test_the_moments_accountant_gives_the_value_published_with_it():
    # Abadi et al 2016, section 3: q = .01, sigma = 4, 10 000 steps, delta = 1e-5 give 1.26, by whole orders and their
    # own conversion, log(1 / delta) / (order - 1).
    orders = np.arange(2, 33)
    theirs = np.min(10_000 * renyi(0.01, 4.0, orders) + np.log(1e5) / (orders - 1))
    assert theirs == pytest.approx(1.26, abs=0.005)
    assert epsilon(0.01, 4.0, 10_000, 1e-5)[0] < theirs


def test_epsilon_equals_that_of_dp_accounting():
    # dp-accounting 0.6.0, RdpAccountant of PoissonSampledDpEvent(GaussianDpEvent), its default orders
    for (rate, noise, steps, delta), expected in {
        (0.01, 4.0, 10_000, 1e-5): 1.0354900660362436,
        (256 / 60_000, 1.1, 14_062, 1e-5): 2.5965558697943036,
        (0.1, 1.0, 100, 1e-4): 6.821628963883517,
        (0.5, 3.0, 50, 1e-4): 5.38963850507408,
    }.items():
        assert epsilon(rate, noise, steps, delta)[0] == pytest.approx(expected, rel=1e-8)


def test_epsilon_grows_with_steps_and_rate_and_falls_with_noise_and_its_inverse_finds_it():
    base = epsilon(0.1, 1.0, 100, 1e-4)[0]
    assert epsilon(0.1, 1.0, 200, 1e-4)[0] > base
    assert epsilon(0.2, 1.0, 100, 1e-4)[0] > base
    assert epsilon(0.1, 2.0, 100, 1e-4)[0] < base
    assert epsilon(0.1, 1.0, 0, 1e-4)[0] == 0.0
    assert epsilon(0.1, 0.0, 1, 1e-4)[0] == np.inf
    assert epsilon(0.0, 1.0, 100, 1e-4)[0] < 0.06
    noise = noise_for(2.0, 0.1, 100, 1e-4)
    assert epsilon(0.1, noise, 100, 1e-4)[0] <= 2.0 < epsilon(0.1, noise - 2e-3, 100, 1e-4)[0]


# -- training


def one_step(trials=None, **options):
    training = PrivateTraining(**{"n_steps": 1, "rate": 1.0, "noise": 0.0, "learning_rate": 1.0, **options})
    trials = people(0) if trials is None else trials
    variables = Toy().init(jax.random.key(3))
    after = jax.jit(lambda t, v, x, k: t.train(Toy(), v, x, k))(training, variables, trials, jax.random.key(0))
    return np.concatenate(
        [np.ravel(a - b) for a, b in zip(jax.tree.leaves(after.params), jax.tree.leaves(variables.params))]
    )


def gradients(trials):
    """Every trial's own gradient (n_trials, n_params), in NumPy's layout."""
    variables = Toy().init(jax.random.key(3))

    def loss(params, x, y):
        return -jax.nn.log_softmax(Toy().apply(variables._replace(params=params), x))[y]

    each = jax.vmap(jax.grad(loss), (None, 0, 0))(variables.params, trials.x, trials.y)
    return np.concatenate([np.reshape(leaf, (len(trials.y), -1)) for leaf in jax.tree.leaves(each)], axis=1)


def test_a_step_without_noise_is_the_mean_of_clipped_gradients():
    each = gradients(people(0))
    norms = np.linalg.norm(each, axis=1)
    limit = float(np.median(norms))
    expected = (each * np.minimum(1.0, limit / norms)[:, None]).mean(0)
    np.testing.assert_allclose(one_step(clip=limit), -expected, atol=1e-6)
    np.testing.assert_allclose(one_step(clip=1e6), -each.mean(0), atol=1e-6)


def test_noise_has_the_deviation_that_the_accountant_is_told():
    quiet = one_step(clip=0.5)
    training = PrivateTraining(n_steps=1, rate=1.0, noise=3.0, clip=0.5, learning_rate=1.0)
    variables, trials = Toy().init(jax.random.key(3)), people(0)
    keys = jax.random.split(jax.random.key(1), 400)
    many = jax.jit(jax.vmap(lambda k: training.train(Toy(), variables, trials, k).params))(keys)
    moves = np.concatenate(
        [np.reshape(a - b, (400, -1)) for a, b in zip(jax.tree.leaves(many), jax.tree.leaves(variables.params))], axis=1
    )
    deviation = 3.0 * 0.5 / 40
    np.testing.assert_allclose((moves - quiet).std(), deviation, rtol=4 / np.sqrt(2 * moves.size))
    assert abs((moves - quiet).mean()) < 4 * deviation / np.sqrt(moves.size)


def test_trials_are_drawn_each_with_the_rate_and_padding_never():
    trials = people(0)
    padded = trials._replace(weight=jnp.where(jnp.arange(40) < 30, 1.0, 0.0))
    padded = padded._replace(x=padded.x.at[30:].set(1e3))
    each = gradients(trials)[:30]
    expected = np.linalg.norm(each.sum(0) / 30)
    np.testing.assert_allclose(np.linalg.norm(one_step(clip=1e6, trials=padded)), expected, rtol=1e-5)
    training = PrivateTraining(n_steps=1, rate=0.2, noise=0.0, clip=1e-3, learning_rate=1.0)
    variables = Toy().init(jax.random.key(3))
    same = trials._replace(x=jnp.broadcast_to(trials.x[:1], trials.x.shape), y=jnp.zeros(40, jnp.int32))
    keys = jax.random.split(jax.random.key(2), 500)
    moved = jax.jit(jax.vmap(lambda k: training.train(Toy(), variables, same, k).params["readout"]["bias"]))(keys)
    # Every gradient is the same, so a step's length says how many were drawn: n of 40, over an expected 8. Of its ten
    # numbers the fifth and sixth are the readout's bias.
    step = np.linalg.norm(np.asarray(moved) - np.asarray(variables.params["readout"]["bias"]), axis=1)
    unit = np.linalg.norm(gradients(same)[0]) / np.linalg.norm(gradients(same)[0][4:6]) / 1e-3
    drawn = step * unit * 8
    assert drawn.mean() == pytest.approx(8, abs=4 * np.sqrt(40 * 0.2 * 0.8 / 500))
    assert drawn.var() == pytest.approx(40 * 0.2 * 0.8, rel=0.3)


def test_a_step_has_room_for_whatever_is_drawn_and_a_trial_more_moves_the_sum_by_the_clipping_norm():
    n, clip, rate = 1000, 1e-3, 0.1
    one = people(0)
    same = Trials(jnp.broadcast_to(one.x[:1], (n, *one.x.shape[1:])), jnp.zeros(n, jnp.int32).at[0].set(1), jnp.ones(n))
    variables = Toy().init(jax.random.key(3))
    training = PrivateTraining(n_steps=1, rate=rate, noise=0.0, clip=clip, learning_rate=1.0)

    @jax.jit
    def total(weight, key):
        after = training.train(Toy(), variables, same._replace(weight=weight), key)
        moves = jax.tree.map(lambda a, b: jnp.ravel(b - a), after.params, variables.params)
        return jnp.concatenate(jax.tree.leaves(moves)) * rate * (weight > 0).sum()

    keys = jax.random.split(jax.random.key(2), 200)
    whole = jax.vmap(total, (None, 0))(same.weight, keys)
    without = jax.vmap(total, (None, 0))(same.weight.at[0].set(0.0), keys)
    # All but the first have one gradient: its length says how many were drawn of 999.
    drawn = np.linalg.norm(without, axis=1) / clip
    assert drawn.mean() == pytest.approx(99.9, abs=4 * np.sqrt(999 * 0.09 / 200))
    assert drawn.var() == pytest.approx(999 * 0.09, rel=0.3)
    # The first trial's is the opposite one: put in the place of another it would move the sum by twice the norm.
    moved = np.linalg.norm(whole - without, axis=1) / clip
    assert np.isclose(moved, 0.0, atol=0.02).sum() + np.isclose(moved, 1.0, atol=0.02).sum() == 200
    assert 5 < (moved > 0.5).sum() < 40


@pytest.mark.parametrize(("n_trials", "rate"), [(1000, 0.1), (90, 0.1), (5, 0.1), (12, 0.5), (40, 1.0), (300, 1e-3)])
def test_room_is_the_least_that_is_passed_once_in_a_million_million_steps(n_trials, rate):
    def beyond(k):
        return sum(math.comb(n_trials, j) * rate**j * (1 - rate) ** (n_trials - j) for j in range(k + 1, n_trials + 1))

    assert beyond(room(n_trials, rate)) <= 1e-12 < beyond(room(n_trials, rate) - 1)


def without_its_noise(site, key):
    """How far from the sum of clipped gradients a coordinator stays who takes the noise that its own key gives off the
    update that the site answers with, in deviations of that noise."""
    training = PrivateTraining(n_steps=1, rate=1.0, noise=3.0, clip=0.5, learning_rate=1.0)
    before = Toy().init(jax.random.key(3))
    sent = site.update(Toy(), before, training, "params", key)
    flat, _ = ravel_pytree(before.params)
    noise = 3.0 * 0.5 * jax.random.normal(stream_key(stream_key(key, "site", 0), "noise", 0), flat.shape)
    each = gradients(people(0))
    clipped = each * np.minimum(1.0, 0.5 / np.linalg.norm(each, axis=1))[:, None]
    return np.linalg.norm(-sent.delta * sent.n_trials - noise - clipped.sum(0)) / (3.0 * 0.5)


def test_a_coordinator_cannot_take_the_noise_away_again():
    key = jax.random.key(8)
    # it could if the site added nothing of its own
    assert without_its_noise(Site("A", people(0), align=False, secret=0), key) < 1e-4
    # the difference of two draws of ten numbers: its square is twice a chi-square, below .01 once in 10^15
    for secret in (None, 1, 2**63):
        assert without_its_noise(Site("A", people(0), align=False, secret=secret), key) > 0.1


def test_a_site_asked_twice_with_one_key_gives_other_noise_and_the_same_with_a_secret_that_it_was_given():
    training = PrivateTraining(n_steps=2, rate=0.5, noise=1.0)

    def asked(**options):
        site = Site("A", people(0), align=False, **options)
        return [site.update(Toy(), sure(), training, "params", jax.random.key(0)).delta for _ in range(2)]

    first, second = asked()
    assert np.abs(first - second).max() > 1e-3
    np.testing.assert_array_equal(asked(secret=5), asked(secret=5))
    assert np.abs(asked(secret=5)[0] - asked(secret=6)[0]).max() > 1e-3


def test_the_ledger_counts_the_rounds_of_each_site():
    training = PrivateTraining(n_steps=3, rate=0.2, noise=1.0, clip=0.5, learning_rate=0.5)
    sites = Cohort([Site(f"S{i}", people(i), align=False) for i in range(3)])
    federation = Federation(n_rounds=4, n_clients=2, share="params")
    _, rounds = federate(sites, Toy(), sure(), training, federation, jax.random.key(0))
    told = spent(rounds, training, 1e-3)
    for name, value in told.items():
        n = sum(name in r.sites for r in rounds)
        assert value == epsilon(0.2, 1.0, 3 * n, 1e-3)[0]


# -- the audit


def test_the_area_is_the_probability_that_a_member_scores_higher():
    rng = np.random.default_rng(0)
    score, member = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in score[member] for b in score[~member]]
    assert auc(score, member) == pytest.approx(np.mean(pairs))
    found = auc_interval(score, member, np.arange(60) // 3)
    assert found.low < found.value < found.high


def test_the_interval_of_the_area_is_that_of_people_drawn_one_by_one():
    rng = np.random.default_rng(3)
    group, member = np.repeat(np.arange(8), 12), rng.random(96) < 0.5
    score = np.round(rng.normal(size=96) + 0.7 * member + 0.5 * rng.normal(size=8)[group], 1)  # with ties
    drawn = []
    for times in np.random.default_rng(0).multinomial(8, np.full(8, 1 / 8), 300):
        rows = np.concatenate([np.flatnonzero(group == g) for g, n in enumerate(times) for _ in range(n)])
        drawn.append(roc_auc_score(member[rows], score[rows]))
    found = auc_interval(score, member, group, n_resamples=300)
    np.testing.assert_allclose(found, [roc_auc_score(member, score), *np.percentile(drawn, [2.5, 97.5])], rtol=1e-12)


def test_scores_of_two_decoders_are_not_compared():
    rng = np.random.default_rng(4)
    group, decoder = np.tile(np.arange(10).repeat(6), 2), np.arange(2).repeat(60)
    member = rng.random(120) < np.where(decoder, 0.9, 0.1)  # who is easy to fit, more of whom are members, tells nobody
    score = rng.normal(size=120) + 5.0 * decoder
    found = auc_interval(score, member, group, decoder=decoder)
    each = [roc_auc_score(member[decoder == d], score[decoder == d]) for d in (0, 1)]
    assert found.value == pytest.approx(np.mean(each))
    assert auc_interval(score, member, group).low > 0.8
    assert np.isnan(auc_interval(score, member, np.zeros(120)).low)


def test_confidence_is_the_log_odds_of_the_class():
    variables, trials = sure(), people(0)
    logits = np.asarray(jax.vmap(lambda x: Toy().apply(variables, x))(trials.x))
    y = np.asarray(trials.y)
    expected = logits[np.arange(40), y] - logits[np.arange(40), 1 - y]
    np.testing.assert_allclose(confidence(Toy(), variables, trials), expected, atol=1e-4)


def test_the_attack_by_likelihood_ratio_finds_members_where_losses_tell_nothing_by_themselves():
    rng = np.random.default_rng(1)
    n = 400
    hardness = rng.normal(scale=5.0, size=n)
    was_in = rng.random((16, n)) < 0.5
    was_in[:2], was_in[2:4] = True, False
    shadows = hardness + 1.0 * was_in + rng.normal(scale=0.5, size=(16, n))
    member = rng.random(n) < 0.5
    target = hardness + 1.0 * member + rng.normal(scale=0.5, size=n)
    assert auc(target, member) < 0.65
    # Two normals 2 deviations apart, but for the attacker's errors: Phi(2 / sqrt 2) = .92
    assert 0.85 < auc(likelihood_ratio(target, shadows, was_in), member) <= 0.93


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: epsilon(1.5, 1.0, 1, 1e-5), "rate in"),
        (lambda: epsilon(0.1, -1.0, 1, 1e-5), "noise of 0 or more"),
        (lambda: epsilon(0.1, 1.0, 1, 0.0), "delta"),
        (lambda: noise_for(1e-6, 0.5, 1000, 1e-5), "more noise"),
        (lambda: one_step(rate=0.0), r"wanted one in \(0, 1\]"),
        (lambda: auc(np.ones(3), np.ones(3, bool)), "0 outsiders"),
        (lambda: likelihood_ratio(np.ones(2), np.ones((3, 2)), np.ones((3, 2), bool)), "fewer than two"),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
