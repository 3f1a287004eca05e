"""The rows of the decoder benchmark, with calls of known duration in place of the networks."""

import time

import pytest

from neurodrift.scenarios.bench import decoders


@pytest.mark.parametrize("installed", [True, False])
def test_rows_say_how_many_times_faster_than_the_peer_where_there_is_one(monkeypatch, installed):
    monkeypatch.setattr(decoders, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(decoders, "_ours", lambda x, y: {"predict": lambda: time.sleep(0.002)})
    monkeypatch.setattr(decoders, "_peer", lambda x, y: {"predict": lambda: time.sleep(0.02)} if installed else {})
    rows = decoders.bench(True, batches=(1,))
    assert [row["name"] for row in rows] == ["EEGNet predict, batch 1, p50", "EEGNet predict, batch 1, p99"]
    for row in rows:
        assert set(row) == {"name", "ours", "peer", "peer_name", "ratio", "unit"}
        assert row["ours"] >= 2.0  # a sleep is never shorter than asked for
        if installed:
            assert row["peer"] >= 20.0
            assert row["ratio"] == pytest.approx(row["peer"] / row["ours"])
        else:
            assert (row["peer"], row["peer_name"], row["ratio"]) == (None, None, None)
