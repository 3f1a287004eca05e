"""Frames between the processes of a live loop: fixed sizes, checked, nothing that could be code."""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

MAGIC = b"NDRQ"
SAMPLE = struct.Struct("<d?")  # monotonic s of the newest sample, whether it is finite
REARM, TRIP, QUIT = b"A", b"T", b"Q"


class Request(NamedTuple):
    number: int
    width: float | None
    rate: float | None
    amplitudes: tuple[float, ...]


class Report(NamedTuple):
    """What the stimulator is told at monotonic ``time`` s, for one tick: applied (n_stim,) A, width s, rate Hz."""

    time: float
    tick: int
    vetoes: int
    mode: int
    width: float
    rate: float
    applied: tuple[float, ...]


def request_size(n_stim: int) -> int:
    return _request(n_stim).size + 4


def report_size(n_stim: int) -> int:
    return _report(n_stim).size


def pack_request(number: int, amplitudes: Sequence[float], width: float = 0.0, rate: float = 0.0) -> bytes:
    """The bytes that a policy writes: ``number`` goes up with each request; amplitudes A; width s and rate Hz, 0 for
    the profile's."""
    body = _request(len(amplitudes)).pack(MAGIC, number & 0xFFFFFFFF, width, rate, *amplitudes)
    return body + struct.pack("<I", zlib.crc32(body))


def unpack_request(frame: bytes, n_stim: int) -> Request | None:
    """The request of a frame, None where the frame is damaged."""
    if len(frame) != request_size(n_stim):
        return None
    body, (checksum,) = frame[:-4], struct.unpack("<I", frame[-4:])
    if zlib.crc32(body) != checksum:
        return None
    magic, number, width, rate, *amplitudes = _request(n_stim).unpack(body)
    if magic != MAGIC:
        return None
    return Request(number, None if width == 0 else width, None if rate == 0 else rate, tuple(amplitudes))


def pack_report(report: Report) -> bytes:
    return _report(len(report.applied)).pack(*report[:6], *report.applied)


def unpack_report(frame: bytes, n_stim: int) -> Report:
    time, tick, vetoes, mode, width, rate, *applied = _report(n_stim).unpack(frame)
    return Report(time, tick, vetoes, mode, width, rate, tuple(applied))


def newer(number: int, last: int | None) -> bool:
    """Whether a request's number follows the last one's, on a counter of 32 bits that wraps."""
    return last is None or 0 < (number - last) % (1 << 32) < 1 << 31


def _request(n_stim: int) -> struct.Struct:
    return struct.Struct(f"<4sIdd{n_stim}d")


def _report(n_stim: int) -> struct.Struct:
    return struct.Struct(f"<dqIidd{n_stim}d")
