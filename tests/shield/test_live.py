"""The shield in its own process, and policies that crash, hang, flood and lie: reliability goal 15."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.shield.live import LiveShield
from neurodrift.sim.shield.profile import Profile
from neurodrift.sim.shield.server import Pipes, Requests, serve
from neurodrift.sim.shield.vetoes import Mode, Veto
from neurodrift.sim.shield.wire import QUIT, REARM, SAMPLE, TRIP, pack_request, report_size, unpack_report

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the live loop is POSIX only")

PROFILE = Profile.preset("rns", watchdog=0.2, stale=0.5, good_windows=3)
TICK = 0.02
POLICY = """
import os, time
from neurodrift.sim.shield.wire import pack_request
number = 0
while True:
    os.write(1, pack_request(number, [2e-3]))
    number += 1
    time.sleep(0.01)
"""


def _until(live: LiveShield, wanted, seconds: float = 30.0, sample: bool = True):
    """The reports up to the first for which ``wanted`` is true."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        if sample:
            live.sample()
        for report in live.reports():
            seen.append(report)
            if wanted(report):
                return seen
        time.sleep(0.002)
    raise TimeoutError(f"no such report in {seconds:g} s; the last was {seen[-1:]}")


def _armed(live: LiveShield) -> None:
    """Wait until the policy's requests pass."""
    for _ in range(20):
        _until(live, lambda report: report.mode != Mode.REARMING)
        live.rearm()
        try:
            _until(live, lambda report: report.applied[0] > 0, 1.0)
        except TimeoutError:
            continue
        return
    raise TimeoutError("the shield could not be armed")


def _attack(n: int, how: signal.Signals) -> None:
    safe = 0
    for _ in range(n):
        with LiveShield(PROFILE, 1, TICK, [sys.executable, "-c", POLICY]) as live:
            _armed(live)
            os.kill(live.policy.pid, how)
            began = time.monotonic()
            after = _until(live, lambda report: report.time > began + PROFILE.watchdog + 4 * TICK)  # noqa: B023
            first = next(report for report in after if report.time > began)
            # a tick after the signal, or at the shield's next one where the machine was too busy for that
            end = max(began + TICK, first.time) + PROFILE.watchdog
            assert not any(any(report.applied) for report in after if report.time > end)
            safe += after[-1].mode == Mode.FALLBACK and after[-1].applied == (0.0,)
    assert safe == n


@pytest.mark.parametrize(("how", "n"), [(signal.SIGKILL, 1), (signal.SIGSTOP, 2)])
def test_a_policy_that_is_killed_or_stopped_ends_in_the_safe_state_within_the_watchdog_and_a_tick(how, n):
    _attack(n, how)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_hundred_policies_killed_or_stopped_end_in_the_safe_state(how):
    _attack(50, how)


def test_policies_that_send_garbage_or_nothing_stimulate_nothing():
    policies = (
        "import os\nwhile True: os.write(1, os.urandom(4096))",
        "import sys, time\nsys.stdout.write('3 mA, please\\n' * 9); sys.stdout.flush(); time.sleep(60)",
        "raise SystemExit(3)",
        "import time\ntime.sleep(60)",
    )
    with contextlib.ExitStack() as stack:
        lives = [stack.enter_context(LiveShield(PROFILE, 1, TICK, [sys.executable, "-c", p])) for p in policies]
        seen, end = [[] for _ in lives], time.monotonic() + 30
        while min(len(reports) for reports in seen) < 40 and time.monotonic() < end:
            for live, reports in zip(lives, seen):
                live.sample()
                if len(reports) == 20:
                    live.rearm()
                reports += live.reports()
            time.sleep(0.005)
    for reports in seen:
        assert len(reports) >= 40
        assert not any(any(report.applied) for report in reports)
        assert reports[-1].mode == Mode.FALLBACK
        assert reports[-1].vetoes & (Veto.WATCHDOG | Veto.MALFORMED)


def test_samples_that_stop_mean_the_fall_back_and_the_audit_says_why(tmp_path):
    audit = tmp_path / "audit.jsonl"
    with LiveShield(PROFILE, 1, TICK, [sys.executable, "-c", POLICY], str(audit)) as live:
        _armed(live)
        live.sample()
        seen = _until(live, lambda report: report.vetoes & Veto.STALE, sample=False)
        assert any(seen[0].applied)
        assert seen[-1].applied == (0.0,)
        assert live.policy.poll() is None
        live.sample(finite=False)
        _until(live, lambda report: report.vetoes & Veto.SENSOR, sample=False)
    lines = [json.loads(line) for line in audit.read_text(encoding="utf-8").splitlines()]
    first = next(i for i, line in enumerate(lines) if "STALE" in line["vetoes"] and line["before"] == "ARMED")
    assert lines[first] | {"tick": 0} == {
        "tick": 0, "requested": [2e-3], "applied": [0.0], "width": 160e-6, "rate": 200.0, "mode": "FALLBACK",
        "before": "ARMED", "vetoes": ["STALE", "LATCHED"],
    }  # fmt: skip


def test_the_operators_stop_latches_and_closing_reports_off():
    with LiveShield(PROFILE, 1, TICK, [sys.executable, "-c", POLICY]) as live:
        _armed(live)
        live.trip()
        seen = _until(live, lambda report: report.vetoes & Veto.TRIPPED)
        assert seen[-1].applied == (0.0,)
        _armed(live)
    assert live.shield.returncode == 0
    assert live.policy.returncode == -signal.SIGKILL


def test_a_profile_that_the_tick_does_not_fit_is_refused_before_anything_starts():
    with pytest.raises(InputError, match=r"^a watchdog of 0.2 s is shorter than the tick of 0.5 s"):
        LiveShield(PROFILE, 1, 0.5, ["true"])


def test_the_live_shield_needs_neither_jax_nor_numpy():
    code = "import sys, neurodrift.sim.shield.server; sys.exit(bool({'jax', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.fixture
def pipe():
    ends = os.pipe()
    for fd in ends:
        os.set_blocking(fd, False)
    yield ends
    for fd in ends:
        with contextlib.suppress(OSError):
            os.close(fd)


def test_the_newest_request_counts_and_what_comes_twice_or_in_pieces_is_put_in_order(pipe):
    out, into = pipe
    requests = Requests(out, 1)
    assert requests.newest() is None
    os.write(into, pack_request(1, [1e-3]) + pack_request(2, [2e-3]) + pack_request(1, [9e-3]))
    newest = requests.newest()
    assert newest is not None
    assert newest.amplitudes == (2e-3,)
    os.write(into, pack_request(2, [2e-3]))
    assert requests.newest() is None
    frame = pack_request(3, [3e-3])
    os.write(into, frame[:10])
    assert requests.newest() is None
    os.write(into, frame[10:])
    assert requests.newest().amplitudes == (3e-3,)
    os.write(into, b"?" * len(frame))
    assert requests.newest() == "a damaged frame"
    os.write(into, b"?" * (1 << 16))
    assert requests.newest() == "the policy sends more than can be read"
    os.close(into)
    assert requests.newest() == "the policy has closed its pipe"


def test_the_loop_ends_when_the_operator_is_gone_and_its_last_report_is_off(tmp_path):
    (requests, ask), (samples, mark), (control, say), (reports, report) = (os.pipe() for _ in range(4))
    os.write(ask, pack_request(1, [1e-3]))
    os.write(mark, SAMPLE.pack(time.monotonic(), True) + b"half")
    os.write(say, REARM)
    os.close(say)
    serve(PROFILE, 1, TICK, Pipes(requests, samples, control, report), str(tmp_path / "audit"))
    # what was said before the end of the line is heard first
    size = report_size(1)
    frames = [unpack_report(os.read(reports, size), 1) for _ in range(2)]
    assert [f.mode for f in frames] == [Mode.REARMING, Mode.FALLBACK]
    assert frames[-1].applied == (0.0,)
    for fd in (requests, ask, samples, mark, control, reports, report):
        os.close(fd)


def test_the_loop_ends_when_the_stimulator_is_gone():
    (requests, ask), (samples, mark), (control, say), (reports, report) = (os.pipe() for _ in range(4))
    os.close(reports)
    os.write(say, TRIP)
    serve(dataclasses.replace(PROFILE, watchdog=5.0), 1, TICK, Pipes(requests, samples, control, report))
    os.write(say, QUIT)
    for fd in (requests, ask, samples, mark, control, say, report):
        os.close(fd)
