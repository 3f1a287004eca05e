import pickle
import subprocess
import sys
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import neurodrift.sim.envs  # noqa: F401 (registers the ids)
from neurodrift.sim.errors import InputError
from neurodrift.sim.tasks import TASKS

SMALL = {"sync_rl_suppress": {"n_oscillators": 27}}
# compiling a brain takes seconds, so the default run has one with a shield and one without
QUICK = "pd_adbs_onoff", "sync_rl_suppress"
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in TASKS]
QUICKEST = [pytest.param(name, marks=() if name == "sync_rl_suppress" else pytest.mark.slow) for name in TASKS]
N = 12


@pytest.fixture
def make_task():
    """Make the environment of a task, small."""

    def make(name, **options):
        return gymnasium.make(f"neurodrift/{TASKS[name].gym_id}-v0", **{**SMALL.get(name, {}), **options})

    return make


@pytest.fixture
def make_tasks():
    def make(name, **options):
        return gymnasium.make_vec(f"neurodrift/{TASKS[name].gym_id}-v0", **{**SMALL.get(name, {}), **options})

    return make


def play(env, n, seed=0):
    """n steps with actions of a seeded generator: observations, rewards, infos."""
    low, high = env.action_space.low, env.action_space.high
    actions = np.random.default_rng(seed).uniform(low, high, (n, *low.shape)).astype(np.float32)
    steps = [env.step(action) for action in actions]
    return np.stack([s[0] for s in steps]), np.array([s[1] for s in steps]), [s[4] for s in steps]


def test_every_task_has_an_id_of_its_own_and_registering_it_imports_no_jax():
    ids = [f"neurodrift/{spec.gym_id}-v0" for spec in TASKS.values()]
    assert len(set(ids)) == len(ids)
    code = (
        "import sys, gymnasium, neurodrift.sim.envs\n"
        f"assert all(i in gymnasium.registry for i in {ids})\n"
        "assert not {'jax', 'mne', 'brian2', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_gymnasiums_checker_has_nothing_to_say_of_a_task(make_task, name):
    env = make_task(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped)
    assert float(env.action_space.low[0]) == (-1.0 if env.unwrapped.loop.bipolar else 0.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_replays_exactly_and_another_seed_is_another_patient(make_task, name):
    env = make_task(name)
    runs = []
    for seed in (3, 3, 4):
        first, info = env.reset(seed=seed)
        runs.append((first, *play(env, N)[:2], env.unwrapped._person))
        assert np.isfinite(first).all()
        assert {"marker", "cost", "charge", "requested_action", "applied_action"} <= set(info)
    for a, b in zip(*runs[:2]):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(runs[0][1], runs[2][1])
    assert not np.array_equal(runs[0][3], runs[2][3])


@pytest.mark.parametrize("name", NAMES)
def test_a_task_goes_on_exactly_after_pickling_in_mid_episode(make_task, name):
    env = make_task(name, render_mode="rgb_array").unwrapped
    env.reset(seed=5)
    play(env, 5)
    copy = pickle.loads(pickle.dumps(env))
    for a, b in zip(play(env, N)[:2], play(copy, N)[:2]):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(env.render(), copy.render())
    np.testing.assert_array_equal(env.reset()[0], copy.reset()[0])


@pytest.mark.parametrize("name", QUICKEST)
def test_every_row_of_tasks_is_the_single_environment_of_its_seed(make_task, make_tasks, name):
    seeds = (5, 8)
    batch, single = make_tasks(name, num_envs=2, n_windows=N), make_task(name, n_windows=N)
    assert batch.single_observation_space == single.observation_space
    assert batch.single_action_space == single.action_space
    observation, _ = batch.reset(seed=list(seeds))
    low, high = batch.action_space.low, batch.action_space.high
    actions = np.random.default_rng(1).uniform(low, high, (2 * N, *low.shape)).astype(np.float32)
    steps = [batch.step(a) for a in actions]
    # a voltage at the edge of a step of the converter, float32 sums in another order; features are of the order of 1
    near = {"rtol": 2e-3, "atol": 2e-3}
    for i, seed in enumerate(seeds):
        first, _ = single.reset(seed=seed)
        np.testing.assert_allclose(observation[i], first, **near)
        over = False
        for a, (x, rewards, terminated, truncated, after) in zip(actions[:, i], steps):
            if over:
                y, info = single.reset()
                reward, ended, cut = 0.0, False, False
            else:
                y, reward, ended, cut, info = single.step(a)
            over = ended or cut
            np.testing.assert_allclose(x[i], y, **near)
            np.testing.assert_allclose(rewards[i], reward, **near)
            assert (terminated[i], truncated[i]) == (ended, cut)
            assert after["tick"][i] == info["tick"]
            np.testing.assert_allclose(after["applied_action"][i], info["applied_action"], rtol=1e-5)


def test_tasks_start_again_as_the_autoreset_mode_says(make_tasks):
    zero = np.zeros((2, 1), np.float32)
    name = "sync_rl_suppress"
    same = make_tasks(name, num_envs=2, n_windows=2, autoreset_mode=AutoresetMode.SAME_STEP)
    same.reset(seed=0)
    same.step(zero)
    x, _, _, truncated, info = same.step(zero)
    assert truncated.all()
    assert info["tick"].tolist() == [0, 0]
    assert info["final_info"]["tick"].tolist() == [2, 2]
    assert not np.array_equal(x[0], info["final_obs"][0])
    disabled = make_tasks(name, num_envs=2, n_windows=2, autoreset_mode=AutoresetMode.DISABLED)
    disabled.reset(seed=0)
    disabled.step(zero)
    disabled.step(zero)
    with pytest.raises(gymnasium.error.ResetNeeded):
        disabled.step(zero)
    _, info = disabled.reset(options={"reset_mask": np.array([True, True])})
    assert info["tick"].tolist() == [0, 0]


def test_patients_can_be_held_out_and_the_nominal_one_is_always_the_same(make_task):
    name = "sync_rl_suppress"
    shared = make_task(name)
    assert shared.unwrapped._engine is make_task(name).unwrapped._engine
    held = make_task(name, held_out=True)
    held.reset(seed=0)
    shared.reset(seed=0)
    assert not np.array_equal(held.unwrapped._person, shared.unwrapped._person)
    nominal = make_task(name, patients=False)
    nominal.reset(seed=0)
    assert nominal.unwrapped._person.size == 0


def test_a_picture_shows_the_last_seconds(make_task, make_tasks):
    env = make_task("pd_adbs_onoff", render_mode="rgb_array").unwrapped
    with pytest.raises(gymnasium.error.ResetNeeded, match="nothing to draw"):
        env.render()
    env.reset(seed=0)
    env.step(np.zeros(1, np.float32))
    off = env.render()
    assert (off.dtype, off.shape) == (np.uint8, (600, 800, 3))
    assert env.metadata["render_fps"] == pytest.approx(10.0)
    # the ramp of a quarter of a second is refused by the shield, in red; what is given is green
    red, green = np.array([192, 57, 43]), np.array([58, 155, 107])
    for _ in range(4):
        env.step(np.ones(1, np.float32))
    on = env.render()
    assert np.abs(off.astype(int) - on).max() > 100

    def pixels(image, colour):
        return int((np.abs(image.astype(int) - colour).max(axis=-1) < 70).sum())

    assert pixels(off, red) == 0 < pixels(on, red)
    assert pixels(on, green) > pixels(off, green) + 1000
    assert make_task("pd_adbs_onoff").unwrapped.render() is None
    batch = make_tasks("sync_rl_suppress", num_envs=2, render_mode="rgb_array")
    batch.reset(seed=0)
    first, second = batch.render()
    assert first.shape == second.shape == (600, 800, 3)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda make: make("sync_rl_suppress", render_mode="human"), "render_mode"),
        (lambda make: make("pd_adbs_onoff", devise="fast"), "unknown option"),
        (lambda make: make("pd_adbs_onoff", device="pocket"), "pocket"),
        (lambda make: make("sync_rl_suppress", preset="krilov"), "krylov"),
    ],
)
def test_what_a_task_does_not_have_is_named(make_task, use, message):
    with pytest.raises(InputError, match=message):
        use(make_task)
