"""The pieces of learning from labels and from signs of errors, against closed forms and NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.methods import Composed, ContinualFineTuning, OnlineReadout, labels_used
from neurodrift.adaptation.methods.agem import AveragedGem, projected
from neurodrift.adaptation.methods.balanced import BalancedReplay
from neurodrift.adaptation.methods.errors import ErrorSigns, posterior, sign_likelihood
from neurodrift.adaptation.methods.ewc import ElasticWeights, fisher
from neurodrift.adaptation.methods.layers import AllLayers, LastLayer, LayerDecay, PlainRates
from neurodrift.adaptation.methods.lora import LowRank
from neurodrift.adaptation.methods.lwf import WithoutForgetting, distillation
from neurodrift.adaptation.methods.objectives import Anchored, Problem
from neurodrift.adaptation.methods.recent import Recent
from neurodrift.adaptation.methods.replay import Replay
from neurodrift.sim.errors import InputError

from .features import Softmax, TwoLayers

KEY = jax.random.key(3)
YES, NO = jnp.bool_(True), jnp.bool_(False)
RNG = np.random.default_rng(5)


def make_trials(n, n_channels=3, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, n_channels, 1)).astype(np.float32)
    return Trials(jnp.asarray(x), jnp.asarray(np.arange(n) % n_classes, jnp.int32), jnp.ones(n))


def moved(params, seed=1, by=0.3):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: leaf + by * rng.standard_normal(leaf.shape).astype(np.float32), params)


def told(label, x, error=-1, available=True):
    return Feedback(jnp.int32(label), jnp.bool_(available), x, NO, jnp.int32(error))


# --- what is trained on -----------------------------------------------------------------------------------


def test_the_replay_sample_is_uniform_over_everything_seen():
    # 4 slots, 20 calibration trials and 20 of the stream: each is kept with probability 4/40.
    decoder, calibration, replay = Softmax(), make_trials(20), Replay(capacity=4)

    def from_stream(key):
        memory = replay.start(decoder.init(KEY), calibration, 2, key)
        store = lambda memory, _: (replay.store(memory, calibration.x[0], jnp.int32(7), YES), None)  # noqa: E731
        return (jax.lax.scan(store, memory, length=20)[0].old_y == 7).sum()

    kept = jax.jit(jax.vmap(from_stream))(jax.random.split(KEY, 400))
    # Hypergeometric: mean 2, variance 4 · ½ · ½ · 36/39, over 400 draws; 4 standard errors.
    assert abs(kept.mean() - 2.0) < 4 * np.sqrt(36 / 39 / 400)


def test_a_batch_has_its_share_of_old_trials_and_the_rest_of_this_session():
    replay, calibration = Replay(capacity=8, n_recent=4, batch_size=10), make_trials(8)
    mark = lambda value: (jnp.full((3, 1), value), jnp.int32(1), YES)  # noqa: E731

    @jax.jit
    def go():
        memory = replay.start(Softmax().init(KEY), calibration, 2, KEY)
        memory = replay.store(replay.store(memory, *mark(5.0)), *mark(6.0))
        first = replay.batch(memory, replay.draw(memory, 3)[0])
        memory = replay.store(replay.end_session(memory, YES), *mark(7.0))
        return first, replay.batch(memory, replay.draw(memory, 1)[0])

    (old, new), (_, later) = go()
    assert (old.y.shape, new.y.shape) == ((4,), (6,))
    assert set(np.asarray(new.x).ravel()) <= {5.0, 6.0}
    assert set(np.asarray(later.x).ravel()) == {7.0}


def test_the_recent_trials_are_the_last_ones_and_places_not_yet_filled_have_no_weight():
    recent = Recent(window=4, batch_size=0)

    def step(memory, mark):
        memory = recent.store(memory, jnp.full((3, 1), mark), jnp.int32(1), YES)
        return memory, recent.batch(memory, recent.draw(memory, 1)[0])

    start = recent.start(Softmax().init(KEY), make_trials(4), 2, KEY)
    _, (old, new) = jax.jit(lambda: jax.lax.scan(step, start, jnp.arange(1.0, 7.0)))()
    seen = [sorted(x[:, 0, 0][weight > 0]) for x, weight in zip(np.asarray(new.x), np.asarray(new.weight))]
    assert old.y.shape == (6, 0)
    assert seen == [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [3, 4, 5, 6]]


def test_a_session_end_empties_the_recent_trials_unless_they_reach_across_sessions():
    memory = Recent().start(Softmax().init(KEY), make_trials(4), 2, KEY)._replace(n_new=jnp.int32(3))
    assert Recent().end_session(memory, YES).n_new == 0
    assert Recent().end_session(memory, NO).n_new == 3
    assert Recent(across_sessions=True).end_session(memory, YES).n_new == 3


def test_a_rare_class_is_half_of_a_balanced_batch_and_its_reservoir_is_uniform():
    replay = BalancedReplay(capacity=8, n_recent=8, batch_size=20)
    rare = np.arange(100) % 10 == 9
    calibration = Trials(jnp.arange(100.0)[:, None, None], jnp.asarray(rare, jnp.int32), jnp.ones(100))

    def one(key):
        memory = replay.start(Softmax(n_channels=1).init(KEY), calibration, 2, key)
        step = lambda memory, trial: (replay.store(memory, *trial, YES), None)  # noqa: E731
        memory, _ = jax.lax.scan(step, memory, (1000 + calibration.x, calibration.y))
        rows = replay.draw(memory, 5)
        old, new = jax.vmap(replay.batch, in_axes=(None, 0))(memory, rows)
        return memory.old_x[..., 0, 0], old, new

    kept, old, new = jax.jit(jax.vmap(one))(jax.random.split(KEY, 200))
    for batch in (old, new):
        # What is called rare is rare, and it is half of what is trained on (5 standard errors).
        assert_array_equal(np.asarray(batch.x)[..., 0, 0] % 10 == 9, np.asarray(batch.y) == 1)
        share = np.asarray(batch.y).mean()
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(np.asarray(batch.y).size)
    # Half of each reservoir comes from the stream, as half of each class did.
    from_stream = (np.asarray(kept) >= 1000).mean(axis=(0, 2))
    assert_allclose(from_stream, 0.5, atol=5 * 0.5 / np.sqrt(200 * 4))


def test_a_class_not_seen_yet_is_not_drawn():
    replay, calibration = BalancedReplay(capacity=6, n_recent=6), make_trials(10)

    @jax.jit
    def go():
        memory = replay.start(Softmax(n_classes=3).init(KEY), calibration, 3, KEY)
        return replay.draw(replay.store(memory, calibration.x[0], jnp.int32(1), YES), 50)[0]

    y = np.asarray(go())
    assert set(y[:, :8].ravel()) == {0, 1}
    assert set(y[:, 8:].ravel()) == {1}


def test_balanced_replay_wants_a_place_for_every_class():
    with pytest.raises(InputError, match="wanted 3 places or more in each"):
        BalancedReplay(capacity=2).start(Softmax().init(KEY), make_trials(4), 3, KEY)


# --- what is descended ------------------------------------------------------------------------------------


def test_the_fisher_information_is_that_of_logistic_regression():
    decoder = Softmax(n_classes=3)
    variables, trials = decoder.init(KEY), make_trials(12, n_classes=3)
    trials = trials._replace(weight=jnp.asarray(np.arange(12) % 3, jnp.float32))
    x, weight = np.asarray(trials.x[:, :, 0], np.float64), np.asarray(trials.weight, np.float64)
    w = np.asarray(variables.params["readout"]["w"], np.float64)
    p = softmax(x @ w.T, axis=1)
    # E[(1{y = k} - p_k)²] = p_k (1 - p_k).
    spread = (weight / weight.sum())[:, None] * p * (1 - p)
    found = fisher(decoder, variables, trials)["readout"]
    assert_allclose(found["w"], spread.T @ x**2, rtol=2e-5)
    assert_allclose(found["b"], spread.sum(0), rtol=2e-5)


def gradients(*objectives, old=None, theta=None):
    """The gradients of several objectives at one theta, away from where it started, on eight trials."""
    decoder, trials = Softmax(), make_trials(8)
    variables = decoder.init(KEY)
    theta = moved(variables.params) if theta is None else theta

    @jax.jit
    def go():
        problem = Problem(decoder, variables, variables.params, lambda theta: theta)
        past = jax.tree.map(lambda a: a[:0], trials) if old is None else old
        known = [objective.start(decoder, variables, make_trials(20, seed=4)) for objective in objectives]
        found = [o.gradient(k, problem, theta, past, trials) for o, k in zip(objectives, known)]
        return found, known

    found, known = go()
    flat = lambda tree: np.asarray(ravel_pytree(tree)[0], np.float64)  # noqa: E731
    return [flat(g) for g in found], flat(theta) - flat(variables.params), [flat(k) if k else None for k in known]


def test_ewc_adds_strength_times_fisher_times_distance_to_the_gradient():
    (held, free), distance, (information, _) = gradients(ElasticWeights(strength=7.0), Anchored())
    assert_allclose(held - free, 7.0 * information * distance, rtol=1e-4, atol=1e-6)


def test_the_anchor_adds_strength_times_distance_to_the_gradient():
    (held, free), distance, _ = gradients(Anchored(strength=2.0), Anchored())
    assert_allclose(held - free, 2.0 * distance, rtol=1e-4, atol=1e-6)


def test_lwf_adds_nothing_to_the_gradient_before_anything_moved():
    (kept, free), _, _ = gradients(WithoutForgetting(strength=5.0), Anchored(), theta=Softmax().init(KEY).params)
    assert_allclose(kept, free, atol=1e-6)


class Bowl:
    """½ h (theta - centre)², in place of a decoder's loss."""

    base = jnp.asarray([0.0, 0.0, 1.0])
    curvature = jnp.asarray([1.0, 2.0, 0.5])
    centre = jnp.asarray([1.0, 1.0, 3.0])

    def params(self, theta):
        return theta

    def loss(self, params, trials):
        return 0.5 * (self.curvature * (params - self.centre) ** 2).sum()


def test_ewc_settles_between_old_and_new_as_their_curvatures_weigh():
    information, bowl, none = jnp.asarray([0.0, 1.0, 4.0]), Bowl(), make_trials(0)

    def step(theta, _):
        return theta - 0.1 * ElasticWeights(strength=2.0).gradient(information, bowl, theta, none, none), None

    theta, _ = jax.lax.scan(step, bowl.base, length=300)
    h, held = np.asarray([1.0, 2.0, 0.5]), 2.0 * np.asarray([0.0, 1.0, 4.0])
    assert_allclose(theta, (h * [1.0, 1.0, 3.0] + held * [0.0, 0.0, 1.0]) / (h + held), rtol=1e-5)


def test_distillation_is_the_divergence_from_the_old_answers_and_its_slope_their_difference():
    old, new = RNG.standard_normal((2, 5, 3))
    weight, temperature = np.asarray([1.0, 0.0, 2.0, 1.0, 1.0]), 2.0
    p, q = softmax(old / temperature, axis=1), softmax(new / temperature, axis=1)
    divergence = (p * (log_softmax(old / temperature, axis=1) - log_softmax(new / temperature, axis=1))).sum(1)
    value, slope = jax.value_and_grad(distillation, argnums=1)(*map(jnp.asarray, (old, new, weight)), temperature)
    assert_allclose(value, temperature**2 * (weight * divergence).sum() / weight.sum(), rtol=1e-5)
    # T² KL has the gradient T (p_new - p_old) in the logits.
    share = (weight / weight.sum())[:, None]
    assert_allclose(slope, share * temperature * (q - p), rtol=1e-4, atol=1e-6)


def test_a_gradient_against_the_old_trials_is_made_orthogonal_and_any_other_is_left():
    pairs = np.random.default_rng(8).standard_normal((20, 2, 6)).astype(np.float32)
    for (g, r), found in zip(pairs, np.asarray(jax.jit(jax.vmap(projected))(pairs[:, 0], pairs[:, 1]))):
        if g @ r >= 0:
            assert_array_equal(found, g)
        else:
            # Orthogonal, and nothing but a share of r was taken away: the nearest such gradient.
            assert abs(found @ r) < 1e-5
            assert_allclose(g - found, (g - found) @ r / (r @ r) * r, atol=1e-5)
    assert_array_equal(projected(jnp.asarray(g), jnp.zeros(6)), g)


def test_agem_projects_the_gradient_of_the_new_trials_on_that_of_the_old():
    new = make_trials(8)
    noise = np.random.default_rng(2).standard_normal(new.x.shape).astype(np.float32)
    old = new._replace(x=new.x + 0.5 * noise, y=1 - new.y)  # much the same windows, called the opposite
    theta = {"readout": {"w": 0.1 * jnp.eye(2, 3), "b": jnp.asarray([0.1, 0.0])}}
    (found,), _, _ = gradients(AveragedGem(), old=old, theta=theta)
    x_new, x_old = (np.asarray(trials.x[:, :, 0], np.float64) for trials in (new, old))

    def slope(x, y):
        p = softmax(0.1 * x[:, :2] + [0.1, 0.0], axis=1) - np.eye(2)[y]
        return np.concatenate([p.mean(0), (p.T @ x / len(x)).ravel()])

    g, r = slope(x_new, np.asarray(new.y)), slope(x_old, np.asarray(old.y))
    assert g @ r < 0
    assert_allclose(found, g - (g @ r) / (r @ r) * r, rtol=1e-4, atol=1e-5)


# --- what moves -------------------------------------------------------------------------------------------


def learnt(part, n_labels=6, decoder=None, n_classes=2):
    """(params before, params after, memory) of a part that learnt some labels of noise."""
    decoder = TwoLayers(n_classes=n_classes) if decoder is None else decoder
    variables, calibration = decoder.init(KEY), make_trials(8, n_classes=n_classes)

    def go():
        memory = part.start(decoder, variables, calibration, KEY)

        def step(carry, trial):
            memory, now = carry
            memory, now, _ = part.learn(memory, decoder, now, Feedback(trial[1], YES, trial[0], NO))
            return (memory, now), None

        return jax.lax.scan(step, (memory, variables), (calibration.x[:n_labels], calibration.y[:n_labels]))[0]

    memory, after = jax.jit(go)()
    return variables.params, after.params, memory


def test_low_rank_adaptation_changes_nothing_before_the_first_step():
    decoder = TwoLayers()
    params, reach = decoder.init(KEY).params, LowRank(rank=2)
    own = reach.start(decoder, params, KEY)
    jax.tree.map(assert_array_equal, reach.params(params, params, reach.theta(decoder, own, params)), params)
    assert all((low["a"] != 0).all() for low in own.values())


def test_low_rank_adaptation_moves_every_matrix_by_its_rank_and_nothing_else():
    before, after, _ = learnt(ContinualFineTuning(warm_up=2, reach=LowRank(rank=1)))
    for layer in before:
        change = np.asarray(after[layer]["w"] - before[layer]["w"])
        values = np.linalg.svd(change, compute_uv=False)
        assert values[0] > 1e-3
        assert values[1] < 1e-4 * values[0]
        assert_array_equal(after[layer]["b"], before[layer]["b"])


def test_low_rank_adaptation_counts_what_it_trains():
    params = TwoLayers(n_channels=20).init(KEY).params
    # 20 x 20 and 2 x 20 matrices beside 20 and 2 offsets.
    assert LowRank(rank=1).n_trained(params) == (40 + 22, 400 + 40 + 22)


def test_low_rank_adaptation_says_what_it_cannot_do():
    decoder = Softmax()
    with pytest.raises(InputError, match="rank of a low-rank adaptation is 0"):
        LowRank(rank=0).start(decoder, decoder.init(KEY).params, KEY)
    with pytest.raises(InputError, match="params hold no matrix"):
        LowRank().start(decoder, {"readout": {"b": jnp.zeros(2)}}, KEY)


def test_the_last_layer_moves_alone():
    before, after, _ = learnt(ContinualFineTuning(warm_up=2, reach=LastLayer()))
    jax.tree.map(assert_array_equal, after["hidden"], before["hidden"])
    assert (np.asarray(after["readout"]["w"]) != np.asarray(before["readout"]["w"])).all()


def test_rates_fall_towards_the_input_and_go_with_the_size_of_a_layer():
    decoder = TwoLayers()
    base = {"hidden": {"w": jnp.full((3, 3), 2.0)}, "readout": {"w": jnp.full((2, 3), 0.1)}}
    for reach, hidden in ((LayerDecay(decay=0.9), 0.9), (AllLayers(lower=0.1), 0.1)):
        rates = reach.rates(decoder, base, 0.5)
        assert_allclose([rates["hidden"], rates["readout"]], [0.5 * 2.0 * hidden, 0.5 * 0.1], rtol=1e-6)


def test_one_step_a_trial_on_the_last_window_is_adam_in_numpy():
    # EDAPT's rule: Adam, absolute rate, all of the last W labelled trials, from the first after the warm-up on.
    decoder, window, rate, warm_up = Softmax(), 5, 0.05, 3
    variables, stream = decoder.init(KEY), make_trials(9, seed=2)
    part = ContinualFineTuning(
        learning_rate=rate, n_steps=1, warm_up=warm_up, reach=PlainRates(), replay=Recent(window=window, batch_size=0)
    )

    def step(carry, trial):
        memory, now = carry
        memory, now, _ = part.learn(memory, decoder, now, Feedback(trial[1], YES, trial[0], NO))
        return (memory, now), None

    start = (part.start(decoder, variables, make_trials(4), KEY), variables)
    (_, after), _ = jax.lax.scan(step, start, (stream.x, stream.y))

    x, y = np.asarray(stream.x[:, :, 0], np.float64), np.asarray(stream.y)
    w, b = (np.asarray(variables.params["readout"][name], np.float64) for name in "wb")
    theta = np.concatenate([w, b[:, None]], axis=1)
    first = second = np.zeros_like(theta)
    for steps, t in enumerate(range(warm_up - 1, 9), start=1):
        rows = slice(max(0, t + 1 - window), t + 1)
        design = np.concatenate([x[rows], np.ones((len(y[rows]), 1))], axis=1)
        g = (softmax(design @ theta.T, axis=1) - np.eye(2)[y[rows]]).T @ design / len(design)
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
        theta = theta - rate * (first / (1 - 0.9**steps)) / (np.sqrt(second / (1 - 0.999**steps)) + 1e-8)
    assert_allclose(after.params["readout"]["w"], theta[:, :-1], rtol=2e-4, atol=1e-5)
    assert_allclose(after.params["readout"]["b"], theta[:, -1], rtol=2e-4, atol=1e-5)


# --- signs of errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0, 1])
def test_the_posterior_after_a_sign_is_bayes_rule(error):
    logits, predicted, false_positive, miss = np.asarray([0.3, -0.4, 1.2]), 2, 0.1, 0.3
    p = softmax(logits)
    sign = np.where(np.arange(3) == predicted, false_positive, 1 - miss)
    joint = p * (sign if error else 1 - sign)
    likelihood = sign_likelihood(jnp.int32(predicted), 3, false_positive, miss)[error]
    assert_allclose(posterior(jnp.asarray(logits), likelihood), joint / joint.sum(), rtol=1e-5)


@pytest.mark.parametrize("error", [0, 1])
def test_posterior_minus_prior_is_the_slope_of_the_likelihood_of_the_sign(error):
    logits, rates = np.asarray([0.3, -0.4, 1.2]), (0.1, 0.3)

    def log_likelihood(logits):
        sign = np.where(np.arange(3) == 2, rates[0], 1 - rates[1])
        return np.log(softmax(logits) @ (sign if error else 1 - sign))

    step = 1e-6
    slope = [(log_likelihood(logits + e) - log_likelihood(logits - e)) / (2 * step) for e in step * np.eye(3)]
    likelihood = sign_likelihood(jnp.int32(2), 3, *rates)[error]
    found = posterior(jnp.asarray(logits), likelihood) - jax.nn.softmax(jnp.asarray(logits))
    assert_allclose(found, slope, rtol=1e-4, atol=1e-6)


@functools.partial(jax.jit, static_argnums=1)
def with_feedback(part, n_classes):
    """(params before, state after) twelve trials with signs of errors that are always right, and labels for a part
    that learns from those."""
    decoder = Softmax(n_classes=n_classes)
    variables, stream = decoder.init(KEY), make_trials(12, n_classes=n_classes, seed=6)
    adapter = Composed(parts=(part,))
    labelled = jnp.bool_(isinstance(part, OnlineReadout))

    def step(state, trial):
        x, y = trial
        error = (adapter.predict(state, x).argmax() != y).astype(jnp.int32)
        return adapter.update(state, x, Feedback(y, labelled, x, NO, error)), None

    state = adapter.init(decoder, variables, make_trials(20, n_classes=n_classes, seed=7), KEY)
    return variables.params, jax.lax.scan(step, state, (stream.x, stream.y))[0]


def test_signs_that_are_always_right_are_labels_where_there_are_two_classes():
    _, signs = with_feedback(ErrorSigns(false_positive=0.0, miss=0.0), 2)
    before, labels = with_feedback(OnlineReadout(), 2)
    after = labels.variables.params["readout"]
    assert np.abs(np.asarray(after["w"] - before["readout"]["w"])).max() > 0.05
    assert_allclose(signs.variables.params["readout"]["w"], after["w"], rtol=1e-4, atol=1e-6)
    assert_allclose(signs.variables.params["readout"]["b"], after["b"], rtol=1e-4, atol=1e-6)
    assert_allclose(signs.memories[0].posterior.covariance, labels.memories[0].covariance, rtol=1e-3, atol=1e-6)
    # A sign is no label: nothing was asked of the user.
    assert (labels_used(signs), labels_used(labels)) == (0, 12)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("rates", [(0.5, 0.5), (0.2, 0.8)])
def test_signs_that_come_alike_after_right_and_wrong_teach_nothing(n_classes, rates):
    before, state = with_feedback(ErrorSigns(false_positive=rates[0], miss=rates[1]), n_classes)
    assert_allclose(state.variables.params["readout"]["w"], before["readout"]["w"], atol=1e-5)
    assert_allclose(state.variables.params["readout"]["b"], before["readout"]["b"], atol=1e-5)


def test_a_sign_after_a_window_that_could_not_be_read_teaches_nothing():
    decoder, adapter = Softmax(), Composed(parts=(ErrorSigns(),))
    x = make_trials(1).x[0]

    @jax.jit
    def go():
        state = adapter.init(decoder, decoder.init(KEY), make_trials(10), KEY)
        state = adapter.update(state, x, told(0, x, error=1, available=False))
        return state, adapter.update(state, x.at[0].set(jnp.nan), told(0, x, error=1, available=False))

    state, broken = go()
    jax.tree.map(assert_array_equal, broken.variables.params, state.variables.params)


def test_a_sign_is_about_the_prediction_of_this_very_window():
    # A sign of an error makes the class that was predicted less likely, whichever it was.
    decoder, adapter = Softmax(), Composed(parts=(ErrorSigns(),))

    @jax.jit
    @jax.vmap
    def change(x):
        state = adapter.init(decoder, decoder.init(KEY), make_trials(10), KEY)
        before = jax.nn.softmax(adapter.predict(state, x))
        after = [adapter.update(state, x, told(0, x, error=error, available=False)) for error in (0, 1)]
        moves = [jax.nn.softmax(adapter.predict(state, x)) - before for state in after]
        return before.argmax(), jnp.stack([move[before.argmax()] for move in moves])

    predicted, (no_sign, sign) = (lambda p, m: (p, m.T))(*change(make_trials(6, seed=9).x))
    assert set(np.asarray(predicted)) == {0, 1}
    assert (no_sign > 0).all()
    assert (sign < 0).all()
