"""The shield as a JAX component: what :class:`~neurodrift.sim.shield.guard.Shield` decides, to the last bit.

It sits in training loops of thousands of environments, so it is 32-bit integer arithmetic on small arrays throughout.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array, lax

from ..errors import InputError
from ..pytree import component, static
from .limits import BIG, LARGEST, MICROAMPERE, N_BUCKETS, SECOND, UNIT, Limits, Span, check_contacts, compile_limits
from .profile import Profile
from .vetoes import Mode, Veto

OPERATORS = ("none", "attentive")


class Count(NamedTuple):
    """What has been delivered in a sliding window, bucket by bucket."""

    buckets: Array  # (N_BUCKETS + 1,) int32
    slot: Array  # () int32, the present bucket
    position: Array  # () int32 ticks into it


class ShieldState(NamedTuple):
    """All int32, currents in units of 10 nA; see :mod:`neurodrift.sim.shield.limits`."""

    delivered: Array  # (n_stim,)
    held: Array  # (n_stim,) the last request
    held_width: Array  # () us
    held_rate: Array  # () 0.1 Hz
    tick: Array  # ()
    started: Array  # () 0 before the first tick
    waited: Array  # () ticks since the last command
    mode: Array  # ()
    good: Array  # () good windows since the re-arm
    duty: Count
    on_time: Count
    dose: Count
    remainder: Array  # () of the dose, below the unit of its buckets


class Verdict(NamedTuple):
    """What is delivered in this tick: applied (n_stim,) A, in pulses of width () s at rate () Hz (0 where the current
    is held); vetoes () uint32 bits of :class:`~neurodrift.sim.shield.vetoes.Veto`; mode () int32; cost () float32: the
    number of contacts whose request broke a limit or the command was malformed (a slower rise is no offence)."""

    applied: Array
    vetoes: Array
    mode: Array
    cost: Array
    width: Array
    rate: Array


@component
class ShieldTwin:
    """limits: from a profile, as leaves, so that another profile of the same device does not retrace. operator: who
    re-arms after a fault: "none" (only ``rearm=True`` does: the fault is latched for good), or "attentive", a
    simulated one who does so in the next tick."""

    limits: Limits
    n_stim: int = static()
    operator: str = static(default="none")

    @classmethod
    def create(cls, profile: Profile | str, n_stim: int, tick_s: float, operator: str = "none") -> "ShieldTwin":
        """profile: or a device's name, for its usual settings; tick_s: s of a control window. InputError as
        for :func:`~neurodrift.sim.shield.limits.compile_limits`."""
        check_contacts(n_stim)
        if operator not in OPERATORS:
            raise InputError(f"unknown operator {operator!r} of the shield; use one of {', '.join(OPERATORS)}")
        profile = Profile.preset(profile) if isinstance(profile, str) else profile
        limits = compile_limits(profile, tick_s)
        leaves: list[Any] = [Span(*map(jnp.int32, x)) if isinstance(x, Span) else jnp.int32(x) for x in limits]
        return cls(limits=Limits(*leaves), n_stim=n_stim, operator=operator)

    def init(self, armed: bool = True) -> ShieldState:
        """Before the first tick; not armed: in the fall-back until re-armed, as a device starts."""
        limits: Any = self.limits
        zero, none = jnp.int32(0), jnp.zeros(self.n_stim, jnp.int32)
        count = Count(jnp.zeros(N_BUCKETS + 1, jnp.int32), zero, zero)
        return ShieldState(
            delivered=none, held=none, held_width=limits.width, held_rate=limits.rate, tick=zero,
            started=zero, waited=zero, mode=jnp.int32(Mode.ARMED if armed else Mode.FALLBACK), good=zero,
            duty=count, on_time=count, dose=count, remainder=zero,
        )  # fmt: skip

    def step(
        self,
        state: ShieldState,
        request: Array,
        age: Array | float,
        tick: Array | int,
        *,
        width: Array | float | None = None,
        rate: Array | float | None = None,
        given: Array | bool = True,
        finite: Array | bool = True,
        rearm: Array | bool = False,
    ) -> tuple[ShieldState, Verdict]:
        """One tick: request (n_stim,) A and age () s of the newest sample -> what is delivered until the next tick.

        tick () int32 goes up by one a call; width () s and rate () Hz of the pulses, by default the profile's; given:
        False where no command has arrived in this tick; finite: False where the samples are not; rearm: the operator's
        word. InputError for a request of another shape.
        """
        request = jnp.asarray(request, jnp.float32)
        if request.shape != (self.n_stim,):
            raise InputError(
                f"the request has shape {request.shape}; wanted ({self.n_stim},), one current in A for each contact"
            )
        limits: Any = self.limits
        given, finite, rearm = jnp.asarray(given), jnp.asarray(finite), jnp.asarray(rearm)

        # the clock
        tick = jnp.asarray(tick, jnp.int32)
        started = state.started != 0
        gap = jnp.where(started, jnp.clip(tick - state.tick, -1, BIG), 1)
        elapsed = jnp.where(started, jnp.maximum(gap, 0), 0)

        # the command
        asked, sound = _whole(request, float(UNIT), LARGEST)
        asked_width, width_sound = _or_default(width, 1e6, 1_000_000, limits.width)
        asked_rate, rate_sound = _or_default(rate, 10.0, 1_000_000, limits.rate)
        sound = jnp.all(sound) & width_sound & rate_sound
        age_us, age_known = _whole(jnp.asarray(age, jnp.float32), 1e6, BIG)
        waited = jnp.minimum(state.waited, BIG - elapsed) + elapsed  # the sum of two BIG is none of 32 bits

        # faults latch; only a re-arm in a good window leads out
        vetoes = jnp.uint32(0)
        vetoes |= _bit(given & ~sound, Veto.MALFORMED)
        vetoes |= _bit(~age_known | (age_us < 0) | (age_us > limits.stale), Veto.STALE)
        vetoes |= _bit(~finite, Veto.SENSOR)
        vetoes |= _bit(waited >= limits.watchdog + given, Veto.WATCHDOG)
        vetoes |= _bit(gap <= 0, Veto.CLOCK)
        fault = vetoes != 0
        rearming = rearm if self.operator == "none" else jnp.asarray(True)
        begun = jnp.where((state.mode == Mode.FALLBACK) & rearming, Mode.REARMING, state.mode)
        good = jnp.where(state.mode == Mode.REARMING, state.good, 0)
        good = jnp.where(given, jnp.minimum(good + 1, BIG), 0)
        mode = jnp.where((begun == Mode.REARMING) & (good >= limits.good_windows), Mode.ARMED, begun)
        mode = jnp.where(fault, Mode.FALLBACK, mode).astype(jnp.int32)
        good = jnp.where(mode == Mode.REARMING, good, 0)
        armed = mode == Mode.ARMED
        vetoes |= _bit(~given, Veto.HELD) | _bit(~armed, Veto.LATCHED)

        # what is wanted, whoever wants it, passes the same limits
        heard = given & sound
        held = jnp.where(heard, asked, state.held)
        held_width = jnp.where(heard, asked_width, state.held_width)
        held_rate = jnp.where(heard, asked_rate, state.held_rate)
        wanted = jnp.where(armed, held, limits.fallback)
        wanted_width = jnp.where(limits.pulsed != 0, jnp.where(armed, held_width, limits.width), 0)
        wanted_rate = jnp.where(limits.rated != 0, jnp.where(armed, held_rate, limits.rate), 0)

        reverse = (wanted < 0) & (limits.bipolar == 0)
        wanted = jnp.where(reverse, 0, wanted)
        size = jnp.abs(wanted)

        # a cut of the width or the rate does not make room for more current: bounds are those of what was asked for
        pulse = jnp.maximum(wanted_width, 1)
        fits = lax.div(jnp.int32(SECOND), pulse * (1 + limits.recharge))
        used_width = jnp.minimum(wanted_width, limits.max_width)
        used_rate = jnp.minimum(jnp.minimum(wanted_rate, limits.max_rate), fits)
        width_bad, rate_bad = wanted_width != used_width, wanted_rate != used_rate
        width_low, rate_low = wanted_width < limits.min_width, used_rate < limits.min_rate
        possible = ~(width_low | rate_low)

        density = lax.div(limits.density, pulse)
        shannon = lax.div(limits.shannon, pulse)
        cap = jnp.minimum(jnp.minimum(limits.amplitude, density), shannon)

        duty = _advance(state.duty, limits.duty, elapsed)
        on_time = _advance(state.on_time, limits.on_time, elapsed)
        dose = _advance(state.dose, limits.dose, elapsed)
        duty_left = jnp.sum(duty.buckets) < limits.duty.limit
        on_left = jnp.sum(on_time.buckets) < limits.on_time.limit
        weight = _weight(limits, jnp.minimum(wanted_width, limits.widest), jnp.minimum(wanted_rate, limits.fastest))
        left = _left(limits, dose, state.remainder)
        budget = jnp.minimum(lax.div(left, weight), BIG // MICROAMPERE) * MICROAMPERE
        total_level, dose_level = _level(size, limits.total), _level(size, budget)

        same = (state.delivered == 0) | (wanted == 0) | ((state.delivered < 0) == (wanted < 0))
        base = jnp.where(same & (gap <= 1), jnp.abs(state.delivered), 0)
        bound = base + jnp.where(gap >= 1, limits.rise, 0)

        allowed = jnp.minimum(jnp.minimum(size, cap), jnp.minimum(total_level, dose_level))
        on = possible & duty_left & on_left
        allowed = jnp.where(on, allowed, 0)
        out = jnp.minimum(allowed, bound)

        some = jnp.any(size > 0)
        vetoes |= _bit(jnp.any(reverse), Veto.POLARITY)
        vetoes |= _bit(jnp.any(size > limits.amplitude), Veto.AMPLITUDE)
        vetoes |= _bit(jnp.any(size > density), Veto.DENSITY) | _bit(jnp.any(size > shannon), Veto.SHANNON)
        vetoes |= _bit(jnp.any(jnp.minimum(size, cap) > total_level), Veto.TOTAL)
        vetoes |= _bit(jnp.any(jnp.minimum(size, cap) > dose_level), Veto.DOSE)
        vetoes |= _bit(some & ~duty_left, Veto.DUTY) | _bit(some & ~on_left, Veto.ON_TIME)
        vetoes |= _bit(some & (width_bad | width_low), Veto.WIDTH) | _bit(some & (rate_bad | rate_low), Veto.RATE)
        vetoes |= _bit(jnp.any(allowed > bound), Veto.SLEW)

        # the account is of what is delivered
        flows = jnp.any(out > 0)
        used_width = jnp.where(width_low, limits.min_width, used_width)
        used_rate = jnp.where(rate_low, limits.min_rate, used_rate)
        charge = lax.div(jnp.sum(out) + (MICROAMPERE - 1), jnp.int32(MICROAMPERE))
        sum_ = state.remainder + charge * _weight(limits, used_width, used_rate)
        dose = _add(dose, lax.shift_right_logical(sum_, limits.shift))
        remainder = sum_ - lax.shift_left(lax.shift_right_logical(sum_, limits.shift), limits.shift)
        delivered = jnp.where(wanted < 0, -out, out)
        broken = reverse | (allowed < size) | ((size > 0) & (width_bad | rate_bad))
        malformed = given & ~sound
        cost = jnp.where(malformed, self.n_stim, jnp.where(armed, jnp.sum(broken), 0)).astype(jnp.float32)
        new = ShieldState(
            delivered=delivered, held=held, held_width=held_width, held_rate=held_rate, tick=tick,
            started=jnp.int32(1), waited=jnp.where(heard, 0, waited), mode=mode, good=good,
            duty=_add(duty, flows), on_time=_add(on_time, flows), dose=dose, remainder=remainder,
        )  # fmt: skip
        return new, Verdict(
            applied=_times(delivered, 1 / UNIT), vetoes=vetoes, mode=mode, cost=cost,
            width=_times(used_width, 1e-6), rate=_times(used_rate, 0.1),
        )  # fmt: skip


def _times(whole: Array, unit: float) -> Array:
    """In SI units. A product, because compilers differ in what they make of a division by a constant."""
    return whole.astype(jnp.float32) * jnp.float32(unit)


def _bit(condition: Array, veto: Veto) -> Array:
    return jnp.where(condition, jnp.uint32(int(veto)), jnp.uint32(0))


def _whole(value: Array, factor: float, largest: int) -> tuple[Array, Array]:
    """(value x factor to the nearest whole number within +-largest, whether it is finite)."""
    finite = jnp.isfinite(value)
    scaled = jnp.clip(jnp.where(finite, value, 0.0) * jnp.float32(factor), -float(largest), float(largest))
    return jnp.round(scaled).astype(jnp.int32), finite


def _or_default(value: Any, factor: float, largest: int, default: Array) -> tuple[Array, Array]:
    if value is None:
        return default, jnp.asarray(True)
    whole, finite = _whole(jnp.asarray(value, jnp.float32), factor, largest)
    return jnp.maximum(whole, 0), finite


def _weight(limits: Any, width: Array, rate: Array) -> Array:
    """() of the dose, 1 or more; see :mod:`neurodrift.sim.shield.limits`."""
    return jnp.maximum(lax.div(width * rate + limits.share - 1, limits.share), 1)


def _level(size: Array, budget: Array) -> Array:
    """() the largest level to which all of size (n_stim,) can be cut down to sum to at most budget.

    The level depends on what was asked for alone, so that a tighter bound on one contact never gives another more.
    """
    if size.shape[0] == 1:
        return budget
    served = jnp.sum(jnp.minimum(size[:, None], size[None, :]), axis=1) <= budget
    rest = jnp.sum(~served)
    level = lax.div(budget - jnp.sum(jnp.where(served, size, 0)), jnp.maximum(rest, 1).astype(jnp.int32))
    return jnp.where(rest > 0, level, BIG)


def _advance(count: Count, span: Any, elapsed: Array) -> Count:
    """The window, moved on by ``elapsed`` ticks: buckets that have left it are emptied."""
    position = count.position + elapsed
    steps = lax.div(position, span.length)
    index = jnp.arange(N_BUCKETS + 1, dtype=jnp.int32)
    passed = lax.rem(index - count.slot - 1 + 2 * span.slots, span.slots) < steps
    return Count(
        jnp.where(passed, 0, count.buckets), lax.rem(count.slot + lax.rem(steps, span.slots), span.slots),
        position - steps * span.length,
    )  # fmt: skip


def _add(count: Count, amount: Array) -> Count:
    here = jnp.arange(N_BUCKETS + 1, dtype=jnp.int32) == count.slot
    return count._replace(buckets=count.buckets + jnp.where(here, amount.astype(jnp.int32), 0))


def _left(limits: Any, dose: Count, remainder: Array) -> Array:
    """() what is left of the dose, at most BIG."""
    units = limits.dose.limit - jnp.sum(dose.buckets)
    most = lax.shift_right_logical(jnp.int32(BIG), limits.shift)
    left = lax.shift_left(jnp.clip(units, 0, most), limits.shift) - remainder
    # the remainder is less than a unit: where there are more than these, BIG is left whatever it is
    return jnp.where((limits.dose.limit >= BIG) | (units > most), BIG, jnp.maximum(left, 0))
