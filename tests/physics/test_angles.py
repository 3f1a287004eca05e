import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.sim.sources.angles import sin_cos
from neurodrift.sim.tasks import make_task
from neurodrift.sim.tasks.sync_rl_suppress import mean_field


def test_sine_and_cosine_are_those_of_double_precision_over_hundreds_of_turns():
    x = np.concatenate([np.linspace(-1000, 1000, 200_001), np.arange(-20, 21) * np.pi / 4]).astype(np.float32)
    sine, cosine = jax.jit(sin_cos)(x)
    # an ulp of numbers just below 1 is 6e-8
    np.testing.assert_allclose(sine, np.sin(x.astype(float)), atol=1.2e-7)
    np.testing.assert_allclose(cosine, np.cos(x.astype(float)), atol=1.2e-7)
    assert np.isnan(np.asarray(sin_cos(jnp.array([np.nan, np.inf], jnp.float32)))).all()


def test_the_derivatives_of_sine_and_cosine_are_each_other():
    x = jnp.linspace(-7.0, 7.0, 1001)
    for n, expected in ((0, np.cos), (1, lambda x: -np.sin(x))):
        slope = jax.vmap(jax.grad(lambda x, n=n: sin_cos(x)[n]))(x)
        np.testing.assert_allclose(slope, expected(np.asarray(x, float)), atol=1.2e-7)
        _, forward = jax.jvp(lambda x, n=n: sin_cos(x)[n], (x,), (jnp.full_like(x, 2.0),))
        np.testing.assert_allclose(forward, 2 * expected(np.asarray(x, float)), atol=2.4e-7)


def test_double_precision_is_left_to_the_library():
    with jax.enable_x64(True):
        x = jnp.linspace(-50.0, 50.0, 1001, dtype=jnp.float64)
        for got, wanted in zip(sin_cos(x), (np.sin(x), np.cos(x))):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-15)


def test_a_window_of_512_phases_is_that_of_every_pair_summed_in_double_precision():
    loop = make_task("sync_rl_suppress", preset="dbs_gym")
    source = loop.plant.source.source
    kernel = np.asarray(source.wiring.left, float) @ np.asarray(source.wiring.right, float) / 100  # per .01 s
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    distance = 0.1 * np.linalg.norm(grid[:, None] - grid[None], axis=-1)
    np.testing.assert_allclose(kernel, 0.52 / 512 * np.cos(distance), atol=1.1e-5 * 0.52 / 512)
    reach = 1 - 0.1 * np.linalg.norm(grid - np.array([4, 3, 4]), axis=-1)
    w = np.asarray(source.model.f, float) * 2 * np.pi / 100

    def slope(theta, u):
        return w + (kernel * np.sin(theta[None, :] - theta[:, None])).sum(axis=1) + np.maximum(reach, 0) * u

    # in a batch, whose coupling is scaled one by one
    keys = jax.random.split(jax.random.key(4), 3)
    states = jax.vmap(loop.init)(keys)
    _, outcomes = jax.jit(jax.vmap(loop.step))(states, jnp.array([[0.6], [-1.0], [0.0]]))
    fields = jax.vmap(lambda window: mean_field(loop.plant, window))(outcomes.window)
    for n, volts in enumerate((3.0, -5.0, 0.0)):
        theta, field = np.asarray(states.plant.source.y[0][n], float), []
        for sample in range(16):
            u = volts if sample < 2 else 0.0
            a = slope(theta, u)
            theta = theta + 0.025 * (a + slope(theta + 0.05 * a, u))
            field.append(np.cos(theta).mean())
        np.testing.assert_allclose(fields[n], field, atol=1e-5)
