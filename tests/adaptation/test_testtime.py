"""Learning from windows without labels: the rules against float64 twins and closed forms, and how each one fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.tangent import TangentLR
from neurodrift.adaptation.methods import Composed, Renormalisation
from neurodrift.adaptation.methods.alpha_bn import AlphaBN
from neurodrift.adaptation.methods.cotta import CoTTA
from neurodrift.adaptation.methods.eata import EATA, EATAMemory
from neurodrift.adaptation.methods.entropy import InformationMaximisation
from neurodrift.adaptation.methods.sar import SAR
from neurodrift.adaptation.methods.testtime import Adam, Batch, UnlabelledTraining, split
from neurodrift.adaptation.methods.ttime import ImbalancePrior, prior
from neurodrift.sim.errors import InputError

from . import toy

KEY = jax.random.key(3)
TENT = InformationMaximisation()
TTIME = InformationMaximisation(temperature=2.0, diversity=1.0)


def train(rule, variables, x, **options):
    """(state, logits) after the toy decoder met the windows x under ``rule``."""
    adapter = Composed(parts=(UnlabelledTraining(rule=rule, **options),))
    calibration = toy.calibration(np.random.default_rng(1))
    return toy.run(adapter, variables, calibration, x)


def accuracy(variables, x, y):
    return float((np.argmax(toy.logits(variables, x), -1) == y).mean())


# --- the losses, in NumPy float64 ---------------------------------------------------------------------------


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def entropy64(p):
    return -(p * np.log(p + 1e-5)).sum(-1)


def im64(logits, temperature=2.0):
    p = softmax(logits / temperature)
    return entropy64(p).mean() - entropy64(p.mean(0))


def imbalanced64(logits, z, c=4.0, temperature=2.0):
    p = softmax(logits / temperature)
    q = np.array([p[:, k].mean() / (c + z[k]) for k in range(p.shape[1])])
    return entropy64(p).mean() - entropy64(q / q.sum())


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_losses_are_those_of_the_paper(n_classes):
    rng = np.random.default_rng(n_classes)
    logits, z = 3 * rng.standard_normal((8, n_classes)), rng.integers(0, 30, n_classes)
    shot = InformationMaximisation(diversity=1.0)
    np.testing.assert_allclose(TTIME.loss(jnp.asarray(logits)), im64(logits), rtol=2e-5)
    np.testing.assert_allclose(shot.loss(jnp.asarray(logits)), im64(logits, 1.0), rtol=2e-5)
    np.testing.assert_allclose(TENT.loss(jnp.asarray(logits)), entropy64(softmax(logits)).mean(), rtol=2e-5)
    found = ImbalancePrior().loss(jnp.asarray(z, jnp.float32), jnp.asarray(logits))[0]
    np.testing.assert_allclose(found, imbalanced64(logits, z), rtol=2e-5)


def test_the_prior_divides_what_is_predicted_by_how_often_it_came():
    p = jnp.asarray([[0.9, 0.1], [0.5, 0.5]])
    # (.7 / (4 + 16), .3 / (4 + 0)) = (.035, .075)
    np.testing.assert_allclose(prior(p, jnp.asarray([16.0, 0.0]), 4.0), [0.035 / 0.11, 0.075 / 0.11], rtol=1e-6)
    np.testing.assert_allclose(prior(p, jnp.asarray([5.0, 5.0]), 4.0), p.mean(0), rtol=1e-6)


def test_only_confident_windows_are_counted_and_each_of_them_once():
    p = jnp.asarray([[0.9, 0.1], [0.69, 0.31], [0.2, 0.8], [0.05, 0.95]])
    counts = ImbalancePrior().count(jnp.asarray([1.0, 0.0]), p, jnp.asarray([True, True, True, False]))
    np.testing.assert_array_equal(counts, [2.0, 1.0])


# --- a whole run, twice -------------------------------------------------------------------------------------


def twin(variables, x, imbalanced, n_windows=8, rate=1e-2, momentum=0.1):
    """T-TIME on the toy decoder, window by window, float64, gradients by central differences."""
    norm, readout = variables.params["norm"], variables.params["readout"]
    # In the order of the pytree: norm bias and scale, readout bias and kernel.
    theta = np.concatenate(
        [np.ravel(a).astype(float) for a in (norm["bias"], norm["scale"], readout["bias"], readout["kernel"])]
    )
    mean, var = (np.asarray(variables.stats["norm"][k], float) for k in ("mean", "var"))
    m, v, z = np.zeros(theta.size), np.zeros(theta.size), np.zeros(2)
    features, t = np.asarray(x, float).mean(-1), 0

    def logits(theta, f):
        scaled = theta[2:4] * (f - mean) / np.sqrt(var + 1e-6) + theta[:2]
        return scaled @ theta[6:].reshape(2, 2).T + theta[4:6]

    for i in range(len(features)):
        if i + 1 < n_windows:
            continue
        f = features[i + 1 - n_windows : i + 1]
        mean, var = (1 - momentum) * mean + momentum * f.mean(0), (1 - momentum) * var + momentum * f.var(0)

        def loss(theta, f=f):
            return imbalanced64(logits(theta, f), z) if imbalanced else im64(logits(theta, f))

        g = np.array([(loss(theta + d) - loss(theta - d)) / 2e-6 for d in 1e-6 * np.eye(theta.size)])
        p = softmax(logits(theta, f) / 2.0)
        for row in p if t == 0 else p[-1:]:
            z[row.argmax()] += row.max() > 0.7
        t += 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    return theta, mean, var, z


@pytest.mark.parametrize("imbalanced", [False, True])
def test_a_stream_of_t_time_steps_is_the_one_of_a_float64_twin(imbalanced):
    rng = np.random.default_rng(7)
    x, variables = toy.windows(rng, rng.integers(0, 2, 20), spread=0.8), toy.sure(3.0)
    rule = ImbalancePrior() if imbalanced else TTIME
    state, _ = train(rule, variables, x, learning_rate=1e-2)
    theta, mean, var, z = twin(variables, x, imbalanced)
    found, _ = split(toy.Toy(), state.variables.params, "all")
    # 13 steps of 1e-2; Adam divides float32 rounding of the gradient by the gradient.
    np.testing.assert_allclose(found, theta, atol=2e-5)
    np.testing.assert_allclose(state.variables.stats["norm"]["mean"], mean, atol=1e-6)
    np.testing.assert_allclose(state.variables.stats["norm"]["var"], var, rtol=1e-5)
    assert state.memories[0].n_steps == 13
    if imbalanced:
        np.testing.assert_array_equal(state.memories[0].rule, z)
        assert z.min() > 0


# --- when a step is taken, and what moves -------------------------------------------------------------------


def test_no_step_before_the_buffer_is_full_nor_after_a_window_that_is_not_finite():
    adapter = Composed(parts=(UnlabelledTraining(rule=TENT, n_windows=4),))
    state = adapter.init(toy.Toy(), toy.sure(), toy.calibration(np.random.default_rng(1)), KEY)
    x = toy.windows(np.random.default_rng(2), np.arange(6) % 2)
    update, steps = jax.jit(adapter.update), []
    for window in [x[0], x[1], x[2], x[3].at[0, 0].set(jnp.nan), x[3], x[4].at[1].set(jnp.inf), x[4]]:
        state = update(state, window, toy.heard(window))
        steps.append(int(state.memories[0].n_steps))
    assert steps == [0, 0, 0, 0, 1, 1, 2]
    state = update(state, x[5], toy.heard(x[5], session_end=True))
    assert state.memories[0].n_seen == 0
    state = update(state, x[0], toy.heard(x[0]))
    assert state.memories[0].n_steps == 3  # that of the session's last window


def test_a_stride_as_long_as_the_buffer_learns_from_every_window_once():
    x = toy.windows(np.random.default_rng(2), np.arange(20) % 2)
    state, _ = train(TENT, toy.sure(), x, n_windows=8, stride=8)
    assert state.memories[0].n_steps == 2


def test_affine_is_scale_and_bias_of_the_norms_and_features_is_all_but_the_readout():
    net = EEGNet.create(3, 64, 2, 80.0)
    params = jax.eval_shape(net.init, KEY).params
    params = jax.tree.map(lambda a: jnp.zeros(a.shape), params)
    sizes = {moves: split(net, params, moves)[0].size for moves in ("affine", "all", "features")}
    total = sum(leaf.size for leaf in jax.tree.leaves(params))
    readout = sum(leaf.size for leaf in jax.tree.leaves(params["readout"]))
    assert sizes == {"affine": 2 * (8 + 16 + 16), "all": total, "features": total - readout}
    theta, merge = split(net, params, "affine")
    moved = merge(theta + 1.0)
    assert float(moved["spatial"]["scale"].min()) == 1.0
    assert not moved["spatial"]["kernel"].any()
    assert moved["readout"] is params["readout"]


def test_a_decoder_with_nothing_below_its_readout_is_refused_by_a_method_that_freezes_it():
    decoder = TangentLR.create(2, 32)
    with pytest.raises(InputError, match="TangentLR has nothing below its readout"):
        split(decoder, decoder.init(KEY).params, "features")
    with pytest.raises(InputError, match="moves is 'some'; use one of affine, all, features"):
        split(decoder, decoder.init(KEY).params, "some")


def test_a_decoder_without_a_linear_readout_is_refused():
    from neurodrift.adaptation.decoders.mdm import MDM

    decoder = MDM.create(2, 32)
    with pytest.raises(InputError, match="MDM has no linear readout"):
        split(decoder, decoder.init(KEY).params, "all")


def test_a_network_is_normalised_by_the_windows_and_its_running_statistics_follow():
    net = EEGNet.create(3, 64, 2, 80.0, n_temporal=2, depth=1, n_separable=2)
    x = 2.0 * jax.random.normal(KEY, (9, 3, 64))
    trials = toy.calibration(np.random.default_rng(1))._replace(x=jnp.zeros((40, 3, 64)))
    adapter = Composed(parts=(UnlabelledTraining(rule=TTIME, dropout=True),))
    variables = jax.jit(net.init)(KEY)
    state, _ = toy.run(adapter, variables, trials, x, net)
    assert state.memories[0].n_steps == 2
    theta, source = split(net, state.variables.params, "all")[0], state.memories[0].source
    # Adam's first steps are the learning rate long, whatever the gradient.
    assert 1e-3 < float(jnp.abs(theta - source).max()) < 2.1e-3
    # Twice a tenth of the way from 1 towards the variance of filtered noise, that of the first layer known.
    kernel = variables.params["temporal"]["kernel"]
    expected = 1 + (1 - 0.9**2) * (4.0 * (kernel**2).sum(-1) - 1)
    np.testing.assert_allclose(state.variables.stats["temporal"]["var"], expected, rtol=0.15)


# --- alpha-BN -----------------------------------------------------------------------------------------------


def follow(part, x):
    adapter = Composed(parts=(part,))
    return toy.run(adapter, toy.sure(), toy.calibration(np.random.default_rng(1)), x)


def test_alpha_bn_mixes_source_statistics_with_those_of_the_last_windows():
    x = toy.windows(np.random.default_rng(4), np.arange(11) % 2) + 3.0
    state, _ = follow(AlphaBN(alpha=0.1, n_windows=4), x)
    last = np.asarray(x, float).mean(-1)[-4:]
    stats = state.variables.stats["norm"]
    np.testing.assert_allclose(stats["mean"], 0.1 * last.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * last.var(0), rtol=1e-5)


def test_alpha_bn_of_a_batch_of_one_forgets_what_the_window_was():
    y = np.arange(64) % 2
    x = toy.windows(np.random.default_rng(4), y)
    _, one = follow(AlphaBN(alpha=1.0, n_windows=1), x)
    _, many = follow(AlphaBN(alpha=1.0, n_windows=32), x)
    # A window less its own mean is nothing: every prediction is the readout's bias.
    np.testing.assert_allclose(one, 0.0, atol=1e-3)
    assert (many.argmax(-1) == y).mean() > 0.9


def test_the_continual_variant_has_half_a_sudden_shift_left_after_seven_hundred_windows():
    x = toy.windows(np.random.default_rng(4), np.arange(700) % 2, spread=0.01) + 2.0
    state, _ = follow(Renormalisation(rate=0.001), x)
    np.testing.assert_allclose(state.variables.stats["norm"]["mean"], 2.0 * (1 - 0.999**700), atol=0.02)


# --- what the methods are for, and how they fail ------------------------------------------------------------

# A shift that leaves the boundary between the classes inside one of them, and no alignment by covariance undoes.
SHIFTED = ((-0.1, 0.0), (1.9, 0.0))


@pytest.mark.parametrize(
    ("rule", "moves"),
    [
        (TENT, "affine"),
        (InformationMaximisation(diversity=1.0), "features"),
        (TTIME, "all"),
        (ImbalancePrior(), "all"),
        (EATA(anchor=20.0), "affine"),
        (SAR(), "affine"),
    ],
    ids=["tent", "shot_im", "ttime", "ttime_imbalanced", "eata", "sar"],
)
def test_boundaries_move_back_to_where_no_windows_are(rule, moves):
    rng = np.random.default_rng(11)
    y = rng.integers(0, 2, 160)
    x = toy.windows(rng, y, SHIFTED, spread=0.3)
    before = accuracy(toy.sure(8.0), x, y)
    # Ten times the rate stands in for ten times the windows. The statistics are left alone: they would do it too.
    state, _ = train(rule, toy.sure(8.0), x, learning_rate=1e-2, moves=moves, statistics="stored")
    assert before < 0.85
    assert accuracy(state.variables, x, y) > before + 0.1


def test_errors_that_are_sure_enough_are_counted_as_frequency_by_the_imbalance_prior():
    rng = np.random.default_rng(11)
    y = rng.integers(0, 2, 160)
    x = toy.windows(rng, y, ((0.1, 0.0), (2.1, 0.0)), spread=0.3)
    before = accuracy(toy.sure(), x, y)
    right = {}
    for name, rule in (("balanced", TTIME), ("imbalanced", ImbalancePrior())):
        state, _ = train(rule, toy.sure(), x, learning_rate=1e-2, statistics="stored")
        right[name] = accuracy(state.variables, x, y)
    assert right["balanced"] > before + 0.15
    assert right["imbalanced"] < before


def one_class(rule, **options):
    """Accuracy on balanced windows after 120 of one class, and the share of these called so at the end."""
    rng = np.random.default_rng(5)
    x = toy.windows(rng, np.zeros(120, int))
    state, logits = train(rule, toy.sure(2.0), x, learning_rate=5e-2, **options)
    y = rng.integers(0, 2, 400)
    return accuracy(state.variables, toy.windows(rng, y), y), float((logits[-40:].argmax(-1) == 0).mean())


def test_tent_collapses_on_a_stream_of_one_class():
    after, called = one_class(TENT, statistics="stored")
    assert after < 0.6
    assert called == 1.0


def test_t_time_on_a_stream_of_one_class_calls_half_of_it_the_other():
    _, called = one_class(TTIME, statistics="stored")
    assert called < 0.75


def test_the_anchor_of_eata_survives_a_stream_of_one_class():
    after, called = one_class(EATA(), statistics="stored", moves="affine")
    assert after > 0.9
    assert called > 0.9


def test_information_maximisation_fails_under_nine_to_one_and_the_prior_makes_it_milder():
    rng = np.random.default_rng(8)
    y = (rng.uniform(size=200) < 0.1).astype(int)
    x = toy.windows(rng, y)
    missed = {}
    shot = InformationMaximisation(diversity=1.0)
    for name, rule, moves in [("shot", shot, "features"), ("ttime", TTIME, "all"), ("prior", ImbalancePrior(), "all")]:
        state, _ = train(rule, toy.sure(2.0), x, learning_rate=2e-2, moves=moves, statistics="stored")
        missed[name] = 1 - accuracy(state.variables, x, y)
    before = 1 - accuracy(toy.sure(2.0), x, y)
    assert missed["shot"] > before + 0.1
    assert missed["ttime"] > before + 0.1
    assert missed["prior"] < missed["ttime"] - 0.05


# --- EATA ---------------------------------------------------------------------------------------------------


def test_eata_keeps_sure_and_novel_windows_and_weighs_them_by_their_certainty():
    rule = EATA()
    p = jnp.asarray([[0.99, 0.01], [0.5, 0.5], [0.02, 0.98], [0.985, 0.015]])
    mean = jnp.asarray([0.8, 0.2])
    e0, h = 0.4 * np.log(2), entropy64(np.asarray(p, float))
    cosine = np.asarray(p, float) @ [0.8, 0.2] / np.linalg.norm(p, axis=1) / np.hypot(0.8, 0.2)
    d = 0.4 * np.sqrt(5.0)
    expected = np.where((h < e0) & (cosine < d), np.exp(e0 - h), 0.0)
    memory = EATAMemory(jnp.zeros(1), mean, jnp.bool_(True), jnp.int32(0))
    np.testing.assert_allclose(rule.weights(memory, p), expected, rtol=1e-5)
    assert list(expected > 0) == [False, False, True, False]
    first = rule.weights(memory._replace(started=jnp.bool_(False)), p)
    assert list(first > 0) == [True, False, True, True]


def test_eata_measures_fisher_information_on_the_calibration():
    trials = toy.calibration(np.random.default_rng(1), 12)
    part = UnlabelledTraining(rule=EATA(), moves="affine")
    variables = toy.sure()
    fisher = part.start(toy.Toy(), variables, trials, KEY).rule.fisher
    f = np.asarray(trials.x, float).mean(-1) / np.sqrt(1 + 1e-6)
    kernel = np.asarray(variables.params["readout"]["kernel"], float)
    p = softmax(f @ kernel.T)
    slope = (np.eye(2)[p.argmax(1)] - p) @ kernel  # by the norm's bias; by its scale, times the feature
    expected = np.concatenate([(slope**2).mean(0), ((slope * f) ** 2).mean(0)])
    np.testing.assert_allclose(fisher, expected, rtol=1e-4, atol=1e-9)


def test_the_filter_of_eata_starves_with_the_published_threshold_and_after_a_strong_drift():
    x = toy.windows(np.random.default_rng(6), np.arange(40) % 2)
    fed, _ = train(EATA(), toy.sure(8.0), x, moves="affine")
    published = EATA(novelty=0.05 * (2 / 10) ** 0.5)  # d = .05 with two classes
    starved, _ = train(published, toy.sure(8.0), x, moves="affine")
    unsure, _ = train(EATA(), toy.sure(8.0), 0.02 * x, moves="affine", statistics="stored")
    kept = [int(state.memories[0].rule.n_kept) for state in (fed, starved, unsure)]
    assert kept[0] > 60
    assert kept[1] <= 8  # those of the first batch, which have nothing to be compared with
    assert kept[2] == 0
    np.testing.assert_array_equal(unsure.memories[0].source, split(toy.Toy(), unsure.variables.params, "affine")[0])


# --- SAR ----------------------------------------------------------------------------------------------------


def quadratic_batch(logits, source, rate=0.1):
    return Batch(lambda theta, key: (logits(theta), {}), jnp.ones(2, bool), source, KEY, False, rate)


def test_sar_takes_the_gradient_where_the_loss_is_highest_nearby():
    f = jnp.asarray([[3.0, -1.0], [-2.0, -2.5], [0.1, 0.0]])  # the third window is unsure
    theta = jnp.asarray([1.0, 0.5])

    def logits64(theta):
        z = np.asarray(f, float) @ theta
        return np.stack([z, -z], -1)

    def loss64(theta, keep):
        return entropy64(softmax(logits64(theta)))[keep].mean()

    def slope(theta, keep):
        return np.array([(loss64(theta + d, keep) - loss64(theta - d, keep)) / 2e-6 for d in 1e-6 * np.eye(2)])

    at = np.asarray(theta, float)
    e0 = 0.4 * np.log(2)
    sure = entropy64(softmax(logits64(at))) < e0
    assert list(sure) == [True, True, False]
    up = slope(at, sure)
    above = at + 0.05 * up / np.linalg.norm(up)
    expected = slope(above, sure & (entropy64(softmax(logits64(above))) < e0))
    rule = SAR(recovery=0.0)
    adam = Adam(jnp.zeros(2), jnp.zeros(2), jnp.int32(0))
    batch = quadratic_batch(lambda t: jnp.stack([f @ t, -f @ t], -1), theta)
    memory, moved, adam, _ = rule.step(rule.start(None, theta, 2), theta, adam, batch)
    np.testing.assert_allclose(adam.mean, 0.1 * expected, rtol=1e-3)
    np.testing.assert_allclose(moved, at - 0.1 * np.sign(expected), rtol=1e-3)
    np.testing.assert_allclose(memory.loss, loss64(above, sure), rtol=1e-3)


def test_sar_is_reset_all_the_time_by_a_threshold_meant_for_a_thousand_classes():
    x = toy.windows(np.random.default_rng(6), np.arange(60) % 2)
    scaled, _ = train(SAR(), toy.sure(4.0), x, moves="affine", statistics="stored")
    literal = SAR(recovery=0.2 * np.log(1000) / np.log(2))  # e_m = .2 with two classes
    reset, _ = train(literal, toy.sure(4.0), x, moves="affine", statistics="stored")
    assert int(reset.memories[0].rule.n_resets) > 45
    assert int(scaled.memories[0].rule.n_resets) < 5
    np.testing.assert_array_equal(reset.memories[0].source, split(toy.Toy(), reset.variables.params, "affine")[0])


# --- CoTTA --------------------------------------------------------------------------------------------------


def test_the_teacher_follows_the_student_slowly_and_the_student_is_set_back_now_and_then():
    theta, adam = jnp.zeros(4000) + 1.0, Adam(jnp.zeros(4000), jnp.zeros(4000), jnp.int32(0))
    source = jnp.zeros(4000)
    batch = quadratic_batch(lambda t: jnp.stack([t[:2], -t[2:4]]), source)
    rule = CoTTA(memory=0.9, restore=0.01)
    memory, teacher, _, _ = rule.step(rule.start(None, 3.0 * theta, 2), theta, adam, batch)
    np.testing.assert_allclose(teacher[4:], 0.9 * 1.0 + 0.1 * 3.0, rtol=1e-6)
    share = float((memory.student[4:] == 0).mean())
    assert abs(share - 0.01) < 4 * (0.01 * 0.99 / 3996) ** 0.5
    assert float((memory.student[4:] == 3.0).mean()) == pytest.approx(1 - share)
    kept = rule.step(memory, theta, adam, batch._replace(key=jax.random.key(4)))[0].student
    assert float((kept == 0).mean()) > share  # drawn anew


def test_cotta_is_below_source_where_the_shares_of_the_classes_change():
    rng = np.random.default_rng(8)
    y = (rng.uniform(size=200) < 0.1).astype(int)
    x = toy.windows(rng, y, spread=0.4)
    _, logits = train(CoTTA(), toy.sure(), x)
    assert float((logits.argmax(-1) == y).mean()) < accuracy(toy.sure(), x, y) - 0.05
