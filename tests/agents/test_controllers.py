"""Laws, what devices do to them, and what holds for every controller."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from neurodrift.agents import (
    PI,
    Average,
    Burst,
    Coin,
    Controller,
    DualThreshold,
    Persistence,
    Proportional,
    PulseSkipping,
    Ramp,
    Ramped,
    RandomMatched,
    RelativeToTrend,
    Threshold,
)
from neurodrift.agents.devices import adaptive_dbs, responsive
from neurodrift.sim.errors import InputError
from neurodrift.sim.loop import Reading
from neurodrift.sim.pytree import component, static

from .readings import First, requests, run, seen

W = 0.1


def _made(law, **options):
    return Controller.create(First(), law, W, **options)


@component
class Said:
    """A policy that asks for what it is told; only the wrapping is tested."""

    n_stim: int = static(default=1)

    def init(self):
        return ()

    def act(self, memory, reading, key):
        return memory, reading.v[:, 0]


POLICIES = {
    "threshold": _made(Threshold(threshold=jnp.float32(0.2), n_stim=2), ramp=Ramp.seconds(0.5)),
    "dual": _made(
        DualThreshold(upper=jnp.float32(0.5), gap=jnp.float32(1.0)), ramp=Ramp.seconds(1.0), blanking_s=0.3,
        period_s=0.2,
    ),
    "proportional": _made(Proportional(gain=jnp.float32(0.5))),
    "pi": _made(PI(gain=jnp.float32(0.2), setpoint=jnp.float32(0.1), integral_s=jnp.float32(1.0))),
    "burst": _made(Burst(threshold=jnp.float32(1.0), duration_s=jnp.float32(0.3), max_per_hour=jnp.float32(60.0))),
    "skipping": PulseSkipping(policy=_made(Proportional(gain=jnp.float32(0.5)))),
    "average": Controller.create(Average.seconds(First(), 0.5, W, 1.0), Threshold(threshold=jnp.float32(0.0)), W),
    "trend": Controller.create(
        RelativeToTrend(sensing=First(), trend_s=jnp.float32(2.0), window_s=jnp.float32(W)),
        Threshold(threshold=jnp.float32(1.5)), W,
    ),
    "coin": Ramped(policy=Coin(period_s=0.3, window_s=W), ramp=Ramp.seconds(0.5), window_s=W),
    "matched": RandomMatched(on=jnp.array([1.0, 3.0]), off=jnp.array([2.0]), levels=jnp.array([0.5, 1.0])),
}  # fmt: skip
FEATURES = np.random.default_rng(1).normal(size=60).astype(np.float32)


@pytest.mark.parametrize("name", POLICIES)
def test_requests_stay_within_the_largest_amplitude_and_are_finite_whatever_is_seen(name):
    wild = np.concatenate([FEATURES, [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0], FEATURES]).astype(np.float32)
    u = run(POLICIES[name], wild)
    assert np.isfinite(u).all()
    assert u.min() >= 0.0
    assert u.max() <= 1.0


@pytest.mark.parametrize("name", ["dual", "pi", "burst", "matched"])
def test_the_numbers_of_a_policy_are_leaves_that_vmap_varies(name):
    policy = jax.tree.map(jnp.asarray, POLICIES[name])
    many = jax.vmap(lambda s: jax.tree.map(lambda x: s * x, policy))(jnp.array([1.0, 0.5]))
    both = jax.vmap(requests, in_axes=(0, None, None))(many, *seen(FEATURES))
    np.testing.assert_allclose(both[0], run(policy, FEATURES), atol=1e-6)
    np.testing.assert_allclose(both[1], run(jax.tree.map(lambda x: 0.5 * x, policy), FEATURES), atol=1e-6)


def test_a_single_threshold_is_on_above_it_and_off_below():
    u = run(_made(Threshold(threshold=2.0, high=0.8, low=0.1)), [1, 3, 2.5, 2, 1, 9])[:, 0]
    np.testing.assert_allclose(u, [0.1, 0.8, 0.8, 0.1, 0.1, 0.8], atol=1e-6)


def test_each_contact_follows_its_own_feature_where_there_are_as_many():
    policy = Controller.create(First(n_features=2), Threshold(threshold=jnp.array([1.0, 5.0]), n_stim=2), W)
    np.testing.assert_array_equal(run(policy, [[2, 2], [0, 6]]), [[1, 0], [0, 1]])


def test_onset_and_termination_counts_must_be_reached_in_a_row():
    law = Threshold(threshold=0.0, persistence=Persistence(onset=3.0, termination=4.0))
    above = np.array([1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1])
    on = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    np.testing.assert_array_equal(run(_made(law), 2.0 * above - 1)[:, 0], on)


def test_durations_become_counts_of_the_looks_that_they_last():
    persistence = Persistence.seconds(0.3, 2.0, 0.1)
    assert (round(float(persistence.onset)), round(float(persistence.termination))) == (3, 20)
    law = Threshold(threshold=0.0, persistence=persistence)
    assert np.flatnonzero(run(_made(law), np.ones(6))[:, 0])[0] == 2


def test_a_dual_threshold_holds_the_amplitude_where_it_is_between_the_thresholds():
    policy = _made(DualThreshold(upper=2.0, gap=1.0), ramp=Ramp(up=2.0, down=5.0))
    u = run(policy, [3, 3, 1.5, 1.5, 3, 1.5, 0.5, 1.5, 0.5])[:, 0]
    np.testing.assert_allclose(u, [0.2, 0.4, 0.4, 0.4, 0.6, 0.6, 0.1, 0.1, 0.0], atol=1e-6)


def test_without_a_gap_two_thresholds_are_one():
    ramp = Ramp(up=3.0, down=1.0)
    one = run(_made(Threshold(threshold=0.3), ramp=ramp), FEATURES)
    np.testing.assert_array_equal(one, run(_made(DualThreshold(upper=0.3, gap=0.0), ramp=ramp), FEATURES))
    assert 0 < one.mean() < 1


def test_proportional_control_is_a_clipped_line():
    law = Proportional(gain=0.5, setpoint=1.0, scale=2.0, offset=0.1, high=0.6)
    np.testing.assert_allclose(run(_made(law), [1, 2, 0, 9])[:, 0], [0.1, 0.35, 0.0, 0.6], atol=1e-6)


def test_pi_control_answers_a_step_as_the_published_gains_say():
    # .23 mA x (1 + t / .2 s) at a relative error of 1, up to 3 mA, which is 2.41 s later
    policy = Controller.create(First(), PI.amplitude(setpoint=2.0, max_current=5e-3), 0.02)
    u = 5e-3 * run(policy, np.full(200, 4.0))[:, 0]
    t = 0.02 * np.arange(1, 201)
    np.testing.assert_allclose(u, np.minimum(0.23e-3 * (1 + t / 0.2), 3e-3), rtol=1e-4)


def test_pi_control_is_the_sum_of_error_and_integral_written_out():
    law = PI(gain=0.3, setpoint=0.5, integral_s=2.0, scale=0.7, high=10.0, low=-10.0)
    e = (FEATURES.astype(float) - 0.5) / 0.7
    np.testing.assert_allclose(run(_made(law), FEATURES)[:, 0], 0.3 * (e + np.cumsum(e) * W / 2.0), atol=1e-5)


def test_the_integral_does_not_wind_up_while_the_amplitude_is_at_its_bound():
    policy = _made(PI(gain=0.5, setpoint=1.0, integral_s=0.5))
    u = run(policy, np.concatenate([np.full(1000, 3.0), np.full(8, 0.0)]))[:, 0]
    assert u[999] == 1.0
    # a wound-up integral would stay at the bound for some 2000 windows
    assert u[1000] < 0.8
    assert (u[1003:] == 0.0).all()


def test_a_ramp_moves_at_the_rates_of_the_device():
    ramp = Ramp.amperes(0.03e-3, 0.12e-3, 3e-3)
    u = 3e-3 * run(Ramped(policy=Said(), ramp=ramp, window_s=1.0), [1] * 50 + [0] * 10)[:, 0]
    np.testing.assert_allclose(np.diff(u)[:49], 0.03e-3, rtol=1e-3)
    np.testing.assert_allclose(np.diff(u)[49:59], -0.12e-3, rtol=1e-3)


def test_after_a_change_the_law_is_blind_for_the_blanking_time():
    policy = _made(Threshold(threshold=0.0), blanking_s=0.5)
    u = run(policy, [1, *[-1] * 9])[:, 0]
    np.testing.assert_array_equal(u, [1, 1, 1, 1, 1, 1, 0, 0, 0, 0])
    # the change back blinds it again
    assert run(policy, [1, *[-1] * 6, 1, 1, 1, 1, 1, 1])[:, 0].tolist() == [1] * 6 + [0] * 6 + [1]


def test_a_law_that_looks_less_often_holds_its_answer_and_knows_how_long_it_waited():
    policy = _made(PI(gain=1.0, setpoint=0.0, integral_s=1.0, high=100.0), period_s=0.3)
    u = run(policy, [1, 2, 3, 4, 5, 6, 7])[:, 0]
    # looks at 1, 4 and 7, each worth 0.3 s of integral
    np.testing.assert_allclose(u, [1.3, 1.3, 1.3, 5.5, 5.5, 5.5, 10.6], rtol=1e-5)


def test_a_feature_that_is_not_finite_keeps_its_last_value():
    u = run(_made(Proportional(gain=0.1)), [3, np.nan, np.inf, 5])[:, 0]
    np.testing.assert_allclose(u, [0.3, 0.3, 0.3, 0.5], atol=1e-6)


def test_an_average_is_the_mean_of_the_last_values():
    policy = Controller.create(Average.seconds(First(), 0.4, W, 2.0), Proportional(gain=1.0, low=-9.0, high=9.0), W)
    expected = [FEATURES[max(n - 3, 0) : n + 1].mean() for n in range(len(FEATURES))]
    np.testing.assert_allclose(run(policy, FEATURES)[:, 0], expected, atol=1e-5)


def test_a_feature_is_compared_with_its_own_trend():
    sensing = RelativeToTrend(sensing=First(), trend_s=jnp.float32(10.0), window_s=jnp.float32(W))
    policy = Controller.create(sensing, Proportional(gain=0.01, high=100.0), W)
    for size in (1.0, 1e-6):
        ratio = run(policy, size * np.array([1.0] * 500 + [3.0]))[:, 0] / 0.01
        np.testing.assert_allclose(ratio[:-1], 1.0, rtol=1e-5)
        # the trend has taken up a hundredth of the step
        np.testing.assert_allclose(ratio[-1], 3 / 1.02, rtol=1e-4)


def test_a_burst_has_its_duration_and_the_detector_is_deaf_for_the_refractory_time():
    law = Burst(threshold=0.0, level=0.7, duration_s=0.3, refractory_s=0.2, max_therapies=9.0)
    u = run(_made(law), np.ones(12))[:, 0]
    np.testing.assert_allclose(u, 0.7 * np.array([1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1]), atol=1e-6)


def test_an_episode_has_at_most_its_therapies_until_the_detector_was_quiet():
    law = Burst(threshold=0.0, duration_s=0.1, max_therapies=2.0, episode_s=0.5)
    x = np.array([1, 1, 1, 1, -1, -1, 1, 1, *[-1] * 5, 1, 1, 1])
    u = run(_made(law), x)[:, 0]
    np.testing.assert_array_equal(np.flatnonzero(u), [0, 1, 13, 14])


def test_an_hour_has_at_most_its_therapies_and_the_budget_refills():
    law = Burst(threshold=0.0, duration_s=10.0, refractory_s=0.0, max_therapies=1e9, max_per_hour=6.0)
    policy = Controller.create(First(), law, 10.0)
    u = run(policy, np.ones(1080))[:, 0]
    first = u[:360].sum()
    assert 11 <= first <= 12  # six at the start and the five or six that an hour refills
    assert 11 <= u[360:].sum() <= 12  # six in each of two further hours


def test_pulses_are_left_out_evenly_to_give_the_rate_that_is_asked_for():
    policy = PulseSkipping(policy=Said(), level=0.9)
    for share in (0.1, 0.3, 0.75, 1.0):
        u = run(policy, np.full(1000, share))[:, 0]
        assert abs((u > 0).sum() - 1000 * share) <= 1
        gaps = np.diff(np.flatnonzero(u))
        assert gaps.max() - gaps.min() <= 1
        assert u.max() == np.float32(0.9)


def test_frequency_control_asks_for_a_share_of_the_stimulators_rate():
    law = PI.rate(setpoint=1.0, max_frequency=130.0)
    policy = Controller.create(First(), law, 0.02)
    u = 130.0 * run(policy, np.full(10, 2.0))[:, 0]
    np.testing.assert_allclose(u, 19.3 * (1 + 0.02 * np.arange(1, 11) / 0.2), rtol=1e-4)


def test_the_device_preset_ramps_up_slowly_holds_and_comes_down_after_four_counts():
    sfreq, n_times = 500.0, 50
    policy = adaptive_dbs(2e-12, 1e-12, sfreq, n_times, 3e-3, n_fft=250, n_average=1, blanking_s=1.0)
    t = np.arange(40 * 500) / sfreq
    size = np.where(t < 15, 3e-6, np.where(t < 25, 1.7e-6, 0.5e-6))  # power 4.5, 1.4, .1 uV^2
    v = (size * np.sin(2 * np.pi * 20 * t)).astype(np.float32).reshape(-1, 1, n_times)

    def window(memory, x):
        seen = Reading(x, jnp.zeros(n_times, bool), jnp.zeros(()), jnp.asarray(True), jnp.zeros(1))
        return policy.act(memory, seen, jax.random.key(0))

    mA = 3.0 * np.asarray(jax.lax.scan(window, policy.init(), jnp.asarray(v))[1])[:, 0]
    np.testing.assert_allclose(mA[140] - mA[40], 0.3, rtol=1e-3)
    assert np.ptp(mA[165:250]) == 0.0
    fall = 0.1 * np.flatnonzero(np.diff(mA) < 0)[0]
    assert 25 + 4 * 0.5 <= fall <= 25 + 5 * 0.5 + 0.2
    np.testing.assert_allclose(mA[275] - mA[285], 0.12, rtol=1e-2)


def test_the_responsive_preset_stimulates_at_the_start_of_a_discharge_and_not_before():
    sfreq, n_times = 250.0, 25
    policy = responsive(2.0, sfreq, n_times, short_s=0.5, trend_s=20.0, refractory_s=0.5, max_therapies=3.0)
    rng = np.random.default_rng(0)
    v = 5e-6 * rng.normal(size=60 * 250)
    v[40 * 250 : 50 * 250] *= 5.0
    windows = v.astype(np.float32).reshape(-1, 1, n_times)

    def window(memory, x):
        seen = Reading(x, jnp.zeros(n_times, bool), jnp.zeros(()), jnp.asarray(True), jnp.zeros(1))
        return policy.act(memory, seen, jax.random.key(0))

    on = np.flatnonzero(np.asarray(jax.lax.scan(window, policy.init(), jnp.asarray(windows))[1])[:, 0])
    assert len(on) == 3
    assert 400 <= on[0] <= 405


def test_random_stimulation_at_matched_dose_has_the_time_on_the_durations_and_the_energy():
    rng = np.random.default_rng(2)
    x = np.zeros(20_000)
    for n in range(1, len(x)):
        x[n] = 0.9 * x[n - 1] + rng.normal()
    controller = _made(Threshold(threshold=1.0), ramp=Ramp(up=2.0, down=5.0))
    u = run(controller, x)
    random = RandomMatched.like(u)
    v = run(random, np.zeros(20_000), seed=3)
    # a thousand runs of spread 1.5 times their mean: 5 % of spread of each mean
    assert abs((v > 0).mean() / (u > 0).mean() - 1) < 0.15
    assert abs((v**2).mean() / (u**2).mean() - 1) < 0.2
    assert float(random.time_on) == pytest.approx((u > 0).mean(), rel=0.03)
    assert float(random.mean_square) == pytest.approx((u**2).mean(), rel=0.03)
    assert abs(np.corrcoef(u[:, 0], v[:, 0])[0, 1]) < 0.1

    def durations(trace):
        edges = np.flatnonzero(np.diff((trace[:, 0] > 0).astype(int))) + 1
        return np.diff(edges)[int(trace[edges[0], 0] == 0) :: 2]

    assert stats.ks_2samp(durations(u), durations(v)).pvalue > 0.001


def test_a_coin_is_tossed_once_a_period_and_falls_as_often_as_asked():
    u = run(Coin(period_s=0.5, window_s=W, probability=0.3, level=0.6), np.zeros(20_000))[:, 0].reshape(-1, 5)
    assert (np.ptp(u, axis=1) == 0).all()
    assert abs((u[:, 0] > 0).mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Controller.create(First(n_features=3), Threshold(threshold=0.0, n_stim=2), W), "one per contact"),
        (lambda: Controller.create(First(), Threshold(threshold=0.0), 0.0), "window"),
        (lambda: Ramp.seconds(0.0), "more than 0 s"),
        (lambda: Ramp.amperes(0.0, 1.0, 1.0), "above 0"),
        (lambda: Persistence.seconds(1.0, 1.0, 0.0), "period"),
        (lambda: PI.amplitude(0.0, 3e-3), "setpoint"),
        (lambda: Average.seconds(First(), 0.05, W), "at least one window"),
        (lambda: RandomMatched.like(np.ones(50)), "never switched"),
        (lambda: RandomMatched.like(np.zeros((2, 3, 4, 5))), "shape"),
    ],
)
def test_what_cannot_be_is_refused_with_the_fix(make, message):
    with pytest.raises(InputError, match=message):
        make()
