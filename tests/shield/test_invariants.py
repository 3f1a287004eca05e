"""The invariants I1 to I15 of the shield, each as a property of random profiles and hostile sequences."""

import ast
import dataclasses
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurodrift.sim.errors import InputError
from neurodrift.sim.shield import core
from neurodrift.sim.shield.command import read_age, read_command, read_tick
from neurodrift.sim.shield.core import begin, decide
from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.limits import compile_limits
from neurodrift.sim.shield.profile import CEILINGS, Profile
from neurodrift.sim.shield.vetoes import FAULTS, Mode, Veto

from .oracle import INVARIANTS, Rules, judge
from .streams import HOSTILE, QUICK, Case, cases, run_shield

SHIELD = Path(core.__file__).parent

GARBAGE = st.one_of(
    st.none(), st.text(max_size=3), st.binary(max_size=3), st.booleans(), st.integers(), st.complex_numbers(),
    st.floats(), st.dictionaries(st.integers(), st.floats(), max_size=2), st.just(object()), st.just(10**400),
    st.lists(st.one_of(st.floats(), st.none(), st.text(max_size=2), st.booleans(), st.just(10**400)), max_size=4),
    st.sampled_from([
        np.float32(1e-3), np.array(2e-3), np.array([[1e-3, 1e-3]]), np.array(["1e-3", "x"]), np.array([True, True]),
        np.array([1e-3, np.nan]), np.array([1 + 2j, 0]), np.array([None, None]), range(2), iter([1e-3, 1e-3]),
        {1e-3, 2e-3}, [[1e-3], [1e-3]], ("1e-3", "1e-3"), [np.array([1e-3]), 0.0],
    ]),
)  # fmt: skip


def _states(case: Case):
    """Every (limits, state, command, age, tick, given, finite, rearm) of a life: the state before, and what came."""
    limits, s = compile_limits(case.profile, case.tick_s), case.stream
    state = begin(limits, case.n_stim, case.armed)
    for t in range(len(s.tick)):
        given = bool(s.given[t, 0])
        request = s.request[t, 0].tolist()
        command = read_command(limits, case.n_stim, request, s.width[t, 0], s.rate[t, 0]) if given else None
        rest = {"given": given, "finite": bool(s.finite[t, 0]), "rearm": bool(s.rearm[t, 0])}
        arguments = (command, read_age(s.age[t, 0]), read_tick(s.tick[t, 0]))
        yield limits, state, arguments, rest
        state, _ = decide(limits, state, *arguments, **rest)


@QUICK
@given(cases())
def test_no_invariant_that_an_oracle_can_see_is_broken_i1_to_i4_i6_to_i10_i15(case):
    out, _ = run_shield(case)
    assert judge(Rules.of(case.profile), case.tick_s, case.stream, out, case.armed) == dict.fromkeys(INVARIANTS, 0)


@QUICK
@given(GARBAGE, GARBAGE, GARBAGE, GARBAGE, GARBAGE, GARBAGE)
def test_i1_amplitude_is_within_0_and_the_largest_for_any_input_whatever(request, age, tick, width, rate, finite):
    profile = Profile.preset("rns", fallback=1e-3)
    shield = Shield(profile, 2, 0.1, armed=True)
    for decision in (
        shield.step(request, age, tick, width=width, rate=rate, finite=finite),
        shield.step([4e-3, 4e-3], 0.0, 2, width=width, rate=rate),
        shield.step(request, 0.0, 3),
    ):
        assert all(0.0 <= a <= profile.amplitude for a in decision.applied)
        assert profile.widths[0] <= decision.width <= profile.widths[1]
        assert profile.rates[0] <= decision.rate <= profile.rates[1]


@pytest.mark.parametrize("value", HOSTILE[:5])
def test_i1_a_request_with_one_number_that_is_not_finite_delivers_nothing_and_latches(value):
    shield = Shield(Profile.preset("rns"), 2, 0.1, armed=True)
    assert shield.step([1e-3, 1e-3], 0.0, 0).applied == (1e-3, 1e-3)
    decision = shield.step([1e-3, value], 0.0, 1)
    assert decision.applied == (0.0, 0.0)
    assert decision.vetoes & Veto.MALFORMED
    assert shield.step([1e-3, 1e-3], 0.0, 2).applied == (0.0, 0.0)


@QUICK
@given(cases(), st.floats(allow_nan=True), st.floats(allow_nan=True))
def test_i2_width_and_rate_are_in_range_and_pulses_do_not_overlap(case, width, rate):
    profile = case.profile
    shield = Shield(profile, 1, case.tick_s, armed=True)
    decision = shield.step([profile.amplitude], 0.0, 0, width=width, rate=rate)
    assert profile.widths[0] <= decision.width <= profile.widths[1]
    assert profile.rates[0] <= decision.rate <= profile.rates[1]
    if profile.kind == "pulses" and any(decision.applied) and decision.mode == Mode.ARMED:
        assert decision.width * (1 + profile.recharge) * decision.rate <= 1 + 1e-12
        assert decision.width <= width * (1 + 1e-6) + 0.5e-6  # cut, never stretched
        assert decision.rate <= rate * (1 + 1e-6) + 0.05


@QUICK
@given(st.sampled_from(["dbs_ring", "dbs_segment", "rns"]), st.integers(1, 1200), st.floats(0.0, 50e-3))
def test_i3_charge_density_and_shannons_k_hold_at_every_width(device, us, amplitude):
    ceilings = CEILINGS[device]
    profile = Profile.preset(device, amplitude=ceilings.amplitude, slew=ceilings.slew)
    shield = Shield(dataclasses.replace(profile, watchdog=5.0), 1, 5.0, armed=True)
    decision = shield.step([amplitude], 0.0, 0, width=us * 1e-6)
    charge = decision.applied[0] * decision.width * 1e6  # uC
    area = ceilings.area * 1e4  # cm2
    assert charge / area <= ceilings.density * 100 * (1 + 1e-12)
    assert charge == 0 or np.log10(charge) + np.log10(charge / area) <= ceilings.shannon + 1e-9


@QUICK
@given(cases())
def test_i4_stopping_is_immediate_wherever_the_shield_is(case):
    for limits, state, (_, age, tick), rest in _states(case):
        none = read_command(limits, case.n_stim, [0.0] * case.n_stim, None, None)
        _, verdict = decide(limits, state, none, age, tick, **rest | {"given": True})
        if verdict.mode == Mode.ARMED:
            assert not any(verdict.amplitudes)


@QUICK
@given(cases())
def test_i5_the_net_charge_of_every_pulse_is_exactly_zero(case):
    for decision in run_shield(case)[1]:
        for contact in range(case.n_stim):
            (lead, width), (back, longer) = decision.phases(contact)
            assert all(isinstance(x, int) for x in (lead, width, back, longer))
            assert lead * width + back * longer == 0
            assert longer == case.profile.recharge * width
            assert lead == round(decision.applied[contact] * 1e9)


@QUICK
@given(cases())
def test_i6_the_currents_of_all_contacts_and_the_case_sum_to_exactly_zero(case):
    for decision in run_shield(case)[1]:
        assert sum(decision.verdict.amplitudes) + decision.case == 0
        assert sum(map(abs, decision.verdict.amplitudes)) <= case.profile.total * 1e8 * (1 + 1e-12)


@QUICK
@given(cases(), st.sampled_from(["age", "nan age", "sensor", "request", "clock"]))
def test_i8_bad_samples_commands_and_clocks_mean_the_fall_back_in_the_same_tick(case, fault):
    for limits, state, (command, age, tick), rest in _states(case):
        if fault == "clock" and state.tick is None:
            continue
        command = None if fault == "request" else command
        age = {"age": limits.stale + 1, "nan age": None}.get(fault, age)
        tick = state.tick if fault == "clock" else tick
        rest = rest | ({"finite": False} if fault == "sensor" else {}) | ({"given": True} if fault == "request" else {})
        after, verdict = decide(limits, state, command, age, tick, **rest)
        assert verdict.mode == after.mode == Mode.FALLBACK
        assert max(map(abs, verdict.amplitudes)) <= limits.fallback


@QUICK
@given(cases(), st.integers(1, 20))
def test_i9_without_a_command_the_fall_back_comes_within_the_watchdog(case, n_ticks):
    profile = dataclasses.replace(case.profile, watchdog=n_ticks * case.tick_s if n_ticks * case.tick_s <= 5 else 5.0)
    limit = round(profile.watchdog / case.tick_s)
    shield = Shield(profile, 1, case.tick_s, armed=True)
    for tick in range(3):
        assert shield.step([profile.amplitude / 2], 0.0, tick).mode == Mode.ARMED
    for silent in range(1, limit):
        decision = shield.step(None, 0.0, 2 + silent)
        assert decision.mode == Mode.ARMED
        assert decision.vetoes & Veto.HELD
    decision = shield.step(None, 0.0, 2 + limit)
    assert decision.mode == Mode.FALLBACK
    assert decision.vetoes & Veto.WATCHDOG
    assert abs(decision.applied[0]) <= profile.fallback


@QUICK
@given(cases(), st.integers(0, 5), st.integers(1, 5), st.data())
def test_i10_a_fault_latches_until_a_rearm_and_enough_good_windows(case, waiting, good_windows, data):
    profile = dataclasses.replace(case.profile, good_windows=good_windows)
    shield = Shield(profile, 1, case.tick_s, armed=True)
    small = [profile.amplitude / 100]
    shield.step(small, 0.0, 0)
    tick = 1
    assert shield.step(small, 100.0, tick).mode == Mode.FALLBACK
    for _ in range(waiting):
        tick += 1
        assert shield.step(small, 0.0, tick).mode == Mode.FALLBACK
    shield.rearm()
    for _ in range(good_windows - 1):
        tick += 1
        assert shield.step(small, 0.0, tick).mode == Mode.REARMING
    if data.draw(st.booleans()):  # a fault on the way latches anew
        tick += 1
        assert shield.step(small, 0.0, tick, finite=False).mode == Mode.FALLBACK
        tick += 1
        assert shield.step(small, 0.0, tick).mode == Mode.FALLBACK
    else:
        tick += 1
        decision = shield.step(small, 0.0, tick)
        assert decision.mode == shield.mode == Mode.ARMED
        assert decision.before != Mode.ARMED


@QUICK
@given(cases(), st.randoms(use_true_random=False))
def test_i11_the_output_is_a_function_of_command_health_and_clock_alone(case, random_):
    first, _ = run_shield(case)
    random_.random()
    np.random.default_rng().random()
    random.seed(random_.random())
    second, _ = run_shield(case)
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)


def test_i11_the_shield_imports_nothing_that_knows_policies():
    for path in SHIELD.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert (node.level, node.module) in {(2, "errors"), (2, "pytree"), (2, "stimulation.safety")} or (
                    node.level == 1
                ), f"{path.name} imports {node.module}"


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda x: np.array(x, np.float32), lambda x: np.array(x)[:]])
def test_i11_the_container_of_a_command_makes_no_difference(kind):
    shield = Shield(Profile.preset("rns"), 2, 0.1, armed=True)
    assert shield.step(kind([1e-3, 2e-3]), np.float64(0.1), np.int64(0)).applied == (1e-3, 2e-3)


@QUICK
@given(cases(), st.data())
def test_i12_a_tighter_profile_never_raises_the_output_in_the_same_state(case, data):
    loose = case.profile
    share = st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.1])
    names = ["amplitude", "total", "duty", "daily_on", "daily_charge", "stale"]
    names += ["density", "shannon", "area"] if loose.kind == "pulses" else []
    narrower = {name: data.draw(share) * getattr(loose, name) for name in names}
    narrower |= {"slew": data.draw(st.sampled_from([1.0, 0.9])) * loose.slew, "fallback": 0.0}
    narrower |= {"good_windows": loose.good_windows + data.draw(st.integers(0, 2))}
    if loose.kind == "pulses":
        narrower["widths"] = (min(loose.width, loose.widths[0] * 2), max(loose.width, loose.widths[1] / 2))
    if loose.kind != "direct":
        narrower["rates"] = (min(loose.rate, loose.rates[0] * 2), max(loose.rate, loose.rates[1] / 2))
    tight = compile_limits(dataclasses.replace(loose, **narrower), case.tick_s)
    for limits, state, arguments, rest in _states(case):
        _, wide = decide(limits, state, *arguments, **rest)
        _, slim = decide(tight, state, *arguments, **rest)
        assert all(abs(a) <= abs(b) for a, b in zip(slim.amplitudes, wide.amplitudes))
        if any(slim.amplitudes):
            assert slim.width <= wide.width
            assert slim.rate <= wide.rate


@QUICK
@given(cases())
def test_i13_what_was_delivered_passes_unchanged_when_asked_for_in_the_same_state(case):
    for limits, state, arguments, rest in _states(case):
        _, first = decide(limits, state, *arguments, **rest)
        current = [amplitude / 1e8 for amplitude in first.amplitudes]
        again = read_command(limits, case.n_stim, current, first.width * 1e-6, first.rate / 10)
        _, second = decide(limits, state, again, *arguments[1:], **rest | {"given": True})
        assert second.amplitudes == first.amplitudes
        if any(first.amplitudes):
            assert (second.width, second.rate) == (first.width, first.rate)


def _fields_that_cap():
    return [
        (device, name)
        for device, ceilings in CEILINGS.items()
        for name in (
            "amplitude", "total", "slew", "area", "density", "shannon", "daily_on", "daily_charge", "stale", "watchdog"
        )
        if np.isfinite(getattr(ceilings, name))
    ]  # fmt: skip


@pytest.mark.parametrize(("device", "name"), _fields_that_cap())
def test_i14_the_ceiling_itself_is_allowed_and_no_more(device, name):
    ceiling = getattr(CEILINGS[device], name)
    assert getattr(Profile.preset(device, **{name: ceiling}), name) == ceiling
    for wider in (
        np.nextafter(ceiling, np.inf),
        2 * ceiling,
        float("inf"),
        float("nan"),
        -ceiling,
        0.0,
        "1",
        None,
        True,
    ):
        with pytest.raises(
            InputError, match=rf"^{name} of the profile is .*; {device} allows more than 0 to {ceiling:g}"
        ):
            Profile.preset(device, **{name: wider})


@QUICK
@given(cases(), st.sampled_from(["amplitude", "total", "slew", "duty", "stale", "watchdog"]), st.floats(1.01, 1e6))
def test_i14_a_profile_cannot_be_widened_afterwards(case, name, factor):
    ceiling = 1.0 if name == "duty" else getattr(case.profile.ceilings, name)
    with pytest.raises(InputError, match=f"^{name} of the profile"):
        dataclasses.replace(case.profile, **{name: ceiling * factor})
    with pytest.raises(dataclasses.FrozenInstanceError):
        case.profile.amplitude = 1.0


@QUICK
@given(cases())
def test_i15_every_clip_and_every_change_of_mode_is_in_the_audit_with_both_sides(case):
    written = []
    shield = Shield(case.profile, case.n_stim, case.tick_s, armed=case.armed, sink=written.append)
    before, s = shield.mode, case.stream
    for t in range(len(s.tick)):
        request = s.request[t, 0].tolist() if s.given[t, 0] else None
        if s.rearm[t, 0]:
            shield.rearm()
        n = len(written)
        decision = shield.step(request, float(s.age[t, 0]), int(s.tick[t, 0]), finite=bool(s.finite[t, 0]))
        clipped = request is None or any(abs(a - b) > 6e-9 for a, b in zip(decision.applied, request))
        if clipped or decision.mode != before:
            assert written[n:] == [decision]
            assert shield.audit[-1] is decision
        assert (len(written) > n) == decision.remarkable
        shown = decision.requested
        assert shown == (str(request) if decision.vetoes & Veto.MALFORMED or request is None else tuple(request))
        assert bool(decision.vetoes & FAULTS) <= (decision.mode == Mode.FALLBACK)
        before = decision.mode


def test_i15_what_cannot_be_audited_is_not_delivered():
    def full(decision):
        raise OSError("no space left on device")

    shield = Shield(Profile.preset("rns"), 1, 0.1, armed=True, sink=full)
    assert shield.step([1e-3], 0.0, 0).applied == (1e-3,)  # nothing to be written
    assert shield.step([1.0], 0.0, 1).applied[0] > 0  # the audit fails here
    decision = shield.step([1e-3], 0.0, 2)
    assert decision.applied == (0.0,)
    assert decision.vetoes == Veto.AUDIT | Veto.LATCHED
    assert shield.step([1e-3], 0.0, 3).vetoes & Veto.AUDIT
