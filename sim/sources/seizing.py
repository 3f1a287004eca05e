"""A source that seizes from time to time, and whose seizures stimulation may cut short.

What begins a seizure comes from outside the model (a Poisson process); what becomes of it depends on the model's own
activity, so that stimulation acts through the equations and through nothing else:
- Wendling's hippocampus walks the way of its inhibition (see :class:`~neurodrift.sim.drift.SeizureRamp`) from the
  background to spikes by itself, but from spikes to fast activity only as long as it discharges, because discharges
  are what exhausts inhibition. Silenced for long enough before it is there, it recovers.
- The Epileptor is made excitable until it seizes; the permittivity then ends the seizure, or stimulation does.
"""

import dataclasses
from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

from ..conditions import Conditions
from ..errors import InputError
from ..keys import stream_key
from ..pytree import component
from .base import Truth
from .wrapping import Wrapping

S = TypeVar("S")


class Course(Protocol[S]):
    """How a seizure of one model goes."""

    def init(self) -> S: ...

    def step(self, state: S, begins: Array, conditions: Conditions, seconds: float, key: Array) -> tuple[S, Conditions]:
        """begins () bool -> the conditions of this window."""
        ...

    def follow(self, state: S, moments: Array, truth: Truth, source: Any, seconds: float) -> tuple[S, Array, Array]:
        """What the window did: the state, ictal () bool, and whether a seizure may begin () bool."""
        ...

    def impending(self, state: S) -> Array:
        """() bool: a seizure is on its way, and has not begun."""
        ...


class InhibitionState(NamedTuple):
    position: Array  # () s along the way, 0 between seizures
    quiet: Array  # () s since it last discharged
    tone: Array  # () log of the slow inhibition between seizures, a slow fluctuation


@component
class InhibitionCourse:
    """The course of a Wendling column. All times () s.

    trigger: slow inhibition falls to ``brink`` () of its value, where spikes become sustained: the seizure begins at
    its end; build_up: on to ``verge`` (), with fast inhibition nearly doubled, only while the column discharges; fast:
    on to a tenth, low-voltage fast activity, which nothing stops; recovery. A column that is quiet for ``abort_s``
    while it builds up recovers. It discharges where the rms of its output about the mean of a window is above
    ``discharge`` () mV. tone, tone_s: standard deviation and correlation time of the logarithm of slow inhibition
    between seizures, which brings sporadic spikes (all but the way itself is assumed).
    """

    trigger_s: Array | float = 8.0
    build_up_s: Array | float = 15.0
    fast_s: Array | float = 12.0
    recovery_s: Array | float = 12.0
    abort_s: Array | float = 2.0
    brink: Array | float = 0.7
    verge: Array | float = 0.3
    discharge: Array | float = 1.2
    tone: Array | float = 0.06
    tone_s: Array | float = 60.0

    def init(self) -> InhibitionState:
        zero = jnp.zeros(())
        return InhibitionState(zero, zero, zero)

    @property
    def times(self) -> Array:
        """(6,) s, the way's knots: begin, onset of the seizure, fast activity reached, at its deepest, recovery begins,
        end."""
        parts = [0.0, self.trigger_s, self.build_up_s, self.fast_s * 0.25, self.fast_s * 0.75, self.recovery_s]
        return jnp.cumsum(jnp.stack([jnp.asarray(x, jnp.float32) for x in parts]))

    def levels(self, position: Array) -> tuple[Array, Array]:
        """Slow and fast inhibition at ``position`` () s of the way, relative to their values between seizures."""
        slow = (1.0, self.brink, self.verge, _DEEPEST, _DEEPEST, 1.0)
        fast = jnp.asarray([1.0, 1.0, 1.75, 2.0, 2.0, 1.0])
        times = self.times
        slow = jnp.stack([jnp.asarray(x, jnp.float32) for x in slow])
        return jnp.interp(position, times, slow), jnp.interp(position, times, fast)

    def step(
        self, state: InhibitionState, begins: Array, conditions: Conditions, seconds: float, key: Array
    ) -> tuple[InhibitionState, Conditions]:
        keep = jnp.exp(-seconds / self.tone_s)
        tone = keep * state.tone + self.tone * jnp.sqrt(1.0 - keep**2) * jax.random.normal(key)
        position = jnp.where(begins & (state.position == 0), 1e-3, state.position)
        slow, fast = self.levels(position)
        # the tone fades as the way goes on, which is fixed
        slow = slow * jnp.exp(tone * jnp.clip(1.0 - position / self.trigger_s, 0.0, 1.0))
        return state._replace(position=position, tone=tone), dataclasses.replace(
            conditions,
            slow_inhibition=conditions.slow_inhibition * slow,
            fast_inhibition=conditions.fast_inhibition * fast,
        )

    def follow(
        self, state: InhibitionState, moments: Array, truth: Truth, source: Any, seconds: float
    ) -> tuple[InhibitionState, Array, Array]:
        times, position = self.times, state.position
        loud = jnp.max(jnp.std(moments, axis=1)) > self.discharge * source.moment
        building = (position >= times[1]) & (position < times[2])
        quiet = jnp.where(loud | ~building, 0.0, state.quiet + seconds)
        aborted = building & (quiet >= self.abort_s)
        goes_on = (position > 0) & (loud | ~building)
        # what was cut short recovers from where inhibition has got to
        slow, _ = self.levels(position)
        back = times[4] + (slow - _DEEPEST) / (1.0 - _DEEPEST) * self.recovery_s
        moved = jnp.where(aborted, back, position + jnp.where(goes_on, seconds, 0.0))
        moved = jnp.where(moved >= times[5], 0.0, moved)
        # on its way back it is ictal as long as it discharges
        ictal = (position >= times[1]) & (loud | (position < times[4]))
        return state._replace(position=moved, quiet=quiet), ictal, moved == 0

    def impending(self, state: InhibitionState) -> Array:
        return (state.position > 0) & (state.position < self.times[1])


_DEEPEST = 0.1


class ExcitabilityState(NamedTuple):
    since: Array  # () s since the excitability rose, negative while it has not
    rest: Array  # () s since the node was last ictal


@component
class ExcitabilityCourse:
    """The course of an Epileptor. All times () s, to be read with its unit of time.

    Excitability rises by ``rise`` () of x0 until the node seizes, at most for ``longest_s``; the next seizure begins
    ``rest_s`` after one at the earliest (assumed).
    """

    rise: Array | float = 0.6
    longest_s: Array | float = 40.0
    rest_s: Array | float = 20.0

    def init(self) -> ExcitabilityState:
        return ExcitabilityState(jnp.float32(-1.0), jnp.asarray(self.rest_s, jnp.float32))

    def step(
        self, state: ExcitabilityState, begins: Array, conditions: Conditions, seconds: float, key: Array
    ) -> tuple[ExcitabilityState, Conditions]:
        since = jnp.where(begins & (state.since < 0), 0.0, state.since)
        risen = jnp.where(since >= 0, self.rise, 0.0)
        return state._replace(since=since), dataclasses.replace(
            conditions, excitability=conditions.excitability + risen
        )

    def follow(
        self, state: ExcitabilityState, moments: Array, truth: Truth, source: Any, seconds: float
    ) -> tuple[ExcitabilityState, Array, Array]:
        ictal = jnp.any(truth["seizing"])
        since = jnp.where((state.since >= 0) & ~ictal, state.since + seconds, -1.0)
        since = jnp.where(since >= self.longest_s, -1.0, since)
        rest = jnp.where(ictal, 0.0, state.rest + seconds)
        return ExcitabilityState(since, rest), ictal, (since < 0) & (rest >= self.rest_s)

    def impending(self, state: ExcitabilityState) -> Array:
        return state.since >= 0


class SeizingState(NamedTuple):
    source: Any
    course: Any
    idle: Array  # () bool, a seizure may begin
    left: Array  # () s for which the running seizure counts at least
    resistant: Array  # () bool, stimulation does not reach this one


@component
class Seizing(Wrapping):
    """``source`` with seizures that begin at random.

    per_hour () seizures that begin in an hour in which one may; resistant () share of them that stimulation does not
    reach (they begin elsewhere): its efficacy is 0 until the next; hold_s () s: a pause shorter than that does not end
    a seizure. truth gains ``seizing``, ``impending`` (it comes on and has not begun) and ``resistant``, () bool.
    Seizures come from the source's own key: the same for every policy, until stimulation moves one.
    """

    source: Any
    course: Any
    per_hour: Array | float
    resistant: Array | float
    hold_s: Array | float = 3.0

    @classmethod
    def create(cls, source: Any, course: Any, per_hour: float = 6.0, resistant: float = 0.0) -> "Seizing":
        """InputError for a rate below 0 and a share that is none."""
        if not (per_hour >= 0 and 0 <= resistant <= 1):
            raise InputError(
                f"per_hour {per_hour:g}, resistant {resistant:g}; wanted a rate of 0 or more, a share of 0 to 1"
            )
        return cls(source=source, course=course, per_hour=jnp.float32(per_hour), resistant=jnp.float32(resistant))

    def init(self, key: Array, conditions: Conditions) -> SeizingState:
        no = jnp.asarray(False)
        return SeizingState(self.source.init(key, conditions), self.course.init(), jnp.asarray(True), jnp.zeros(()), no)

    def step(
        self, state: SeizingState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[SeizingState, Array, Truth]:
        """One window, as the source's own."""
        k_begin, k_kind, k_course = (stream_key(key, f"seizing.{name}") for name in ("begin", "kind", "course"))
        chance = -jnp.expm1(-self.per_hour / 3600.0 * self.window_s)
        begins = state.idle & (jax.random.uniform(k_begin) < chance)
        resistant = jnp.where(begins, jax.random.uniform(k_kind) < self.resistant, state.resistant)
        course, moved = self.course.step(state.course, begins, conditions, self.window_s, k_course)
        reached = jnp.where(resistant, 0.0, moved.stim_efficacy)
        moved = dataclasses.replace(moved, stim_efficacy=reached)
        source, moments, truth = self.source.step(state.source, stim, moved, key)
        course, ictal, idle = self.course.follow(course, moments, truth, self.source, self.window_s)
        left = jnp.where(ictal, self.hold_s, jnp.maximum(state.left - self.window_s, 0.0))
        seizing = left > 0
        impending = self.course.impending(course) & ~seizing
        truth = {**truth, "seizing": seizing, "impending": impending, "resistant": resistant}
        return SeizingState(source, course, idle & ~seizing, left, resistant), moments, truth
