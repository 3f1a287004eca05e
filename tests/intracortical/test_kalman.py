"""The velocity Kalman filter and its recursive relatives, against NumPy in float64, and what they are for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from neurodrift.adaptation.intracortical.contract import Feedback, Session, decode_session
from neurodrift.adaptation.intracortical.intention import Given, TowardsTarget, towards
from neurodrift.adaptation.intracortical.kalman import fit_kalman, gain, information, settled, steady, step
from neurodrift.adaptation.intracortical.recursive import FixedKalman, RecursiveKalman, SmoothBatch

N_UNITS = 8
KEY = jax.random.key(0)


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def movement(rng, n, keep=0.95):
    v = np.zeros((n, 2))
    for t in range(1, n):
        v[t] = keep * v[t - 1] + 0.3 * rng.normal(size=2)
    return v


def recorded(seed, n, tuning, noise=1.0):
    rng = np.random.default_rng(seed)
    v = movement(rng, n)
    return v, v @ tuning.T + 3.0 + noise * rng.normal(size=(n, len(tuning)))


def tuning_of(seed):
    return np.random.default_rng(seed).normal(size=(N_UNITS, 2))


def meant(v, **more):
    """Feedback that tells the intended velocities v (n_bins, 2)."""
    n = len(v)
    return Feedback.nothing(n)._replace(intent=jnp.asarray(v), has_intent=jnp.ones(n, bool), **more)


class Twin:
    """The same filter in NumPy: covariance form, least squares by lstsq."""

    def __init__(self, v, y):
        self.a = np.linalg.lstsq(v[:-1], v[1:], rcond=None)[0].T
        left = v[1:] - v[:-1] @ self.a.T
        self.w = left.T @ left / len(left)
        x = np.c_[v, np.ones(len(v))]
        self.sums = [x.T @ x, y.T @ x, y.T @ y, float(len(v))]
        self.refit()
        self.v, self.p = np.zeros(2), self.w

    def refit(self):
        r, s, t, e = self.sums
        cd = s @ np.linalg.inv(r)
        self.c, self.d, self.q = cd[:, :2], cd[:, 2], (t - cd @ s.T) / e

    def step(self, y):
        prior = self.a @ self.p @ self.a.T + self.w
        k = prior @ self.c.T @ np.linalg.inv(self.c @ prior @ self.c.T + self.q)
        v = self.a @ self.v
        self.v = v + k @ (y - self.d - self.c @ v)
        self.p = (np.eye(2) - k @ self.c) @ prior
        return self.v

    def learn(self, intent, y, r):
        x = np.append(intent, 1.0)
        new = [np.outer(x, x), np.outer(y, x), np.outer(y, y), 1.0]
        self.sums = [r * old + one for old, one in zip(self.sums, new)]
        self.refit()


@pytest.mark.usefixtures("x64")
def test_recursive_maximum_likelihood_is_its_numpy_twin():
    v, y = recorded(1, 300, tuning_of(1))
    later_v, later_y = recorded(2, 60, tuning_of(2))
    twin = Twin(v, y)
    adapter = RecursiveKalman(half_life_s=2.0, bin_s=0.05, intention=Given())
    state = adapter.init(Session.of(y, v), KEY)
    expected = []
    for intent, counts in zip(later_v, later_y):
        expected.append(twin.step(counts))
        twin.learn(intent, counts, 0.5 ** (0.05 / 2.0))
    state, found = jax.jit(lambda s: decode_session(adapter, s, jnp.asarray(later_y), meant(later_v)))(state)
    # the ridges of the fits are 1e-9 of the regressors' power
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(state.model.c, twin.c, rtol=0, atol=1e-6 * np.abs(twin.c).max())
    np.testing.assert_allclose(state.model.q, twin.q, rtol=0, atol=1e-6 * np.abs(twin.q).max())


@pytest.mark.usefixtures("x64")
def test_the_settled_gain_solves_the_riccati_equation():
    v, y = recorded(3, 400, tuning_of(3))
    model = fit_kalman(Session.of(y, v))
    a, w, c, q = (np.asarray(m) for m in (model.a, model.w, model.c, model.q))
    prior = scipy.linalg.solve_discrete_are(a.T, c.T, w, q)
    expected = prior @ c.T @ np.linalg.inv(c @ prior @ c.T + q)
    posterior = settled(model, information(model))
    np.testing.assert_allclose(posterior, prior - expected @ c @ prior, atol=1e-10)
    decoder = steady(model)
    np.testing.assert_allclose(decoder.weights, expected, atol=1e-9)
    np.testing.assert_allclose(gain(model, jnp.asarray(prior)), expected, atol=1e-9)
    velocity = jnp.asarray([0.3, -0.2])
    moved, _ = step(model, information(model), velocity, posterior, jnp.asarray(y[7]))
    np.testing.assert_allclose(decoder(velocity, jnp.asarray(y[7])), moved, atol=1e-9)


def test_a_bin_that_is_not_a_number_lets_the_filter_coast():
    v, y = recorded(4, 200, tuning_of(4))
    adapter = RecursiveKalman(intention=Given())
    state = adapter.init(Session.of(y, v), KEY)._replace(velocity=jnp.asarray([1.0, 2.0]))
    bad = jnp.asarray(y[0], jnp.float32).at[3].set(jnp.nan)
    after = adapter.update(state, bad, meant(v[:1])._replace(intent=v[0], has_intent=jnp.bool_(True)))
    np.testing.assert_allclose(adapter.predict(state, bad), state.model.a @ state.velocity, rtol=1e-5)
    np.testing.assert_array_equal(after.sums.xx, state.sums.xx)
    assert np.isfinite(after.velocity).all()


def test_smooth_batch_moves_by_one_minus_rho_of_the_way_after_each_batch():
    v, y = recorded(5, 400, tuning_of(5))
    new_v, new_y = recorded(6, 200, tuning_of(6))
    adapter = SmoothBatch(half_life_s=5.0, bin_s=0.05, intention=Given(), n_bins=100)
    state = adapter.init(Session.of(y, v), KEY)
    run = jax.jit(lambda s: decode_session(adapter, s, jnp.asarray(new_y, jnp.float32), meant(new_v))[0])
    x = np.c_[new_v, np.ones(200)]
    expected = np.asarray(state.model.c)
    for batch in (slice(0, 100), slice(100, 200)):
        own = np.linalg.lstsq(x[batch], new_y[batch], rcond=None)[0].T[:, :2]
        expected = 0.5 * expected + 0.5 * own  # a batch of 5 s is one half-life
    np.testing.assert_allclose(run(state).model.c, expected, atol=2e-3)


def distance(state, tuning):
    return float(np.abs(np.asarray(state.model.c) - tuning).mean())


def test_after_a_jump_of_the_tuning_a_smoothed_batch_is_still_half_behind_where_recursion_has_arrived():
    v, y = recorded(7, 1000, tuning_of(7))
    new_v, new_y = recorded(8, 600, tuning_of(8))
    calibration, feedback = Session.of(y, v), meant(new_v)
    ends = {}
    for name, adapter in {
        "batch": SmoothBatch(half_life_s=30.0, bin_s=0.05, intention=Given(), n_bins=200),
        "recursive": RecursiveKalman(half_life_s=3.0, bin_s=0.05, intention=Given(), every=50),
    }.items():
        state = adapter.init(calibration, KEY)
        run = jax.jit(lambda s, a=adapter: decode_session(a, s, jnp.asarray(new_y, jnp.float32), feedback)[0])
        ends[name] = distance(run(state), tuning_of(8)) / distance(state, tuning_of(8))
    # 30 s after the jump: one half-life of the batches, ten of the recursion
    assert 0.4 < ends["batch"] < 0.6
    assert ends["recursive"] < 0.15


def test_while_nothing_moves_recursion_winds_up():
    """After 20 half-lives at rest one wrong bin changes the filter fifty times as much: it is all that is known."""
    v, y = recorded(9, 400, tuning_of(9))
    rest = np.zeros((400, 2)), 3.0 + np.random.default_rng(10).normal(size=(400, N_UNITS))
    adapter = RecursiveKalman(half_life_s=1.0, bin_s=0.05, intention=Given())
    wrong = jnp.full(N_UNITS, 20.0), meant(np.ones((1, 2)))
    wrong = wrong[0], jax.tree.map(lambda leaf: leaf[0], wrong[1])
    start = adapter.init(Session.of(y, v), KEY)
    update = jax.jit(adapter.update)
    held = jax.jit(lambda s: decode_session(adapter, s, jnp.asarray(rest[1], jnp.float32), meant(rest[0]))[0])(start)
    moved = [float(jnp.abs(update(s, *wrong).model.c - s.model.c).max()) for s in (start, held)]
    assert moved[1] > 50 * moved[0]


def test_refit_turns_the_velocity_to_the_target_at_its_speed_and_asks_for_rest_on_it():
    cursor, target, velocity = jnp.zeros(2), jnp.asarray([0.0, 2.0]), jnp.asarray([3.0, 4.0])
    np.testing.assert_allclose(towards(cursor, target, velocity, 0.1), [0.0, 5.0], atol=1e-6)
    np.testing.assert_array_equal(towards(target + 0.05, target, velocity, 0.1), [0.0, 0.0])
    feedback = Feedback.nothing()._replace(target=target, has_target=jnp.bool_(True))
    intent, known = TowardsTarget(radius=0.1)(feedback, velocity)
    assert bool(known)
    np.testing.assert_allclose(intent, [0.0, 5.0], atol=1e-6)


def test_refit_recursion_brings_back_a_decoder_whose_tuning_has_turned():
    tuning = tuning_of(11)
    turn = np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    v, y = recorded(12, 1000, tuning)
    new_v, new_y = recorded(13, 1500, tuning @ turn)
    # targets far off in the direction that is meant: the cursor stays where it is
    feedback = Feedback.nothing(1500)._replace(target=jnp.asarray(1e3 * new_v), has_target=jnp.ones(1500, bool))
    found = {}
    for adapter in (FixedKalman(), RecursiveKalman(half_life_s=10.0, bin_s=0.05, every=25)):
        state = adapter.init(Session.of(y, v), KEY)
        run = jax.jit(lambda s, a=adapter: decode_session(a, s, jnp.asarray(new_y, jnp.float32), feedback)[1])
        late, truth = np.asarray(run(state))[-500:], new_v[-500:]
        angle = np.arctan2(late[:, 1], late[:, 0]) - np.arctan2(truth[:, 1], truth[:, 0])
        found[type(adapter).__name__] = abs(np.angle(np.exp(1j * angle).mean()))
    assert found["FixedKalman"] > 0.7
    assert found["RecursiveKalman"] < 0.15
