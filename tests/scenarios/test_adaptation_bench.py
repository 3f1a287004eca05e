"""The rows of the adaptation benchmark, with calls of known duration in place of the networks."""

import time

import pytest

from neurodrift.scenarios.bench import BENCHMARKS, adaptation, decoders


def sleep(seconds):
    return lambda: time.sleep(seconds)


@pytest.mark.parametrize("installed", [True, False])
def test_rows_say_how_many_times_faster_and_scale_the_peers_loop_to_a_session(monkeypatch, installed):
    peer = {"T-TIME update": sleep(0.02), "trials": sleep(0.1)} if installed else {}
    monkeypatch.setattr(decoders, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(decoders, "BLOCK_SECONDS", 0.02)
    monkeypatch.setattr(adaptation, "_ours", lambda: {"T-TIME update": sleep(0.002)})
    monkeypatch.setattr(adaptation, "_peer", lambda: peer)
    monkeypatch.setattr(adaptation, "_replay", lambda n_seeds, n_trials: sleep(0.1))
    p50, p99, replay = adaptation.bench(True)
    assert "adaptation" in BENCHMARKS
    assert [p50["name"], p99["name"]] == ["EEGNet T-TIME update, p50", "EEGNet T-TIME update, p99"]
    assert p50["ours"] >= 2.0  # a sleep is never shorter than asked for
    signal = adaptation.QUICK_SEEDS * adaptation.QUICK_SESSION * 500 / 128.0
    assert 0.5 * signal / 0.1 < replay["ours"] <= signal / 0.1
    for row in (p50, p99, replay):
        assert set(row) == {"name", "ours", "peer", "peer_name", "ratio", "unit"}
    if not installed:
        assert [row["peer"] for row in (p50, p99, replay)] == [None] * 3
        assert [row["ratio"] for row in (p50, p99, replay)] == [None] * 3
        return
    assert p50["ratio"] == pytest.approx(p50["peer"] / p50["ours"])
    # ten trials of one seed in a tenth of a second
    assert 0.5 * 10 * 500 / 128.0 / 0.1 < replay["peer"] <= 10 * 500 / 128.0 / 0.1
    assert replay["ratio"] == pytest.approx(replay["ours"] / replay["peer"])
