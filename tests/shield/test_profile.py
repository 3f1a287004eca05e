"""Ceilings, presets, and the integers they become; the safety vectors of the literature."""

import dataclasses
import math

import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.shield.guard import Shield
from neurodrift.sim.shield.limits import BIG, SECOND, Span, check_contacts, compile_limits
from neurodrift.sim.shield.profile import CEILINGS, DAY, Profile
from neurodrift.sim.shield.vetoes import FAULTS, Mode, Veto
from neurodrift.sim.stimulation.safety import charge_density, pulse_is_allowed, shannon_k, transcranial_is_allowed

DBS = {
    "kind": "pulses", "amplitude": 12.7e-3, "total": 20e-3, "slew": 12.7e-3, "widths": (10e-6, 450e-6),
    "rates": (2.0, 255.0), "density": 0.30, "shannon": 1.75, "daily_on": 86400.0, "daily_charge": math.inf,
    "stale": 5.0, "watchdog": 5.0,
}  # fmt: skip
EXPECTED = {
    "dbs_ring": DBS | {"area": 0.06e-4},
    "dbs_segment": DBS | {"area": 0.0114e-4},
    "rns": DBS | {
        "amplitude": 12e-3, "total": 12e-3, "slew": 120e-3, "widths": (40e-6, 1000e-6), "rates": (1.0, 333.0),
        "area": 0.0415e-4, "density": 0.25, "daily_on": 3600.0,
    },
    "tdcs": DBS | {
        "kind": "direct", "amplitude": 4e-3, "total": 4e-3, "slew": 0.4e-3, "widths": (0.0, 0.0), "rates": (0.0, 0.0),
        "area": math.inf, "density": math.inf, "shannon": math.inf, "daily_on": 2400.0, "daily_charge": 7.2,
    },
    "tacs": DBS | {
        "kind": "alternating", "amplitude": 2e-3, "total": 2e-3, "slew": 0.2e-3, "widths": (0.0, 0.0),
        "rates": (0.1, 250.0), "area": math.inf, "density": math.inf, "shannon": math.inf, "daily_on": 2400.0,
        "daily_charge": 7.2,
    },
}  # fmt: skip
USUAL = {
    "dbs_ring": (5e-3, 20e-3, 0.1e-3, 60e-6, 130.0, False),
    "dbs_segment": (5e-3, 20e-3, 0.1e-3, 60e-6, 130.0, False),
    "rns": (5e-3, 12e-3, 120e-3, 160e-6, 200.0, False),
    "tdcs": (2e-3, 2e-3, 2e-3 / 30, 0.0, 0.0, True),
    "tacs": (1e-3, 1e-3, 1e-3 / 30, 0.0, 10.0, True),
}


def test_ceilings_are_those_of_the_anchors():
    assert {device: dataclasses.asdict(ceilings) for device, ceilings in CEILINGS.items()} == EXPECTED


@pytest.mark.parametrize("device", sorted(CEILINGS))
def test_a_preset_is_the_devices_usual_setting_within_its_ceilings(device):
    p = Profile.preset(device)
    assert (p.amplitude, p.total, p.slew, p.width, p.rate, p.bipolar) == USUAL[device]
    assert (p.duty, p.duty_window, p.stale, p.watchdog, p.fallback) == (1.0, 60.0, 1.0, 1.0, 0.0)
    assert (p.good_windows, p.recharge, p.kind, p.ceilings) == (10, 1, CEILINGS[device].kind, CEILINGS[device])
    assert (p.area, p.density, p.shannon) == tuple(EXPECTED[device][x] for x in ("area", "density", "shannon"))
    assert (p.widths, p.rates) == (EXPECTED[device]["widths"], EXPECTED[device]["rates"])
    assert (p.daily_on, p.daily_charge) == (EXPECTED[device]["daily_on"], EXPECTED[device]["daily_charge"])


def test_ceilings_cannot_be_replaced():
    with pytest.raises(TypeError):
        CEILINGS["dbs_ring"] = CEILINGS["rns"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        CEILINGS["dbs_ring"].amplitude = 1.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"widths": (9e-6, 450e-6)},
            "^widths of the profile is 9e-06 to 0.00045 s; dbs_ring allows 1e-05 to 0.00045 s",
        ),
        ({"widths": (10e-6, 451e-6)}, "^widths of the profile"),
        ({"widths": (90e-6, 60e-6)}, "^widths of the profile"),
        ({"widths": 60e-6}, r"^widths of the profile is 6e-05; wanted \(least, largest\)"),
        ({"widths": (60e-6,)}, "^widths of the profile"),
        ({"widths": (60e-6, "x")}, "^widths of the profile"),
        ({"rates": (1.0, 130.0)}, "^rates of the profile is 1 to 130 Hz; dbs_ring allows 2 to 255 Hz"),
        ({"rates": (2.0, 256.0)}, "^rates of the profile"),
        ({"rates": (2.0, math.nan)}, "^rates of the profile"),
        ({"width": 9e-6}, "^width of the profile is 9e-06 s; wanted 1e-05 to 0.00045"),
        ({"width": 451e-6}, "^width of the profile"),
        ({"width": None}, "^width of the profile is None"),
        ({"rate": 1.9}, "^rate of the profile"),
        ({"rate": 255.1}, "^rate of the profile"),
        ({"duty": 0.0}, "^duty of the profile is 0; dbs_ring allows more than 0 to 1"),
        ({"duty": 1.01}, "^duty of the profile"),
        ({"duty_window": 86401.0}, "^duty_window of the profile"),
        ({"duty_window": 0.0}, "^duty_window of the profile"),
        ({"fallback": -1e-9}, "^fallback of the profile is -1e-09 A; dbs_ring allows 0 to 0.005 A"),
        ({"fallback": 5.1e-3}, "^fallback of the profile"),
        ({"recharge": 3}, "^recharge is 3; wanted one of 1, 2, 5, 10"),
        ({"recharge": True}, "^recharge is True"),
        ({"good_windows": 0}, "^good_windows is 0; wanted a whole number, 1 or more"),
        ({"good_windows": 1.5}, "^good_windows is 1.5"),
        ({"good_windows": True}, "^good_windows is True"),
        ({"good_windows": 10**10}, "^good_windows is 10000000000; wanted a whole number, 1 or more, at most 1000000"),
        ({"bipolar": 1}, "^bipolar is 1; wanted True or False"),
        ({"width": 450e-6, "rate": 255.0, "recharge": 10}, r"^a pulse of 0.00495 s does not fit into 1/255 s"),
        ({"amplitude": "3e-3"}, "^amplitude of the profile is '3e-3' A"),
        ({"volts": 3.0}, "^unknown field of a profile 'volts'"),
    ],
)
def test_i14_what_cannot_be_is_refused_with_what_was_asked_and_the_ceiling(wrong, message):
    with pytest.raises(InputError, match=message):
        Profile.preset("dbs_ring", **wrong)


@pytest.mark.parametrize("device", ["tdcs", "tacs"])
@pytest.mark.parametrize("limit", [{"density": 0.1}, {"shannon": 1.0}, {"density": 0.1, "area": 1e-4}])
def test_limits_of_a_phase_are_refused_where_no_current_has_phases(device, limit):
    with pytest.raises(InputError, match=f"of the profile is .*, but the current of {device} has no phases"):
        Profile.preset(device, **limit)


def test_i14_a_profile_that_was_widened_behind_its_own_back_makes_no_shield():
    profile = Profile.preset("rns")
    object.__setattr__(profile, "amplitude", 1.0)
    with pytest.raises(InputError, match=r"^amplitude of the profile is 1 A"):
        Shield(profile, 1, 0.1)


def test_unknown_devices_are_refused():
    with pytest.raises(InputError, match=r"^unknown device 'dbs'"):
        Profile.preset("dbs")
    with pytest.raises(InputError, match=r"^unknown device 'toaster'"):
        dataclasses.replace(Profile.preset("rns"), device="toaster")


def test_edges_of_every_range_are_allowed():
    profile = Profile.preset(
        "dbs_ring", fallback=5e-3, duty_window=86400.0, good_windows=1, width=10e-6, rate=255.0, recharge=10
    )
    assert profile.fallback == 5e-3
    # 200 us and as much again, 2500 times a second, would be all of the time
    assert Profile.preset("rns", width=1000e-6, rate=250.0, recharge=1).rate == 250.0
    assert Profile.preset("dbs_ring", widths=(60e-6, 60e-6)).widths == (60e-6, 60e-6)
    assert Profile.preset("dbs_ring", widths=[60e-6, 90e-6]).widths == [60e-6, 90e-6]


def test_a_usual_width_or_rate_is_brought_into_a_narrower_range():
    assert Profile.preset("dbs_ring", widths=(90e-6, 120e-6)).width == 90e-6
    assert Profile.preset("dbs_ring", widths=(20e-6, 30e-6)).width == 30e-6
    assert Profile.preset("dbs_ring", rates=(2.0, 100.0)).rate == 100.0
    assert Profile.preset("dbs_ring", rates=(2.0, 200.0)).rate == 130.0


def test_integers_of_a_ring_are_those_worked_out_by_hand():
    profile = Profile.preset(
        "dbs_ring", widths=(20e-6, 120e-6), rates=(5.0, 180.0), recharge=2, duty=0.25, duty_window=10.0,
        daily_on=3600.0, daily_charge=0.1, stale=0.3, watchdog=0.55, fallback=1e-3, good_windows=4, bipolar=True,
    )  # fmt: skip
    # currents 10 nA, widths us, rates .1 Hz, charges 10 fC; 20 mA x 450 us x 255 Hz is the most a tick can have, and
    # is to fit into 2^30: parts of 22e-7 of the time; a day of it fits after division by 2^20
    part = 1e-6 * 22e-7 * 0.1 * 2**20  # C
    assert compile_limits(profile, 0.1) == (
        500_000, 2_000_000, 180_000_000, math.floor(math.sqrt(0.06 * 10**1.75) * 1e8), 1_000,
        20, 120, 450, 50, 1_800, 2_550, 60, 1_300, 2, 1, 1, 1,
        Span(5, 21, 25), Span(36_000, 25, 36_000), Span(36_000, 25, math.floor(0.1 / part)), 22, 20,
        300_000, 5, 100_000, 4,
    )  # fmt: skip


def test_integers_of_direct_and_alternating_current_have_no_pulses():
    direct = compile_limits(Profile.preset("tdcs"), 1.0)
    assert (direct.pulsed, direct.rated, direct.density, direct.shannon) == (0, 0, BIG, BIG)
    # 7.2 C is 7.2e6 uA s; a day at 4 mA is 3.5e8, which needs no division
    assert (direct.share, direct.shift, direct.dose) == (1, 0, Span(3600, 25, 7_200_000))
    assert direct.on_time == Span(3600, 25, 2400)
    alternating = compile_limits(Profile.preset("tacs"), 0.01)
    assert (alternating.pulsed, alternating.rated, alternating.rate) == (0, 1, 100)
    # a day at 2 mA is 1.7e10 uA x 10 ms
    assert (alternating.share, alternating.shift) == (1, 5)
    assert alternating.dose.limit == 7_200_000 * 100 // 2**5


def test_no_limit_is_none():
    limits = compile_limits(Profile.preset("dbs_ring"), 0.1)
    assert (limits.duty.limit, limits.on_time.limit, limits.dose.limit) == (BIG, BIG, BIG)
    assert compile_limits(Profile.preset("dbs_ring", daily_charge=1e9), 0.1).dose.limit == BIG
    assert compile_limits(Profile.preset("rns", daily_on=3599.0), 1.0).on_time == Span(3600, 25, 3599)
    assert compile_limits(Profile.preset("rns", duty_window=1.0, duty=0.999), 0.1).duty == Span(1, 10, 9)
    assert compile_limits(Profile.preset("rns", duty_window=0.1, duty=0.999), 0.1).duty == Span(1, 1, 0)
    assert compile_limits(Profile.preset("rns", duty_window=2.5, duty=0.5), 0.1).duty == Span(2, 13, 12)
    assert DAY == 86400.0


def test_limits_are_rounded_to_the_safe_side():
    profile = Profile.preset(
        "dbs_ring", amplitude=1.000009e-3, total=1.000009e-3, fallback=1.000009e-3, widths=(20.2e-6, 99.9e-6),
        rates=(5.01, 180.09), stale=0.1234567,
    )  # fmt: skip
    limits = compile_limits(profile, 0.1)
    assert (limits.amplitude, limits.total, limits.fallback) == (100_000, 100_000, 100_000)
    assert (limits.min_width, limits.max_width, limits.min_rate, limits.max_rate) == (21, 99, 51, 1800)
    assert limits.stale == 123_456
    # as written, though 3e-3 has no exact binary number
    assert compile_limits(Profile.preset("dbs_ring", amplitude=3e-3), 0.1).amplitude == 300_000


@pytest.mark.parametrize("tick_s", [0.0, -1.0, 9e-5, 5.1, math.nan, math.inf, "0.1", None])
def test_ticks_that_cannot_be_are_refused(tick_s):
    with pytest.raises(InputError, match=r"^tick_s of the shield is .*; wanted 0.0001 to 5 s"):
        compile_limits(Profile.preset("rns"), tick_s)


def test_the_longest_and_the_shortest_tick_fit_into_32_bits():
    for tick_s, profile in (
        (1e-4, Profile.preset("rns")),
        (5.0, Profile.preset("dbs_ring", watchdog=5.0, slew=12.7e-3)),
    ):
        limits = compile_limits(profile, tick_s)
        for value in limits:
            for number in value if isinstance(value, Span) else (value,):
                assert 0 <= number <= BIG
    assert compile_limits(Profile.preset("rns"), 1e-4).shift == 30
    assert compile_limits(Profile.preset("rns", watchdog=5.0), 5).rise == 1 << 22


def test_a_slew_below_the_resolution_and_a_watchdog_below_the_tick_are_refused():
    with pytest.raises(InputError, match=r"^a slew of 9.9e-06 A/s is less than 10 nA in a tick of 0.001 s"):
        compile_limits(Profile.preset("dbs_ring", slew=9.9e-6), 1e-3)
    assert compile_limits(Profile.preset("dbs_ring", slew=10e-6), 1e-3).rise == 1
    with pytest.raises(InputError, match=r"^a watchdog of 0.09 s is shorter than the tick of 0.1 s"):
        compile_limits(Profile.preset("dbs_ring", watchdog=0.09), 0.1)
    assert compile_limits(Profile.preset("dbs_ring", watchdog=0.1), 0.1).watchdog == 1


@pytest.mark.parametrize("n_stim", [0, -1, 129, 1.0, True, None, "1"])
def test_numbers_of_contacts_that_cannot_be_are_refused(n_stim):
    with pytest.raises(InputError, match=r"^n_stim is .*; a shield wants 1 to 128 contacts"):
        check_contacts(n_stim)
    with pytest.raises(InputError, match=r"^n_stim is"):
        Shield(Profile.preset("rns"), n_stim, 0.1)


def test_one_and_128_contacts_are_allowed():
    check_contacts(1)
    check_contacts(128)


# (device, changes, current A, width s), what the literature's calculation gives: (D uC/cm2, k), whether it may pass
VECTORS = {
    "ring 3 mA x 60 us": ("dbs_ring", {}, 3e-3, 60e-6, 3.0, -0.27, True),
    "ring 5 mA x 90 us": ("dbs_ring", {}, 5e-3, 90e-6, 7.5, 0.53, True),
    "ring 12 mA x 90 us": ("dbs_ring", {}, 12e-3, 90e-6, 18.0, 1.29, True),
    "segment 3 mA x 60 us": ("dbs_segment", {}, 3e-3, 60e-6, 15.8, 0.45, True),
    "subdural 10 mA x 300 us": ("rns", {}, 10e-3, 300e-6, 72.3, 2.34, False),
    "Utah .1 mA x 200 us": ("rns", {"area": 2e-5 * 1e-4}, 0.1e-3, 200e-6, 1000.0, 1.30, False),
}


@pytest.mark.parametrize("name", VECTORS)
def test_i3_safety_vectors(name):
    device, changes, current, width, density, k, allowed = VECTORS[name]
    area = changes.get("area", CEILINGS[device].area)
    assert charge_density(current, width, area) * 100 == pytest.approx(density, rel=5e-3)
    assert shannon_k(current, width, area) == pytest.approx(k, abs=6e-3)
    profile = Profile.preset(device, amplitude=12e-3, slew=CEILINGS[device].slew, watchdog=5.0, **changes)
    decision = Shield(profile, 1, 5.0, armed=True).step([current], 0.0, 0, width=width)
    if allowed:
        assert decision.vetoes == 0
        assert decision.applied == (current,)
    else:
        assert decision.vetoes & Veto.DENSITY
        assert bool(decision.vetoes & Veto.SHANNON) == (k > 1.75)
        assert 0 < decision.applied[0] < current
    assert decision.width == width
    assert pulse_is_allowed(decision.applied[0], width, area, profile.density, profile.shannon)


@pytest.mark.parametrize(("width", "most"), [(60e-6, 5.7e-3), (90e-6, 3.8e-3)])
def test_i3_a_segment_gives_at_most_5_7_mA_at_60_us_and_3_8_mA_at_90_us(width, most):
    profile = Profile.preset("dbs_segment", amplitude=12e-3, slew=12.7e-3)
    decision = Shield(profile, 1, 1.0, armed=True).step([1.1 * most], 0.0, 0, width=width)
    assert decision.applied == (most,)
    assert decision.vetoes == Veto.DENSITY
    assert Shield(profile, 1, 1.0, armed=True).step([most], 0.0, 0, width=width).vetoes == 0


def test_i3_shannons_k_binds_where_the_density_does_not():
    # on .06 cm2 k reaches 1.6 at 1.546 uC, 25.8 uC/cm2
    profile = Profile.preset("dbs_ring", amplitude=12e-3, slew=12.7e-3, shannon=1.6)
    decision = Shield(profile, 1, 1.0, armed=True).step([8.5e-3], 0.0, 0, width=200e-6)
    assert decision.vetoes == Veto.SHANNON
    assert decision.applied[0] == pytest.approx(math.sqrt(0.06 * 10**1.6) * 1e-6 / 200e-6, rel=1e-6)


@pytest.mark.parametrize(("current", "seconds"), [(4e-3, 1800.0), (3e-3, 2400.0), (4e-3, 1900.0), (2e-3, 2500.0)])
def test_t8_transcranial_bounds_are_joint(current, seconds):
    profile = Profile.preset("tdcs", amplitude=4e-3, total=4e-3, slew=0.4e-3, watchdog=5.0)
    shield = Shield(profile, 1, 5.0, armed=True)
    decisions = [shield.step([current], 0.0, tick) for tick in range(int(seconds / 5))]
    charge, time = (
        sum(d.verdict.amplitudes[0] for d in decisions) * 5,
        sum(map(any, (d.applied for d in decisions))) * 5,
    )
    cut = any(d.vetoes & (Veto.DOSE | Veto.ON_TIME) for d in decisions)
    assert charge <= 720_000_000  # 10 nA s
    assert time <= 2400
    assert cut == (not transcranial_is_allowed(current, seconds))


def test_windows_and_areas_that_are_no_whole_numbers_are_rounded_to_the_safe_side():
    assert compile_limits(Profile.preset("rns", duty_window=0.25, duty=0.999), 0.1).duty == Span(1, 3, 2)
    # a day is 120 000.5 such ticks
    assert compile_limits(Profile.preset("rns"), 0.719997).on_time.length == 5001
    assert compile_limits(Profile.preset("rns", area=1.23456789e-6), 0.1).density == 30_864_197
    assert SECOND == 10**7


def test_every_veto_has_a_bit_of_its_own_and_keeps_it():
    # the bits are in recordings and on the wire
    bits = {veto.name: int(veto).bit_length() - 1 for veto in Veto}
    assert bits == {
        "POLARITY": 0, "AMPLITUDE": 1, "DENSITY": 2, "SHANNON": 3, "TOTAL": 4, "SLEW": 5, "DUTY": 6, "ON_TIME": 7,
        "DOSE": 8, "WIDTH": 9, "RATE": 10, "MALFORMED": 16, "STALE": 17, "SENSOR": 18, "WATCHDOG": 19, "CLOCK": 20,
        "AUDIT": 21, "TRIPPED": 22, "HELD": 28, "LATCHED": 29,
    }  # fmt: skip
    assert int(FAULTS) == sum(1 << bit for bit in range(16, 23))
    assert [(mode.name, int(mode)) for mode in Mode] == [("ARMED", 0), ("FALLBACK", 1), ("REARMING", 2)]
