"""The classical methods: against float64 twins, under the drift that they are for, and where they are known to fail."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation import spd
from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.methods import Composed, EuclideanAlignment, RiemannianRecentering
from neurodrift.adaptation.methods.mdwm import WeightedMeans
from neurodrift.adaptation.methods.rotation import RotatedRecentring, procrustes
from neurodrift.adaptation.registry import DECODERS, METHODS
from neurodrift.sim.errors import InputError

from . import streams

N_CHANNELS, N_TIMES, N_SUBJECTS = 6, 64, 12
KEYS = jax.random.split(jax.random.key(11), N_SUBJECTS)
DRIFTS = {"none": (0.0, 0.0, 1.0), "stretch": (0.0, 1.0, 1.0), "rotation": (0.8, 0.0, 1.0), "gain": (0.0, 0.0, 3.0)}
AFTER = 80


@functools.cache
def decoder(name):
    return DECODERS[name].make(N_CHANNELS, N_TIMES, 2, 64.0)


@functools.cache
def prepared(decoder_name, drift):
    """Streams of ``drift``, ten windows before it, and the decoder's variables from their calibrations."""
    change = drift if drift in ("skewed", "scatter") else None
    stream = maker(change)(KEYS, *DRIFTS["none" if change else drift])
    return stream, trainer(decoder_name)(stream, KEYS)


@functools.cache
def maker(change):
    def make(key, angle, strength, gain):
        stream = streams.drifting(
            key, angle, strength, gain, n_channels=N_CHANNELS, n_times=N_TIMES, before=10, after=AFTER, announced=False
        )
        return {"skewed": skewed, "scatter": scattered, None: lambda s: s}[change](stream)

    return jax.jit(jax.vmap(make, in_axes=(0, None, None, None)))


@functools.cache
def trainer(decoder_name):
    alignment = DECODERS[decoder_name].alignment
    return jax.jit(jax.vmap(lambda s, key: streams.trained(decoder(decoder_name), s.calibration, key, alignment)))


def skewed(stream):
    """Nine windows of class 0 to one of class 1, from the calibration's and the stream's own."""
    x, y = jnp.concatenate([stream.calibration.x, stream.x]), jnp.concatenate([stream.calibration.y, stream.y])
    first = jnp.argsort(y, stable=True)  # all of class 0, then all of class 1
    rows = jnp.where(jnp.arange(80) % 10 == 9, first[-1 - jnp.arange(80) // 10], first[jnp.arange(80)])
    return streams.Stream(stream.calibration, x[rows], y[rows], jnp.zeros(80, bool))


def scattered(stream):
    """Every window twice as far from the mean, in the geometry of covariances."""
    root, inv_root = spd.sqrtm_pair(spd.riemannian_mean(jax.vmap(spd.covariance)(stream.calibration.x)))

    def further(x):
        seen = inv_root @ x
        return root @ spd.sqrtm(spd.covariance(seen)) @ seen

    return stream._replace(x=jax.vmap(further)(stream.x))


@functools.cache
def compiled(decoder_name):
    def logits(made, variables, stream, key, labels):
        state = made.init(decoder(decoder_name), variables, stream.calibration, key)

        def step(state, trial):
            x, label = trial
            out = made.predict(state, x)
            return made.update(state, x, Feedback(label, jnp.bool_(True), x, jnp.bool_(False))), out

        return jax.lax.scan(step, state, (stream.x, labels))[1]

    # the adapter is an argument: other numbers in it are not compiled again
    return jax.jit(jax.vmap(logits, in_axes=(None, 0, 0, 0, 0)))


@functools.cache
def decoded(decoder_name, adapter, drift, wrong=0.0):
    """Logits (n_subjects, n_trials, 2) and classes."""
    stream, variables = prepared(decoder_name, drift)
    flipped = jax.random.bernoulli(jax.random.key(2), wrong, stream.y.shape)
    labels = jnp.where(flipped, 1 - stream.y, stream.y)
    made = METHODS[adapter].make() if isinstance(adapter, str) else adapter()
    return np.asarray(compiled(decoder_name)(made, variables, stream, KEYS, labels)), np.asarray(stream.y)


def accuracy(*case, **options):
    """Per subject, balanced over the classes, over the last 60 windows."""
    logits, y = (a[:, -60:] for a in decoded(*case, **options))
    right = logits.argmax(-1) == y
    return np.stack([(right * (y == k)).sum(1) / (y == k).sum(1) for k in (0, 1)]).mean(0)


def better(one, other):
    """Mean paired difference in standard errors, and itself."""
    difference = one - other
    return difference.mean() / (difference.std(ddof=1) / np.sqrt(N_SUBJECTS)), difference.mean()


# --- twins ------------------------------------------------------------------------------------------------


@functools.cache
def one_subject(drift="stretch"):
    stream, variables = jax.tree.map(lambda leaf: leaf[0], prepared("csp_lda", drift))
    csp = decoder("csp_lda")
    double = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), variables)
    spatial = double.params["spatial"]["w"] @ double.align

    def features(x):
        x = np.asarray(x, np.float64)
        return np.log(np.mean((spatial @ x) ** 2, axis=-1))

    return csp, variables, stream, double, features


def walk(name, labelled=True):
    csp, variables, stream, _, _ = one_subject()
    adapter = METHODS[name].make()
    state = adapter.init(csp, variables, stream.calibration, KEYS[0])

    @jax.jit
    def step(state, t):
        told = Feedback(stream.y[t], jnp.bool_(labelled), stream.x[t], jnp.bool_(False))
        return adapter.update(state, stream.x[t], told), adapter.predict(state, stream.x[t])

    logits = []
    for t in range(30):
        state, out = step(state, t)
        logits.append(np.asarray(out))
    return np.stack(logits), state


def test_pmean_is_a_bias_of_minus_the_weights_on_the_pooled_mean():
    _, _, stream, v, features = one_subject()
    stats, readout = v.stats["features"], v.params["readout"]
    deviation = np.sqrt(stats["var"] + 1e-6)
    w = (readout["w"][1] - readout["w"][0]) / deviation
    m = stats["mean"].copy()
    ours, state = walk("pmean")
    for t in range(30):
        f = features(stream.x[t])
        # the calibration has as many trials of each class: -w'm at the pooled mean is LDA's own bias
        decision = w @ (f - m)
        m = 0.95 * m + 0.05 * f
        # the window itself is in the mean before it is seen: the decision shrinks by 1 - rate
        np.testing.assert_allclose(ours[t, 1] - ours[t, 0], 0.95 * decision, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(state.variables.stats["features"]["mean"], m, atol=1e-5)
    np.testing.assert_array_equal(state.variables.params["readout"]["w"], one_subject()[1].params["readout"]["w"])


def test_adaptive_lda_keeps_the_inverse_of_the_moving_second_moment():
    csp, variables, stream, v, features = one_subject()
    _, state = walk("pcovmean")
    stats = v.stats["features"]
    start = METHODS["pcovmean"].make().init(csp, variables, stream.calibration, KEYS[0]).memories[0]
    means = np.asarray(start.means, np.float64)
    second = np.linalg.inv(np.asarray(start.inverse, np.float64))
    for t in range(30):
        f = (features(stream.x[t]) - stats["mean"]) / np.sqrt(stats["var"] + 1e-6)
        k = int(stream.y[t])
        means[k] = 0.95 * means[k] + 0.05 * f
        extended = np.concatenate([[1.0], f])
        second = 0.97 * second + 0.03 * np.outer(extended, extended)
    # the feature block of the inverse is the inverse covariance about the pooled mean
    covariance = second[1:, 1:] - np.outer(second[0, 1:], second[0, 1:])
    w = float(start.scale) * np.linalg.solve(covariance, means[1] - means[0])
    b = -w @ means.mean(0)
    readout = state.variables.params["readout"]
    np.testing.assert_allclose(readout["w"][1] - readout["w"][0], w, rtol=1e-3, atol=1e-3 * np.abs(w).max())
    np.testing.assert_allclose(readout["b"][1] - readout["b"][0], b, rtol=1e-3, atol=1e-3 * np.abs(w).max())
    np.testing.assert_allclose(state.memories[0].means, means, rtol=1e-4, atol=1e-5)


def test_adaptive_lda_starts_from_the_lda_of_the_calibration():
    csp, variables, stream, v, _ = one_subject()
    memory = METHODS["pcovmean"].make().init(csp, variables, stream.calibration, KEYS[0]).memories[0]
    w = memory.scale * memory.inverse[1:, 1:] @ (memory.means[1] - memory.means[0])
    readout = v.params["readout"]
    np.testing.assert_allclose(w, readout["w"][1] - readout["w"][0], rtol=1e-3, atol=1e-3 * np.abs(w).max())


def test_coral_gives_features_the_covariance_and_mean_of_the_source():
    _, _, stream, v, features = one_subject()
    ours, _ = walk("coral", labelled=False)
    stats, readout = v.stats["features"], v.params["readout"]

    def z(x):
        return (features(x) - stats["mean"]) / np.sqrt(stats["var"] + 1e-6)

    def power(a, p):
        values, vectors = np.linalg.eigh(a)
        return (vectors * values**p) @ vectors.T

    calibration = np.stack([z(x) for x in stream.calibration.x])
    n, mean_s, cov_s = len(calibration), calibration.mean(0), np.cov(calibration.T, bias=True)
    mean_t, cov_t = mean_s, cov_s
    eye = np.eye(len(mean_s))
    for t in range(30):
        f, a = z(stream.x[t]), max(1 / (n + t + 1), 0.05)
        # moments of the mixture, from the raw second moment
        second = (1 - a) * (cov_t + np.outer(mean_t, mean_t)) + a * np.outer(f, f)
        mean_t = (1 - a) * mean_t + a * f
        cov_t = second - np.outer(mean_t, mean_t)
        moved = (f - mean_t) @ power(cov_t + eye, -0.5) @ power(cov_s + eye, 0.5) + mean_s
        expected = readout["w"] @ moved + readout["b"]
        np.testing.assert_allclose(ours[t], expected, rtol=2e-3, atol=2e-3)


def test_batch_normalisation_steps_once_a_batch():
    stream, variables = jax.tree.map(lambda leaf: leaf[0], prepared("mdm", "stretch"))
    adapter = METHODS["spdbn"].make()
    state = adapter.init(decoder("mdm"), variables, stream.calibration, KEYS[0])
    update = jax.jit(lambda s, x: adapter.update(s, x, Feedback(jnp.int32(0), jnp.bool_(False), x, jnp.bool_(False))))
    x = np.asarray(stream.x, np.float64)
    covs = np.einsum("nct,ndt->ncd", x, x) / N_TIMES
    mean = np.asarray(state.memories[0].root, np.float64)
    mean, var = mean @ mean, float(state.memories[0].var)

    def function(f, a):
        values, vectors = np.linalg.eigh(a)
        return (vectors * f(values)) @ vectors.T

    for t in range(12):
        state = update(state, stream.x[t])
        if t % 5 == 4:
            batch = covs[t - 4 : t + 1]
            root = function(np.sqrt, batch.mean(0))
            white = np.linalg.inv(root)
            step = np.mean([function(np.log, white @ c @ white) for c in batch], axis=0)
            batch_mean = root @ function(np.exp, step) @ root
            root, white = function(np.sqrt, mean), np.linalg.inv(function(np.sqrt, mean))
            mean = root @ function(lambda w: w**0.1, white @ batch_mean @ white) @ root
            white = np.linalg.inv(function(np.sqrt, mean))
            squared = [(function(np.log, white @ c @ white) ** 2).sum() for c in batch]
            var = 0.9 * var + 0.1 * np.mean(squared)
        ours = state.memories[0].root @ state.memories[0].root
        np.testing.assert_allclose(ours, mean, rtol=1e-3, atol=1e-3 * np.abs(mean).max())
        np.testing.assert_allclose(state.memories[0].var, var, rtol=1e-3)


# --- what each is for -------------------------------------------------------------------------------------


def slow(*case):
    return pytest.param(*case, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    ("name", "decoder_name", "drift", "beside"),
    [
        ("pmean", "csp_lda", "gain", "frozen"),
        ("pcovmean", "csp_lda", "gain", "frozen"),
        ("coral", "csp_lda", "stretch", "frozen"),
        ("mdm_adaptive", "mdm", "rotation", "frozen"),
        slow("mdwm", "mdm", "rotation", "frozen"),
        slow("recentre_stretch", "mdm", "stretch", "frozen"),
        slow("spdbn", "mdm", "stretch", "frozen"),
        slow("rpa", "mdm", "rotation", "riemann"),
    ],
)
def test_it_helps_under_the_drift_that_it_is_for(name, decoder_name, drift, beside):
    errors, mean = better(accuracy(decoder_name, name, drift), accuracy(decoder_name, beside, drift))
    assert errors > 3
    assert mean > 0.02


@pytest.mark.slow
def test_stretching_undoes_a_wider_scatter():
    def margins(name, drift):
        logits = decoded("mdm", name, drift)[0][:, -60:]
        return logits[..., 1] - logits[..., 0]

    # the same windows with and without: recentring alone leaves margins twice as wide
    before = margins("riemann", "none")
    alone, both = (np.abs(margins(name, "scatter") - before).mean(1) for name in ("riemann", "recentre_stretch"))
    assert better(alone, both)[0] > 3
    assert both.mean() < 0.5 * alone.mean()


# --- where each fails -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "decoder_name"),
    [("pmean", "csp_lda"), ("coral", "csp_lda"), slow("spdbn", "mdm"), slow("recentre_stretch", "mdm")],
)
def test_nine_windows_of_a_class_to_one_bias_what_follows_the_pooled_mean(name, decoder_name):
    errors, mean = better(accuracy(decoder_name, "frozen", "skewed"), accuracy(decoder_name, name, "skewed"))
    assert errors > 2
    assert mean > 0.02


def test_adaptive_lda_winds_up_where_nothing_is_excited_and_stops_before_it_is_no_number():
    csp, variables, stream, _, _ = one_subject()
    adapter = METHODS["pcovmean"].make()
    state = adapter.init(csp, variables, stream.calibration, KEYS[0])
    told = Feedback(jnp.int32(0), jnp.bool_(True), stream.x[0], jnp.bool_(False))

    def step(state, _):
        state = adapter.update(state, stream.x[0], told)
        return state, jnp.linalg.norm(state.memories[0].inverse)

    state, norms = jax.jit(lambda s: jax.lax.scan(step, s, length=2000))(state)
    # in every direction but one, P grows as (1 - c)^-n
    np.testing.assert_allclose(norms[99] / norms[59], 0.97**-40, rtol=0.05)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.variables))


@pytest.mark.slow
def test_pseudo_labels_reinforce_their_own_errors_after_a_large_drift():
    pseudo = accuracy("mdm", "mdm_pseudo", "stretch")
    assert better(accuracy("mdm", "mdm_adaptive", "stretch"), pseudo)[0] > 3
    assert better(accuracy("mdm", "frozen", "stretch"), pseudo)[1] > -0.01
    # most end by calling nearly everything one class
    logits, _ = decoded("mdm", "mdm_pseudo", "stretch")
    share = (logits[:, -60:].argmax(-1) == 0).mean(1)
    assert (np.maximum(share, 1 - share) > 0.9).mean() > 0.5


def test_wrong_labels_pull_the_class_means_together():
    right, wrong = accuracy("mdm", "mdm_adaptive", "rotation"), accuracy("mdm", "mdm_adaptive", "rotation", wrong=0.5)
    assert better(right, wrong)[0] > 3


def all_target():
    return Composed(parts=(WeightedMeans(tradeoff=1.0, n_per_class=2),))


def little_target():
    return Composed(parts=(WeightedMeans(tradeoff=0.1),))


@pytest.mark.slow
def test_no_one_trade_off_suits_every_drift():
    # two labels per class alone are worse than the calibration where nothing drifts, a tenth too little where it does
    assert better(accuracy("mdm", "frozen", "none"), accuracy("mdm", all_target, "none"))[0] > 3
    assert better(accuracy("mdm", "mdwm", "rotation"), accuracy("mdm", little_target, "rotation"))[0] > 3


def hasty():
    return Composed(parts=(RotatedRecentring(n_labels=4, min_per_class=1, stride=1),))


@pytest.mark.slow
def test_a_rotation_overfits_the_means_of_few_trials():
    overfitted = accuracy("mdm", hasty, "none")
    assert better(accuracy("mdm", "riemann", "none"), overfitted)[0] > 3
    assert better(accuracy("mdm", "rpa", "none"), overfitted)[0] > 3


def test_a_rank_deficient_covariance_pulls_a_geodesic_mean_away_but_not_an_arithmetic_one():
    stream, variables = jax.tree.map(lambda leaf: leaf[0], prepared("mdm", "none"))
    gains = []
    for part in (RiemannianRecentering(), EuclideanAlignment(floor=0.05)):
        memory = part.start(decoder("mdm"), variables, stream.calibration, KEYS[0])
        observe = jax.jit(lambda m, v, x, part=part: part.observe(m, decoder("mdm"), v, x))
        moved = variables
        for x in stream.x[:20]:
            memory, moved = observe(memory, moved, x.at[2].set(0.0))  # an electrode off
        assert np.isfinite(moved.align).all()
        gains.append(np.linalg.norm(moved.align[:, 2]) / np.linalg.norm(variables.align[:, 2]))
    assert gains[0] > 30
    assert gains[1] < 3


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "decoder_name", "fitting"),
    [
        ("pmean", "mdm", "csp_lda"),
        ("pcovmean", "mdm", "csp_lda"),
        ("mdm_adaptive", "csp_lda", "mdm"),
        ("mdwm", "tangent_lr", "mdm"),
        ("recentre_stretch", "csp_lda", "tangent_lr"),
        ("rpa", "csp_lda", "tangent_lr"),
        ("coral", "mdm", "csp_lda"),
        ("spdbn", "csp_lda", "mdm"),
    ],
)
def test_a_decoder_that_does_not_fit_is_refused_by_name(name, decoder_name, fitting):
    made = decoder(decoder_name)
    calibration = Trials(jnp.ones((2, N_CHANNELS, N_TIMES)), jnp.arange(2), jnp.ones(2))
    with pytest.raises(InputError, match=f"{type(made).__name__}|dispersion") as refused:
        METHODS[name].make().init(made, made.init(KEYS[0]), calibration, KEYS[0])
    assert fitting in str(refused.value)


def test_a_rotation_is_orthogonal_and_leaves_what_class_means_do_not_tell_apart():
    half = np.zeros((4, 4))
    half[0, 1], half[1, 0] = 0.2, -0.2
    turn = np.linalg.solve(np.eye(4) - half, np.eye(4) + half)
    source = np.stack([np.diag([2.0, 0.5, 1.0, 1.0]), np.diag([0.5, 2.0, 1.0, 1.0])])
    found = procrustes(jnp.asarray(source), jnp.asarray(turn @ source @ turn.T), jnp.eye(4), 200)
    np.testing.assert_allclose(found, turn.T, atol=1e-3)


def test_a_class_without_trials_stays_at_the_reference():
    stream, variables = jax.tree.map(lambda leaf: leaf[0], prepared("mdm", "none"))
    ones = Trials(stream.x[:10], jnp.ones(10, jnp.int32), jnp.ones(10))
    means = decoder("mdm").refit_readout(variables, ones).params["readout"]["whitening"]
    np.testing.assert_allclose(means[0], np.eye(N_CHANNELS), atol=1e-5)
    assert np.abs(means[1] - np.eye(N_CHANNELS)).max() > 0.05
