"""A live loop: the shield in its own process, and the policy in another that it does not trust. POSIX only."""

import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType

from .limits import check_contacts, compile_limits
from .profile import Profile
from .wire import QUIT, REARM, SAMPLE, TRIP, Report, report_size, unpack_report


class LiveShield:
    """Starts both processes and stands between acquisition, operator and stimulator.

    policy: the command line of the policy. What it writes to its standard output are requests
    (:func:`~neurodrift.sim.shield.wire.pack_request`), its standard input is ``policy.stdin``, for whatever it wants to
    see; it has no other way to the shield. It may crash, hang or be killed: the stimulator is told to go to the
    fall-back within the profile's watchdog and one tick. audit: a file for the shield's decisions. InputError as for
    :class:`~neurodrift.sim.shield.guard.Shield`.
    """

    def __init__(
        self, profile: Profile, n_stim: int, tick_s: float, policy: Sequence[str], audit: str | None = None
    ) -> None:
        check_contacts(n_stim)
        compile_limits(profile, tick_s)  # refuses here what the other process would refuse unheard
        self._n_stim = n_stim
        requests, requests_in = os.pipe()
        samples, self._samples = os.pipe()
        control, self._control = os.pipe()
        self._reports, reports_in = os.pipe()
        pipes = {"requests": requests, "samples": samples, "control": control, "reports": reports_in}
        given = {
            "profile": dataclasses.asdict(profile), "n_stim": n_stim, "tick_s": tick_s, "pipes": pipes, "audit": audit,
        }  # fmt: skip
        command = [sys.executable, "-m", "neurodrift.sim.shield.server", json.dumps(given)]
        self.shield = subprocess.Popen(command, pass_fds=tuple(pipes.values()), stdin=subprocess.DEVNULL)
        self.policy = subprocess.Popen(list(policy), stdin=subprocess.PIPE, stdout=requests_in)
        for fd in (requests_in, *pipes.values()):
            os.close(fd)
        os.set_blocking(self._reports, False)

    def rearm(self) -> None:
        os.write(self._control, REARM)

    def trip(self) -> None:
        os.write(self._control, TRIP)

    def sample(self, finite: bool = True) -> None:
        """The acquisition's mark that a sample has come now, and whether it is finite."""
        os.write(self._samples, SAMPLE.pack(time.monotonic(), finite))

    def reports(self) -> Iterator[Report]:
        """What the stimulator has been told since the last call; it is to stop by itself a tick after the newest."""
        size = report_size(self._n_stim)
        while True:
            try:
                # a pipe takes and gives these frames whole
                frame = os.read(self._reports, size)
            except BlockingIOError:
                return
            if len(frame) < size:
                return
            yield unpack_report(frame, self._n_stim)

    def close(self) -> None:
        """The shield reports off and ends; the policy is killed."""
        if self.shield.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._control, QUIT)
        self.policy.kill()
        try:
            self.shield.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.shield.kill()
            self.shield.wait()
        self.policy.wait()
        if self.policy.stdin is not None:
            self.policy.stdin.close()
        for fd in (self._samples, self._control, self._reports):
            os.close(fd)

    def __enter__(self) -> "LiveShield":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
