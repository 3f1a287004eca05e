"""The networks: what each layer computes, checked against NumPy in float64, and how they train."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.filters import filter_bank, lag_moments, mean_pool
from neurodrift.adaptation.decoders.nets import dropout, max_norm
from neurodrift.adaptation.decoders.norm import Stored
from neurodrift.adaptation.decoders.shallow import ShallowFBCSPNet
from neurodrift.adaptation.decoders.training import apply_batch, cross_entropy, layer_scales, scale_updates
from neurodrift.sim.errors import InputError

N_CHANNELS, N_TIMES, N_CLASSES, SFREQ = 4, 160, 3, 64.0
NETS = [EEGNet, ShallowFBCSPNet]


def build(cls, **options):
    options = {"epochs": 2, "batch_size": 4} | options
    return cls.create(N_CHANNELS, N_TIMES, N_CLASSES, SFREQ, **options)


def randomised(net, seed=0):
    """Variables none of whose entries is at its initial value."""
    variables = init(net, jax.random.key(seed))
    rng = np.random.default_rng(seed)

    def shake(leaf):
        return leaf + jnp.asarray(rng.uniform(0.05, 0.3, leaf.shape), jnp.float32)

    return variables._replace(params=jax.tree.map(shake, variables.params), stats=jax.tree.map(shake, variables.stats))


def windows(n, seed=1):
    x = np.random.default_rng(seed).standard_normal((n, N_CHANNELS, N_TIMES)).astype(np.float32)
    return Trials(jnp.asarray(x), jnp.arange(n, dtype=jnp.int32) % N_CLASSES, jnp.ones(n))


# The network is a pytree argument: tests that use the same shapes share one compilation.
init = jax.jit(lambda net, key: net.init(key))
apply = jax.jit(lambda net, variables, x: net.apply(variables, x))
apply_dropout = jax.jit(lambda net, variables, x, key: net.apply(variables, x, key=key))
apply_all = jax.jit(lambda net, variables, x: jax.vmap(lambda x: net.apply(variables, x))(x))
moments = jax.jit(lambda net, variables, x: net.moments(variables, x))
batch = jax.jit(lambda net, variables, x, weight: apply_batch(net, variables, x, weight, None))
refit = jax.jit(lambda net, variables, trials: net.refit_readout(variables, trials))
loss_and_gradient = jax.jit(
    jax.value_and_grad(
        lambda params, net, variables, trials: cross_entropy(net, variables._replace(params=params), trials, None)
    )
)


features_of = jax.jit(lambda net, v, x: jax.vmap(lambda x: net.features(v, x, Stored(v.stats), None))(x))
FIT_TRACES = []


@jax.jit
def fit(net, variables, trials, key):
    FIT_TRACES.append(type(net))
    return net.fit(variables, trials, key)


def equal(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: bool(jnp.all(x == y)), a, b))


# -- filters


@pytest.mark.parametrize(("n_taps", "padding"), [(64, 32), (25, 12), (5, 0), (1, 0)])
def test_filter_bank_equals_a_cross_correlation(n_taps, padding):
    rng = np.random.default_rng(0)
    x, kernel = rng.standard_normal((3, 2, 90)), rng.standard_normal((3, n_taps))
    expected = [[np.correlate(np.pad(r, padding), k, "valid") for r in rows] for rows, k in zip(x, kernel)]
    bank = jax.jit(filter_bank, static_argnums=2)
    got = bank(jnp.asarray(x, jnp.float32), jnp.asarray(kernel, jnp.float32), padding)
    np.testing.assert_allclose(got, expected, atol=1e-5 * n_taps**0.5)


@pytest.mark.parametrize(("n_taps", "padding"), [(64, 32), (25, 12), (6, 0)])
def test_lag_moments_are_those_of_the_lagged_window(n_taps, padding):
    x = 0.3 + np.random.default_rng(1).standard_normal((3, 90))
    padded = np.pad(x, ((0, 0), (padding, padding)))
    lags = np.lib.stride_tricks.sliding_window_view(padded, padded.shape[1] - n_taps + 1, axis=1)
    lags = lags.transpose(1, 0, 2).reshape(n_taps, -1)
    mean, cov = jax.jit(lag_moments, static_argnums=(1, 2))(jnp.asarray(x, jnp.float32), n_taps, padding)
    np.testing.assert_allclose(mean, lags.mean(1), atol=1e-6)
    np.testing.assert_allclose(cov, np.cov(lags, bias=True), atol=2e-6)


@pytest.mark.parametrize(("size", "stride"), [(4, 4), (7, 3)])
def test_mean_pool_averages_windows_and_drops_the_rest(size, stride):
    x = np.arange(2 * 30.0).reshape(2, 30)
    expected = [[row[i : i + size].mean() for i in range(0, 30 - size + 1, stride)] for row in x]
    np.testing.assert_allclose(mean_pool(jnp.asarray(x, jnp.float32), size, stride), expected, rtol=1e-6)


def test_max_norm_shortens_long_rows_only_and_has_a_finite_gradient_at_zero():
    kernel = jnp.array([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    np.testing.assert_allclose(max_norm(kernel, 1.0), [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]], rtol=1e-6)
    assert bool(jnp.all(jnp.isfinite(jax.grad(lambda k: jnp.sum(max_norm(k, 1.0)))(kernel))))


def test_dropout_drops_its_rate_and_keeps_the_mean():
    x = jnp.ones((100, 100))
    dropped = jax.vmap(lambda key: dropout(x, 0.25, key))(jax.random.split(jax.random.key(0), 10))
    # 1e5 Bernoulli draws: standard error .0014
    assert abs(float(jnp.mean(dropped == 0)) - 0.25) < 0.006
    assert abs(float(jnp.mean(dropped)) - 1.0) < 0.008
    # keys, rows and layers are unrelated: two masks agree with probability .25^2 + .75^2
    other = dropout(x, 0.25, jax.random.split(jax.random.key(0), 10)[0], layer=1)
    for a, b in [(dropped[0], dropped[1]), (dropped[0, 0::2], dropped[0, 1::2]), (dropped[0], other)]:
        assert abs(float(jnp.mean((a == 0) == (b == 0))) - 0.625) < 0.04


# -- one window


@pytest.mark.parametrize("cls", NETS)
def test_variables_have_the_layers_and_the_readout_is_the_last(cls):
    net = build(cls)
    variables = init(net, jax.random.key(0))
    assert set(variables.params) == set(net.layers)
    assert variables.params[net.layers[-1]]["kernel"].shape == (N_CLASSES, net.n_features)
    assert set(variables.stats) <= set(net.layers)
    np.testing.assert_array_equal(variables.align, np.eye(N_CHANNELS))
    assert not equal(variables.params, init(net, jax.random.key(1)).params)


@pytest.mark.parametrize("cls", NETS)
def test_apply_whitens_by_align_first(cls):
    net = build(cls)
    variables, x = randomised(net), windows(1).x[0]
    align = jnp.asarray(np.random.default_rng(2).standard_normal((N_CHANNELS, N_CHANNELS)), jnp.float32)
    got = apply(net, variables._replace(align=align), x)
    np.testing.assert_allclose(got, apply(net, variables, align @ x), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("cls", NETS)
def test_dropout_needs_a_key(cls):
    net = build(cls)
    variables, x = randomised(net), windows(1).x[0]
    assert equal(apply(net, variables, x), apply(net, variables, x))
    one, two = (apply_dropout(net, variables, x, jax.random.key(k)) for k in (0, 1))
    assert not equal(one, two)


def test_eegnet_moments_equal_the_textbook_order_in_float64():
    net = build(EEGNet)
    variables, x = randomised(net), windows(1).x[0]
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), variables.params)
    s = jax.tree.map(lambda a: np.asarray(a, np.float64), variables.stats)
    pad = np.pad(np.asarray(x, np.float64), ((0, 0), (net.kernel_length // 2,) * 2))
    z = np.array([[np.correlate(c, k, "valid") for c in pad] for k in p["temporal"]["kernel"]])  # filter, channel, time
    expected = {"temporal": (z.mean((1, 2)), z.var((1, 2)))}

    def norm(z, name):
        shape = (-1,) + (1,) * (z.ndim - 1)
        mean, var = (s[name][k].reshape(shape) for k in ("mean", "var"))
        return p[name]["scale"].reshape(shape) * (z - mean) / np.sqrt(var + 1e-3) + p[name]["bias"].reshape(shape)

    def pool(y, size):
        n = y.shape[1] // size
        return y[:, : n * size].reshape(len(y), n, size).mean(-1)

    def elu(y):
        return np.where(y > 0, y, np.expm1(y))

    w = p["spatial"]["kernel"]
    w = w * np.minimum(1, 1 / np.linalg.norm(w, axis=1))[:, None]
    z = np.array([w[i] @ norm(z, "temporal")[i // net.depth] for i in range(len(w))])
    expected["spatial"] = (z.mean(1), z.var(1))
    y = np.pad(pool(elu(norm(z, "spatial")), net.pool1), ((0, 0), (net.separable_length // 2,) * 2))
    z = np.array([np.correlate(row, k, "valid") for row, k in zip(y, p["separable"]["depthwise"])])
    z = p["separable"]["pointwise"] @ z
    expected["separable"] = (z.mean(1), z.var(1))
    logits = p["readout"]["kernel"] @ pool(elu(norm(z, "separable")), net.pool2).reshape(-1) + p["readout"]["bias"]

    got = moments(net, variables, x)
    assert set(got) == set(expected)
    for name, (mean, var) in expected.items():
        np.testing.assert_allclose(got[name]["mean"], mean, atol=1e-5 * np.abs(z).max())
        np.testing.assert_allclose(got[name]["var"], var, rtol=2e-5)
    np.testing.assert_allclose(apply(net, variables, x), logits, atol=1e-5 * np.abs(logits).max())


def test_shallow_moments_and_logits_equal_temporal_then_spatial_filters_in_float64():
    net = build(ShallowFBCSPNet)
    variables, x = randomised(net), windows(1).x[0]
    p = jax.tree.map(lambda a: np.asarray(a, np.float64), variables.params)
    mean, var = (np.asarray(variables.stats["spatial"][k], np.float64)[:, None] for k in ("mean", "var"))
    z = np.array([[np.correlate(c, k, "valid") for c in np.asarray(x, np.float64)] for k in p["temporal"]["kernel"]])
    z = np.einsum("ofc,fct->ot", p["spatial"]["kernel"], z + p["temporal"]["bias"][:, None, None])
    got = moments(net, variables, x)["spatial"]
    np.testing.assert_allclose(got["mean"], z.mean(1), atol=1e-5 * np.abs(z).max())
    np.testing.assert_allclose(got["var"], z.var(1), rtol=2e-5)
    y = p["spatial"]["scale"][:, None] * (z - mean) / np.sqrt(var + 1e-5) + p["spatial"]["bias"][:, None]
    starts = range(0, y.shape[1] - net.pool + 1, net.stride)
    power = np.stack([(y[:, i : i + net.pool] ** 2).mean(1) for i in starts], axis=1)
    logits = p["readout"]["kernel"] @ np.log(power).reshape(-1) + p["readout"]["bias"]
    np.testing.assert_allclose(apply(net, variables, x), logits, atol=1e-5 * np.abs(logits).max())


@pytest.mark.parametrize("cls", NETS)
def test_a_constant_window_and_a_silent_one_give_finite_logits_and_gradients(cls):
    net = build(cls)
    variables = init(net, jax.random.key(0))
    for value in (0.0, 1.0):
        trials = Trials(jnp.full((4, N_CHANNELS, N_TIMES), value), jnp.zeros(4, jnp.int32), jnp.ones(4))
        _, gradient = loss_and_gradient(variables.params, net, variables, trials)
        assert jax.tree.all(jax.tree.map(lambda g: bool(jnp.all(jnp.isfinite(g))), gradient))


@pytest.mark.parametrize("cls", NETS)
def test_no_convolution_primitive_is_used_forward_or_backward(cls):
    net = build(cls)
    variables, trials = init(net, jax.random.key(0)), windows(2)
    jaxpr = jax.make_jaxpr(jax.grad(lambda p: cross_entropy(net, variables._replace(params=p), trials, None)))
    assert "conv_general" not in str(jaxpr(variables.params))


# -- training


@pytest.mark.parametrize("cls", NETS)
def test_trials_of_no_weight_count_for_nothing_in_a_batch(cls):
    net = build(cls)
    variables, trials = randomised(net), windows(3)
    x = jnp.concatenate([trials.x, 100 * trials.x[:2]])
    logits, stats = batch(net, variables, trials.x, trials.weight)
    padded_logits, padded_stats = batch(net, variables, x, jnp.array([1.0, 1, 1, 0, 0]))
    np.testing.assert_allclose(padded_logits[:3], logits, rtol=2e-4, atol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), padded_stats, stats)


@pytest.mark.parametrize("cls", NETS)
def test_fit_moves_params_and_stats_keeps_align_and_needs_some_weight(cls):
    net = build(cls)
    variables, trials = init(net, jax.random.key(0)), windows(9)
    fitted = fit(net, variables, trials, jax.random.key(1))
    assert equal(fitted.align, variables.align)
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), fitted, variables)
    assert jax.tree.all(moved.params)
    assert jax.tree.all(moved.stats)
    assert equal(fit(net, variables, trials, jax.random.key(1)), fitted)
    nothing = fit(net, variables, trials._replace(weight=jnp.zeros(9)), jax.random.key(1))
    assert equal(nothing, variables)


def test_fit_over_vmapped_subjects_equals_one_subject_at_a_time():
    net = build(EEGNet)
    variables = init(net, jax.random.key(0))
    subjects = [windows(9, seed) for seed in (3, 4)]
    keys = jax.random.split(jax.random.key(1), 2)
    stacked = jax.tree.map(lambda *a: jnp.stack(a), *subjects)
    together = jax.jit(jax.vmap(net.fit, (None, 0, 0)))(variables, stacked, keys)
    for i, trials in enumerate(subjects):
        alone = fit(net, variables, trials, keys[i])
        # Adam divides gradients near zero by their own size: rounding moves those by up to a step of 1e-3.
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, atol=2e-4), together.stats, alone.stats)
        row = jax.tree.map(lambda a, i=i: a[i], together)
        logits = [apply_all(net, v, trials.x) for v in (row, alone)]
        np.testing.assert_allclose(logits[0], logits[1], atol=2e-3)


def test_another_learning_rate_does_not_retrace():
    trials, key = windows(9), jax.random.key(0)
    slow, fast = (build(EEGNet, learning_rate=rate) for rate in (1e-4, 1e-2))
    variables = init(slow, key)
    a = fit(slow, variables, trials, key)
    n_traces = len(FIT_TRACES)
    b = fit(fast, variables, trials, key)
    assert len(FIT_TRACES) == n_traces
    assert not equal(a.params, b.params)


@pytest.mark.parametrize("cls", NETS)
def test_refit_readout_is_the_penalised_optimum_and_moves_nothing_else(cls):
    net = build(cls, prior=2.0)
    variables = randomised(net)
    trials = windows(10)._replace(weight=jnp.linspace(0.0, 1.5, 10))
    refitted = refit(net, variables, trials)
    below = net.layers[:-1]
    assert equal([refitted.params[n] for n in below], [variables.params[n] for n in below])
    assert equal(refitted.stats, variables.stats)

    features = np.asarray(features_of(net, variables, trials.x))
    design = np.concatenate([features, np.ones((10, 1))], axis=1).astype(np.float64)

    def stack(readout):
        return np.concatenate([readout["kernel"], readout["bias"][:, None]], axis=1).astype(np.float64)

    before, weight, y = stack(variables.params["readout"]), np.asarray(trials.weight, float), np.asarray(trials.y)

    def objective(w):
        w = w.reshape(before.shape)
        log_p = log_softmax(design @ w.T, axis=1)
        change = w - before
        residual = weight[:, None] * (np.exp(log_p) - np.eye(N_CLASSES)[y])
        value = -weight @ log_p[np.arange(10), y] + np.sum(change**2)
        return value, (residual.T @ design + 2.0 * change).ravel()

    best = minimize(
        objective, before.ravel(), jac=True, method="L-BFGS-B", options={"gtol": 1e-9, "ftol": 1e-15, "maxiter": 5000}
    )
    np.testing.assert_allclose(stack(refitted.params["readout"]), best.x.reshape(before.shape), atol=1e-4)


def test_refit_on_no_weight_keeps_the_readout():
    net = build(EEGNet)
    variables = randomised(net)
    refitted = refit(net, variables, windows(10)._replace(weight=jnp.zeros(10)))
    assert equal(refitted.params["readout"], variables.params["readout"])


@pytest.mark.parametrize("cls", NETS)
def test_cross_entropy_is_the_weighted_mean_and_zero_without_weight(cls):
    net = build(cls)
    variables, trials = randomised(net), windows(4)._replace(weight=jnp.array([0.0, 1, 2, 0.5]))
    logits = np.asarray(apply_all(net, variables, trials.x), np.float64)
    losses = -log_softmax(logits, axis=1)[np.arange(4), np.asarray(trials.y)]
    expected = np.average(losses, weights=np.asarray(trials.weight))
    assert float(loss_and_gradient(variables.params, net, variables, trials)[0]) == pytest.approx(expected, rel=1e-5)
    assert float(loss_and_gradient(variables.params, net, variables, trials._replace(weight=jnp.zeros(4)))[0]) == 0.0


@pytest.mark.parametrize("cls", NETS)
def test_layer_scales_freeze_the_lower_layers_even_under_adam(cls):
    net = build(cls)
    variables, trials = randomised(net), windows(4)
    scales = layer_scales(net, lower=0.0, readout=0.5)
    assert jax.tree.structure(scales) == jax.tree.structure(variables.params)
    optimizer = optax.adam(1e-2)
    _, gradient = loss_and_gradient(variables.params, net, variables, trials)
    updates, _ = optimizer.update(gradient, optimizer.init(variables.params))
    scaled = scale_updates(updates, scales)
    for name in net.layers[:-1]:
        assert all(not leaf.any() for leaf in jax.tree.leaves(scaled[name]))
    np.testing.assert_allclose(scaled["readout"]["kernel"], 0.5 * updates["readout"]["kernel"])


# -- creation


def test_lengths_follow_the_sampling_rate():
    for sfreq in (128, 250):
        net = EEGNet.create(22, 4 * sfreq, 2, sfreq)
        assert net.kernel_length / sfreq == pytest.approx(0.5, abs=0.005)
        assert sfreq / net.pool1 == pytest.approx(32, abs=1)
    assert (EEGNet.create(22, 512, 2, 128).pool1, EEGNet.create(22, 512, 2, 128).kernel_length) == (4, 64)
    shallow = ShallowFBCSPNet.create(22, 500, 2, 250)
    assert (shallow.kernel_length, shallow.pool, shallow.stride) == (25, 75, 15)
    assert ShallowFBCSPNet.create(22, 256, 2, 125).pool == 38


@pytest.mark.parametrize("cls", NETS)
def test_windows_no_network_can_use_are_refused_in_one_line(cls):
    for arguments, message in [
        ((4, 20, 2, 128.0), "longer windows"),
        ((4, 500, 2, 50.0), "at least 64 Hz"),
        ((4, 500, 2, float("nan")), "at least 64 Hz"),
        ((4, 500, 1, 128.0), "2 classes"),
        ((0, 500, 2, 128.0), "at least 1 channel"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            cls.create(*arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cls", NETS)
def test_the_shortest_window_accepted_works(cls):
    for n_times in range(10, 400):
        try:
            net = cls.create(2, n_times, 2, 128.0)
        except InputError:
            continue
        break
    assert net.n_features > 0
    logits = apply(net, init(net, jax.random.key(0)), jnp.ones((2, n_times)))
    assert bool(jnp.all(jnp.isfinite(logits)))
