"""The law of the counter-based normals and of the filtered noises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.signal import welch

from neurodrift.sim.block_filter import BlockFilter
from neurodrift.sim.errors import InputError
from neurodrift.sim.noise import normal, normal_at

N = 1_000_000


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """1e6 numbers: 1000 keys as a simulation derives them, 1000 numbers of each."""
    key = jax.random.PRNGKey(7)
    draw = jax.jit(jax.vmap(lambda tick: normal(jax.random.fold_in(key, tick), (N // 1000,))))
    return np.asarray(draw(jnp.arange(1000)), np.float64)


def test_moments_are_those_of_the_normal_law(x):
    z = x.ravel()
    # standard errors of the first, second, third, fourth and sixth moments of N normal numbers; 5 of them
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96), (6, 15, 10170)):
        assert np.mean(z**power) == pytest.approx(moment, abs=5 * np.sqrt(variance / N))


def test_distribution_is_normal_by_kolmogorov_and_smirnov(x):
    assert stats.kstest(x.ravel(), "norm").pvalue > 1e-3


@pytest.mark.parametrize("threshold", [3.0, 4.0])
def test_tails_hold_as_many_numbers_as_the_normal_law(x, threshold):
    for tail in (np.sum(x > threshold), np.sum(x < -threshold)):
        expected = N * stats.norm.sf(threshold)
        assert abs(tail - expected) < 5 * np.sqrt(expected)
    assert np.abs(x).max() > 4.3  # P(no such number among 1e6) = 4e-8


def test_neighbours_along_a_stream_and_across_keys_are_independent(x):
    for lag in (1, 2, 3, 4, 16, 20, 100):
        for function in (lambda a: a, lambda a: a**2 - 1, np.sign):
            y = function(x)
            spread = y.std() ** 2 / np.sqrt(N)
            assert abs(np.mean(y[:, lag:] * y[:, :-lag])) < 5.5 * spread
            assert abs(np.mean(y[lag:] * y[:-lag])) < 5.5 * spread


def test_bits_of_neighbouring_numbers_fill_the_square_evenly(x):
    u = stats.norm.cdf(x)
    counts, _, _ = np.histogram2d(u[:, :-1].ravel(), u[:, 1:].ravel(), bins=32, range=[[0, 1], [0, 1]])
    statistic = np.sum((counts - counts.mean()) ** 2) / counts.mean()
    # chi-square with 1023 degrees of freedom, inflated by the overlap of pairs to second order only
    assert stats.chi2.sf(statistic, 1023) > 1e-4
    assert stats.chi2.cdf(statistic, 1023) > 1e-4


def test_stream_is_a_function_of_key_and_counter_in_any_order():
    key = jax.random.PRNGKey(3)
    whole = normal(key, (4, 25))
    pieces = [normal_at(key, jnp.arange(25 * i, 25 * (i + 1), dtype=jnp.uint32)) for i in (3, 2, 1, 0)]
    np.testing.assert_array_equal(whole, jnp.stack(pieces[::-1]))
    np.testing.assert_array_equal(normal(jax.random.wrap_key_data(key), (4, 25)), whole)
    assert not np.array_equal(normal(jax.random.PRNGKey(4), (4, 25)), whole)


def test_threefry_stays_selectable_and_is_exact():
    key = jax.random.PRNGKey(3)
    np.testing.assert_array_equal(normal(key, (5,), "threefry"), jax.random.normal(key, (5,)))
    with pytest.raises(InputError, match="counter, threefry"):
        normal(key, (5,), "mersenne")


def sequential(poles, weights, noise, state):
    """y[n] = sum_k w_k s_k[n], s_k[n] = rho_k s_k[n-1] + e[n]; float64, one sample after another."""
    covariance = 1.0 / (1.0 - np.outer(poles, poles))
    weights = weights / np.sqrt(weights @ covariance @ weights)
    out = []
    for e in noise:
        state = poles * state + e
        out.append(weights @ state)
    return np.array(out), state


def test_block_filter_equals_the_sequential_recursion_over_several_windows():
    poles, weights = np.array([0.99, 0.9, 0.3]), np.array([1.0, -0.5, 2.0])
    block = BlockFilter.create(poles, weights, n_times=40)
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(120)
    expected, end = sequential(poles, weights, noise, np.zeros(3))
    state, out = jnp.zeros((1, 3)), []
    for piece in noise.reshape(3, 1, 40):
        state, y = block.step(state, jnp.asarray(piece, jnp.float32))
        out.append(np.asarray(y)[0])
    # the recursion itself is exact; float32 sums of 40 terms of size 1 leave 1e-6 each
    np.testing.assert_allclose(np.concatenate(out), expected, rtol=0, atol=2e-5)
    np.testing.assert_allclose(state[0], end, rtol=0, atol=2e-5)


def long_run(block, n_times, n_windows, rows, seed=0):
    k_init, k_run = jax.random.split(jax.random.PRNGKey(seed))
    state = block.init(jax.random.normal(k_init, (rows, block.decay.shape[0])))

    def window(state, key):
        return block.step(state, jax.random.normal(key, (rows, n_times)))

    _, out = jax.jit(lambda s: jax.lax.scan(window, s, jax.random.split(k_run, n_windows)))(state)
    return np.moveaxis(np.asarray(out, np.float64), 1, 0).reshape(rows, -1)


def test_ornstein_uhlenbeck_has_unit_variance_and_exponential_memory():
    rate, sfreq = 3.0, 250.0
    y = long_run(BlockFilter.ornstein_uhlenbeck(rate, sfreq, 50), 50, 400, 200)
    # 200 runs of 80 s hold about 200 * 80 * rate / 2 independent values
    error = 5 * np.sqrt(2 / (200 * 80 * rate / 2))
    for lag in (0, 10, 25, 83):
        measured = np.mean(y[:, lag:] * y[:, : y.shape[1] - lag])
        assert measured == pytest.approx(np.exp(-rate * lag / sfreq), abs=error)
    # stationary from the first sample, across the borders of windows too
    assert np.mean(y[:, :50] ** 2) == pytest.approx(1.0, abs=0.45)


def test_one_over_f_noise_has_unit_variance_and_slope_one():
    sfreq = 250.0
    y = long_run(BlockFilter.one_over_f(sfreq, 250), 250, 120, 50)
    assert y.var() == pytest.approx(1.0, abs=0.05)
    f, power = welch(y, sfreq, nperseg=1000)
    band = (f >= 1) & (f <= 40)
    slope = np.polyfit(np.log(f[band]), np.log(power.mean(axis=0)[band]), 1)[0]
    # the background of scalp EEG falls as 1/f^1-2; five poles follow 1/f within a tenth
    assert -1.15 < slope < -0.85
