"""Reading: the right volts at the right samples, and one line for everything that cannot be used."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.recordings import load, read_recording

_spec = importlib.util.spec_from_file_location("edf_writer", Path(__file__).with_name("edf_writer.py"))
edf_writer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(edf_writer)
write_edf = edf_writer.write_edf

LABELS = ["EEG C3-REF", "cz..", "C4", "EMG chin"]
ANNOTATIONS = [(1.0, "T1"), (3.0, "T2"), (5.5, "T1"), (7.0, "doctor's remark"), (9.8, "T2")]
EVENTS = "T1=left,T2=right"


def signal(n_channels=4, seconds=10, sfreq=100):
    return np.random.default_rng(0).normal(0, 20, (n_channels, seconds * sfreq))


def refused(path, *words, events=EVENTS, tmin=0.0, tmax=1.0, **options):
    with pytest.raises(InputError) as caught:
        read_recording(path, events, tmin, tmax, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


@pytest.fixture
def edf(tmp_path):
    return write_edf(tmp_path / "a.edf", signal(), LABELS, ANNOTATIONS)


def test_trials_are_the_written_samples_in_volts(edf):
    rec = read_recording(edf, EVENTS, -0.5, 1.0)
    microvolts = signal()
    assert rec.ch_names == ("C3", "Cz", "C4")
    assert rec.class_names == ("left", "right")
    assert rec.y.tolist() == [0, 1, 0]
    assert (rec.sfreq, rec.tmin, rec.x.dtype) == (100.0, -0.5, np.float32)
    np.testing.assert_allclose(rec.onset_s, [0.0, 2.0, 4.5])
    for trial, start in enumerate((50, 250, 500)):
        # Half a count of 0.1 uV is what quantisation may change.
        np.testing.assert_allclose(rec.x[trial], microvolts[:3, start : start + 150] * 1e-6, atol=0.0501e-6)
    assert any("EMG chin" in note for note in rec.notes)
    assert any("left out 1 trial reaching past" in note for note in rec.notes)


def test_events_can_be_given_as_mapping_string_or_names(edf):
    as_text = read_recording(edf, "T1=left, T2=right", 0, 1)
    as_map = read_recording(edf, {"T1": "left", "T2": "right"}, 0, 1)
    np.testing.assert_array_equal(as_text.x, as_map.x)
    assert read_recording(edf, ["T2", "T1"], 0, 1).class_names == ("T2", "T1")


def test_nothing_of_the_header_or_of_other_annotations_is_kept(tmp_path):
    path = write_edf(tmp_path / "a.edf", signal(), LABELS, ANNOTATIONS, patient="MCH-1 F 01-JAN-1950 Canary_Doe")
    rec = read_recording(path, EVENTS, 0, 1)
    words = repr([v for v in vars(rec).values() if not isinstance(v, np.ndarray)])
    assert "Canary" not in words
    assert "1950" not in words
    assert "remark" not in words


def test_flat_and_saturated_channels_are_zeroed_and_reported(tmp_path):
    microvolts = signal()
    microvolts[1] = 12.0
    rec = read_recording(write_edf(tmp_path / "a.edf", microvolts, LABELS, ANNOTATIONS), EVENTS, 0, 1)
    assert rec.bad_channels == ("Cz",)
    assert rec.good.tolist() == [True, False, True]
    assert not rec.x[:, 1].any()
    assert rec.x[:, 0].any()
    assert any("masked 1" in note and "Cz" in note for note in rec.notes)


def test_a_nan_channel_of_a_fif_file_is_masked_and_all_nan_is_refused(tmp_path):
    import mne

    data = signal(3) * 1e-6
    data[2, 120] = np.nan
    raw = mne.io.RawArray(data, mne.create_info(["C3", "Cz", "C4"], 100.0, "eeg"), verbose="ERROR")
    raw.set_annotations(mne.Annotations([1.0, 3.0], 0.5, ["T1", "T2"]))
    raw.save(tmp_path / "a_raw.fif", verbose="ERROR")
    rec = read_recording(tmp_path / "a_raw.fif", EVENTS, 0, 1)
    assert rec.bad_channels == ("C4",)
    assert np.isfinite(rec.x).all()
    np.testing.assert_allclose(rec.x[0, 0], data[0, 100:200], rtol=1e-6)
    raw._data[:] = np.nan
    raw.save(tmp_path / "b_raw.fif", verbose="ERROR")
    refused(tmp_path / "b_raw.fif", "NaN")


def test_events_of_a_cropped_fif_file_keep_their_samples(tmp_path):
    import mne

    data = signal(2) * 1e-6
    raw = mne.io.RawArray(data, mne.create_info(["C3", "C4"], 100.0, "eeg"), verbose="ERROR")
    raw.set_meas_date(1_000_000_000).set_annotations(mne.Annotations([4.0, 6.0], 0.5, ["T1", "T2"]))
    raw.crop(2.0).save(tmp_path / "a_raw.fif", verbose="ERROR")
    rec = read_recording(tmp_path / "a_raw.fif", EVENTS, 0, 1)
    np.testing.assert_allclose(rec.x[1], data[:, 600:700], rtol=1e-6)


def test_codes_of_a_stimulus_channel_start_trials(tmp_path):
    import mne

    data = np.vstack([signal(2) * 1e-6, np.zeros(1000)])
    data[2, 100:110], data[2, 400:410] = 1, 2
    raw = mne.io.RawArray(data, mne.create_info(["C3", "C4", "STI"], 100.0, ["eeg", "eeg", "stim"]), verbose="ERROR")
    raw.save(tmp_path / "a_raw.fif", verbose="ERROR")
    for stim in (None, "STI"):
        rec = read_recording(tmp_path / "a_raw.fif", "1=left,2=right", 0, 1, stim_channel=stim)
        np.testing.assert_allclose(rec.x[1], data[:2, 400:500], rtol=1e-6)
    refused(tmp_path / "a_raw.fif", "'STI2'", "STI", stim_channel="STI2")
    refused(tmp_path / "a_raw.fif", "no event 7", "1, 2", events="1=left,7=right")


def test_a_faster_auxiliary_channel_does_not_resample_the_eeg(tmp_path):
    # Two rates cannot come from the writer: patch the EMG's record length in a file of one record.
    path = write_edf(tmp_path / "a.edf", signal(2, 1), ["C3", "EMG"], [(0.1, "T1")])
    content = bytearray(path.read_bytes())
    n, header = 3, 256 * 4
    at = 256 + 216 * n + 8
    content[at : at + 8] = b"200     "
    emg = header + 200
    path.write_bytes(bytes(content[: emg + 200]) + b"\x01\x00" * 100 + bytes(content[emg + 200 :]))
    rec = read_recording(path, "T1=go", 0, 0.5)
    assert rec.sfreq == 100.0
    np.testing.assert_allclose(rec.x[0, 0], signal(2, 1)[0, 10:60] * 1e-6, atol=0.0501e-6)


def test_a_truncated_edf_is_refused_with_its_record_counts(edf):
    edf.write_bytes(edf.read_bytes()[:-500])
    refused(edf, "truncated", "promises 10 records", "holds 9")


def test_an_edf_cut_inside_its_header_is_refused(edf):
    edf.write_bytes(edf.read_bytes()[:700])
    refused(edf, "truncated", "header")


def test_a_file_that_is_not_eeg_is_refused(tmp_path):
    for name in ("photo.edf", "photo.bdf", "photo.gdf", "photo_raw.fif", "photo.vhdr", "photo.set"):
        (tmp_path / name).write_bytes(b"\x89PNG not a recording" * 40)
        refused(tmp_path / name, name)


def test_a_wrong_extension_a_missing_file_and_a_folder_are_refused(tmp_path):
    refused(tmp_path / "a.csv", ".edf", ".vhdr")
    refused(tmp_path / "absent.edf", "no file")
    (tmp_path / "folder.edf").mkdir()
    refused(tmp_path / "folder.edf", "no file")


def test_missing_events_name_those_that_are_present(edf):
    refused(edf, "no event left_hand", "T1, T2", events="left_hand=left,T2=right")


def test_a_slow_recording_is_refused_with_both_rates(tmp_path):
    path = write_edf(tmp_path / "a.edf", signal(4, 10, 32), LABELS, ANNOTATIONS, sfreq=32)
    refused(path, "32 Hz", "64 Hz")


def test_names_of_no_montage_are_refused_with_an_example(tmp_path):
    refused(write_edf(tmp_path / "a.edf", signal(), ["E1", "E2", "E3", "Resp"], ANNOTATIONS), "E1, E2", "C3, Cz")


def test_microvolts_labelled_as_volts_are_refused_and_can_be_read_with_their_unit(tmp_path):
    path = write_edf(tmp_path / "a.edf", signal(), LABELS, ANNOTATIONS, dimension="mV", physical=(-3276.8, 3276.7))
    refused(path, 'units="uV"')
    rec = read_recording(path, EVENTS, 0, 1, units="mV")
    np.testing.assert_allclose(rec.x[0, 2], signal()[2, 100:200] * 1e-6, atol=0.0501e-6)


def test_windows_that_hold_no_trial_are_refused(edf):
    refused(edf, "60 s", tmax=60.0)
    refused(edf, "empty", tmin=1.0, tmax=1.0)
    refused(edf, "T1=left", events="")
    refused(edf, "twice", events="T1=left,T1=right")


def test_an_empty_physical_range_is_refused_before_it_becomes_infinite_volts(edf):
    content = bytearray(edf.read_bytes())
    low = 256 + 104 * 5
    content[low + 40 : low + 48] = content[low : low + 8]
    edf.write_bytes(bytes(content))
    refused(edf, "damaged", "range is empty")


def test_a_file_without_events_asks_for_them(edf):
    with pytest.raises(InputError, match="T1=left"):
        load(str(edf))
    assert load(str(edf), EVENTS, tmin=0, tmax=1).n_trials == 3


def test_mutated_edf_files_are_read_finite_or_refused(edf, capfd):
    original = edf.read_bytes()
    rng = np.random.default_rng(19)
    n_header = 256 * 6
    outcomes = []
    for mutant in range(80):
        content = bytearray(original)
        if mutant % 4 == 3:
            content = content[: rng.integers(len(content))]
        else:
            # Headers carry the structure, so two thirds of the byte flips go there; the rest hit samples and events.
            top = n_header if mutant % 4 < 2 else len(content)
            for at in rng.integers(0, top, rng.integers(1, 12)):
                content[at] = rng.integers(256) if mutant % 2 else rng.choice(list(b"0123456789.-eEna +"))
        edf.write_bytes(bytes(content))
        try:
            rec = read_recording(edf, EVENTS, 0, 1)
        except InputError as error:
            outcomes.append(str(error))
        else:
            assert np.isfinite(rec.x).all()
            assert np.abs(rec.x).max() <= 1.0
            outcomes.append("read")
    assert not any("\n" in outcome for outcome in outcomes)
    assert 10 < outcomes.count("read") < 70
    assert capfd.readouterr() == ("", "")


MARKS = (1.0, 3.0, 5.5, 7.0)  # s, T1 and T2 in turn


def a_raw(seconds=10, n_channels=3, date=None, bads=(), annotations=(), seed=0):
    """Noise of 20 uV at 100 Hz with T1 and T2 in turn, and further (onset s, duration s, description)."""
    import mne

    data = 20e-6 * np.random.default_rng(seed).standard_normal((n_channels, 100 * seconds))
    raw = mne.io.RawArray(data, mne.create_info(["C3", "Cz", "C4"][:n_channels], 100.0, "eeg"), verbose="ERROR")
    events = [(onset, 0.5, ("T1", "T2")[k % 2]) for k, onset in enumerate(MARKS)]
    onset, duration, description = zip(*events, *annotations)
    raw.set_meas_date(date).set_annotations(mne.Annotations(onset, duration, description))
    raw.info["bads"] = list(bads)
    return raw


def saved(raw, path):
    raw.save(path, verbose="ERROR", overwrite=True)
    return path


def test_channels_marked_bad_in_the_file_are_masked_with_those_that_are_flat(tmp_path):
    raw = a_raw(bads=["C4"])
    raw._data[0] = 0.0
    rec = read_recording(saved(raw, tmp_path / "a_raw.fif"), EVENTS, 0, 1)
    assert rec.bad_channels == ("C3", "C4")
    assert "masked 2 channels, flat, not finite or marked bad: C3, C4" in rec.notes
    assert not rec.x[:, 2].any()
    raw.info["bads"] = ["Cz", "C4"]
    refused(saved(raw, tmp_path / "a_raw.fif"), "all 3 EEG channels", "marked bad")


@pytest.mark.parametrize("date", [None, 1_000_000_000])
@pytest.mark.parametrize("seed", range(4))
def test_trials_that_overlap_a_bad_annotation_are_those_that_mne_leaves_out(date, seed, tmp_path):
    import mne

    rng = np.random.default_rng(seed)
    words = ("BAD_blink", "bad", "Bad muscle", "BAD_ACQ_SKIP", "T0", "not bad", "BAD point")
    drawn = zip(rng.uniform(2, 9, 3), rng.uniform(0, 0.6, 3), rng.permutation(words))
    marks = [(onset, 0.0 if word == "BAD point" else long, word) for onset, long, word in drawn]
    # one that ends where a window begins and one that begins where a window ends leave it
    marks += [(2.5, 0.5, "bad before"), (8.0, 0.3, "bad after")]
    raw = a_raw(date=date, annotations=marks).crop(0.5)
    rec = read_recording(saved(raw, tmp_path / "a_raw.fif"), EVENTS, 0, 1)
    events, _ = mne.events_from_annotations(raw, {"T1": 1, "T2": 2}, verbose="ERROR")
    epochs = mne.Epochs(raw, events, tmin=0, tmax=0.99, baseline=None, preload=True, verbose="ERROR")
    np.testing.assert_allclose(rec.x, epochs.get_data(verbose="ERROR"), rtol=1e-6)
    np.testing.assert_array_equal(rec.y, epochs.events[:, 2] - 1)
    n_lost = len(MARKS) - len(epochs)
    assert any(f"left out {n_lost} trial{'s' * (n_lost > 1)} overlapping BAD" in n for n in rec.notes) == (n_lost > 0)


def test_a_recording_whose_trials_are_all_marked_is_refused(tmp_path):
    path = saved(a_raw(annotations=[(0.0, 10.0, "BAD")]), tmp_path / "a_raw.fif")
    refused(path, "no trial of a_raw.fif is left of 4: left out 4 trials overlapping BAD annotations")


@pytest.mark.parametrize("kept", ["BAD boundary", "EDGE boundary", "boundary", "New Segment/"])
def test_windows_across_a_join_of_runs_are_left_out(kept, tmp_path):
    import mne

    # the first run ends 1 s after its last event, the second begins half a second before its first
    runs = [a_raw(8, seed=1), a_raw(9, seed=2).crop(0.5)]
    raw = mne.concatenate_raws(runs, verbose="ERROR")
    joins = [k for k, text in enumerate(raw.annotations.description) if "boundary" in text]
    raw.annotations.delete(joins[1])
    raw.annotations.rename({"BAD boundary": kept})
    path = saved(raw, tmp_path / "a_raw.fif")
    whole = read_recording(path, EVENTS, 0, 1)
    np.testing.assert_allclose(whole.onset_s, [0.0, 2.0, 4.5, 6.0, 7.5, 9.5, 12.0, 13.5])
    longer = read_recording(path, EVENTS, 0, 1.01)
    np.testing.assert_allclose(longer.onset_s, [0.0, 2.0, 4.5, 7.5, 9.5, 12.0, 13.5])
    assert "left out 1 trial across a boundary of joined runs" in longer.notes
    assert whole.notes == ()
    before = read_recording(path, EVENTS, -0.6, 0.5)
    np.testing.assert_allclose(before.onset_s, [0.0, 2.0, 4.5, 6.0, 9.5, 12.0, 13.5])


@pytest.mark.parametrize("date", [None, 1_000_000_000])
def test_events_of_a_cropped_recording_are_where_mne_has_them(date, tmp_path):
    raw = a_raw(date=date).crop(2.0)
    rec = read_recording(saved(raw, tmp_path / "a_raw.fif"), EVENTS, 0, 1)
    np.testing.assert_allclose(rec.x[0], raw.get_data()[:, 100:200], rtol=1e-6)


@pytest.mark.parametrize("other", ["flat", "marked", "with the gap"])
def test_a_gap_in_all_channels_costs_its_trials_and_not_the_recording(other, tmp_path):
    raw = a_raw(bads=["Cz"] if other == "marked" else [])
    raw._data[[0, 2], 330:340] = np.nan  # in 3..4 s
    # a channel without the gap that could not carry the trial, or one with it
    if other == "flat":
        raw._data[1] = 20e-6
    if other == "with the gap":
        raw._data[1, 330:340] = np.inf
    raw._data[2, 110] = np.nan
    rec = read_recording(saved(raw, tmp_path / "a_raw.fif"), EVENTS, 0, 1)
    assert rec.y.tolist() == [0, 0, 1]
    assert rec.bad_channels == (("C4",) if other == "with the gap" else ("Cz", "C4"))
    assert "left out 1 trial with NaN, infinite or > 1 V samples in all channels" in rec.notes
    np.testing.assert_allclose(rec.x[0, 0], raw._data[0, 100:200], rtol=1e-6)


def test_volts_that_must_be_microvolts_are_said_to_be(tmp_path):
    raw = a_raw()
    raw._data *= 1e6
    raw._data[1] = 0.0
    path = saved(raw, tmp_path / "a_raw.fif")
    refused(path, "all 2 EEG channels", "more than 1 V", "microvolts where volts are wanted", 'units="uV"')
    assert read_recording(path, EVENTS, 0, 1, units="uV").n_trials == 4
    raw._data[:] = np.nan
    assert "microvolts" not in refused(saved(raw, tmp_path / "a_raw.fif"), "have NaN")


def test_a_truncated_fif_file_and_one_of_epochs_are_refused_as_such(tmp_path):
    import mne

    path = saved(a_raw(60), tmp_path / "a_raw.fif")
    path.write_bytes(path.read_bytes()[:30_000])
    refused(path, "a_raw.fif seems truncated", "copy it again")
    epochs = mne.make_fixed_length_epochs(a_raw(), 1.0, preload=True, verbose="ERROR")
    epochs.save(tmp_path / "a-epo.fif", verbose="ERROR")
    refused(tmp_path / "a-epo.fif", "a-epo.fif holds Epochs", "wanted the continuous recording, a Raw")
