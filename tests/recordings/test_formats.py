"""Every format against real files of it, read a second time by MNE's own epoching."""

from pathlib import Path

import numpy as np
import pytest

from neurodrift.sim.errors import InputError
from neurodrift.sim.recordings import load_eegbci, load_embedded, read_recording

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
FORMATS, EEGMMIDB = DATA / "formats", DATA / "eegmmidb"
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="../shared/data/formats is not here")
needs_eegmmidb = pytest.mark.skipif(not EEGMMIDB.is_dir(), reason="../shared/data/eegmmidb is not here")


def by_mne(raw, event_id, names, tmin, tmax):
    import mne

    events, _ = mne.events_from_annotations(raw, event_id=event_id, verbose="ERROR")
    epochs = mne.Epochs(
        raw,
        events,
        tmin=tmin,
        tmax=tmax - 1 / raw.info["sfreq"],
        baseline=None,
        picks=names,
        preload=True,
        verbose="ERROR",
    )
    return epochs.get_data(picks=names), epochs.events[:, 2]


@needs_formats
@pytest.mark.parametrize(
    ("file", "events", "ids", "original", "window"),
    [
        ("test.vhdr", "S253=a,S255=b", {"Stimulus/S253": 1, "Stimulus/S255": 2}, ["FP1", "Cz", "P8"], (-0.1, 0.5)),
        ("eeglab_data.set", "square,rt", {"square": 1, "rt": 2}, ["FPz", "C3", "O2"], (-0.5, 1.0)),
    ],
)
def test_trials_equal_those_of_mne(file, events, ids, original, window):
    import mne

    rec = read_recording(FORMATS / file, events, *window)
    read = mne.io.read_raw_brainvision if file.endswith("vhdr") else mne.io.read_raw_eeglab
    x, codes = by_mne(read(FORMATS / file, preload=True, verbose="ERROR"), ids, original, *window)
    names = [name.replace("FP", "Fp") for name in original]
    np.testing.assert_allclose(rec.pick(names).x, x, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(rec.y, codes - 1)


@needs_formats
def test_edf_plus_and_biosemi_read_with_their_annotations_and_trigger_channel():
    edf = read_recording(FORMATS / "mne_test.edf", "type A=a,type B=b", 0.0, 0.5)
    # A BioSemi cap of 128: only its A1, A2 and C1 to C6 coincide with names of the 10-05 system.
    assert "C3" in edf.ch_names
    assert edf.n_times == 256
    with pytest.raises(InputError, match="present: "):
        read_recording(FORMATS / "mne_test.bdf", "99999=go", 0.0, 0.1)


@needs_formats
@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("mnetesting_test_1ch.gdf", "ECG"),
        ("edfio_short_psg.edf", "EEG Fpz-Cz"),
        ("edfio_short_psg.bdf", "EEG Fpz-Cz"),
        ("mne_duplicate_channel_labels.edf", "no event T1"),
        ("mne_test_edf_stim_channel.edf", "no event T1, T2; present: none"),
        ("minimal.xdf", "extension"),
    ],
)
def test_real_files_without_usable_eeg_or_events_are_refused_in_one_line(file, words):
    with pytest.raises(InputError, match=words) as caught:
        read_recording(FORMATS / file, "T1=left,T2=right")
    assert "\n" not in str(caught.value)


@needs_formats
def test_a_real_gdf_file_is_opened_and_its_lack_of_events_told(tmp_path):
    # The only GDF file at hand holds an ECG and no event; under an electrode's name it passes for EEG.
    path = tmp_path / "renamed.gdf"
    path.write_bytes((FORMATS / "mnetesting_test_1ch.gdf").read_bytes().replace(b"ECG", b"C3 ", 1))
    with pytest.raises(InputError, match="no event 769; present: none"):
        read_recording(path, "769=left")


@needs_eegmmidb
def test_local_eegbci_runs_equal_mne_and_the_embedded_recording():
    import mne

    rec = load_eegbci(7, path=EEGMMIDB)
    raw = mne.io.read_raw_edf(EEGMMIDB / "S007" / "S007R08.edf", preload=True, verbose="ERROR")
    mne.datasets.eegbci.standardize(raw)
    x, codes = by_mne(raw, {"T1": 1, "T2": 2}, raw.ch_names, -1.0, 4.1)
    second = rec.select(rec.session == 1)
    assert second.ch_names == tuple(raw.ch_names)
    np.testing.assert_allclose(second.x, x, rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(second.y, codes - 1)
    embedded = load_embedded("eegmmidb-S007")
    assert embedded.ch_names == rec.ch_names
    np.testing.assert_array_equal(embedded.y, rec.y)
    np.testing.assert_allclose(embedded.onset_s, rec.onset_s)
    np.testing.assert_allclose(embedded.x, rec.x, rtol=1e-6, atol=1e-12)


@needs_eegmmidb
def test_runs_that_do_not_exist_or_go_together_are_refused():
    with pytest.raises(InputError, match="no S007R03"):
        load_eegbci(7, (3,), EEGMMIDB)
    with pytest.raises(InputError, match="do not go together"):
        load_eegbci(1, (4, 6), EEGMMIDB)
    with pytest.raises(InputError, match="1 to 109"):
        load_eegbci(110)
    assert load_eegbci(1, (6,), EEGMMIDB).class_names == ("fists", "feet")
