"""Frames between the processes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurodrift.sim.shield.wire import (
    Report,
    Request,
    newer,
    pack_report,
    pack_request,
    report_size,
    request_size,
    unpack_report,
    unpack_request,
)


def test_a_request_comes_back_as_it_was_sent():
    frame = pack_request(7, [1e-3, -2e-3], 60e-6, 130.0)
    assert len(frame) == request_size(2) == 4 + 4 + 8 + 8 + 2 * 8 + 4
    assert unpack_request(frame, 2) == Request(7, 60e-6, 130.0, (1e-3, -2e-3))
    assert unpack_request(pack_request(2**32 + 5, [1e-3]), 1) == Request(5, None, None, (1e-3,))


@settings(max_examples=100, derandomize=True, database=None, deadline=None)
@given(st.integers(0, 43), st.integers(1, 255))
def test_a_damaged_frame_is_no_request(place, change):
    frame = bytearray(pack_request(7, [1e-3, -2e-3]))
    frame[place % len(frame)] ^= change
    assert unpack_request(bytes(frame), 2) is None


def test_frames_of_other_sizes_and_other_magic_are_no_requests():
    import zlib

    frame = pack_request(7, [1e-3])
    assert unpack_request(frame, 2) is None
    assert unpack_request(frame[:-1], 1) is None
    assert unpack_request(b"", 1) is None
    body = b"XXXX" + frame[4:-4]
    assert unpack_request(body + zlib.crc32(body).to_bytes(4, "little"), 1) is None


def test_a_report_comes_back_as_it_was_sent():
    report = Report(123.5, 7, 0x20010000, 1, 60e-6, 130.0, (1e-3, 0.0))
    assert len(pack_report(report)) == report_size(2) == 8 + 8 + 4 + 4 + 8 + 8 + 2 * 8
    assert unpack_report(pack_report(report), 2) == report


@pytest.mark.parametrize(
    ("number", "last", "is_newer"),
    [(0, None, True), (1, 0, True), (0, 0, False), (0, 1, False), (0, 2**32 - 1, True), (2**31 - 1, 0, True),
     (2**31, 0, False), (2**32 - 1, 0, False)],
)  # fmt: skip
def test_what_comes_twice_or_late_is_not_newer(number, last, is_newer):
    assert newer(number, last) == is_newer
