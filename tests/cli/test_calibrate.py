"""``neurodrift calibrate``: what it says of a new user, what it writes, and what it refuses."""

import contextlib
import dataclasses
import importlib.util
import io
import itertools
import json
import shlex
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.signal import resample
from scipy.stats import binomtest

from neurodrift.adaptation import registry
from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.finetune import estimate_accuracy
from neurodrift.adaptation.transfer.card import Card, decoder_fields
from neurodrift.adaptation.transfer.checkpoint import load_checkpoint, save_checkpoint
from neurodrift.adaptation.transfer.pretrain import pretrain
from neurodrift.scenarios.calibrate import advice
from neurodrift.scenarios.cli.main import main
from neurodrift.scenarios.preparing import prepared
from neurodrift.sim.errors import InputError
from neurodrift.sim.recordings import load_embedded

_spec = importlib.util.spec_from_file_location("edf_writer", Path(__file__).parents[1] / "recordings" / "edf_writer.py")
edf_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(edf_writer)

CHANNELS = ("FC3", "FCz", "FC4", "C3", "Cz", "C4", "CP3", "CPz", "CP4")


@pytest.fixture(scope="module")
def card():
    return Card(
        decoder="csp_lda", fields={}, ch_names=CHANNELS, sfreq=80.0, n_times=240,
        class_names=("left hand", "right hand"),
        preprocessing={"l_freq": 8.0, "h_freq": 30.0, "window_s": 3.0, "alignment": "euclidean"}, data="EEGMMIDB S094",
        people=1, trials=45, strategy={"name": "pooled"}, licence="ODC-By-1.0", metrics={},
        subjects=("S094",), command="neurodrift pretrain --decoder csp_lda",
    )  # fmt: skip


@pytest.fixture(scope="module")
def checkpoint(card, tmp_path_factory):
    """A decoder of one person's trials."""
    trials = prepared(load_embedded("eegmmidb-S094").crop(0.5, 3.5), card)
    decoder = registry.decoder("csp_lda").make(9, 240, 2, 80.0)
    variables = pretrain(decoder, [trials], jax.random.key(0))
    path = tmp_path_factory.mktemp("checkpoints") / "one"
    save_checkpoint(path, variables, dataclasses.replace(card, fields=decoder_fields(decoder)))
    return path


def test_trials_are_given_in_the_checkpoints_channels_rate_window_and_order_of_classes(card):
    recording = load_embedded("eegmmidb-S007").crop(0.5, 3.5)
    trials = prepared(recording, card)
    assert trials.x.shape == (45, 9, 240)
    swapped = prepared(recording, dataclasses.replace(card, class_names=("right hand", "left hand")))
    np.testing.assert_array_equal(np.asarray(swapped.y), 1 - np.asarray(trials.y))
    # a rate that does not divide the recording's: what a rhythm's power is does not depend on it
    other = prepared(recording, dataclasses.replace(card, sfreq=125.0, n_times=375))
    assert other.x.shape == (45, 9, 375)
    ratio = np.asarray((other.x**2).mean(-1) / (trials.x**2).mean(-1))
    assert np.median(ratio) == pytest.approx(1.0, abs=0.03)
    assert isinstance(trials, Trials)


def test_a_slower_recording_is_brought_to_the_checkpoints_rate_as_by_fourier(card):
    """100 Hz for a checkpoint of 8-38 Hz at 125 Hz: the same windows but for their edges."""
    wide = dataclasses.replace(
        card, sfreq=125.0, n_times=375, preprocessing={**card.preprocessing, "h_freq": 38.0}
    )  # fmt: skip
    fast = load_embedded("eegmmidb-S007").crop(0.5, 3.5)
    x = resample(fast.x.astype(float), 300, axis=-1)
    again = resample(x, 375, axis=-1)

    def at(x, sfreq):
        lengths = np.full(fast.n_trials, x.shape[-1], np.int32)
        recording = dataclasses.replace(fast, x=x.astype(np.float32), sfreq=sfreq, n_samples=lengths)
        return np.asarray(prepared(recording, wide).x)[..., 60:-60]

    ours, theirs = at(x, 100.0), at(again, 125.0)
    assert np.sqrt(((ours - theirs) ** 2).mean() / (theirs**2).mean()) < 0.02
    whole = np.asarray(prepared(fast, wide).x)[..., 60:-60]
    assert np.sqrt(((ours - whole) ** 2).mean() / (whole**2).mean()) < 0.05
    with pytest.raises(InputError, match="has 80 Hz but the checkpoint's band ends at 38 Hz: record at 95 Hz or more"):
        at(x[..., :240], 80.0)


@pytest.fixture(scope="module")
def told(checkpoint, tmp_path_factory):
    """What the command prints as JSON, and what it wrote."""
    out = tmp_path_factory.mktemp("calibrated") / "mine"
    said = io.StringIO()
    words = ["calibrate", "embedded:eegmmidb-S007", "--start", str(checkpoint), "--trials", "20"]
    words += ["--seed", "3", "--out", str(out)]
    with contextlib.redirect_stdout(said):
        assert main([*words, "--json"]) == 0
    return json.loads(said.getvalue()), out


def test_it_says_what_to_expect_of_each_decoder_and_the_later_trials_agree(told):
    found, _ = told
    assert set(found["arms"]) == {"from scratch", "zero-shot", "fine-tuned"}
    for row in found["arms"].values():
        assert row["n_trials"] == 20
        assert row["lo"] <= row["n_right"] / 20 <= row["hi"]
        # the two intervals are of the same share
        assert row["lo"] <= row["later"]["hi"]
        assert row["later"]["lo"] <= row["hi"]
    # this person is decoded in nine trials of ten (the recordings' README)
    assert found["arms"]["fine-tuned"]["later"]["accuracy"] > 0.8
    assert found["n_later"] == 25
    # the same kind of interval as of those held out
    later = found["arms"]["fine-tuned"]["later"]
    exact = binomtest(round(25 * later["accuracy"]), 25).proportion_ci(0.95, "exact")
    assert (later["lo"], later["hi"]) == pytest.approx(exact, abs=1e-6)
    assert "expect" in found["verdict"]


def test_the_calibrated_checkpoint_is_read_again_and_says_what_it_is(told):
    found, out = told
    again = load_checkpoint(out)
    assert again.card.strategy["name"] == "calibrated"
    assert again.card.strategy["n_steps"] == found["n_steps"]
    assert again.card.strategy["temperature"] == found["temperature"] > 0
    tuned = found["arms"]["fine-tuned"]
    # of the user's own trials: no accuracy of strangers is left
    assert again.card.metrics == {f"own_{name}": tuned[name] for name in ("accuracy", "lo", "hi")}
    assert again.card.subjects == ("S094", "S007")
    assert again.card.licence == "ODC-By-1.0; and that of the recordings: ODC-By 1.0"
    assert again.card.strategy["after"]["name"] == "pooled"
    assert again.card.strategy["after"]["command"] == "neurodrift pretrain --decoder csp_lda"
    assert (again.card.seed, again.card.strategy["after"]["seed"]) == (3, 0)
    assert found["warnings"] == []
    assert not np.allclose(again.variables.align, np.eye(9))


@pytest.mark.parametrize(
    ("subjects", "said"),
    [
        (("S094", "S007"), "was trained on S007: the accuracy to expect is optimistic"),
        (None, "does not say whom it was trained on"),
        ((), ""),
    ],
)
def test_a_user_who_was_trained_on_is_warned_of(subjects, said, checkpoint, tmp_path, capsys):
    found = load_checkpoint(checkpoint)
    save_checkpoint(tmp_path / "known", found.variables, dataclasses.replace(found.card, subjects=subjects))
    words = ["--start", str(tmp_path / "known"), "--trials", "20", "--out", str(tmp_path / "mine")]
    assert main(["calibrate", "embedded:eegmmidb-S007", *words]) == 0
    error = capsys.readouterr().err
    assert error.count("warning") == (said != "")
    assert said in error


def written(path, trials, flat=()):
    """Trials of the recorded person S007 end to end in a file, T1 where a left one begins and T2 where a right one."""
    cut = load_embedded("eegmmidb-S007").crop(0.5, 3.5).select(np.arange(45)[trials])
    x = 1e6 * np.concatenate(list(cut.x), axis=-1)
    x[[cut.ch_names.index(name) for name in flat]] = 0.0
    marks = ["T1" if cut.class_names[k].startswith("left") else "T2" for k in cut.y]
    return edf_writer.write_edf(
        path, x, list(cut.ch_names), [(3.0 * i, mark) for i, mark in enumerate(marks)], sfreq=round(cut.sfreq)
    )


EVENTS = ("--events", "T1=left,T2=right", "--tmin", "0", "--tmax", "3")


def test_the_command_on_the_card_makes_the_same_weights_again(checkpoint, tmp_path, monkeypatch):
    path = written(tmp_path / "my file.edf", slice(12))
    words = [str(path), *EVENTS, "--trials", "10", "--layers", "last", "--seed", "5", "--start", str(checkpoint)]
    assert main(["calibrate", *words, "--out", str(tmp_path / "mine")]) == 0
    again = shlex.split(load_checkpoint(tmp_path / "mine").card.command)
    assert again[:2] == ["neurodrift", "calibrate"]
    asked = {name: value for name, value in itertools.pairwise(words) if name.startswith("--")}
    assert asked == {name: value for name, value in itertools.pairwise(again) if name.startswith("--")}
    assert main([*again[1:], "--out", str(tmp_path / "again")]) == 0
    one, two = ((tmp_path / f"{name}.safetensors").read_bytes() for name in ("mine", "again"))
    assert one == two


@pytest.mark.parametrize("there", ["safetensors", "json"])
def test_a_checkpoint_that_is_there_is_kept_unless_told_otherwise(there, checkpoint, tmp_path, capsys):
    old = tmp_path / f"mine.{there}"
    old.write_text("precious")
    words = ["embedded:eegmmidb-S007", "--trials", "10", "--start", str(checkpoint), "--out", str(tmp_path / "mine")]
    assert main(["calibrate", *words]) == 2
    assert f"{old} is there already: name another with --out, or --overwrite it" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["precious"]
    assert main(["calibrate", *words, "--overwrite"]) == 0
    assert load_checkpoint(tmp_path / "mine").card.strategy["name"] == "calibrated"


def test_trials_of_several_files_of_a_user_follow_each_other(checkpoint, tmp_path, capsys):
    files = [written(tmp_path / f"S007R0{n}.edf", part) for n, part in ((4, slice(15)), (8, slice(15, 30)))]
    words = ["--trials", "20", "--start", str(checkpoint), "--json"]
    assert main(["calibrate", ",".join(map(str, files)), *EVENTS, *words, "--out", str(tmp_path / "parts")]) == 0
    parts = json.loads(capsys.readouterr().out)
    one = written(tmp_path / "S007R99, all.edf", slice(30))
    assert main(["calibrate", str(one), *EVENTS, *words, "--out", str(tmp_path / "one")]) == 0
    assert parts["n_later"] == 10
    assert parts["arms"] == json.loads(capsys.readouterr().out)["arms"]
    assert load_checkpoint(tmp_path / "parts").card.subjects == ("S094", "S007")


def test_files_of_two_people_and_one_of_too_few_trials_are_refused(checkpoint, tmp_path, capsys):
    short = written(tmp_path / "S007R04.edf", slice(15))
    other = written(tmp_path / "S009R04.edf", slice(15))
    words = [*EVENTS, "--start", str(checkpoint), "--out", str(tmp_path / "mine")]
    assert main(["calibrate", f"{short},{other}", *words]) == 2
    assert "the recordings are of S007, S009: wanted those of one user" in capsys.readouterr().err
    assert main(["calibrate", str(short), *words]) == 2
    assert "has 15 trials but --trials is 20: give --trials 10, or several files of this" in capsys.readouterr().err


def test_channels_that_are_masked_or_made_of_others_are_named(checkpoint, tmp_path, capsys):
    path = written(tmp_path / "mine.edf", slice(12), flat=("C3",))
    words = [str(path), *EVENTS, "--trials", "10", "--start", str(checkpoint), "--out", str(tmp_path / "mine")]
    assert main(["calibrate", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "masked 1 channel, flat, not finite or marked bad: C3" in lines
    assert "1 of the checkpoint's 9 channels interpolated from others: C3" in lines


def arms(before, after, n=10):
    """What is found of ``before`` and ``after`` right of n held-out trials, and none that follow."""
    rows = {"zero-shot": before, "fine-tuned": after}
    return {name: {**estimate_accuracy(np.arange(n) < right)._asdict(), "later": None} for name, right in rows.items()}


@pytest.mark.parametrize(("before", "after", "keep"), [(6, 5, True), (6, 6, True), (6, 7, False)])
def test_a_calibration_that_gains_nothing_is_advised_against(before, after, keep):
    assert any("keep the checkpoint you started from" in line for line in advice(arms(before, after))) == keep


@pytest.mark.parametrize(("right", "asked"), [(0, True), (1, True), (2, False), (5, False)])
def test_fewer_right_than_chance_asks_for_swapped_events(right, asked):
    # of ten: Clopper and Pearson's interval of 1 right is .0025 to .445, of 2 .025 to .556
    said = advice(arms(right, 8), ", --events T1=right,T2=left")
    assert any(line.endswith("the other way round, --events T1=right,T2=left?") for line in said) == asked


def test_a_user_whose_events_are_swapped_is_asked(tmp_path, capsys):
    path = written(tmp_path / "mine.edf", slice(12))
    words = [str(path), *EVENTS, "--trials", "10", "--layers", "last", "--out", str(tmp_path / "mine")]
    words[words.index("T1=left,T2=right")] = "T1=right,T2=left"
    assert main(["calibrate", *words]) == 0
    said = capsys.readouterr().out
    assert "zero-shot is worse than chance (0 to 31 %)" in said
    assert "the other way round, --events T1=left,T2=right?" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.edf", "--start", "x"], "there is no file missing.edf"),
        ([",", "--start", "x"], "',' names no recording"),
        (["simulated:x", "--start", "CHECKPOINT"], "names no simulated person"),
        (["simulated:-1", "--start", "CHECKPOINT"], "wanted a whole number from 0 on, as in simulated:3"),
        (["--start", "CHECKPOINT", "--trials", "5"], "--trials is 5: wanted 10 or more;"),
        (["--start", "CHECKPOINT", "--layers", "some"], "--layers is 'some': wanted one of decay"),
        (["--start", "CHECKPOINT", "--out", "nowhere/x"], "there is no folder nowhere"),
        (["--start", "absent"], "there is no checkpoint 'absent' here"),
        (["my.edf", "--tmin", "3", "--tmax", "2"], "wanted tmin before tmax"),
        (["embedded:eegmmidb-S007", "--start", "CHECKPOINT", "--trials", "60"], "has 45 trials but --trials is 60"),
        (["embedded:p01", "--start", "CHECKPOINT"], "the checkpoint"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words, said, checkpoint, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [str(checkpoint) if word == "CHECKPOINT" else word for word in words]
    assert main(["calibrate", *words]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def in_fif(path, trials, bads=(), sfreq=160.0, marks=()):
    """Trials of S007 end to end in a FIF file as ``written``, ``bads`` with noise of 5 mV and marked; marks: further
    (onset s, duration s, description)."""
    import mne

    cut = load_embedded("eegmmidb-S007").crop(0.5, 3.5).select(np.arange(45)[trials])
    x = np.concatenate(list(cut.x), axis=-1).astype(float)
    noise = np.random.default_rng(0).standard_normal((len(bads), x.shape[1]))
    x[[cut.ch_names.index(name) for name in bads]] = 5e-3 * noise
    raw = mne.io.RawArray(x, mne.create_info(list(cut.ch_names), cut.sfreq, "eeg"), verbose="ERROR")
    events = [(3.0 * i, 0.0, "T1" if cut.class_names[k].startswith("left") else "T2") for i, k in enumerate(cut.y)]
    raw.set_annotations(mne.Annotations(*zip(*events, *marks)))
    raw.info["bads"] = list(bads)
    if sfreq != cut.sfreq:
        raw.resample(sfreq, verbose="ERROR")
    raw.save(path, verbose="ERROR", overwrite=True)
    return path


def calibrated(path, checkpoint, out, capsys, *words):
    """(status, what is found as JSON or None, what is said on stderr)."""
    status = main(
        ["calibrate", str(path), *EVENTS, "--trials", "10", "--start", str(checkpoint), "--out", str(out), *words]
    )
    said = capsys.readouterr()
    return status, json.loads(said.out) if status == 0 else None, said.err


def test_noise_on_channels_marked_bad_does_not_reach_the_decoder(checkpoint, tmp_path, capsys):
    noisy = in_fif(tmp_path / "noisy_raw.fif", slice(12), bads=["C3", "C4"])
    gone = written(tmp_path / "flat.edf", slice(12), flat=("C3", "C4"))
    found = [calibrated(path, checkpoint, tmp_path / path.stem, capsys, "--json")[1] for path in (noisy, gone)]
    # the EDF file holds the same volts to 0.05 uV, with the two channels at zero
    assert found[0]["arms"] == found[1]["arms"]
    assert "masked 2 channels, flat, not finite or marked bad: C3, C4" in found[0]["notes"]


def test_trials_under_bad_annotations_are_neither_learnt_nor_counted(checkpoint, tmp_path, capsys):
    marks = [(3.5, 0.1, "BAD_jump"), (13.0, 3.0, "bad cough")]
    path = in_fif(tmp_path / "marked_raw.fif", slice(15), marks=marks)
    _, found, _ = calibrated(path, checkpoint, tmp_path / "marked", capsys, "--json")
    # trial 1; trials 4 and 5, which the second spans
    kept = written(tmp_path / "kept.edf", [k for k in range(15) if k not in (1, 4, 5)])
    _, same, _ = calibrated(kept, checkpoint, tmp_path / "kept", capsys, "--json")
    assert found["arms"] == same["arms"]
    assert found["n_later"] == 2
    assert found["notes"] == ["left out 3 trials overlapping BAD annotations"]
    path = in_fif(path, slice(12), marks=marks)
    status, _, error = calibrated(path, checkpoint, tmp_path / "few", capsys)
    assert status == 2
    assert "has 9 trials (left out 3 trials overlapping BAD annotations) but --trials is 10: give several" in error


def test_one_recording_given_twice_is_refused(checkpoint, tmp_path, capsys):
    one = written(tmp_path / "one.edf", slice(12))
    two = written(tmp_path / "two.edf", slice(11, 20))
    other = written(tmp_path / "other.edf", slice(12), flat=("Fp1",))
    for again in (one, two, other):
        status, _, error = calibrated(f"{one},{again}", checkpoint, tmp_path / "mine", capsys)
        assert status == 2
        assert f"{one} and {again} hold the same trials: wanted different recordings of one user" in error
        assert error.count("\n") == 1
    assert not list(tmp_path.glob("mine*"))


@pytest.mark.parametrize("sfreq", [50.0, 80.0])
def test_one_rate_is_said_to_be_enough(sfreq, card, checkpoint, tmp_path, capsys):
    found = load_checkpoint(checkpoint)
    wide = dataclasses.replace(
        found.card, sfreq=125.0, n_times=375, preprocessing={**card.preprocessing, "h_freq": 38.0}
    )
    save_checkpoint(tmp_path / "wide", found.variables, wide)
    path = in_fif(tmp_path / "slow_raw.fif", slice(12), sfreq=sfreq)
    status, _, error = calibrated(path, tmp_path / "wide", tmp_path / "mine", capsys)
    assert status == 2
    assert f"has {sfreq:g} Hz but the checkpoint's band ends at 38 Hz: record at 95 Hz or more" in error
