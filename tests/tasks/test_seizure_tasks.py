"""Detection and responsive stimulation of seizures: what is judged, how it is counted, and how seizures go."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.sim.conditions import Conditions
from neurodrift.sim.errors import InputError
from neurodrift.sim.sources.seizing import InhibitionCourse, Seizing
from neurodrift.sim.tasks import sz_onset_detect, sz_responsive_abort
from neurodrift.sim.tasks.seizures import count, score

from .windows import judged, window

WINDOW_S = 0.25
CONDITIONS = Conditions.nominal(1)


@pytest.fixture(scope="module")
def onset():
    return sz_onset_detect.make(drift=False)


@pytest.fixture(scope="module")
def abort():
    return {model: sz_responsive_abort.make(model, drift=False) for model in ("wendling", "epileptor")}


def course(loop, flags, seizing, impending=None):
    """Judgements of a course of windows: (reward, marker, cost), each (n,)."""
    impending = [False] * len(flags) if impending is None else impending
    windows = [window(loop, level=f, seizing=s, impending=i) for f, s, i in zip(flags, seizing, impending)]
    answers = judged(loop, windows)
    return tuple(np.array([float(getattr(a, name)) for a in answers]) for name in ("reward", "marker", "cost"))


def test_the_marker_counts_seizing_until_the_flag_is_up_and_no_longer(onset):
    flags = [0, 0, 0, 0, 1, 0, 0, 0]
    seizing = [0, 0, 1, 1, 1, 1, 1, 0]
    reward, marker, cost = course(onset, flags, np.array(seizing, bool))
    assert marker.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert reward.tolist() == (-marker).tolist()
    assert cost.sum() == 0


def test_a_flag_after_the_time_for_detection_comes_too_late():
    loop = sz_onset_detect.make(drift=False, detect_s=1.0)
    flags = [0] + [0] * 4 + [1] + [0] * 3
    seizing = np.array([0] + [1] * 8, bool)
    _, marker, cost = course(loop, flags, seizing)
    assert marker.tolist() == [0] + [1] * 8
    assert cost.sum() == 0
    _, marker, _ = course(loop, [0] * 4 + [1] + [0] * 4, seizing)
    assert marker.tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 0]


def test_a_false_alarm_costs_once_in_half_a_minute_however_long_it_stays_up():
    loop = sz_onset_detect.make(drift=False, merge_s=2.0, false_s=5.0)
    flags = [0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    reward, _, cost = course(loop, flags, [False] * len(flags))
    # the first, the second 2 s later, and again 2 s into the one that stays up
    assert np.flatnonzero(cost).tolist() == [1, 9, 17]
    assert reward[1] == pytest.approx(-5.0 / WINDOW_S)


def test_a_flag_while_a_seizure_comes_on_or_just_after_it_is_no_false_alarm():
    loop = sz_onset_detect.make(drift=False, merge_s=0.25, after_s=0.5)
    impending = np.array([0, 1, 0, 0, 0, 0, 0, 0], bool)
    seizing = np.array([0, 0, 1, 0, 0, 0, 0, 0], bool)
    _, _, cost = course(loop, [1, 1, 0, 1, 1, 1, 0, 1], seizing, impending)
    assert cost.tolist() == [1, 0, 0, 0, 0, 1, 0, 1]


def test_a_detector_is_scored_as_the_closed_form_says():
    n = 4 * 3600
    flag, seizing, impending = np.zeros((3, 2, n), bool)
    seizing[0, 400:500] = seizing[0, 4000:4100] = seizing[1, 100:200] = True
    flag[0, 409] = True  # known 2.5 s after the onset
    flag[0, 4003:4010] = True  # 1 s
    flag[0, 520] = True  # 5 s after the first seizure: no false alarm
    flag[1, 50] = True  # false: the seizure of this run is missed
    flag[1, 1000:1300] = True  # 75 s up: three alarms of half a minute each
    impending[1, 60:100] = True
    found = score(flag, seizing, impending, WINDOW_S)
    assert found.sensitivity == pytest.approx(2 / 3)
    assert found.delays.tolist() == [2.5, 1.0]
    outside = 2 * n - 300 - 40 - 3 * 40  # seizing, coming on, ten seconds after each
    assert found.hours == pytest.approx(outside * WINDOW_S / 3600)
    assert found.false_per_day == pytest.approx(24 * 4 / found.hours)


def test_seizures_are_counted_from_ten_seconds_on():
    seizing = np.zeros((2, 1000), bool)
    seizing[0, 10:50] = seizing[1, 100:139] = seizing[1, 960:] = True
    assert count(seizing, WINDOW_S) == (2, pytest.approx(119 / 2000))


def test_responsive_stimulation_pays_for_seizing_and_for_dose_and_its_cost_is_the_needless_one(abort):
    loop = abort["wendling"]
    flags = [1.0, 1.0, 0.5, 0.0]
    windows = [
        window(loop, level=f, seizing=s, impending=i)
        for f, s, i in zip(flags, [False, True, False, True], [False, False, True, False])
    ]
    found = judged(loop, windows)
    assert [float(j.marker) for j in found] == [0, 1, 0, 1]
    np.testing.assert_allclose([float(j.reward) for j in found], [-0.1, -1.1, -0.05, -1.0], rtol=1e-6)
    np.testing.assert_allclose([float(j.cost) for j in found], [1, 0, 0, 0], rtol=1e-6)


def test_seizures_begin_at_their_rate_and_never_where_it_is_zero(onset):
    """A Poisson process interrupted by the seizures themselves: within four standard errors."""
    source: Any = onset.plant.source
    n, n_windows, per_hour = 64, 2400, 60.0
    # the course alone, without the columns: a source that is always loud
    loud = _Loud(source.source.n_times, source.source.sfreq)

    def onsets(key, rate):
        seizing = dataclasses.replace(source, source=loud, per_hour=rate)
        state = seizing.init(key, CONDITIONS)
        stim = jnp.zeros((1, loud.n_times))

        def step(state, i):
            state, _, truth = seizing.step(state, stim, CONDITIONS, jax.random.fold_in(key, i))
            return state, (truth["seizing"], state.idle)

        return jax.lax.scan(step, state, jnp.arange(n_windows))[1]

    keys = jax.random.split(jax.random.key(0), n)
    run = jax.jit(jax.vmap(onsets, (0, None)))
    seizing, idle = map(np.asarray, run(keys, jnp.float32(per_hour)))
    begun = np.sum(np.diff((~idle).astype(int), axis=1) == 1)
    expected = idle.sum() * -np.expm1(-per_hour / 3600 * WINDOW_S)
    assert abs(begun - expected) < 4 * np.sqrt(expected)
    times = np.asarray(source.course.times)
    share = np.mean([s.sum() for s in seizing if s.any()])
    assert share > 0
    assert not np.asarray(run(keys[:2], jnp.float32(0.0))[0]).any()
    whole = [np.flatnonzero(np.diff(np.r_[0, s.astype(int), 0])) for s in seizing]
    lengths = np.concatenate([(w[1::2] - w[::2])[:-1] for w in whole if len(w) > 2]) * WINDOW_S
    # from sustained spikes to the end of the way, and the hold of 3 s after the last discharge
    assert np.median(lengths) == pytest.approx(times[5] - times[1] + 3.0, abs=1.0)


class _Loud:
    """A source whose output swings by far more than background."""

    def __init__(self, n_times, sfreq):
        self.n_times, self.sfreq, self.moment = n_times, sfreq, 1.0

    def init(self, key, conditions):
        return ()

    def step(self, state, stim, conditions, key):
        moments = 10.0 * jnp.cos(jnp.arange(self.n_times))[None]
        return state, moments, {"label": jnp.int32(-1)}


def test_a_column_that_is_silenced_early_recovers_and_one_in_fast_activity_goes_on():
    course = InhibitionCourse()
    times = np.asarray(course.times)
    quiet = jnp.zeros((1, 64))
    loud = 10.0 * jnp.cos(jnp.arange(64.0))[None]
    unit = _Loud(64, 256.0)

    def after(position, moments, n):
        state = course.init()._replace(position=jnp.float32(position))
        seen = []
        for _ in range(n):
            state, ictal, idle = course.follow(state, moments, {}, unit, WINDOW_S)
            seen.append((float(state.position), bool(ictal), bool(idle)))
        return seen

    building = times[1] + 3.0
    # discharging it goes on, a second per second
    assert after(building, loud, 4)[-1][0] == pytest.approx(building + 1.0)
    # quiet for 2 s it is on its way back, at the same slow inhibition
    stopped = after(building, quiet, 8)
    assert all(position == pytest.approx(building) for position, _, _ in stopped[:7])
    assert stopped[-1][0] > times[4]
    before, now = (float(course.levels(jnp.float32(p))[0]) for p in (building, stopped[-1][0]))
    assert now == pytest.approx(before, abs=0.01)
    # in fast activity silence changes nothing
    fast = times[2] + 4.0
    assert after(fast, quiet, 8)[-1][0] == pytest.approx(fast + 2.0)


@pytest.mark.parametrize("model", ["wendling", pytest.param("epileptor", marks=pytest.mark.slow)])
def test_stimulation_cuts_a_seizure_short_and_a_resistant_one_goes_on(abort, model):
    """Three seconds from one second after the onset, against sham; all times to the end of what is seizing."""
    source: Any = abort[model].plant.source
    stimulator = abort[model].plant.stimulator

    def seconds(level, resistant, key):
        seizing = dataclasses.replace(source, per_hour=jnp.float32(120.0), resistant=resistant)
        start = seizing.init(key, CONDITIONS)

        def step(carry, i):
            state, since = carry
            on = (since >= 1.0) & (since < 4.0)
            current, _ = stimulator.step(jnp.where(on, level, 0.0) * stimulator.max_current[None], i)
            state, _, truth = seizing.step(state, current, CONDITIONS, jax.random.fold_in(key, i))
            since = jnp.where(truth["seizing"], since + WINDOW_S, 0.0)
            return (state, since), (truth["seizing"], truth["in_bounds"])

        return jax.lax.scan(step, (start, jnp.zeros(())), jnp.arange(600))[1]

    arms = jnp.asarray([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    keys = jax.random.split(jax.random.key(4), 4)
    run = jax.jit(jax.vmap(jax.vmap(seconds, (None, None, 0)), (0, 0, None)))
    seizing, in_bounds = map(np.asarray, run(*arms.T, keys))
    assert in_bounds.all()
    assert (np.diff(seizing.astype(int), axis=-1) == 1).sum(axis=(1, 2)).min() >= 3
    counts = [count(s, WINDOW_S, 12.0)[0] for s in seizing]
    assert counts[0] >= 3
    assert counts[1] == 0
    assert counts[2] >= 3


def test_without_efficacy_a_raised_flag_changes_nothing_of_the_recording(onset):
    key = jax.random.key(2)

    def recorded(level):
        state = onset.init(key)
        return jax.lax.scan(lambda s, _: _recorded(onset.step(s, level)), state, None, length=40)[1]

    v, applied = jax.jit(jax.vmap(recorded))(jnp.asarray([[0.0], [1.0]]))
    np.testing.assert_array_equal(v[0], v[1])
    np.testing.assert_allclose(applied[:, -1, 0], [0.0, 1.0])


def _recorded(stepped):
    state, outcome = stepped
    return state, (outcome.window.v, outcome.applied)


def test_bad_options_are_refused():
    with pytest.raises(InputError, match="unknown model of seizures 'wendlign'"):
        sz_onset_detect.make("wendlign")
    with pytest.raises(InputError, match="whole number of samples"):
        sz_onset_detect.make(window_s=0.001)
    with pytest.raises(InputError, match="a share of 0 to 1"):
        sz_responsive_abort.make(resistant=1.5)
    with pytest.raises(InputError, match="a rate of 0 or more"):
        Seizing.create(None, InhibitionCourse(), per_hour=-1.0)
