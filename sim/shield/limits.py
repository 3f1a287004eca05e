"""A profile in whole numbers, as the shield and its twin calculate with them.

Units: current 10 nA, time of a pulse 1 us, rate 0.1 Hz, charge of a phase 10 fC. Integers, because charge is then
exactly balanced, sums are exact, and Python and JAX agree to the last bit; 10 nA, because requests of float32 up to 25
mA come back from it unchanged. Everything fits into 32 bits. A limit is rounded to the safe side.

The dose of a tick is counted in uA of all contacts together (rounded up) times ``weight``, the share of time that
pulses fill in units of ``share`` x 1e-7 (rounded up; 1 for current that is held), and kept in units of 2^``shift`` of
these with the remainder carried on, so that nothing is lost.
"""

import dataclasses
import math
from fractions import Fraction
from typing import Any, NamedTuple

from ..errors import InputError
from .profile import CEILINGS, DAY, Profile

UNIT = 10**8  # in 1 A
MICROAMPERE = 100
LARGEST = 1 << 22  # 42 mA, beyond every ceiling: a larger request is this one
BIG = 1 << 30  # no limit
N_BUCKETS = 24
MOST_CONTACTS = 128
LONGEST_TICK = 5.0  # s
SECOND = 10_000_000  # us x 0.1 Hz in a second: a pulse of width w us fills w x rate / SECOND of the time


class Span(NamedTuple):
    """A sliding window: in ``slots`` buckets of ``length`` ticks, the present one included, at most ``limit``."""

    length: int
    slots: int
    limit: int


class Limits(NamedTuple):
    """See the module; all fields are int, those of Span too."""

    amplitude: int
    total: int
    density: int  # largest charge of a phase
    shannon: int
    rise: int  # a tick
    min_width: int
    max_width: int
    widest: int  # the device's ceiling, and so on
    min_rate: int
    max_rate: int
    fastest: int
    width: int
    rate: int
    recharge: int
    pulsed: int
    rated: int
    bipolar: int
    duty: Span  # ticks
    on_time: Span  # ticks
    dose: Span
    share: int
    shift: int
    stale: int  # us
    watchdog: int  # ticks
    fallback: int
    good_windows: int


def check_contacts(n_stim: Any) -> None:
    """InputError unless a shield can have ``n_stim`` contacts (sums of more would not fit into 32 bits)."""
    if isinstance(n_stim, bool) or not isinstance(n_stim, int) or not 1 <= n_stim <= MOST_CONTACTS:
        raise InputError(f"n_stim is {n_stim!r}; a shield wants 1 to {MOST_CONTACTS} contacts")


def compile_limits(profile: Profile, tick_s: float) -> Limits:
    """The limits of ``profile`` for a shield that decides every ``tick_s`` s.

    InputError where the tick is out of 0.1 ms to 5 s, longer than the watchdog, or so short that the slew is below the
    resolution.
    """
    if not (isinstance(tick_s, int | float) and 1e-4 <= tick_s <= LONGEST_TICK):
        raise InputError(f"tick_s of the shield is {tick_s!r}; wanted 0.0001 to {LONGEST_TICK:g} s")
    dataclasses.replace(profile)  # refuses one that was widened behind its own back
    ceilings = CEILINGS[profile.device]
    tick = _exact(tick_s)
    pulsed, rated = ceilings.kind == "pulses", ceilings.kind != "direct"
    rise = _floor(_exact(profile.slew) * tick * UNIT)
    if rise < 1:
        raise InputError(
            f"a slew of {profile.slew:g} A/s is less than 10 nA in a tick of {tick_s:g} s; use a longer tick"
        )
    if profile.watchdog < tick_s:
        raise InputError(
            f"a watchdog of {profile.watchdog:g} s is shorter than the tick of {tick_s:g} s; make either fit"
        )
    # units of the dose belong to the device, so that profiles of one device count alike
    most = _ceil(_exact(ceilings.total) * 10**6)
    widest, fastest = _whole(ceilings.widths[1], 10**6), _whole(ceilings.rates[1], 10)
    share = -(-widest * fastest // (BIG // most)) if pulsed else 1
    weight = -(-widest * fastest // share) if pulsed else 1
    day = _ceil(_exact(DAY) / tick)
    shift = max((most * weight * day - 1).bit_length() - 30, 0)
    unit = Fraction(share, SECOND) if pulsed else Fraction(1)
    dose = BIG
    if profile.daily_charge < math.inf:
        dose = min(_floor(_exact(profile.daily_charge) * 10**6 / (unit * tick * (1 << shift))), BIG)
    return Limits(
        amplitude=_floor(_exact(profile.amplitude) * UNIT), total=_floor(_exact(profile.total) * UNIT),
        density=_density(profile), shannon=_shannon(profile), rise=min(rise, LARGEST),
        min_width=_ceil(_exact(profile.widths[0]) * 10**6), max_width=_floor(_exact(profile.widths[1]) * 10**6),
        widest=widest, min_rate=_ceil(_exact(profile.rates[0]) * 10), max_rate=_floor(_exact(profile.rates[1]) * 10),
        fastest=fastest, width=_whole(profile.width, 10**6), rate=_whole(profile.rate, 10), recharge=profile.recharge,
        pulsed=int(pulsed), rated=int(rated), bipolar=int(profile.bipolar),
        duty=_ticks(_exact(profile.duty) * _exact(profile.duty_window), profile.duty_window, tick),
        on_time=_ticks(_exact(profile.daily_on), DAY, tick), dose=_span(day, dose), share=share, shift=shift,
        stale=_floor(_exact(profile.stale) * 10**6), watchdog=_floor(_exact(profile.watchdog) / tick),
        fallback=_floor(_exact(profile.fallback) * UNIT), good_windows=profile.good_windows,
    )  # fmt: skip


def _density(profile: Profile) -> int:
    if profile.density == math.inf:
        return BIG
    # 1 C is UNIT x 1e6 units of charge
    return min(_floor(_exact(profile.density) * _exact(profile.area) * UNIT * 10**6), BIG)


def _shannon(profile: Profile) -> int:
    if profile.shannon == math.inf:
        return BIG
    # log10 Q + log10 (Q / A) <= k, in uC and cm2: Q <= sqrt(A 10^k)
    return min(math.floor(math.sqrt(profile.area * 1e4 * 10.0**profile.shannon) * UNIT), BIG)


def _ticks(seconds: Fraction, window: float, tick: Fraction) -> Span:
    """At most ``seconds`` of any ``window`` s, both in s; no limit where that is all of it."""
    return _span(_ceil(_exact(window) / tick), BIG if seconds >= _exact(window) else _floor(seconds / tick))


def _span(n_ticks: int, limit: int) -> Span:
    """Buckets that cover ``n_ticks`` whatever the position in the present one."""
    length = -(-n_ticks // N_BUCKETS)
    return Span(length, -(-(n_ticks - 1) // length) + 1, limit)


def _exact(value: Any) -> Fraction:
    """The decimal number that was written, not its nearest binary one."""
    return Fraction(str(value))


def _floor(value: Fraction) -> int:
    return math.floor(value)


def _ceil(value: Fraction) -> int:
    return math.ceil(value)


def _whole(value: float, factor: int) -> int:
    return round(_exact(value) * factor)
