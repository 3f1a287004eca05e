import pickle

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from neurodrift.sim.errors import InputError

ZERO = np.zeros((3, 1), np.float32)


def actions_of(env, n):
    return np.random.default_rng(1).uniform(-1, 1, (n, *env.action_space.shape)).astype(np.float32)


def assert_row(infos, i, info, **tolerance):
    for key, value in info.items():
        assert infos[f"_{key}"][i]
        np.testing.assert_allclose(np.asarray(infos[key][i], float), np.asarray(value, float), err_msg=key, **tolerance)


def test_every_row_is_the_single_environment_of_its_seed(make, make_vec, ramp):
    options = {"drift": (ramp,), "n_windows": 40}
    batch, single = make_vec(num_envs=3, **options), make(**options)
    assert batch.single_observation_space == single.observation_space
    assert batch.single_action_space == single.action_space
    v, infos = batch.reset(seed=[5, 8, 2])
    actions = actions_of(batch, 80)
    steps = [batch.step(a) for a in actions]
    # float32 matrix products sum in another order in a batch; feedback through the rhythms' nonlinearity is damped
    near = {"rtol": 1e-4, "atol": 1e-9}
    for i, seed in enumerate((5, 8, 2)):
        first, info = single.reset(seed=seed)
        lsb = float(single.unwrapped.plant.amplifier.lsb)
        np.testing.assert_allclose(v[i], first, atol=1.01 * lsb)
        assert_row(infos, i, info, **near)
        over = False
        for a, (w, rewards, terminated, truncated, after) in zip(actions[:, i], steps):
            if over:
                x, info = single.reset()
                reward, ended, over = 0.0, False, False
            else:
                x, reward, ended, over, info = single.step(a)
            # a voltage at the edge of a step of the converter may fall to either side
            np.testing.assert_allclose(w[i], x, atol=1.01 * lsb)
            np.testing.assert_allclose(rewards[i], reward, rtol=1e-3, atol=1e-3)
            assert (terminated[i], truncated[i]) == (ended, over)
            assert_row(after, i, info, **near)


def test_an_int_seeds_row_i_with_the_int_plus_i(make_vec):
    env = make_vec("Replay", num_envs=3)
    env.reset(seed=4)
    assert env.unwrapped.np_random_seed == (4, 5, 6)
    assert len(env.unwrapped.np_random) == 3


def test_rows_reset_on_the_next_step_by_default(make_vec):
    env = make_vec("Replay", num_envs=3, n_windows=2)
    first, _ = env.reset(seed=0)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    log = [env.step(ZERO + 1.0) for _ in range(4)]
    assert [step[3].tolist() for step in log] == [[False] * 3, [True] * 3, [False] * 3, [False] * 3]
    assert not any(step[2].any() for step in log)
    np.testing.assert_array_equal(log[2][0], first)
    np.testing.assert_array_equal(log[2][1], 0.0)
    np.testing.assert_array_equal(log[2][4]["charge"], 0.0)
    assert [step[4]["tick"][0] for step in log] == [1, 2, 0, 1]


def test_rows_reset_in_the_same_step_on_request(make_vec):
    env = make_vec("Replay", num_envs=3, n_windows=2, autoreset_mode="SameStep")
    first, _ = env.reset(seed=0)
    second, *_, infos = env.step(ZERO)
    assert "final_obs" not in infos
    v, rewards, terminated, truncated, infos = env.step(ZERO + 1.0)
    np.testing.assert_array_equal(v, first)
    assert truncated.all()
    assert not terminated.any()
    np.testing.assert_allclose(rewards, -1.0, rtol=1e-6)
    assert not np.array_equal(infos["final_obs"][0], second[0])
    np.testing.assert_array_equal(infos["final_info"]["tick"], 2)
    np.testing.assert_array_equal(infos["tick"], 0)
    assert infos["_final_obs"].all()


def test_rows_reset_by_hand_leave_the_others_where_they_are(make_vec):
    env = make_vec("Replay", num_envs=3, n_windows=3, autoreset_mode=AutoresetMode.DISABLED)
    first, _ = env.reset(seed=0)
    v, *_ = env.step(ZERO)
    w, infos = env.reset(options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(w[[0, 2]], v[[0, 2]])
    np.testing.assert_array_equal(w[1], first[1])
    np.testing.assert_array_equal(infos["tick"], [1, 0, 1])
    np.testing.assert_array_equal(infos["_tick"], [False, True, False])
    assert env.step(ZERO)[4]["tick"].tolist() == [2, 1, 2]
    assert env.step(ZERO)[3].tolist() == [True, False, True]
    with pytest.raises(gymnasium.error.ResetNeeded, match="environment 0 has ended"):
        env.step(ZERO)
    env.reset(options={"reset_mask": np.array([True, False, True])})
    assert env.step(ZERO)[4]["tick"].tolist() == [1, 3, 1]


def test_rows_continue_exactly_after_pickling(make_vec, ramp):
    env = make_vec(num_envs=3, drift=(ramp,), n_windows=12).unwrapped
    env.reset(seed=0)
    for a in actions_of(env, 5):
        env.step(a)
    copy = pickle.loads(pickle.dumps(env))
    for a in actions_of(env, 20):
        one, other = env.step(a), copy.step(a)
        for x, y in zip(one[:4], other[:4]):
            np.testing.assert_array_equal(x, y)


def test_a_row_with_a_bad_action_costs_itself_only(make_vec):
    env = make_vec("Replay", num_envs=3)
    env.reset(seed=0)
    *_, infos = env.step(np.array([[np.nan], [2.0], [0.5]], np.float32))
    np.testing.assert_array_equal(infos["cost"], [1.0, 1.0, 0.0])
    np.testing.assert_allclose(infos["applied_action"][:, 0], [0.0, 2e-3, 1e-3], rtol=1e-6)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda env: env.reset(seed=[1, 2]), "2 seeds for 3"),
        (lambda env: env.step(ZERO[:2]), "shape"),
        (lambda env: env.reset(options={"reset_mask": np.zeros(3, bool)}), "reset_mask"),
    ],
)
def test_bad_input_is_named(make_vec, use, message):
    env = make_vec("Replay", num_envs=3).unwrapped
    env.reset(seed=0)
    with pytest.raises(InputError, match=message):
        use(env)
