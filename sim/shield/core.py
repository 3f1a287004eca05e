"""What is delivered, as a function of command, sensor health and clock (I11): the shield without its memory.

Every bound on the current is a number that depends on what was asked for, and what is delivered is the least of them.
So a tighter profile never delivers more in the same state (I12), and what was delivered passes unchanged when it is
asked for again (I13).
"""

from typing import NamedTuple

from .command import Command, wrap
from .limits import BIG, MICROAMPERE, SECOND, Limits
from .vetoes import FAULTS, Mode, Veto
from .window import Count

NOTHING = Veto(0)


class State(NamedTuple):
    """Currents in 10 nA; see :mod:`neurodrift.sim.shield.limits`."""

    delivered: tuple[int, ...]
    held: Command  # the last request
    tick: int | None = None  # None before the first
    waited: int = 0  # ticks since the last command
    mode: Mode = Mode.FALLBACK
    good: int = 0  # good windows since the re-arm
    duty: Count = Count()
    on_time: Count = Count()
    dose: Count = Count()
    remainder: int = 0  # of the dose, below the unit of its buckets


class Verdict(NamedTuple):
    """amplitudes (n_stim,) 10 nA, in pulses of width us at rate 0.1 Hz; cost: contacts whose request broke a limit."""

    amplitudes: tuple[int, ...]
    width: int
    rate: int
    vetoes: Veto
    mode: Mode
    cost: int


def begin(limits: Limits, n_stim: int, armed: bool) -> State:
    none = (0,) * n_stim
    mode = Mode.ARMED if armed else Mode.FALLBACK
    return State(none, Command(none, limits.width, limits.rate), mode=mode)


def decide(
    limits: Limits,
    state: State,
    command: Command | None,
    age: int | None,
    tick: int | None,
    *,
    given: bool = True,
    finite: bool = True,
    rearm: bool = False,
    faults: Veto = NOTHING,
) -> tuple[State, Verdict]:
    """One tick. command: None where it is malformed, or none was given; age: us, None where it is unknown; tick: None
    where the clock told no number; faults: found elsewhere."""
    gap = _gap(state.tick, tick)
    elapsed = 0 if state.tick is None else max(gap, 0)
    waited = min(state.waited + elapsed, BIG)
    if given and command is None:
        faults |= Veto.MALFORMED
    if age is None or age > limits.stale:
        faults |= Veto.STALE
    if not finite:
        faults |= Veto.SENSOR
    if waited >= limits.watchdog + given:
        faults |= Veto.WATCHDOG
    if gap <= 0:
        faults |= Veto.CLOCK
    mode, good = _follow(limits, state, faults, given, rearm)

    held = state.held if command is None else command
    fallback = Command((limits.fallback,) * len(state.delivered), limits.width, limits.rate)
    advanced = state._replace(
        held=held, tick=state.tick if tick is None else tick, waited=waited if command is None else 0, mode=mode,
        good=good, duty=state.duty.advance(limits.duty, elapsed), on_time=state.on_time.advance(limits.on_time,
        elapsed), dose=state.dose.advance(limits.dose, elapsed),
    )  # fmt: skip
    verdict = _bound(limits, advanced, held if mode == Mode.ARMED else fallback, gap)
    vetoes = verdict.vetoes | faults
    if not given:
        vetoes |= Veto.HELD
    cost = verdict.cost
    if mode != Mode.ARMED:
        vetoes |= Veto.LATCHED
        cost = 0
    if faults & Veto.MALFORMED:
        cost = len(state.delivered)
    return _account(limits, advanced, verdict), verdict._replace(vetoes=vetoes, cost=cost)


def _gap(last: int | None, tick: int | None) -> int:
    """Ticks since the last decision: 1 at the first, not above 0 where the clock stood still or went back."""
    if tick is None:
        return 0
    return 1 if last is None else min(wrap(tick - last), BIG)


def _follow(limits: Limits, state: State, faults: Veto, given: bool, rearm: bool) -> tuple[Mode, int]:
    """(mode, good windows): faults latch, and only a re-arm and enough good windows after it lead out."""
    if faults & FAULTS:
        return Mode.FALLBACK, 0
    rearming = state.mode == Mode.REARMING or (state.mode == Mode.FALLBACK and rearm)
    if not rearming:
        return state.mode, 0
    good = state.good + 1 if given else 0
    return (Mode.ARMED, 0) if good >= limits.good_windows else (Mode.REARMING, good)


def _bound(limits: Limits, state: State, wanted: Command, gap: int) -> Verdict:
    """The least of all bounds. Whoever wants it, the policy or the fall-back, passes the same."""
    vetoes = NOTHING
    asked_width = wanted.width if limits.pulsed else 0
    asked_rate = wanted.rate if limits.rated else 0
    # a cut of width or rate does not make room for more current: bounds are those of what was asked for
    pulse = max(asked_width, 1)
    width = min(asked_width, limits.max_width)
    rate = min(asked_rate, limits.max_rate, SECOND // (pulse * (1 + limits.recharge)))
    possible = width >= limits.min_width and rate >= limits.min_rate
    cut = width != asked_width or rate != asked_rate

    currents = [0 if current < 0 and not limits.bipolar else current for current in wanted.amplitudes]
    sizes = [abs(current) for current in currents]
    density, shannon = limits.density // pulse, limits.shannon // pulse
    cap = min(limits.amplitude, density, shannon)
    total, dose = _level(sizes, limits.total), _level(sizes, _budget(limits, state, asked_width, asked_rate))
    may_duty = state.duty.total < limits.duty.limit
    may_on_time = state.on_time.total < limits.on_time.limit

    amplitudes, cost = [], 0
    for asked, current, size, before in zip(wanted.amplitudes, currents, sizes, state.delivered):
        allowed = min(size, cap, total, dose) if possible and may_duty and may_on_time else 0
        # what has stopped, or turns round, starts anew
        base = abs(before) if before * current >= 0 and gap <= 1 else 0
        rise = limits.rise if gap > 0 else 0
        out = min(allowed, base + rise)
        amplitudes.append(-out if current < 0 else out)
        cost += allowed < size or asked != current or (size > 0 and cut)
        vetoes |= _say(asked != current, Veto.POLARITY) | _say(size > limits.amplitude, Veto.AMPLITUDE)
        vetoes |= _say(size > density, Veto.DENSITY) | _say(size > shannon, Veto.SHANNON)
        vetoes |= _say(min(size, cap) > total, Veto.TOTAL) | _say(min(size, cap) > dose, Veto.DOSE)
        vetoes |= _say(allowed > base + rise, Veto.SLEW)
    if any(sizes):
        vetoes |= _say(not may_duty, Veto.DUTY) | _say(not may_on_time, Veto.ON_TIME)
        vetoes |= _say(width != asked_width or width < limits.min_width, Veto.WIDTH)
        vetoes |= _say(rate != asked_rate or rate < limits.min_rate, Veto.RATE)
    return Verdict(
        tuple(amplitudes), max(width, limits.min_width), max(rate, limits.min_rate), vetoes, state.mode, cost
    )


def _say(condition: bool, veto: Veto) -> Veto:
    return veto if condition else NOTHING


def _level(sizes: list[int], budget: int) -> int:
    """The largest level to which all of sizes can be cut down to sum to at most budget.

    It depends on what was asked for alone, so that a tighter bound on one contact never gives another more.
    """
    left = budget
    for n, size in zip(range(len(sizes), 0, -1), sorted(sizes)):
        if size * n > left:
            return left // n
        left -= size
    return BIG


def _budget(limits: Limits, state: State, width: int, rate: int) -> int:
    """10 nA: what the dose has left for all contacts in this tick."""
    left = ((limits.dose.limit - state.dose.total) << limits.shift) - state.remainder
    if limits.dose.limit == BIG:
        left = BIG
    weight = _weight(limits, min(width, limits.widest), min(rate, limits.fastest))
    return max(min(left, BIG) // weight, 0) * MICROAMPERE


def _weight(limits: Limits, width: int, rate: int) -> int:
    """Of the dose; see :mod:`neurodrift.sim.shield.limits`."""
    return max(-(-width * rate // limits.share), 1)


def _account(limits: Limits, state: State, verdict: Verdict) -> State:
    """The state after ``verdict`` has been delivered for a tick."""
    on = int(any(verdict.amplitudes))
    charge = -(-sum(map(abs, verdict.amplitudes)) // MICROAMPERE)
    units, remainder = divmod(
        state.remainder + charge * _weight(limits, verdict.width, verdict.rate), 1 << limits.shift
    )
    return state._replace(
        delivered=verdict.amplitudes, duty=state.duty.add(on), on_time=state.on_time.add(on),
        dose=state.dose.add(units), remainder=remainder,
    )  # fmt: skip
