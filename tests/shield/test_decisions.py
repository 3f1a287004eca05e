"""Decisions of the shield on commands that can be worked out by hand."""

import numpy as np
import pytest

from neurodrift.sim.shield.command import Command, read_age, read_command, read_tick, whole, wrap
from neurodrift.sim.shield.core import begin, decide
from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.limits import BIG, LARGEST, compile_limits
from neurodrift.sim.shield.profile import Profile
from neurodrift.sim.shield.vetoes import FAULTS, Mode, Veto

RNS = compile_limits(Profile.preset("rns"), 0.1)


def _shield(n_stim=1, tick_s=0.1, **changes):
    return Shield(Profile.preset("rns", **changes), n_stim, tick_s, armed=True)


def _steps(shield, *requests, **rest):
    return [shield.step(request, 0.0, tick, **rest) for tick, request in enumerate(requests)]


def test_numbers_are_read_at_the_precision_of_float32():
    assert whole(1.23e-3, 10**8, LARGEST) == 123_000
    assert whole(np.float32(1.23e-3), 10**8, LARGEST) == 123_000
    assert whole(-1.4e-8, 10**8, LARGEST) == -1
    assert whole(1.4e-8, 10**8, LARGEST) == 1
    assert whole(7, 10, 100) == 70
    assert whole(11, 10, 100) == 100
    assert whole(-11, 10, 100) == -100
    assert whole(3e38, 10**8, LARGEST) == LARGEST
    assert whole(-3e38, 10**8, LARGEST) == -LARGEST
    # a float32 has 24 bits: 16777217 is none
    assert whole(16777217, 1, BIG) == 16777216
    # the product is rounded to float32, too
    assert whole(np.float32(0.1), 10**8, BIG) == int(np.float32(0.1) * np.float32(1e8))
    assert whole(np.float32(0.12345679), 10**8, BIG) == int(np.float32(0.12345679) * np.float32(1e8))


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, 1e39, 10**400, "1", b"1", None, True, 1j, [1.0], np.bool_(1)]
)
def test_what_is_no_finite_number_of_float32_is_none(value):
    assert whole(value, 1, 100) is None


def test_a_command_is_read_with_the_profiles_pulse_unless_it_says_one():
    assert read_command(RNS, 2, [1e-3, -2e-3], None, None) == Command((100_000, -200_000), 160, 2000)
    assert read_command(RNS, 1, (0.0,), 300e-6, 12.5) == Command((0,), 300, 125)
    assert read_command(RNS, 1, np.array([1e-3]), np.float32(90e-6), 100) == Command((100_000,), 90, 1000)
    assert read_command(RNS, 1, [0.0], -1.0, -1.0) == Command((0,), 0, 0)
    assert read_command(RNS, 1, [0.0], 2.0, 1e6) == Command((0,), 1_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("request_", "width", "rate"),
    [
        ([1e-3], None, None), ([1e-3] * 3, None, None), ([1e-3, np.nan], None, None), ({1: 2, 3: 4}, None, None),
        ("ab", None, None), ([0.0, 0.0], np.nan, None), ([0.0, 0.0], None, "130"), ([0.0, 0.0], None, np.inf),
        (3, None, None), (np.zeros((2, 1)), None, None), (np.array(1.0), None, None), (iter([0.0, 0.0]), None, None),
    ],
)  # fmt: skip
def test_what_is_no_command_is_none(request_, width, rate):
    assert read_command(RNS, 2, request_, width, rate) is None


def test_ages_and_ticks():
    assert (read_age(0.25), read_age(0), read_age(1e9), read_age(-1e-9)) == (250_000, 0, BIG, 0)
    assert [read_age(x) for x in (-1e-6, np.nan, np.inf, None, "0")] == [None] * 5
    assert (read_tick(5), read_tick(np.int64(-5)), read_tick(2**31), read_tick(2**32 + 7)) == (5, -5, -(2**31), 7)
    assert [read_tick(x) for x in (1.0, None, "1", np.nan)] == [None] * 4
    assert (wrap(2**31 - 1), wrap(2**31), wrap(-(2**31)), wrap(-(2**31) - 1)) == (
        2**31 - 1, -(2**31), -(2**31), 2**31 - 1
    )  # fmt: skip


def test_what_is_within_all_limits_passes_unchanged_and_unremarked():
    decision = _shield(2).step([1e-3, 2e-3], 0.5, 7, width=200e-6, rate=150.0)
    assert (decision.applied, decision.width, decision.rate) == ((1e-3, 2e-3), 200e-6, 150.0)
    assert (decision.vetoes, decision.mode, decision.cost, decision.remarkable) == (0, Mode.ARMED, 0, False)
    assert (decision.requested, decision.tick, decision.before) == ((1e-3, 2e-3), 7, Mode.ARMED)
    assert (decision.case, decision.phases(1)) == (-300_000, ((2_000_000, 200), (-2_000_000, 200)))


def test_the_recharge_is_longer_and_weaker():
    decision = _shield(recharge=5, rate=100.0).step([1e-3], 0.0, 0)
    assert decision.phases(0) == ((1_000_000, 160), (-200_000, 800))
    assert _shield(recharge=10, rate=100.0, bipolar=True).step([-1e-3], 0.0, 0).phases(0) == (
        (-1_000_000, 160), (100_000, 1600)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("request_", "pulse", "applied", "vetoes", "cost"),
    [
        ([5e-3, 0.0], {}, (5e-3, 0.0), 0, 0),
        ([5.00001e-3, 0.0], {}, (5e-3, 0.0), Veto.AMPLITUDE, 1),
        ([6e-3, 6.4e-3], {}, (5e-3, 5e-3), Veto.AMPLITUDE, 2),
        ([-1e-3, 1e-3], {}, (0.0, 1e-3), Veto.POLARITY, 1),
        # 25 uC/cm2 of .0415 cm2 in 400 us: 2.59375 mA; k = 1.75 at 1.528 uC: 3.819 mA
        ([2.59375e-3, 0.0], {"width": 400e-6}, (2.59375e-3, 0.0), 0, 0),
        ([2.6e-3, 0.0], {"width": 400e-6}, (2.59375e-3, 0.0), Veto.DENSITY, 1),
        ([3.9e-3, 0.0], {"width": 400e-6}, (2.59375e-3, 0.0), Veto.DENSITY | Veto.SHANNON, 1),
        # a width that is cut leaves the current at what was asked for: 1.2 ms give .8645833 mA
        ([1e-3, 0.0], {"width": 1200e-6}, (0.86458e-3, 0.0), Veto.WIDTH | Veto.DENSITY, 1),
        ([0.5e-3, 0.0], {"width": 1200e-6}, (0.5e-3, 0.0), Veto.WIDTH, 1),
        ([0.0, 0.0], {"width": 1200e-6}, (0.0, 0.0), 0, 0),
        ([1e-3, 1e-3], {"width": 39e-6}, (0.0, 0.0), Veto.WIDTH, 2),
        ([1e-3, 1e-3], {"width": 40e-6}, (1e-3, 1e-3), 0, 0),
        ([1e-3, 1e-3], {"rate": 333.1}, (1e-3, 1e-3), Veto.RATE, 2),
        ([1e-3, 1e-3], {"rate": 333.0}, (1e-3, 1e-3), 0, 0),
        ([1e-3, 1e-3], {"rate": 0.9}, (0.0, 0.0), Veto.RATE, 2),
        ([1e-3, 0.0], {"rate": 1.0}, (1e-3, 0.0), 0, 0),
        ([0.0, 0.0], {"rate": 0.9}, (0.0, 0.0), 0, 0),
    ],
)  # fmt: skip
def test_a_request_beyond_a_limit_is_cut_to_it(request_, pulse, applied, vetoes, cost):
    decision = _shield(2).step(request_, 0.0, 0, **pulse)
    assert decision.applied == applied
    assert decision.vetoes == vetoes
    assert decision.cost == cost
    assert 40e-6 <= decision.width <= 1000e-6
    assert 1.0 <= decision.rate <= 333.0


def test_widths_and_rates_that_are_cut_or_impossible_are_told():
    assert _shield().step([1e-3], 0.0, 0, width=2e-3).width == 1000e-6
    assert _shield().step([1e-3], 0.0, 0, width=10e-6).width == 40e-6
    assert _shield().step([1e-3], 0.0, 0, rate=400.0).rate == 333.0
    assert _shield().step([1e-3], 0.0, 0, rate=0.5).rate == 1.0
    # 1 ms and ten times as much is 11 ms: 90.9 Hz at most
    decision = _shield(recharge=10, rate=50.0).step([0.5e-3], 0.0, 0, width=1000e-6, rate=100.0)
    assert (decision.applied, decision.width, decision.rate) == ((0.5e-3,), 1000e-6, 90.9)
    assert (decision.vetoes, decision.cost) == (Veto.RATE, 1)


def test_the_total_cuts_the_largest_contacts_down_to_one_level():
    shield = _shield(3, total=3e-3)
    assert shield.step([1e-3, 1e-3, 1e-3], 0.0, 0).vetoes == 0
    decision = shield.step([0.5e-3, 2e-3, 4e-3], 0.0, 1)
    assert (decision.applied, decision.vetoes, decision.cost) == ((0.5e-3, 1.25e-3, 1.25e-3), Veto.TOTAL, 2)
    decision = shield.step([4e-3, 4e-3, 4e-3], 0.0, 2)
    assert (decision.applied, decision.cost) == ((1e-3, 1e-3, 1e-3), 3)
    decision = shield.step([5e-3, 0.0, 0.0], 0.0, 3)
    assert (decision.applied, decision.vetoes) == ((3e-3, 0.0, 0.0), Veto.TOTAL)
    # what another limit cuts anyway is not the total's
    assert shield.step([5e-3, 0.0, 0.0], 0.0, 4, width=1000e-6).vetoes == Veto.DENSITY | Veto.SHANNON


def test_rising_takes_its_time_and_stopping_none():
    decisions = _steps(_shield(slew=10e-3), [3e-3], [3e-3], [3e-3], [3e-3], [1.5e-3], [0.0], [3e-3], [0.5e-3])
    assert [d.applied[0] for d in decisions] == [1e-3, 2e-3, 3e-3, 3e-3, 1.5e-3, 0.0, 1e-3, 0.5e-3]
    assert [d.vetoes for d in decisions] == [Veto.SLEW, Veto.SLEW, 0, 0, 0, 0, Veto.SLEW, 0]
    assert [d.cost for d in decisions] == [0] * 8


def test_turning_round_starts_from_nothing():
    decisions = _steps(_shield(slew=10e-3, bipolar=True), [2e-3], [2e-3], [-2e-3], [-2e-3], [-2e-3], [0.5e-3])
    assert [d.applied[0] for d in decisions] == [1e-3, 2e-3, -1e-3, -2e-3, -2e-3, 0.5e-3]


def test_after_a_tick_that_was_missed_the_rise_begins_anew_and_a_repeated_one_gives_none():
    shield = _shield(slew=10e-3, good_windows=1)
    for tick in range(3):
        shield.step([3e-3], 0.0, tick)
    assert shield.step([3e-3], 0.0, 4).applied == (1e-3,)
    shield = _shield(slew=10e-3, fallback=3e-3)
    shield.step([3e-3], 0.0, 0)
    decision = shield.step([3e-3], 0.0, 0)
    assert (decision.applied, decision.mode) == ((1e-3,), Mode.FALLBACK)
    assert decision.vetoes == Veto.CLOCK | Veto.LATCHED | Veto.SLEW
    assert shield.step([3e-3], 0.0, "x").applied == (1e-3,)
    assert shield.step([3e-3], 0.0, -1).vetoes & Veto.CLOCK
    assert shield.step([3e-3], 0.0, 0).applied == (2e-3,)


def test_the_tick_may_wrap_round():
    shield = _shield()
    assert shield.step([1e-3], 0.0, 2**31 - 1).vetoes == 0
    assert shield.step([1e-3], 0.0, 2**31).vetoes == 0
    assert shield.step([1e-3], 0.0, -(2**31) + 1).vetoes == 0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (([np.nan], 0.0, 1, True), Veto.MALFORMED), (("on", 0.0, 1, True), Veto.MALFORMED),
        (([1e-3], 1.000001, 1, True), Veto.STALE), (([1e-3], None, 1, True), Veto.STALE),
        (([1e-3], 0.0, 1, False), Veto.SENSOR), (([1e-3], 0.0, 1, 1), Veto.SENSOR),
        (([1e-3], 0.0, 0, True), Veto.CLOCK),
        (([1e-3], 0.0, 12, True), Veto.WATCHDOG), (([1e-3], 0.0, None, True), Veto.CLOCK),
    ],
)  # fmt: skip
def test_every_fault_is_named_and_latches(arguments, fault):
    shield = _shield()
    shield.step([1e-3], 0.0, 0)
    request, age, tick, finite = arguments
    decision = shield.step(request, age, tick, finite=finite)
    assert (decision.applied, decision.mode, decision.before) == ((0.0,), Mode.FALLBACK, Mode.ARMED)
    assert decision.vetoes == fault | Veto.LATCHED
    assert decision.cost == (1 if fault == Veto.MALFORMED else 0)
    assert fault in FAULTS
    assert shield.audit[-1] is decision
    after = shield.step([1e-3], 0.0, 13)
    assert (after.applied, after.cost) == ((0.0,), 0)
    assert after.vetoes & Veto.LATCHED


def test_limits_of_age_and_silence_are_themselves_allowed():
    shield = _shield(watchdog=0.3, stale=0.5)
    assert shield.step([1e-3], 0.5, 0).vetoes == 0
    assert shield.step([1e-3], 0.5, 3).vetoes == 0
    assert [shield.step(None, 0.0, tick).vetoes for tick in (4, 5, 6)] == [
        Veto.HELD, Veto.HELD, Veto.HELD | Veto.WATCHDOG | Veto.LATCHED
    ]  # fmt: skip
    shield = _shield(watchdog=0.3)
    assert [shield.step(None, 0.0, tick).mode for tick in range(4)] == [0, 0, 0, Mode.FALLBACK]


def test_no_command_holds_the_last_and_its_pulse():
    decisions = _steps(_shield(), None, [1e-3], None)
    assert [d.applied[0] for d in decisions] == [0.0, 1e-3, 1e-3]
    shield = _shield()
    shield.step([1e-3], 0.0, 0, width=90e-6, rate=50.0)
    held = shield.step(None, 0.0, 1)
    assert (held.applied, held.width, held.rate, held.vetoes) == ((1e-3,), 90e-6, 50.0, Veto.HELD)
    assert (held.requested, held.remarkable) == ("None", True)


def test_the_fall_back_is_a_fixed_current_within_the_same_limits():
    shield = _shield(2, fallback=2e-3, slew=10e-3, total=3e-3, bipolar=True)
    decisions = _steps(shield, [-1e-3, 0.0], ["x", "y"], [5e-3, 5e-3], [0.0, 0.0], width=400e-6, rate=20.0)
    assert [d.applied for d in decisions] == [(-1e-3, 0.0), (1e-3, 1e-3), (1.5e-3, 1.5e-3), (1.5e-3, 1.5e-3)]
    assert decisions[-1].vetoes == Veto.LATCHED | Veto.TOTAL
    assert [(d.width, d.rate) for d in decisions[1:]] == [(160e-6, 200.0)] * 3
    assert [d.cost for d in decisions] == [0, 2, 0, 0]


def test_only_a_rearm_and_good_windows_in_a_row_lead_out_of_the_fall_back():
    shield = _shield(good_windows=3)
    modes = []

    def step(request=(1e-3,), **rest):
        decision = shield.step(request, rest.pop("age", 0.0), len(modes), **rest)
        modes.append(decision.mode)
        return decision

    step(age=9.0)
    step()
    shield.rearm()
    step(age=9.0)  # the word is not kept for later
    step()
    shield.rearm()
    step()
    step(None)  # nothing to be judged: counted anew
    step()
    step()
    assert step().applied == (1e-3,)
    shield.rearm()  # armed already
    step()
    shield.trip()
    assert step().vetoes == Veto.TRIPPED | Veto.LATCHED
    step()
    fall, again, armed = Mode.FALLBACK, Mode.REARMING, Mode.ARMED
    assert modes == [fall, fall, fall, fall, again, again, again, again, armed, armed, fall, fall]
    assert shield.mode == fall


def test_a_shield_starts_in_its_fall_back_unless_it_is_armed():
    shield = Shield(Profile.preset("rns", good_windows=1), 1, 0.1)
    decision = shield.step([1e-3], 0.0, 0)
    assert (decision.applied, decision.vetoes, decision.mode) == ((0.0,), Veto.LATCHED, Mode.FALLBACK)
    shield.rearm()
    decision = shield.step([1e-3], 0.0, 1)
    assert (decision.applied, decision.vetoes, decision.before) == ((1e-3,), 0, Mode.FALLBACK)
    assert decision.remarkable
    assert len(shield.audit) == 2


def test_the_audit_keeps_the_last_decisions_and_shows_what_was_asked_for():
    shield = Shield(Profile.preset("rns"), 1, 0.1, armed=True, kept=3)
    for tick, request in enumerate([[1.0], [2.0], [1e-3], "x" * 1000, object]):
        shield.step(request, 0.0, tick)
    assert [d.requested for d in shield.audit] == [(2.0,), "'" + "x" * 199 + "...", repr(object)]
    assert [d.tick for d in shield.audit] == [1, 3, 4]

    class Unspeakable:
        def __repr__(self):
            raise RuntimeError

    assert shield.step(Unspeakable(), 0.0, 5).requested == "a Unspeakable that cannot be shown"
    assert shield.step("y" * 198, 0.0, 6).requested == "'" + "y" * 198 + "'"
    assert shield.step("y" * 199, 0.0, 7).requested == "'" + "y" * 199 + "..."
    assert shield.profile == Profile.preset("rns")
    assert len(Shield(Profile.preset("rns"), 1, 0.1).audit) == 0
    assert Shield(Profile.preset("rns"), 1, 0.1).audit.maxlen == 1000


def test_alternating_current_has_a_rate_and_direct_current_neither_rate_nor_pulse():
    shield = Shield(Profile.preset("tacs", slew=0.2e-3), 1, 1.0, armed=True)
    decision = shield.step([0.1e-3], 0.0, 0, width=1.0, rate=20.0)
    assert (decision.applied, decision.width, decision.rate, decision.vetoes) == ((0.1e-3,), 0.0, 20.0, 0)
    decision = shield.step([0.1e-3], 0.0, 1, rate=1000.0)
    assert (decision.rate, decision.vetoes) == (250.0, Veto.RATE)
    shield = Shield(Profile.preset("tdcs", slew=0.4e-3), 1, 1.0, armed=True)
    decision = shield.step([-0.3e-3], 0.0, 0, width=1.0, rate=1e9)
    assert (decision.applied, decision.width, decision.rate, decision.vetoes) == ((-0.3e-3,), 0.0, 0.0, 0)


def test_the_dose_is_counted_in_whole_microamperes_of_all_contacts_and_kept_to_the_last_part():
    profile = Profile.preset("rns", daily_charge=1e-3)
    limits = compile_limits(profile, 0.1)
    state = begin(limits, 2, True)
    # 160 us x 2000 x .1 Hz in parts of 38 is 8422 (rounded up); 1.00001 mA twice is 2001 uA (rounded up)
    command = Command((100_001, 100_001), 160, 2000)
    state, _ = decide(limits, state, command, 0, 0)
    amount = 2001 * 8422
    assert (limits.share, limits.shift) == (38, 20)
    assert (state.dose.total, state.remainder) == divmod(amount, 1 << 20)
    state, _ = decide(limits, state, command, 0, 1)
    assert (state.dose.total, state.remainder) == divmod(2 * amount, 1 << 20)
    assert (state.duty.total, state.on_time.total) == (2, 2)
    state, _ = decide(limits, state, Command((0, 0), 160, 2000), 0, 2)
    assert (state.dose.total, state.duty.total) == (2 * amount >> 20, 2)


def test_only_the_bounds_that_cut_are_named():
    # the total, 5 mA, cuts no more than the largest amplitude does
    decision = _shield(total=5e-3).step([6e-3], 0.0, 0)
    assert (decision.applied, decision.vetoes) == ((5e-3,), Veto.AMPLITUDE)
    limits = compile_limits(Profile.preset("rns", daily_charge=1e-3), 0.1)
    state = begin(limits, 1, True)
    whole_units, part = divmod(5000 * 8422, 1 << 20)  # what 5 mA take
    state = state._replace(
        dose=state.dose.add(limits.dose.limit - whole_units - 1), remainder=(1 << 20) - part
    )  # fmt: skip
    _, verdict = decide(limits, state, Command((550_000,), 160, 2000), 0, 0)
    assert (verdict.amplitudes, verdict.vetoes) == ((500_000,), Veto.AMPLITUDE)
    _, verdict = decide(limits, state._replace(remainder=(1 << 20) - part + 1), Command((550_000,), 160, 2000), 0, 0)
    assert (verdict.amplitudes, verdict.vetoes) == ((499_900,), Veto.AMPLITUDE | Veto.DOSE)
    at_k = limits.shannon // 400
    for current, said in ((at_k, Veto.DENSITY), (at_k + 1, Veto.DENSITY | Veto.SHANNON)):
        _, verdict = decide(limits, begin(limits, 1, True), Command((current,), 400, 2000), 0, 0)
        assert verdict.vetoes == said


def test_the_least_current_counts_as_a_request():
    decision = _shield().step([1e-8], 0.0, 0, width=2e-3)
    assert (decision.applied, decision.vetoes, decision.cost) == ((1e-8,), Veto.WIDTH, 1)


def test_without_a_limit_of_the_dose_there_is_none_however_much_has_flowed():
    limits = compile_limits(Profile.preset("rns"), 0.1)
    state = begin(limits, 1, True)
    state = state._replace(dose=state.dose.add(BIG))
    assert decide(limits, state, Command((100_000,), 160, 2000), 0, 0)[1].amplitudes == (100_000,)


def test_nothing_is_re_armed_unless_it_is_said():
    limits = compile_limits(Profile.preset("rns", good_windows=1), 0.1)
    _, verdict = decide(limits, begin(limits, 1, False), Command((0,), 160, 2000), 0, 0)
    assert verdict.mode == Mode.FALLBACK


def test_a_tick_in_which_one_contact_gives_current_is_one_of_stimulation():
    limits = compile_limits(Profile.preset("rns", daily_charge=1e-3), 0.1)
    state, _ = decide(limits, begin(limits, 2, True), Command((0, 100_000), 160, 2000), 0, 0)
    assert (state.duty.total, state.on_time.total) == (1, 1)
    state, _ = decide(limits, state, Command((0, 0), 160, 2000), 0, 1)
    assert (state.duty.total, state.on_time.total) == (1, 1)


def test_what_is_left_of_a_dose_is_given_and_no_more():
    limits = compile_limits(Profile.preset("rns", daily_charge=1e-3), 0.1)
    state = begin(limits, 2, True)
    limit = limits.dose.limit
    state = state._replace(dose=state.dose.add(limit - 12), remainder=1000)
    left = (12 << 20) - 1000
    asked = Command((200_000, 50_000), 160, 2000)
    _, verdict = decide(limits, state, asked, 0, 0)
    budget = left // 8422 * 100
    assert verdict.amplitudes == (budget - 50_000, 50_000)
    assert (verdict.vetoes, verdict.cost) == (Veto.DOSE, 1)
    # a width that is cut does not make the budget go further, and a rate neither
    _, verdict = decide(limits, state, Command((10_000, 10_000), 100_000, 2000), 0, 0)
    assert sum(verdict.amplitudes) <= left // -(-1000 * 2000 // 38) * 100
    _, verdict = decide(limits, state._replace(dose=state.dose.add(12)), asked, 0, 0)
    assert verdict.amplitudes == (0, 0)
    _, verdict = decide(limits, state._replace(dose=state.dose.add(100)), asked, 0, 0)
    assert verdict.amplitudes == (0, 0)
