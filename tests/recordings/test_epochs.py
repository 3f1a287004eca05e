"""Recordings in memory: selecting and joining keeps samples, labels and sessions together."""

import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.recordings import Recording, concatenate


def recording(**changes):
    values = {
        "x": np.arange(4 * 3 * 10, dtype=np.float32).reshape(4, 3, 10),
        "y": np.array([0, 1, 2, 0], np.int32),
        "class_names": ("left", "right", "idle"),
        "ch_names": ("C3", "Cz", "C4"),
        "sfreq": 10.0,
        "tmin": -0.5,
        "session": np.array([0, 0, 1, 1], np.int32),
        "session_names": ("a", "b"),
        "session_days": ("1", "2"),
        "session_quality": ("ok", "bad_contact"),
        "onset_s": np.array([0.0, 8.0, 0.0, 9.0]),
        "n_samples": np.array([10, 10, 4, 7], np.int32),
        "subject": "S01",
        "licence": "the owner's",
        "source": "test",
    } | changes
    return Recording(**values)


def test_selecting_classes_relabels_in_the_order_asked_for():
    rec = recording().select_classes(["idle", "left"])
    assert rec.class_names == ("idle", "left")
    assert rec.y.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(rec.x, recording().x[[0, 2, 3]])


def test_sessions_without_a_trial_go_and_the_others_are_renumbered():
    rec = recording().select(np.array([2, 3]))
    assert (rec.session_names, rec.session_days, rec.session.tolist()) == (("b",), ("2",), [0, 0])
    assert recording().select_quality().session_names == ("a",)


def test_picking_reorders_channels_and_their_mask():
    rec = recording(bad_channels=("C3",)).pick(["C4", "C3"])
    assert rec.good.tolist() == [True, False]
    np.testing.assert_array_equal(rec.x, recording().x[:, [2, 0]])


def test_a_missing_channel_or_class_comes_with_a_suggestion():
    with pytest.raises(InputError, match=r"no channel 'c3'.*did you mean 'C3'"):
        recording().pick(["c3"])
    with pytest.raises(InputError, match=r"no class 'lefd'.*did you mean 'left'"):
        recording().select_classes(["lefd"])


def test_cropping_moves_the_first_sample_and_the_sample_counts():
    rec = recording().crop(0.0, 0.4)
    assert rec.tmin == 0.0
    assert rec.n_samples.tolist() == [4, 4, 0, 2]
    np.testing.assert_array_equal(rec.x, recording().x[..., 5:9])
    with pytest.raises(InputError, match=r"cover -0\.5\.\.0\.5 s"):
        recording().crop(0.0, 1.0)


def test_concatenation_keeps_sessions_apart_and_masks_the_union():
    first = recording(bad_channels=("Cz",), notes=("n",))
    second = recording(session_names=("c", "d"), notes=("n", "m"))
    rec = concatenate([first, second])
    assert rec.session.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert rec.session_names == ("a", "b", "c", "d")
    assert rec.notes == ("n", "m")
    assert rec.bad_channels == ("Cz",)
    assert not rec.x[:, 1].any()
    np.testing.assert_array_equal(rec.x[4:, 2], second.x[:, 2])


def test_notes_of_several_sources_say_whose_they_are_and_losses_are_found_in_them():
    said = ("left out 3 trials overlapping BAD annotations", "left out 2 channels with no 10-05 name")
    parts = [recording(source=name, session_names=(name, "b"), notes=said) for name in ("one", "two")]
    assert parts[0].lost == " (left out 3 trials overlapping BAD annotations)"
    assert concatenate(parts).notes == tuple(f"{name}: {note}" for name in ("one", "two") for note in said)
    assert recording(notes=said[1:]).lost == ""


def test_recordings_that_differ_do_not_concatenate():
    with pytest.raises(InputError, match="differ in sfreq"):
        concatenate([recording(), recording(sfreq=20.0)])
    with pytest.raises(InputError, match="at least one"):
        concatenate([])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ch_names": ("C3", "Cz")}, "2 channel names"),
        ({"y": np.array([0, 1, 3, 0], np.int32)}, "out of range"),
        ({"x": np.full((4, 3, 10), np.nan, np.float32)}, "NaN"),
    ],
)
def test_an_inconsistent_recording_cannot_be_made(changes, words):
    with pytest.raises(InputError, match=words):
        recording(**changes)
