"""The online readout against the posterior it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from neurodrift.adaptation import registry
from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.tangent import TangentLR
from neurodrift.adaptation.methods import Composed, OnlineReadout, with_alignment

N_CHANNELS, N_TIMES = 3, 64


def make_trials(n, seed, swapped=False):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 2
    x = rng.standard_normal((n, N_CHANNELS, N_TIMES))
    x[:, 0] *= np.where(y == 1, 1.6, 1.0)[:, None]
    y = 1 - y if swapped else y
    return Trials(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.int32), jnp.ones(n))


def trained(part):
    decoder = TangentLR.create(N_CHANNELS, N_TIMES)
    calibration = make_trials(30, 0)
    variables = decoder.fit(
        with_alignment(decoder.init(jax.random.key(0)), calibration), calibration, jax.random.key(0)
    )
    adapter = Composed(parts=(part,))
    return decoder, variables, calibration, adapter, adapter.init(decoder, variables, calibration, jax.random.key(1))


def feedback(trials, t, available=True):
    return Feedback(trials.y[t], jnp.bool_(available), trials.x[t], jnp.bool_(False))


def test_one_label_is_one_newton_step_on_laplaces_posterior():
    part = OnlineReadout(ridge=0.5)
    decoder, variables, calibration, adapter, state = trained(part)
    stream = make_trials(1, 5)

    def logits(theta, x):
        w, b = theta[:-2].reshape(2, -1), theta[-2:]
        stats = variables.stats["features"]
        return w @ ((np.asarray(decoder.features(variables, x)) - stats["mean"]) / np.sqrt(stats["var"])) + b

    readout = variables.params["readout"]
    theta = np.concatenate([np.ravel(readout["w"]), readout["b"]]).astype(float)

    def slope(x):
        return np.stack([(logits(theta + 0.5 * e, x) - logits(theta - 0.5 * e, x)) for e in np.eye(theta.size)], 1)

    def spread(x):
        p = np.exp(logits(theta, x)) / np.exp(logits(theta, x)).sum()
        return p, np.diag(p) - np.outer(p, p)

    precision = sum(slope(x).T @ spread(x)[1] @ slope(x) for x in calibration.x)
    precision += 0.5 * np.trace(precision) / theta.size * np.eye(theta.size)
    x, y = stream.x[0], int(stream.y[0])
    p, s = spread(x)
    step = np.linalg.solve(precision + slope(x).T @ s @ slope(x), slope(x).T @ (np.eye(2)[y] - p))
    after = adapter.update(state, x, feedback(stream, 0)).variables.params["readout"]
    found = np.concatenate([np.ravel(after["w"]), after["b"]]) - theta
    assert_allclose(found, step, rtol=2e-2, atol=2e-3 * np.abs(step).max())


def test_without_a_label_nothing_moves():
    _, variables, _, adapter, state = trained(OnlineReadout())
    stream = make_trials(4, 6)
    for t in range(4):
        state = adapter.update(state, stream.x[t], feedback(stream, t, available=False))
    for a, b in zip(jax.tree.leaves(state.variables), jax.tree.leaves(variables)):
        assert_array_equal(a, b)
    assert state.labels_used == 0


def test_it_learns_that_the_classes_were_swapped_and_steps_shrink():
    _, _, _, adapter, state = trained(OnlineReadout())
    stream = make_trials(200, 7, swapped=True)

    def step(state, t):
        right = adapter.predict(state, stream.x[t]).argmax() == stream.y[t]
        new = adapter.update(state, stream.x[t], feedback(stream, t))
        return new, (right, jnp.trace(new.memories[0].covariance))

    state, (right, open_) = jax.lax.scan(step, state, jnp.arange(200))
    assert right[:10].mean() < 0.5
    assert right[-50:].mean() > 0.8
    assert (np.diff(open_) <= 0).all()
    assert state.labels_used == 200


def test_the_registry_composes_it_with_recentering_for_every_decoder():
    spec = registry.method("riemann_online")
    assert spec.labels == "every trial"
    stream = make_trials(12, 8)
    for name in ("csp_lda", "tangent_lr"):
        decoder = registry.decoder(name).make(N_CHANNELS, N_TIMES, 2, 125.0)
        variables = decoder.fit(decoder.init(jax.random.key(0)), stream, jax.random.key(0))
        adapter = spec.make()
        state = adapter.init(decoder, variables, stream, jax.random.key(1))
        for t in range(12):
            state = adapter.update(state, stream.x[t], feedback(stream, t))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.variables))
        assert state.labels_used == 12
