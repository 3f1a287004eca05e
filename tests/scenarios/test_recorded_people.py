"""Recorded people to pretrain on: what their recordings lack is made of what is there, and said."""

import dataclasses

import jax
import numpy as np
import pytest

from neurodrift.scenarios import recorded_people
from neurodrift.sim.recordings import load_embedded


@pytest.fixture(scope="module")
def whole():
    return load_embedded("eegmmidb-S007").pick(("FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4"))


def trained_on(recordings, monkeypatch):
    """(windows of those trained on, what a card says of them)."""
    monkeypatch.setattr(recorded_people, "_all_of", lambda data, events: recordings)
    people, _, _, facts = recorded_people.recorded_people(["x"], None, "csp_lda", None, None)
    return np.asarray(jax.tree.leaves(people)[0]), facts


def test_a_channel_masked_in_one_recording_is_interpolated_and_one_masked_in_all_is_not_learnt(whole, monkeypatch):
    def person(k, bad):
        x = whole.x.copy()
        x[:, [whole.ch_names.index(name) for name in bad]] = 0.0
        note = (f"masked {len(bad)} channels, flat: {', '.join(bad)}",) if bad else ()
        return dataclasses.replace(whole, x=x, subject=f"p{k}", source=f"p{k}.fif", bad_channels=bad, notes=note)

    clean, facts = trained_on([person(k, ()) for k in range(3)], monkeypatch)
    assert facts["data"] == "recorded: p0.fif, p1.fif; held out: p2.fif"
    marked, facts = trained_on([person(0, ("C3", "CPz")), person(1, ("CPz",)), person(2, ("CPz",))], monkeypatch)
    assert "CPz" not in facts["ch_names"]
    assert "p0.fif (masked 2 channels, flat: C3, CPz), p1.fif (masked 1 channels" in facts["data"]
    rows = [whole.ch_names.index(name) for name in facts["ch_names"]]
    c3 = facts["ch_names"].index("C3")
    np.testing.assert_array_equal(marked[1], clean[1][:, rows])
    # what is made of its neighbours is near what was recorded
    made, recorded = marked[0][:, c3].ravel(), clean[0][:, rows[c3]].ravel()
    assert np.corrcoef(made, recorded)[0, 1] > 0.8
    np.testing.assert_array_equal(np.delete(marked[0], c3, 1), np.delete(clean[0][:, rows], c3, 1))
