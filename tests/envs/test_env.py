import os
import pickle
import subprocess
import sys
import warnings

import gymnasium
import jax
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from neurodrift.sim.builders import replay_plant
from neurodrift.sim.envs import NeuromodEnv
from neurodrift.sim.errors import InputError

IDS = ["MotorImagery", "Replay"]


def play(env, n, seed=0):
    """n steps with actions of a seeded generator: observations, rewards, infos."""
    actions = np.random.default_rng(seed).uniform(-1, 1, (n, *env.action_space.shape)).astype(np.float32)
    steps = [env.step(action) for action in actions]
    return np.stack([s[0] for s in steps]), np.array([s[1] for s in steps]), [s[4] for s in steps]


def test_registering_imports_no_jax():
    code = (
        "import sys, gymnasium, neurodrift.sim.envs\n"
        "assert 'neurodrift/MotorImagery-v0' in gymnasium.registry and 'neurodrift/Replay-v0' in gymnasium.registry\n"
        "assert 'jax' not in sys.modules and 'mne' not in sys.modules and 'brian2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", IDS)
def test_gymnasiums_checker_has_nothing_to_say(make, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(name).unwrapped)


@pytest.mark.parametrize("name", IDS)
def test_observations_are_volts_inside_the_amplifiers_range(make, name):
    env = make(name)
    clip = float(env.unwrapped.plant.amplifier.clip)
    assert env.observation_space == gymnasium.spaces.Box(-clip, clip, env.observation_space.shape, np.float32)
    env.reset(seed=0)
    v, _, _ = play(env, 6)
    assert np.isfinite(v).all()
    # scalp EEG is microvolts to tens of microvolts
    assert 1e-6 < v.std() < 100e-6


def test_same_seed_same_numbers_and_another_seed_others(make):
    env = make()
    runs = [(env.reset(seed=seed)[0], *play(env, 5)[:2]) for seed in (3, 3, 4)]
    for a, b in zip(*runs[:2]):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(runs[0][1], runs[2][1])


def test_same_seed_same_bits_in_another_process_that_imports_nothing_of_ours(make):
    env = make()
    first, _ = env.reset(seed=11)
    v, rewards, _ = play(env, 3)
    code = (
        "import sys, gymnasium, numpy as np\n"
        "env = gymnasium.make('neurodrift.sim.envs:neurodrift/MotorImagery-v0',"
        " montage=('C3', 'Cz', 'C4', 'Pz'), sfreq=125., window_s=.2)\n"
        "v = [env.reset(seed=11)[0]]; rewards = []\n"
        "for a in np.random.default_rng(0).uniform(-1, 1, (3, 2)).astype(np.float32):\n"
        "    s = env.step(a); v.append(s[0]); rewards.append(s[1])\n"
        "sys.stdout.buffer.write(np.stack(v).tobytes() + np.array(rewards).tobytes())"
    )
    alone = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}  # it compiles for itself
    done = subprocess.run([sys.executable, "-c", code], env=alone, check=True, capture_output=True)
    assert done.stdout == np.concatenate([first[None], v]).tobytes() + rewards.tobytes()


def test_a_thousand_steps_after_pickling_in_mid_episode_are_exact(make, ramp):
    env = make(drift=(ramp,), n_windows=2000).unwrapped
    env.reset(seed=5)
    play(env, 37)
    copy = pickle.loads(pickle.dumps(env))
    for a, b in zip(play(env, 1000), play(copy, 1000)):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            assert [{k: v.tobytes() for k, v in i.items()} for i in a] == [
                {k: v.tobytes() for k, v in i.items()} for i in b
            ]
    # and so is the episode after
    np.testing.assert_array_equal(env.reset()[0], copy.reset()[0])


def test_drift_follows_simulated_time_and_not_the_number_of_resets(make, ramp):
    env = make(drift=(ramp,), subject=1)
    _, start = env.reset(seed=9)
    _, _, first = play(env, 8)
    np.testing.assert_allclose(start["conditions/gain"], 1.0, rtol=0.01)
    np.testing.assert_array_equal([i["tick"] for i in first], np.arange(1, 9))
    np.testing.assert_allclose([i["seconds"] for i in first], 0.2 * np.arange(1, 9), rtol=1e-6)
    assert not np.array_equal(first[0]["conditions/gain"], first[-1]["conditions/gain"])
    for _ in range(48):
        env.reset()
    env.reset(seed=9)
    _, _, fiftieth = play(env, 8)
    for a, b in zip(first, fiftieth):
        np.testing.assert_array_equal(a["conditions/gain"], b["conditions/gain"])


def test_drift_seconds_can_run_faster_than_the_windows(make):
    env = make(drift_window_s=8.0)
    env.reset(seed=0)
    assert [i["seconds"] for i in play(env, 3)[2]] == [8.0, 16.0, 24.0]


def test_info_holds_only_the_conditions_that_drift(make, ramp):
    assert [k for k in make().reset(seed=0)[1] if k.startswith("conditions")] == []
    assert [k for k in make(drift=(ramp,)).reset(seed=0)[1] if k.startswith("conditions")] == ["conditions/gain"]


def test_actions_are_shares_of_the_largest_current(make):
    env = make(max_current=1e-3, stim_frequency=0.0)
    env.reset(seed=0)
    *_, info = env.step(np.array([1.0, -0.5], np.float32))
    np.testing.assert_allclose(info["applied_action"], [1e-3, -0.5e-3], rtol=1e-6)
    # 1.5 mA in all for 0.2 s
    np.testing.assert_allclose(info["charge"], 1.5e-3 * 0.2, rtol=1e-5)
    assert info["cost"] == 0


def test_an_action_beyond_the_bounds_is_clipped_and_counted(make):
    env = make(max_current=1e-3, stim_frequency=0.0)
    env.reset(seed=0)
    *_, info = env.step(np.array([3.0, 0.5], np.float32))
    np.testing.assert_allclose(info["applied_action"], [1e-3, 0.5e-3], rtol=1e-6)
    np.testing.assert_allclose(info["requested_action"], [3e-3, 0.5e-3], rtol=1e-6)
    assert info["cost"] == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_not_finite_delivers_nothing_and_costs(make, value):
    env = make()
    env.reset(seed=0)
    v, reward, *_, info = env.step(np.array([value, value], np.float32))
    np.testing.assert_array_equal(info["applied_action"], 0.0)
    assert (info["charge"], info["cost"]) == (0.0, 2.0)
    assert np.isfinite(v).all()
    assert np.isfinite(reward)


def test_the_dose_is_what_is_delivered_as_a_share_of_the_largest(make):
    env = make("Replay", dose_weight=2.0)
    env.reset(seed=0)
    assert env.step(np.array([0.0], np.float32))[1] == 0.0
    np.testing.assert_allclose(env.step(np.array([-1.0], np.float32))[1], -2.0, rtol=1e-6)
    np.testing.assert_allclose(env.step(np.array([0.25], np.float32))[1], -0.5, rtol=1e-6)


def test_the_reward_outside_imagery_is_the_dose_and_inside_answers_stimulation(make):
    env = make(subject=2, dose_weight=0.0, n_windows=None)
    off, left, right = (np.array(a, np.float32) for a in ([0, 0], [1, 0], [0, 1]))

    def rewards(action):
        _, info = env.reset(seed=1)
        steps = [env.step(action) for _ in range(40)]
        imagery = np.array([s[4]["truth/imagery"] for s in steps])
        return np.array([s[1] for s in steps]), imagery, int(info["truth/label"])

    base, imagery, label = rewards(off)
    assert imagery.sum() == 20  # 4 s of windows of 0.2 s
    np.testing.assert_array_equal(base[~imagery], 0.0)
    # a current in the mu band drives the rhythm under its contact: on the hand area opposite to the imagined hand
    # (area 1 for the left hand, class 0) it works against desynchronisation, on the other side for it; the noise is the
    # same in all three, so the current alone makes the difference
    contra, ipsi = (right, left) if label == 0 else (left, right)
    assert rewards(contra)[0][imagery].mean() < base[imagery].mean() - 0.1
    assert rewards(ipsi)[0][imagery].mean() > base[imagery].mean() + 0.1


def test_desynchronisation_is_rewarded_on_average(make):
    env = make(dose_weight=0.0, n_windows=None, subject=0)
    env.reset(seed=0)
    steps = [env.step(np.zeros(2, np.float32)) for _ in range(40 * 40)]
    late, power = [], []
    for _, reward, _, _, info in steps:
        relative, label = info["truth/power"], int(info["truth/label"])
        if info["truth/imagery"] and relative.min() < 0.8:
            late.append(reward)
            power.append(np.log(relative[label].sum() / relative[1 - label].sum()))
    # the log ratio of two equally wide laws is symmetric about the log ratio of their means; its sd is 2 at most, and
    # neighbouring windows (0.2 s against a memory of 1/6 s) count for a third of themselves
    assert len(late) > 300
    assert abs(np.mean(late) - np.mean(power)) < 3 * 2.0 / np.sqrt(len(late) / 3)


def test_a_person_can_be_fixed_or_drawn_with_each_episode(make):
    powers = {}
    for subject in (None, 7):
        env = make(subject=subject)
        env.reset(seed=0)
        people = [np.asarray(env.unwrapped._person) for _ in range(2) if env.reset() is not None]
        powers[subject] = people
    assert not np.array_equal(*powers[None])
    np.testing.assert_array_equal(*powers[7])
    env = make()
    env.reset(seed=3, options={"subject": 7})
    np.testing.assert_array_equal(np.asarray(env.unwrapped._person), powers[7][0])


def test_watching_stops_at_n_windows_without_ending_the_task(make):
    env = make(n_windows=3)
    env.reset(seed=0)
    ends = [env.step(np.zeros(2, np.float32))[2:4] for _ in range(3)]
    assert ends == [(False, False), (False, False), (False, True)]


def test_a_replay_ends_with_its_recording_whether_or_not_it_is_watched_longer(make):
    # 4 trials of 2 s in windows of 1 s are 8 windows, the first of which reset() plays
    for n_windows, last in ((None, (True, False)), (7, (True, True)), (100, (True, False))):
        env = make("Replay", n_windows=n_windows)
        env.reset(seed=0)
        ends = [env.step(np.zeros(1, np.float32))[2:4] for _ in range(7)]
        assert ends[:-1] == [(False, False)] * 6
        assert ends[-1] == last


@pytest.mark.parametrize("window_s", [None, 1.0])
def test_a_replay_without_drift_is_the_recording_bit_by_bit(make, recording, window_s):
    env = make("Replay", window_s=window_s)
    windows, labels, sessions = [], [], []
    v, info = env.reset(seed=0)
    ended = False
    while True:
        windows.append(v)
        labels.append(info["truth/label"])
        sessions.append(info["truth/session"])
        if ended:
            break
        v, _, ended, _, info = env.step(env.action_space.sample())
    n_windows = len(windows) // 4
    played = np.concatenate(windows, axis=1).reshape(5, 4, -1).swapaxes(0, 1)
    np.testing.assert_array_equal(played, recording.x)
    np.testing.assert_array_equal(labels, np.repeat(recording.y, n_windows))
    np.testing.assert_array_equal(sessions, np.repeat(recording.session, n_windows))
    assert not info["responds_to_stim"]


def test_the_embedded_recording_plays_by_name():
    from neurodrift.sim.recordings.embedded import load_embedded

    env = gymnasium.make("neurodrift/Replay-v0", window_s=None)
    v, _ = env.reset(seed=0)
    np.testing.assert_array_equal(v, load_embedded("eegmmidb-S007").x[0])


def test_drifts_by_name_are_imposed_on_a_recording(make, recording):
    env = make("Replay", drift=(("cap_shift", 1.0, 0.0), ("gain", 5.0)), window_s=None)
    env.reset(seed=0)
    v, *_, info = env.step(np.zeros(1, np.float32))
    # 1 cm at the vertex of a head of 9 cm
    np.testing.assert_allclose(np.linalg.norm(info["conditions/cap_rotation"]), 1 / 9, rtol=1e-5)
    assert np.abs(v - recording.x[1]).max() > 1e-6


def test_gain_that_drifts_multiplies_the_recording(make, recording, ramp):
    env = make("Replay", drift=(ramp,), window_s=None)
    env.reset(seed=0)
    v, *_, info = env.step(np.zeros(1, np.float32))
    np.testing.assert_allclose(v, recording.x[1] * info["conditions/gain"][:, None], rtol=1e-6)


def test_returned_arrays_are_the_callers_to_change(make):
    env = make()
    v, info = env.reset(seed=0)
    v[:] = 1.0
    info["applied_action"][:] = 1.0
    w, *_ = env.step(np.zeros(2, np.float32))
    assert w.max() < 1e-3


def test_a_changed_parameter_is_not_compiled_anew(make, recording):
    first = NeuromodEnv(replay_plant(recording, max_current=1e-3))
    second = NeuromodEnv(replay_plant(recording, max_current=2e-3))
    assert first._engine.compiled is second._engine.compiled
    for env in (first, second):
        env.reset(seed=0)
        env.step(np.ones(1, np.float32))
    assert first._engine.compiled.step._cache_size() == 1


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda make: make(n_windows=0), "n_windows is 0"),
        (lambda make: make("Replay").reset(options={"subject": 1}), "one fixed person"),
        (lambda make: make().reset(options={"speed": 2}), "unknown reset option 'speed'"),
        (lambda make: make(window_s=0.3), "window_s is 0.3"),
        (lambda make: make("Replay", window_s=3.0), "the trials last 2 s"),
        (lambda make: make("Replay", data="nobody"), "no embedded recording 'nobody'"),
        (lambda make: make(drift=("gain",)), "has no severity"),
        (lambda make: make(drift=(("gian", 1.0),)), "'gain'"),
    ],
)
def test_bad_input_is_named_with_its_fix(make, use, message):
    with pytest.raises(InputError, match=message):
        use(make)


def test_an_action_of_another_shape_is_refused(make):
    env = make().unwrapped
    env.reset(seed=0)
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        env.step(np.zeros(3, np.float32))


def test_step_before_reset_is_refused(make):
    with pytest.raises(gymnasium.error.ResetNeeded):
        make().unwrapped.step(np.zeros(2, np.float32))


def test_one_step_is_one_call_with_a_donated_state(make):
    env = make().unwrapped
    env.reset(seed=0)
    before = env._state
    env.step(np.zeros(2, np.float32))
    assert before.is_deleted()
    assert len(jax.tree.leaves(env._state)) == 1
