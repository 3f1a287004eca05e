"""From whatever a policy sends to whole numbers, or to nothing.

Numbers are taken at float32, as the JAX twin takes them, so that both round alike. Nothing that arrives here raises.
"""

import math
import operator
import struct
from typing import Any, NamedTuple

from .limits import BIG, LARGEST, UNIT, Limits

LONGEST = 1_000_000  # us, and 0.1 Hz


class Command(NamedTuple):
    amplitudes: tuple[int, ...]  # 10 nA
    width: int  # us
    rate: int  # 0.1 Hz


def read_command(limits: Limits, n_stim: int, amplitudes: Any, width: Any, rate: Any) -> Command | None:
    """The command in whole numbers, None where it is of a wrong kind or shape or not finite.

    amplitudes: a sequence of ``n_stim`` numbers in A, or an array of one axis; width (s) and rate (Hz) may be None for
    the profile's own.
    """
    try:
        if len(amplitudes) != n_stim:
            return None
        plain = _plain(amplitudes)
        if not isinstance(plain, list | tuple):
            return None
        currents = [whole(amplitude, UNIT, LARGEST) for amplitude in plain]
    except Exception:  # whatever it was, it is no command
        return None
    us = limits.width if width is None else whole(width, 10**6, LONGEST)
    decihertz = limits.rate if rate is None else whole(rate, 10, LONGEST)
    if us is None or decihertz is None or None in currents:
        return None
    return Command(tuple(c for c in currents if c is not None), max(us, 0), max(decihertz, 0))


def read_age(age: Any) -> int | None:
    """us, None where it is unknown: not a finite number, or negative."""
    us = whole(age, 10**6, BIG)
    return us if us is not None and us >= 0 else None


def read_tick(tick: Any) -> int | None:
    """The tick as a 32-bit counter, None where it is not a whole number."""
    try:
        return wrap(operator.index(tick))
    except Exception:
        return None


def wrap(value: int) -> int:
    """As 32 bits with a sign hold it."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def whole(value: Any, factor: int, largest: int) -> int | None:
    """value x factor to the nearest whole number within +-largest; None unless value is a finite number."""
    try:
        number = _plain(value)
        if isinstance(number, bool) or not isinstance(number, int | float):
            return None
        single = _single(number)
    except Exception:
        return None
    if not math.isfinite(single):
        return None
    # the product is exact in float64, and the bounds are in float32
    return round(_single(max(-largest, min(single * factor, largest))))


def _plain(value: Any) -> Any:
    """Arrays and their scalars as what Python knows."""
    return value.tolist() if hasattr(value, "tolist") else value


def _single(value: float) -> float:
    """The nearest number of float32."""
    return struct.unpack("f", struct.pack("f", value))[0]
