import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents import Constant, Random
from neurodrift.scenarios.control.config import find_task
from neurodrift.scenarios.control.controllers import controller_names
from neurodrift.sim.errors import InputError
from neurodrift.sim.loop import run_loop
from neurodrift.sim.pytree import component
from neurodrift.sim.sources.connectome import LowRank, scaled
from neurodrift.sim.tasks import make_task, sync_rl_suppress
from neurodrift.sim.tasks.sync_rl_suppress import band_basis, mean_field


@pytest.fixture(scope="module")
def krylov():
    return make_task("sync_rl_suppress", n_oscillators=40)


@pytest.fixture(scope="module")
def phases():
    return make_task("sync_rl_suppress", preset="dbs_gym", n_oscillators=64)


@component
class Proportional:
    """u = -K (X - X low-passed with 50 units of time), |u| <= .5."""

    K: jax.Array
    gain: jax.Array

    def init(self):
        return jnp.zeros(())

    def act(self, low, reading, key):
        x = reading.v[0, -1] / self.gain
        low = low + (1 - np.exp(-0.2 / 50.0)) * (x - low)
        return low, jnp.clip(-self.K * (x - low), -0.5, 0.5)[None]


def test_a_kick_moves_every_x_before_the_step_of_the_published_oscillators(krylov):
    model, settled = krylov.plant.source.source.model, krylov.plant.source
    state = krylov.init(jax.random.key(0))
    x, y = (np.asarray(v, np.float64) for v in state.plant.source.y)
    current = np.asarray(model.I, np.float64)

    def slope(x, y):
        return x - x**3 / 3 - y + current + 0.03 * x.mean(), 0.1 * (x + 0.7 - 0.8 * y)

    step = jax.jit(krylov.step)
    for kick in (0.0, 1.0, -0.5, 0.25):
        state, outcome = step(state, jnp.full(1, kick))
        x = x + kick
        a = slope(x, y)
        b = slope(x + 0.2 * a[0], y + 0.2 * a[1])
        x, y = x + 0.1 * (a[0] + b[0]), y + 0.1 * (a[1] + b[1])
        np.testing.assert_allclose(state.plant.source.y[0], x, atol=2e-5)
        np.testing.assert_allclose(state.plant.source.y[1], y, atol=2e-5)
        # the mean field as it is observed and as it is judged
        np.testing.assert_allclose(mean_field(krylov.plant, outcome.window)[0], x.mean(), atol=2e-5)
        np.testing.assert_allclose(outcome.observation[-1] + float(settled.source.mean), x.mean(), atol=1e-3)


def test_krylovs_reward_is_the_squared_distance_from_the_mean_and_twice_the_kick(krylov):
    rng = np.random.default_rng(0)
    kicks = rng.uniform(-1, 1, 300).astype(np.float32)

    def step(state, kick):
        state, outcome = krylov.step(state, kick[None])
        return state, (mean_field(krylov.plant, outcome.window)[0], outcome.reward, outcome.marker)

    _, (x, reward, marker) = jax.jit(lambda k: jax.lax.scan(step, krylov.init(jax.random.key(1)), k))(kicks)
    x = np.asarray(x, np.float64)
    for n in (1, 100, 299):
        past = x[max(n - 249, 0) : n + 1]
        assert float(reward[n]) == pytest.approx(-((x[n] - past.mean()) ** 2) - 2 * abs(kicks[n]), abs=1e-3)
        assert float(marker[n]) == pytest.approx(past.std() / float(krylov.task.off), abs=1e-3)


def test_proportional_kicks_suppress_as_much_as_in_the_published_ensemble():
    loop = make_task("sync_rl_suppress")
    gain = loop.plant.projection.gain * loop.plant.source.source.moment

    def keep(outcome):
        return mean_field(loop.plant, outcome.window)[0], outcome.applied

    def run(K):
        policy = Proportional(K=K, gain=gain)
        return run_loop(
            loop, policy, 12000, jax.random.key(0), lambda o: (mean_field(loop.plant, o.window)[0], o.applied)
        )

    x, u = jax.jit(jax.vmap(run))(jnp.array([0.0, 0.2, 0.4]))
    x, u = np.asarray(x)[:, 6000:], np.asarray(u)[:, 6000:]
    # an independent integration gave 1.125 +- 5 %, and 8.0 and 11.6; 10 % asked for
    assert x[0].std() == pytest.approx(1.125, rel=0.05)
    np.testing.assert_allclose(x[0].std() / x[1:].std(axis=-1), [8.0, 11.6], rtol=0.1)
    # at gains of .05 and .8 it gave .011 and .039
    assert ((np.abs(u[1:]).mean(axis=(1, 2)) > 0.011) & (np.abs(u[1:]).mean(axis=(1, 2)) < 0.039)).all()


def test_the_band_power_of_a_sinusoid_is_its_mean_square_and_beyond_the_band_there_is_none():
    n, sfreq = 2080, 2000.0
    basis = band_basis(n, sfreq)
    seconds = np.arange(n) / sfreq
    for frequency, expected in ((17.0, 0.5), (5.0, 0.0), (27.0, 0.0)):
        power = np.sum((np.sin(2 * np.pi * frequency * seconds) @ basis) ** 2)
        # a Hann taper leaks 1e-4 two bins away
        assert power == pytest.approx(expected, abs=5e-3)


def test_the_phases_of_dbs_gym_follow_their_equation(phases):
    source = phases.plant.source.source
    state = phases.init(jax.random.key(2))
    theta = np.asarray(state.plant.source.y[0], np.float64)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    kernel = np.cos(0.1 * np.linalg.norm(grid[:, None] - grid[None], axis=-1))
    reach = 1 - 0.1 * np.linalg.norm(grid - np.array([2, 1, 2]), axis=-1)
    w = np.asarray(source.model.f, np.float64) * 2 * np.pi / 100  # rad in 10 ms

    def slope(theta, u):
        pull = kernel * np.sin(theta[None, :] - theta[:, None])
        return w + 0.52 / 64 * pull.sum(axis=1) + reach * u

    _, outcome = jax.jit(phases.step)(state, jnp.full(1, 0.6))
    field = []
    for n in range(16):
        # pulses of .1 in windows of .8 units, of at most 5
        u = 3.0 if n < 2 else 0.0
        a = slope(theta, u)
        theta = theta + 0.025 * (a + slope(theta + 0.05 * a, u))
        field.append(np.cos(theta).mean())
    np.testing.assert_allclose(mean_field(phases.plant, outcome.window), field, atol=1e-4)
    np.testing.assert_allclose(outcome.applied, 0.6, rtol=1e-6)


def test_a_smooth_kernel_is_kept_in_few_terms_and_scales():
    rng = np.random.default_rng(1)
    place = rng.uniform(size=(200, 3))
    kernel = np.cos(np.linalg.norm(place[:, None] - place[None], axis=-1))
    wiring, sent = LowRank.create(kernel, 1e-5), rng.normal(size=200)
    assert wiring.left.shape[1] < 40
    # 200 terms of order 1, each within 1e-5, in float32
    np.testing.assert_allclose(wiring.collect(jnp.asarray(sent, jnp.float32)), kernel @ sent, atol=2e-3)
    np.testing.assert_allclose(wiring.row(), kernel.sum(axis=1), rtol=1e-4)
    double = scaled(wiring, jnp.float32(2.0))
    np.testing.assert_allclose(double.row(), 2 * kernel.sum(axis=1), rtol=1e-4)
    with pytest.raises(InputError, match="symmetric"):
        LowRank.create(rng.normal(size=(3, 3)))


@pytest.mark.parametrize("held_out", [False, True])
def test_drawing_another_ensemble_changes_numbers_only(krylov, phases, held_out):
    keys = jax.random.split(jax.random.key(0), 32)
    for loop in (krylov, phases):
        drawn = jax.jit(jax.vmap(lambda key, loop=loop: sync_rl_suppress.draw(loop, key, held_out)))(keys)
        assert jax.tree.structure(drawn) == jax.tree.structure(loop)
    coupling = jax.vmap(lambda key: sync_rl_suppress.draw(krylov, key, held_out))(keys).plant.source.source.wiring.gain
    low, high = (1.1, 1.3) if held_out else (0.9, 1.1)
    assert 0.03 * low - 1e-6 <= coupling.min() < coupling.max() <= 0.03 * high + 1e-6


def test_the_phases_are_a_task_of_their_own_whose_pulses_have_one_sign():
    task = find_task("neurodrift.sim.tasks.sync_rl_suppress:DBS_GYM")
    loop = task.make(drift=True, n_oscillators=64)
    assert float(loop.task.weight) == 0.5
    step = jax.jit(loop.step)
    state = task.draw(loop, jax.random.key(0)).init(jax.random.key(1))
    assert [float(step(state, jnp.full(1, u))[1].applied[0]) for u in (-1.0, 0.0, 0.25)] == [0.0, 0.0, 0.25]
    assert controller_names("neurodrift.sim.tasks.sync_rl_suppress:DBS_GYM") == ("proportional", "pi", "constant")


@pytest.mark.slow
def test_constant_and_random_pulses_leave_what_dbs_gym_published():
    loop = make_task("sync_rl_suppress", preset="dbs_gym")
    keys = jax.random.split(jax.random.key(3), 8)

    def fresh(key):
        """Frequencies drawn anew, as of another of its environments; the contact where it is."""
        drawn = sync_rl_suppress.draw(loop, key)
        source = dataclasses.replace(drawn.plant.source.source, entry=loop.plant.source.source.entry)
        settled = dataclasses.replace(drawn.plant.source, source=source)
        return dataclasses.replace(drawn, plant=dataclasses.replace(drawn.plant, source=settled))

    def power(policy):
        run = jax.jit(jax.vmap(lambda key: run_loop(fresh(key), policy, 1111, key)["marker"][150:].mean()))
        return np.asarray(run(keys))

    off = power(Constant(level=jnp.zeros(1)))
    # 19.8 +- 1.9 and 85.8 +- 19.4 % over its environments
    assert 100 * np.mean(power(Constant(level=jnp.ones(1))) / off) == pytest.approx(19.8, abs=6.0)
    assert 100 * np.mean(power(Random()) / off) == pytest.approx(85.8, abs=20.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "krilov"}, "'krylov'"),
        ({"preset": "dbs_gym", "n_oscillators": 100}, "cube"),
        ({"n_oscillators": 1}, "2 or more"),
        ({"noise": -1.0}, "noise"),
    ],
)
def test_what_the_task_cannot_be_made_of_is_named(options, message):
    with pytest.raises(InputError, match=message):
        make_task("sync_rl_suppress", **options)
