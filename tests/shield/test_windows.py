"""I7: duty, time and charge in sliding windows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.limits import N_BUCKETS, Span, compile_limits
from neurodrift.sim.shield.profile import Profile
from neurodrift.sim.shield.vetoes import Mode, Veto
from neurodrift.sim.shield.window import Count

from .streams import QUICK


@QUICK
@given(st.integers(1, 200), st.lists(st.tuples(st.sampled_from([0, 1, 1, 1, 2, 7, 30, 1000]), st.integers(0, 9))))
def test_i7_buckets_hold_at_least_what_any_window_holds_and_little_more(n_ticks, events):
    profile = Profile.preset("rns", duty=0.5, duty_window=n_ticks * 0.1)
    span = compile_limits(profile, 0.1).duty
    assert span.limit == n_ticks // 2
    count, now, amounts = Count(), 0, []
    for elapsed, amount in events:
        now += elapsed
        count = count.advance(span, elapsed).add(amount)
        amounts.append((now, amount))
        within = sum(a for t, a in amounts if t > now - n_ticks)
        assert within <= count.total
        assert count.total <= sum(a for t, a in amounts if t > now - n_ticks * (1 + 1 / 12) - 2)
        if n_ticks <= N_BUCKETS:
            assert count.total == within


def test_i7_a_bucket_is_emptied_exactly_when_it_has_left_the_window():
    span = Span(length=2, slots=3, limit=9)
    count = Count().add(1).advance(span, 1).add(1)
    assert (count.total, count.slot, count.position) == (2, 0, 1)
    count = count.advance(span, 1).add(5)
    assert (count.total, count.slot, count.position) == (7, 1, 0)
    count = count.advance(span, 3)
    assert (count.total, count.slot, count.position) == (7, 2, 1)
    count = count.advance(span, 1)
    assert (count.total, count.slot, count.position) == (5, 0, 0)
    assert count.advance(span, 2).total == 0
    assert count.advance(span, 10**9).total == 0
    assert len(Count().buckets) == N_BUCKETS + 1


def _deliver(shield, n_ticks, request, start=0, step=1):
    return [shield.step([request], 0.0, start + step * i) for i in range(n_ticks)]


def test_i7_half_duty_is_half_of_every_window_and_no_less():
    profile = Profile.preset("rns", duty=0.5, duty_window=2.0)
    on = np.array([d.applied[0] > 0 for d in _deliver(Shield(profile, 1, 0.1, armed=True), 200, 1e-3)])
    assert max(on[i : i + 20].sum() for i in range(180)) == 10
    assert min(on[i : i + 20].sum() for i in range(180)) == 10


def test_i7_a_clock_that_stands_still_or_goes_back_moves_no_window():
    profile = Profile.preset("rns", duty=0.5, duty_window=1.0, fallback=1e-3)
    shield = Shield(profile, 1, 0.1, armed=True)
    delivered = [shield.step([1e-3], 0.0, tick).applied[0] for tick in (0, 1, *[1] * 20, 0, "x", 1)]
    assert sum(amplitude > 0 for amplitude in delivered) == 5


def test_i7_transcranial_direct_current_ends_after_forty_minutes_whatever_the_current():
    shield = Shield(Profile.preset("tdcs", watchdog=5.0), 1, 5.0, armed=True)
    decisions = _deliver(shield, 500, 1e-3)
    on = [d.applied[0] > 0 for d in decisions]
    assert sum(on) * 5.0 == 2400.0
    assert not any(on[480:])
    assert decisions[480].vetoes == Veto.ON_TIME
    # a day and an hour later there is room again, once the shield has been re-armed after the silence
    for later, delivered in ((24 * 720 - 500, False), (25 * 720, True)):
        assert shield.step([1e-3], 0.0, 500 + later).vetoes & Veto.WATCHDOG
        shield.rearm()
        decisions = _deliver(shield, 10, 1e-3, start=501 + later)
        assert decisions[-1].mode == Mode.ARMED
        assert (decisions[-1].applied[0] > 0) == delivered


def test_i7_transcranial_charge_ends_at_7_2_coulomb_before_forty_minutes_at_4_milliampere():
    profile = Profile.preset("tdcs", amplitude=4e-3, total=4e-3, slew=0.4e-3, watchdog=5.0)
    decisions = _deliver(Shield(profile, 1, 5.0, armed=True), 480, 4e-3)
    assert 719_900_000 < sum(d.verdict.amplitudes[0] for d in decisions) * 5 <= 720_000_000  # 10 nA s
    assert decisions[-1].vetoes == Veto.DOSE
    assert decisions[-1].cost == 1
    # 30 minutes at 4 mA is 7.2 C; the ramp makes it a little later
    assert sum(d.applied[0] > 0 for d in decisions) * 5.0 == pytest.approx(1805.0, abs=5.0)


@pytest.mark.parametrize("n_stim", [1, 3])
def test_i7_the_dose_of_pulses_counts_what_flows_of_all_contacts(n_stim):
    # 1 mA x 100 us x 100 Hz is 10 uC a second and contact
    profile = Profile.preset("rns", width=100e-6, rate=100.0, daily_charge=100e-6)
    shield = Shield(profile, n_stim, 0.1, armed=True)
    decisions = [shield.step([1e-3] * n_stim, 0.0, tick) for tick in range(150)]
    charge = sum(sum(d.applied) for d in decisions) * 100e-6 * 100.0 * 0.1
    assert 97e-6 < charge <= 100e-6
    assert decisions[-1].vetoes == Veto.DOSE
    free = Profile.preset("rns", width=100e-6, rate=100.0)
    assert free.daily_charge == float("inf")
    shield = Shield(free, n_stim, 0.1, armed=True)
    assert all(shield.step([1e-3] * n_stim, 0.0, tick).vetoes == 0 for tick in range(300))
