"""What the shield may and must do, in float64 and SI units, from the invariants alone: it shares no code with it.

Arrays are (n_ticks, n_runs) or (n_ticks, n_runs, n_stim). ``judge`` counts, for every invariant, where it is broken.
"""

from typing import NamedTuple

import numpy as np

RESOLUTION = 5.001e-9  # A, half of the unit in which the stimulator is told
LOOSE = 1e-7  # relative, of a float32
HELD, LATCHED = 1 << 28, 1 << 29
ARMED = 0


class Stream(NamedTuple):
    """What went in."""

    request: np.ndarray  # A
    width: np.ndarray  # s
    rate: np.ndarray  # Hz
    age: np.ndarray  # s
    tick: np.ndarray
    given: np.ndarray
    finite: np.ndarray
    rearm: np.ndarray


class Output(NamedTuple):
    """What came out."""

    applied: np.ndarray  # A
    width: np.ndarray
    rate: np.ndarray
    vetoes: np.ndarray
    mode: np.ndarray


class Rules(NamedTuple):
    """The profile's limits as it states them, and the kind of its current."""

    kind: str
    amplitude: float
    total: float
    slew: float
    widths: tuple[float, float]
    rates: tuple[float, float]
    area: float
    density: float
    shannon: float
    daily_on: float
    daily_charge: float
    recharge: int
    duty: float
    duty_window: float
    stale: float
    watchdog: float
    fallback: float
    good_windows: int
    bipolar: bool

    @classmethod
    def of(cls, profile) -> "Rules":
        return cls(profile.kind, *(getattr(profile, name) for name in cls._fields[1:]))


INVARIANTS = (
    "I1 amplitude", "I1 polarity", "I1 never more than asked", "I2 width", "I2 rate", "I3 density", "I3 Shannon",
    "I4 rise", "I4 stop", "I6 total", "I7 duty", "I7 daily time", "I7 daily charge", "I8 to I10 fall-back",
    "I8 to I10 mode", "I15 veto", "what is allowed is delivered",
)  # fmt: skip


def judge(rules: Rules, tick_s: float, stream: Stream, out: Output, armed: bool = True) -> dict[str, int]:
    """How often each invariant is broken."""
    broken = dict.fromkeys(INVARIANTS, 0)

    def count(name: str, where: np.ndarray) -> None:
        broken[name] += int(np.sum(where))

    locked, force, time, step = _automaton(rules, tick_s, stream, armed)
    size = np.abs(out.applied)
    some = size.max(axis=2) > 0
    width, rate = out.width, out.rate

    count("I1 amplitude", ~np.isfinite(out.applied) | (size > rules.amplitude * (1 + LOOSE)))
    count("I6 total", size.sum(axis=2) > rules.total * (1 + LOOSE))
    if rules.kind == "pulses":
        count("I2 width", some & ((width < rules.widths[0] * (1 - LOOSE)) | (width > rules.widths[1] * (1 + LOOSE))))
        charge = size * width[:, :, None]  # C
        count("I3 density", charge / rules.area > rules.density * (1 + 2 * LOOSE))
        with np.errstate(divide="ignore"):
            k = np.log10(charge * 1e6) + np.log10(charge * 1e6 / (rules.area * 1e4))
        count("I3 Shannon", k > rules.shannon + 1e-6)
        # a pulse and its recharge end before the next one
        count("I2 rate", some & (width * (1 + rules.recharge) * rate > 1 + 2 * LOOSE))
    if rules.kind != "direct":
        count("I2 rate", some & ((rate < rules.rates[0] * (1 - LOOSE)) | (rate > rules.rates[1] * (1 + LOOSE))))

    # the request in force: the policy's, or on every contact the fall-back
    fallback = np.broadcast_to(rules.fallback, size.shape)
    asked = np.where(locked[:, :, None], fallback, force.request)
    if not rules.bipolar:
        count("I1 polarity", out.applied < 0)
    count("I1 never more than asked", size > np.abs(asked) * (1 + LOOSE) + RESOLUTION)
    count("I1 polarity", out.applied * asked < 0)
    count("I4 stop", (asked == 0) & (size > 0))
    count("I8 to I10 fall-back", locked[:, :, None] & (size > rules.fallback * (1 + LOOSE)))
    count("I8 to I10 mode", (out.mode == ARMED) == locked)

    before = np.concatenate([np.zeros_like(out.applied[:1]), out.applied[:-1]])
    kept = (np.sign(before) * np.sign(asked) >= 0) & (step <= 1)[:, :, None]
    bound = np.where(kept, np.abs(before), 0) + np.where(step > 0, rules.slew * tick_s, 0)[:, :, None]
    count("I4 rise", size > bound * (1 + LOOSE) + 1e-12)

    share = width * rate if rules.kind == "pulses" else np.ones_like(width)
    spent = size.sum(axis=2) * share * tick_s
    limits = (
        ("I7 duty", some * tick_s, rules.duty_window, rules.duty * rules.duty_window),
        ("I7 daily time", some * tick_s, 86400.0, rules.daily_on),
        ("I7 daily charge", spent, 86400.0, rules.daily_charge),
    )
    room = np.ones_like(some)
    wish = np.where(locked, width * rate, force.width * force.rate) if rules.kind == "pulses" else share
    for name, amount, window, limit in limits:
        if limit >= window and name != "I7 daily charge":
            continue
        count(name, _sum_within(time, amount, window - 1e-6) > limit * (1 + 2 * LOOSE))
        # what the shield may at most have counted: buckets see up to a twelfth more than the window (and two ticks),
        # and a dose is rounded up to whole uA and whole parts of the time
        if name == "I7 daily charge":
            amount = np.where(some, (size.sum(axis=2) + 1e-6) * (share + 4e-6) * tick_s, 0.0)
            coming = (np.abs(asked).sum(axis=2) + 1e-6) * (wish + 4e-6) * tick_s + 2e-6 * rules.total * 86400
        else:
            coming = tick_s
        seen = _sum_within(time, amount, window * (1 + 1 / 12) + 3 * tick_s) - amount + coming
        room &= seen * (1 + 1e-6) <= limit

    silent = (out.vetoes & ~np.int64(HELD)) == 0
    same = (np.abs(out.applied - asked) <= RESOLUTION + LOOSE * np.abs(asked)).all(axis=2)
    if rules.kind == "pulses":
        same &= np.isclose(width, force.width, rtol=1e-6, atol=0.6e-6) | ~some
    if rules.kind != "direct":
        same &= np.isclose(rate, force.rate, rtol=1e-6, atol=0.06) | ~some
    count("I15 veto", silent & (locked | ~same))

    allowed = room & ~locked & _within(rules, force, asked, bound)
    count("what is allowed is delivered", allowed & ~(silent & same))
    return broken


def _automaton(rules: Rules, tick_s: float, stream: Stream, armed: bool):
    """(locked, the command in force, time in s, ticks since the one before): I8, I9 and I10."""
    n_ticks, n_runs = stream.tick.shape
    locked = np.full(n_runs, not armed)
    counting = np.zeros(n_runs, bool)
    good = np.zeros(n_runs, int)
    now = np.zeros(n_runs)
    heard = np.zeros(n_runs)
    held = [np.zeros_like(stream.request[0]), np.zeros(n_runs), np.zeros(n_runs)]
    lockeds, times, steps, forces = [], [], [], []
    for t in range(n_ticks):
        step = np.ones(n_runs, int) if t == 0 else stream.tick[t] - stream.tick[t - 1]
        if t > 0:
            now = now + np.maximum(step, 0) * tick_s
        with np.errstate(over="ignore"):
            single = stream.request[t].astype(np.float32)
        sane = np.isfinite(single).all(axis=1)
        sane &= np.isfinite(stream.width[t]) & np.isfinite(stream.rate[t])
        given = stream.given[t]
        with np.errstate(invalid="ignore"):
            fresh = (stream.age[t] >= 0) & (stream.age[t] <= rules.stale + 1e-7) & stream.finite[t]
        silence = now - heard
        late = np.where(given, silence > rules.watchdog + 1e-6, silence > rules.watchdog - 1e-6)
        fault = (given & ~sane) | ~fresh | late | (step <= 0)
        counting = np.where(fault, False, counting | (locked & stream.rearm[t])) & locked
        good = np.where(counting & given & ~fault, good + 1, 0)
        locked = fault | (locked & ~(counting & (good >= rules.good_windows)))
        counting &= locked
        valid = given & sane
        heard = np.where(valid, now, heard)
        held = [
            np.where(valid[:, None], np.where(np.isfinite(single), stream.request[t], 0), held[0]),
            np.where(valid, stream.width[t], held[1]),
            np.where(valid, stream.rate[t], held[2]),
        ]
        lockeds.append(locked)
        times.append(now)
        steps.append(step)
        forces.append(held)
    force = stream._replace(
        request=np.stack([f[0] for f in forces]),
        width=np.stack([f[1] for f in forces]),
        rate=np.stack([f[2] for f in forces]),
    )
    return np.stack(lockeds), force, np.stack(times), np.stack(steps)


def _sum_within(time: np.ndarray, amount: np.ndarray, window: float) -> np.ndarray:
    """(n_ticks, n_runs): the sum of amount over the ``window`` s up to each tick, the tick itself included."""
    out = np.empty(amount.shape)
    for run in range(amount.shape[1]):
        total = np.concatenate([[0.0], np.cumsum(amount[:, run])])
        # what was delivered for a tick from `time` on has wholly left the window when it began `window` s ago
        first = np.searchsorted(time[:, run], time[:, run] - window, side="right")
        out[:, run] = total[1:] - total[first]
    return out


def _within(rules: Rules, force: Stream, asked: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Whether the request keeps every limit that has no memory, and the rise, by a thousandth."""
    size, most = np.abs(asked), 1 - 1e-3
    fine = (size <= rules.amplitude * most).all(axis=2) & (size.sum(axis=2) <= rules.total * most)
    fine &= (size <= bound * most).all(axis=2)
    if not rules.bipolar:
        fine &= (asked >= 0).all(axis=2)
    if rules.kind == "pulses":
        fine &= (force.width >= rules.widths[0] * 1.001) & (force.width <= rules.widths[1] * most)
        # widths are told in whole microseconds
        charge = size * (force.width[:, :, None] + 0.5e-6) * 1e6
        fine &= (charge <= rules.density * 1e2 * rules.area * 1e4 * most).all(axis=2)
        fine &= (charge**2 <= rules.area * 1e4 * 10**rules.shannon * most).all(axis=2)
        fine &= (force.width + 0.5e-6) * (1 + rules.recharge) * (force.rate + 0.05) <= most
    if rules.kind != "direct":
        fine &= (force.rate >= rules.rates[0] * 1.001) & (force.rate <= rules.rates[1] * most)
        fine &= force.rate >= rules.rates[0] + 0.05
    return fine
