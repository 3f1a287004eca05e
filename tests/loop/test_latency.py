"""How late a loop is: every part of the delay, in samples that can be counted."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.loop import Latency

SFREQ, N = 500.0, 50  # windows of 100 ms


def run(latency, n_windows=40, v=None, key=0):
    """What arrives at the end of each window of a recording whose samples count 0, 1, 2, ..."""
    v = np.arange(n_windows * N, dtype=np.float32).reshape(n_windows, 1, N) if v is None else v

    def window(state, inputs):
        tick, now = inputs
        blanked = now[0] % 7 == 0
        return latency.step(state, now, blanked, jax.random.fold_in(jax.random.key(key), tick))

    _, out = jax.lax.scan(window, latency.init(), (jnp.arange(n_windows), jnp.asarray(v)))
    return [np.asarray(x) for x in out]


def test_without_delay_the_window_arrives_as_it_was_recorded():
    v, blanked, age, fresh = run(Latency.create(1, SFREQ, N))
    np.testing.assert_array_equal(v.reshape(-1), np.arange(40 * N))
    np.testing.assert_array_equal(blanked.reshape(-1), np.arange(40 * N) % 7 == 0)
    assert fresh.all()
    assert (age == 0).all()


def test_constant_parts_add_up_to_a_shift_in_whole_samples_and_marks_move_along():
    latency = Latency.create(1, SFREQ, N, filter=0.012, transport=0.006, compute=0.01, stimulator=0.002)
    v, blanked, age, _ = run(latency)
    np.testing.assert_allclose(age, 0.030, rtol=1e-5)
    late = 15  # samples in 30 ms
    np.testing.assert_array_equal(v[5:, 0, -1], np.arange(6, 41) * N - 1 - late)
    np.testing.assert_array_equal(blanked[5:], v[5:, 0] % 7 == 0)


def test_blocks_make_a_sawtooth_of_the_age():
    # windows of 100 ms are 14 blocks of 7 ms and 2 ms more: 2, 4, 6, 1, 3, 5, 0, ... ms old
    age = run(Latency.create(1, SFREQ, N, block=0.007), 14)[2]
    np.testing.assert_allclose(age, 1e-3 * np.array([2, 4, 6, 1, 3, 5, 0] * 2), atol=2e-6)


def test_blocks_that_divide_the_window_wait_for_nothing():
    np.testing.assert_allclose(run(Latency.create(1, SFREQ, N, block=0.01), 200)[2], 0.0, atol=1e-6)


def test_a_clock_that_runs_ahead_slides_the_blocks_along_the_windows():
    age = run(Latency.create(1, SFREQ, N, block=0.01, clock_ppm=1000.0), 90)[2]
    # 0.1 ms a window, back to the start after a block of 10 ms
    np.testing.assert_allclose(age, 1e-4 * np.arange(1, 91), atol=2e-6)


def test_jitter_is_lognormal_about_the_median_transport():
    latency = Latency.create(1, SFREQ, N, transport=0.02, jitter=0.5, longest=1.0)
    age = run(latency, 4000)[2]
    logs = np.log(age / 0.02)
    assert abs(logs.mean()) < 3 * 0.5 / np.sqrt(4000)
    assert abs(logs.std() - 0.5) < 3 * 0.5 / np.sqrt(2 * 4000)


def test_a_lost_packet_repeats_the_last_one_which_grows_older():
    v, _, age, fresh = run(Latency.create(1, SFREQ, N, transport=0.01, drop=0.3), 2000)
    assert abs((~fresh).mean() - 0.3) < 3 * np.sqrt(0.21 / 2000)
    lost = np.flatnonzero(~fresh[1:]) + 1
    np.testing.assert_array_equal(v[lost], v[lost - 1])
    np.testing.assert_allclose(age[lost], age[lost - 1] + 0.1, rtol=1e-5)
    np.testing.assert_allclose(age[fresh], 0.01, rtol=1e-5)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("block", -0.1, "block"), ("jitter", np.nan, "jitter"), ("drop", 1.0, "probability"), ("clock_ppm", 1e6, "ppm")],
)
def test_what_cannot_be_is_refused_in_one_line(option, value, said):
    with pytest.raises(InputError, match=said) as error:
        Latency.create(1, SFREQ, N, **{option: value})
    assert "\n" not in str(error.value)
