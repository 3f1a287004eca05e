"""The closed loop: what is asked for, what is delivered, and what comes back."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.builders import local_plant
from neurodrift.sim.envs import Dose
from neurodrift.sim.loop import Latency, Loop, run_loop
from neurodrift.sim.pytree import component
from neurodrift.sim.sources.registry import make_source

N_WINDOWS = 30


@component
class Answer:
    """Says how many windows it has seen, and ``gain`` times the last sample that it has."""

    gain: jax.Array | float = 0.0

    def init(self):
        return jnp.zeros(())

    def act(self, memory, reading, key):
        return memory + 1, jnp.clip(0.01 * (memory + 1) + self.gain * reading.v[:, -1], -1, 1)


@component
class Wild:
    """Asks for what cannot be."""

    request: jax.Array

    def init(self):
        return ()

    def act(self, memory, reading, key):
        return memory, jnp.full(1, self.request)


@pytest.fixture(scope="module")
def loop():
    source = make_source("stuart_landau", "beta", sfreq=250.0, n_times=25)
    return Loop(plant=local_plant(source, max_current=2e-3), task=Dose(), bipolar=False)


def run(loop, policy, key=0, keep=None):
    more = () if keep is None else (keep,)
    return jax.jit(lambda loop, policy, key: run_loop(loop, policy, N_WINDOWS, key, *more))(
        loop, policy, jax.random.key(key)
    )


def test_the_first_window_is_without_stimulation_and_each_action_comes_one_window_later(loop):
    out = run(loop, Answer())
    np.testing.assert_allclose(out["applied"][:, 0], 0.01 * np.arange(N_WINDOWS), rtol=1e-5)


def test_one_scan_is_the_loop_stepped_one_window_after_the_other(loop):
    from neurodrift.sim.keys import stream_key

    policy, key = Answer(gain=1e4), jax.random.key(0)
    scanned = run(loop, policy, keep=lambda o: (o.reading.v, o.applied))
    state, outcome = jax.jit(loop.begin)(stream_key(key, "loop"))
    step, memory = jax.jit(loop.step), policy.init()
    for n in range(N_WINDOWS):
        # two compilations of one computation may round differently in the last bit
        np.testing.assert_allclose(outcome.reading.v, scanned[0][n], rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(outcome.applied, scanned[1][n], rtol=1e-3, atol=1e-5)
        memory, action = policy.act(memory, outcome.reading, key)
        state, outcome = step(state, action)


@pytest.mark.parametrize("request_", [1.5, -1.0, np.nan, np.inf])
def test_a_request_out_of_bounds_delivers_what_is_allowed_and_counts_as_cost(loop, request_):
    out = run(loop, Wild(request=jnp.float32(request_)))
    delivered = 1.0 if request_ == 1.5 else 0.0
    np.testing.assert_allclose(out["applied"][1:], delivered)
    # below the range of a loop that is not bipolar means off, which breaks no bound
    np.testing.assert_array_equal(out["cost"][1:], 0.0 if request_ == -1.0 else 1.0)


def test_a_loop_that_is_bipolar_gives_both_signs(loop):
    both = dataclasses.replace(loop, bipolar=True)
    np.testing.assert_allclose(run(both, Wild(request=jnp.float32(-0.5)))["applied"][1:], -0.5)


def test_the_controller_sees_the_window_late_and_the_brain_is_the_same(loop):
    late = dataclasses.replace(loop, latency=Latency.create(1, 250.0, 25, transport=0.04))

    def keep(o):
        return o.reading.v[0], o.window.v[0]

    seen, recorded = (np.asarray(x).reshape(-1) for x in run(late, Answer(), keep=keep))
    np.testing.assert_array_equal(seen[10:], recorded[:-10])  # 10 samples in 40 ms
    np.testing.assert_array_equal(recorded, np.asarray(run(loop, Answer(), keep=keep)[1]).reshape(-1))


def test_the_same_key_gives_the_same_run_and_another_another(loop):
    policy = Answer(gain=1e4)
    a, b, c = (run(loop, policy, key)["applied"] for key in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


def test_many_seeds_are_one_vmap(loop):
    policy, keys = Answer(gain=1e3), jax.random.split(jax.random.key(3), 3)
    batch = jax.jit(jax.vmap(lambda key: run_loop(loop, policy, N_WINDOWS, key)))(keys)["applied"]
    single = jax.jit(lambda key: run_loop(loop, policy, N_WINDOWS, key))(keys[1])["applied"]
    np.testing.assert_allclose(batch[1], single, rtol=1e-4, atol=1e-5)


def test_the_moments_of_a_window_are_the_sources_own_before_anything_is_added(loop):
    moments, v = run(loop, Wild(request=jnp.float32(0.0)), keep=lambda o: (o.window.moments, o.window.v))
    assert moments.shape == (N_WINDOWS, 1, 25)
    # local field = gain x moment + noise of the amplifier, of .5 uV
    rest = np.asarray(v - 500.0 * moments)
    assert rest.std() < 2e-6 < np.asarray(v).std()
