"""The shield of a live loop: plain Python, whole numbers, no policy, and an audit of everything it changed."""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from .command import read_age, read_command, read_tick
from .core import NOTHING, Verdict, begin, decide
from .limits import UNIT, check_contacts, compile_limits
from .profile import Profile
from .vetoes import Mode, Veto

NANOAMPERES = 10  # in the unit of current


class Decision(NamedTuple):
    """What is delivered until the next tick, and what was asked for.

    requested: what came, as numbers (n_stim,) A where it was any, else in words; applied (n_stim,) A; width s and rate
    Hz of the pulses (0 where the current is held); tick: as the clock gave it; before: the mode of the tick before.
    """

    requested: tuple[float, ...] | str
    verdict: Verdict
    tick: Any
    before: Mode
    recharge: int

    @property
    def applied(self) -> tuple[float, ...]:
        return tuple(amplitude / UNIT for amplitude in self.verdict.amplitudes)

    @property
    def width(self) -> float:
        return self.verdict.width / 10**6

    @property
    def rate(self) -> float:
        return self.verdict.rate / 10

    @property
    def vetoes(self) -> Veto:
        return self.verdict.vetoes

    @property
    def mode(self) -> Mode:
        return self.verdict.mode

    @property
    def cost(self) -> int:
        return self.verdict.cost

    @property
    def remarkable(self) -> bool:
        """Whether anything was cut or the mode changed: whether it belongs into the audit (I15)."""
        return bool(self.vetoes) or self.mode != self.before

    @property
    def case(self) -> int:
        """10 nA through the return contact: with the others exactly 0 (I6)."""
        return -sum(self.verdict.amplitudes)

    def phases(self, contact: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """((nA, us) leading, (nA, us) recharging) of each pulse of ``contact``; the charges sum to exactly 0 (I5)."""
        current, width = self.verdict.amplitudes[contact] * NANOAMPERES, self.verdict.width
        return (current, width), (-current // self.recharge, width * self.recharge)


class Shield:
    """Bounds what a stimulator with ``n_stim`` contacts is told, once every ``tick_s`` s.

    armed: whether requests pass from the start; a device starts in its fall-back, until it is re-armed. sink: is given
    every remarkable decision; when it raises, the shield goes to the fall-back in the next tick, for what cannot be
    audited is not delivered. The last ``kept`` of them are in ``audit``. InputError as for
    :func:`~neurodrift.sim.shield.limits.compile_limits`.
    """

    def __init__(
        self,
        profile: Profile,
        n_stim: int,
        tick_s: float,
        *,
        armed: bool = False,
        sink: Callable[[Decision], Any] | None = None,
        kept: int = 1000,
    ) -> None:
        check_contacts(n_stim)
        self.profile = profile
        self.limits = compile_limits(profile, tick_s)
        self.n_stim = n_stim
        self.audit: deque[Decision] = deque(maxlen=kept)
        self._sink = sink
        self._state = begin(self.limits, n_stim, armed)
        self._rearm = False
        self._faults = NOTHING

    @property
    def mode(self) -> Mode:
        return self._state.mode

    def rearm(self) -> None:
        """The operator's word: from the next tick on, if it is good, windows are counted until requests pass again."""
        self._rearm = True

    def trip(self) -> None:
        """The operator's stop: the fall-back in the next tick, latched."""
        self._faults |= Veto.TRIPPED

    def step(
        self, request: Any, age: Any, tick: Any, *, width: Any = None, rate: Any = None, finite: Any = True
    ) -> Decision:
        """One tick. request (n_stim,) A, anything else is malformed, None is no command; age: s of the newest sample;
        tick: a whole number that goes up by one a call; width s and rate Hz of the pulses, None for the profile's;
        finite: True where the samples are, and nothing else. Never raises."""
        given = request is not None
        command = read_command(self.limits, self.n_stim, request, width, rate)
        before = self._state.mode
        self._state, verdict = decide(
            self.limits, self._state, command, read_age(age), read_tick(tick),
            given=given, finite=finite is True, rearm=self._rearm, faults=self._faults,
        )  # fmt: skip
        self._rearm, self._faults = False, NOTHING
        decision = Decision(_words(request, command is None), verdict, tick, before, self.limits.recharge)
        if decision.remarkable:
            self._record(decision)
        return decision

    def _record(self, decision: Decision) -> None:
        self.audit.append(decision)
        if self._sink is not None:
            try:
                self._sink(decision)
            except Exception:
                self._faults |= Veto.AUDIT


def _words(request: Any, malformed: bool) -> tuple[float, ...] | str:
    """The request as the audit keeps it: numbers where it was a command."""
    try:
        if not malformed:
            return tuple(float(amplitude) for amplitude in request)
        text = repr(request)
    except Exception:
        text = f"a {type(request).__name__} that cannot be shown"
    return text if len(text) <= 200 else f"{text[:200]}..."
