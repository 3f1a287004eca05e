"""The shield's own process: a loop on the monotonic clock that waits for nobody.

``python -m neurodrift.sim.shield.server``, started by :class:`~neurodrift.sim.shield.live.LiveShield`. It reads
requests of the policy, which it does not trust, marks of the acquisition and words of the operator, each from a pipe of
its own, and writes what the stimulator may do. It never blocks on any of them; it imports neither JAX nor NumPy.
"""

import contextlib
import dataclasses
import json
import math
import os
import sys
import time
from typing import Any

from .guard import Decision, Shield
from .profile import Profile
from .vetoes import Mode
from .wire import QUIT, REARM, SAMPLE, TRIP, Report, Request, newer, pack_report, request_size, unpack_request

FLOOD = 1 << 16
"""Bytes a tick: a policy that sends more is not obeyed."""


@dataclasses.dataclass(frozen=True)
class Pipes:
    """File descriptors."""

    requests: int
    samples: int
    control: int
    reports: int


class Requests:
    """The newest request among the bytes of a pipe."""

    def __init__(self, fd: int, n_stim: int) -> None:
        self._fd, self._n_stim = fd, n_stim
        self._rest = b""
        self._last: int | None = None

    def newest(self) -> Request | str | None:
        """The newest since the last call, None where there is none, words where what came is no request."""
        data, open_ = read_now(self._fd, FLOOD)
        self._rest += data
        if not open_:
            return "the policy has closed its pipe"
        if len(data) >= FLOOD:
            self._rest = b""
            return "the policy sends more than can be read"
        size, found = request_size(self._n_stim), None
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            request = unpack_request(frame, self._n_stim)
            if request is None:
                self._rest = b""
                return "a damaged frame"
            # what comes twice, or late, is dropped
            if newer(request.number, self._last):
                self._last, found = request.number, request
        return found


def read_now(fd: int, most: int) -> tuple[bytes, bool]:
    """(what can be read without waiting, whether the other end is open)."""
    try:
        data = os.read(fd, most)
    except BlockingIOError:
        return b"", True
    except OSError:
        return b"", False
    return data, data != b""


def serve(profile: Profile, n_stim: int, tick_s: float, pipes: Pipes, audit: str | None = None) -> None:
    """Decide once every ``tick_s`` s until the operator quits or is gone; the last report is off.

    audit: a file to which each remarkable decision is appended as a line of JSON; where that fails, the fall-back
    comes.
    """
    for fd in dataclasses.astuple(pipes):
        os.set_blocking(fd, False)
    with contextlib.ExitStack() as stack:
        log = None if audit is None else stack.enter_context(open(audit, "ab", buffering=0))
        sink = None if log is None else lambda decision: _append(log, decision)
        tick = _loop(Shield(profile, n_stim, tick_s, sink=sink), tick_s, pipes)
    _off(pipes.reports, tick + 1, n_stim)


def _loop(shield: Shield, tick_s: float, pipes: Pipes) -> int:
    """The last tick."""
    requests = Requests(pipes.requests, shield.n_stim)
    start, tick, sample, marks = time.monotonic(), -1, (-math.inf, False), b""
    while True:
        now = time.monotonic()
        due = start + (tick + 1) * tick_s
        if now < due:
            time.sleep(due - now)
            continue
        # a late loop skips what it has missed
        tick = max(tick + 1, math.floor((now - start) / tick_s))
        words, attended = read_now(pipes.control, 1024)
        if not attended or QUIT in words:
            return tick
        if TRIP in words:
            shield.trip()
        elif REARM in words:
            shield.rearm()
        marks += read_now(pipes.samples, FLOOD)[0]
        whole = len(marks) // SAMPLE.size * SAMPLE.size
        if whole:
            sample, marks = SAMPLE.unpack(marks[whole - SAMPLE.size : whole]), marks[whole:]
        asked = requests.newest()
        width, rate, request = None, None, asked
        if isinstance(asked, Request):
            width, rate, request = asked.width, asked.rate, asked.amplitudes
        decision = shield.step(request, now - sample[0], tick, width=width, rate=rate, finite=sample[1])
        if not _report(pipes.reports, now, tick, decision):
            return tick


def _report(fd: int, now: float, tick: int, decision: Decision) -> bool:
    """Whether the stimulator is still there. One that does not read gets nothing, and stops by its own deadline."""
    report = Report(
        now, tick, int(decision.vetoes), int(decision.mode), decision.width, decision.rate, decision.applied
    )
    try:
        os.write(fd, pack_report(report))
    except BlockingIOError:
        pass
    except OSError:
        return False
    return True


def _off(fd: int, tick: int, n_stim: int) -> None:
    with contextlib.suppress(OSError):
        os.write(fd, pack_report(Report(time.monotonic(), tick, 0, Mode.FALLBACK, 0.0, 0.0, (0.0,) * n_stim)))


def _append(log: Any, decision: Decision) -> None:
    line = {
        "tick": decision.tick, "requested": decision.requested, "applied": decision.applied, "width": decision.width,
        "rate": decision.rate, "mode": decision.mode.name, "before": decision.before.name,
        "vetoes": [veto.name for veto in decision.vetoes],
    }  # fmt: skip
    log.write(json.dumps(line).encode() + b"\n")


def main(argument: str) -> None:
    """argument: JSON of the profile, n_stim, tick_s, the pipes' descriptors and the audit's path."""
    given = json.loads(argument)
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given["profile"].items()}
    serve(Profile(**fields), given["n_stim"], given["tick_s"], Pipes(**given["pipes"]), given["audit"])


if __name__ == "__main__":
    main(sys.argv[1])
