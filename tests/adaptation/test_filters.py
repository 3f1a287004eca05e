"""Adaptive filters against closed forms, where they help and where they fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.filters.rls import RecursiveLeastSquares, ReferenceRegression, lagged
from neurodrift.adaptation.filters.whitening import AdaptiveWhitening, whitened
from neurodrift.adaptation.methods import Composed
from neurodrift.adaptation.spd import covariance, inv_sqrtm
from neurodrift.sim.errors import InputError

from . import streams

KEY = jax.random.key(0)


def test_recursive_least_squares_are_decayed_ridge_regression():
    rng = np.random.default_rng(0)
    x, d = rng.normal(size=(300, 4)), rng.normal(size=300)
    filter_ = RecursiveLeastSquares(forget=0.98, delta=0.1, n_inputs=4)
    with jax.enable_x64(True):
        state, left = jax.jit(filter_.run)(
            jax.tree.map(lambda a: a.astype(float), filter_.init()), jnp.asarray(x), jnp.asarray(d)
        )
    w = 0.98 ** np.arange(299, -1, -1)
    gram = (x * w[:, None]).T @ x + 0.98**300 * 0.1 * np.eye(4)
    np.testing.assert_allclose(state.weights, np.linalg.solve(gram, (x * w[:, None]).T @ d), atol=1e-8)
    assert float(left[0]) == pytest.approx(d[0])


def test_the_canceller_takes_a_filtered_reference_out_of_a_channel():
    rng = np.random.default_rng(1)
    reference, brain = rng.normal(size=3000), rng.normal(size=3000)
    echo = 2.0 * np.convolve(reference, [1.0, -0.5, 0.25])[:3000]
    filter_ = RecursiveLeastSquares(forget=0.999, n_inputs=3)
    _, left = filter_.run(filter_.init(), lagged(jnp.asarray(reference), 3), jnp.asarray(brain + echo))
    rest = np.asarray(left)[1000:] - brain[1000:]
    assert np.var(rest) < 0.01 * np.var(echo)


def test_the_predictor_finds_the_coefficients_of_an_autoregressive_process():
    rng = np.random.default_rng(2)
    x = np.zeros(4000)
    for t in range(2, 4000):
        x[t] = 1.2 * x[t - 1] - 0.5 * x[t - 2] + rng.normal()
    filter_ = RecursiveLeastSquares(forget=1.0, n_inputs=2)
    state, _ = filter_.run(filter_.init(), lagged(jnp.asarray(x), 2, ahead=1), jnp.asarray(x))
    # the standard error of the estimates is sqrt((1 - .5²) / 4000) = .014
    np.testing.assert_allclose(state.weights, [1.2, -0.5], atol=0.05)


def test_without_excitation_the_filter_winds_up_as_far_as_it_is_let():
    """Inputs of nothing for ten memories: the next sample moves the weights all the way, but the inverse is bounded."""
    filter_ = RecursiveLeastSquares(forget=0.9, delta=1.0, largest=1e3)
    start = filter_.init()
    idle, _ = filter_.run(start, jnp.zeros((100, 1)), jnp.zeros(100))
    small = jnp.full((1,), 0.1)
    moved = [float(filter_.step(s, small, jnp.float32(1.0))[0].weights[0]) for s in (start, idle)]
    assert moved[1] > 20 * moved[0]
    assert float(idle.inverse[0, 0]) == pytest.approx(1e3, rel=1e-3)


def test_samples_that_are_not_numbers_are_passed_over():
    filter_ = RecursiveLeastSquares(n_inputs=2)
    state, _ = filter_.run(filter_.init(), jnp.ones((5, 2)), jnp.ones(5))
    after, error = filter_.step(state, jnp.asarray([jnp.nan, 1.0]), jnp.float32(2.0))
    assert float(error) == 0.0
    np.testing.assert_array_equal(after.weights, state.weights)
    np.testing.assert_array_equal(after.inverse, state.inverse)


# --- whitening ----------------------------------------------------------------------------------------------


def test_the_whitener_goes_to_the_inverse_root_of_the_covariance():
    rng = np.random.default_rng(3)
    root = 1e-5 * rng.normal(size=(5, 5))
    cov = jnp.asarray(root @ root.T + 2e-11 * np.eye(5), jnp.float32)
    run = jax.jit(lambda w: jax.lax.scan(lambda w, _: (whitened(w, cov, 0.3), None), w, None, length=600)[0])
    start = jnp.eye(5) / jnp.sqrt(jnp.trace(cov) / 5)
    expected = np.asarray(inv_sqrtm(cov))
    np.testing.assert_allclose(run(start), expected, atol=2e-3 * np.abs(expected).max())


def test_on_single_windows_it_whitens_on_average():
    rng = np.random.default_rng(4)
    root = rng.normal(size=(4, 4)) + 2 * np.eye(4)
    covs = jax.vmap(covariance)(jnp.asarray(root @ rng.normal(size=(800, 4, 100)), jnp.float32))
    step = jax.jit(lambda w, rate: jax.lax.scan(lambda w, c: (whitened(w, c, rate),) * 2, w, covs)[1])
    true = jnp.asarray(root @ root.T, jnp.float32)

    def misfit(rate):
        late = np.asarray(step(jnp.eye(4), rate))[400:]
        return np.mean([np.linalg.norm(w @ np.asarray(true) @ w - np.eye(4)) for w in late])

    slow, fast = misfit(0.05), misfit(1.0)
    assert slow < 0.15
    # too high a rate: the noise of single windows is in the whitener
    assert fast > 2 * slow


def test_whitening_recovers_from_a_stretched_mixture():
    decoder = CSPLDA.create(8, 64, 2, 128.0)

    def late(key):
        stream = streams.drifting(key, strength=1.2, gain=2.0, announced=False)
        variables = streams.trained(decoder, stream.calibration, KEY)

        def right(*parts):
            _, found = streams.run(Composed(parts=parts), decoder, variables, stream, KEY)
            return (found == stream.y)[-60:].mean()

        return right(), right(AdaptiveWhitening())

    frozen, adapted = jax.jit(jax.vmap(late))(jax.random.split(jax.random.key(31), 6))
    assert float(adapted.mean()) > float(frozen.mean()) + 0.1


# --- references -----------------------------------------------------------------------------------------------


def with_blinks(x, loads, seed):
    blinks = jax.random.normal(jax.random.key(seed), (x.shape[0], x.shape[2]))
    return x.at[:, 0].set(3e-5 * blinks) + 3e-5 * jnp.asarray(loads)[None, :, None] * blinks[:, None]


def test_what_blinks_add_to_the_channels_is_regressed_out():
    stream = streams.drifting(jax.random.key(32), before=40, after=0)
    loads = jnp.asarray([0.0, 1.0, 0.5, -0.5, 0.2, 0.0, 0.3, 0.8])
    decoder = CSPLDA.create(8, 64, 2, 128.0)
    calibration = stream.calibration._replace(x=with_blinks(stream.calibration.x, 0 * loads, 1))
    variables = decoder.init(KEY)
    adapter = Composed(parts=(ReferenceRegression(forget=0.9),))
    state = adapter.init(decoder, variables, calibration, KEY)
    np.testing.assert_allclose(state.variables.align, np.eye(8), atol=1e-6)
    clean, x = with_blinks(stream.x, 0 * loads, 2), with_blinks(stream.x, loads, 2)
    learn = jax.jit(lambda s, x: jax.lax.scan(lambda s, w: (adapter._observe(s, w), None), s, x)[0])
    align = np.asarray(learn(state, x).variables.align)
    left, was = (np.asarray(a - clean)[-1, 1:] for a in (jnp.asarray(align @ x[-1])[None], x))
    assert np.square(left).sum() < 0.05 * np.square(was).sum()


def test_references_that_are_no_channels_are_refused():
    trials = Trials(jnp.ones((4, 3, 8)), jnp.zeros(4, jnp.int32), jnp.ones(4))
    decoder = CSPLDA.create(3, 8, 2, 128.0)
    with pytest.raises(InputError, match=r"references \(5,\) of 3 channels; wanted one or more of 0 to 2"):
        ReferenceRegression(references=(5,)).start(decoder, decoder.init(KEY), trials, KEY)
