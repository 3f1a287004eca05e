"""The embedded recordings are the originals, and decode as the originals do (pyRiemann and scikit-learn as judges)."""

import functools
import hashlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt

from neurodrift.sim.errors import InputError
from neurodrift.sim.recordings import EMBEDDED, load, load_embedded
from neurodrift.sim.recordings.embedded import unpack_counts

P01 = Path(__file__).parents[2] / ".." / "shared" / "data" / "mi_multiday" / "P01"
SENSORIMOTOR = [f"{row}{column}" for row in ("FC", "C", "CP") for column in (5, 3, 1, "z", 2, 4, 6)]


def file_of(name):
    return resources.files("neurodrift.sim.recordings") / "data" / f"{name}.npz"


@functools.cache
def recording(name):
    return load_embedded(name)


def covariances(x, sfreq, window, mains=50):
    from pyriemann.estimation import Covariances

    x = x.astype(np.float64) * 1e6
    x = x - x.mean(-1, keepdims=True)
    if mains:
        x = filtfilt(*iirnotch(mains, 30, sfreq), x, axis=-1)
    x = sosfiltfilt(butter(4, [8, 30], "band", fs=sfreq, output="sos"), x, axis=-1)
    return Covariances("oas").transform(x[..., slice(*window)])


def decoder(inverse_penalty=1.0):
    from pyriemann.tangentspace import TangentSpace
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(TangentSpace(), LogisticRegression(C=inverse_penalty, max_iter=2000))


@pytest.mark.parametrize(
    ("name", "shape", "sessions", "labels"),
    [
        ("eegmmidb-S007", (45, 64, 816), 3, {"left", "right"}),
        ("eegmmidb-S094", (45, 64, 816), 3, {"left", "right"}),
        ("p01", (939, 11, 601), 30, {"right", "left", "idle"}),
    ],
)
def test_embedded_recordings_have_their_published_size(name, shape, sessions, labels):
    rec = recording(name)
    assert rec.x.shape == shape
    assert rec.x.dtype == np.float32
    assert len(rec.session_names) == sessions
    assert set(rec.class_names) == labels
    assert np.diff(rec.session).min() >= 0
    # Scalp EEG: tens of microvolts in the median, so no unit was mixed up.
    assert 5e-6 < np.median(rec.x.std(-1)) < 100e-6


def test_all_embedded_data_fit_in_fourteen_megabytes_and_come_with_licences():
    names = {entry.name: entry for entry in (resources.files("neurodrift.sim.recordings") / "data").iterdir()}
    assert sum(len(entry.read_bytes()) for entry in names.values()) < 14e6
    assert "ODC-By" in names["LICENCE.eegmmidb.txt"].read_text()
    assert "Permission is hereby granted" in names["LICENCE.p01.txt"].read_text()
    assert {f"{name}.npz" for name in EMBEDDED} == {name for name in names if name.endswith(".npz")}


def test_a_file_that_was_changed_is_refused(monkeypatch):
    monkeypatch.setitem(EMBEDDED, "eegmmidb-S007", hashlib.sha256(b"another file").hexdigest())
    with pytest.raises(InputError, match="not the one that was shipped"):
        load_embedded("eegmmidb-S007")


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(InputError, match="eegmmidb-S007, eegmmidb-S094, p01"):
        load("embedded:nobody")
    with pytest.raises(InputError, match="eegbci:7"):
        load("eegbci:seven")


@pytest.mark.skipif(not P01.is_dir(), reason="../shared/data/mi_multiday is not here")
def test_p01_is_the_original_to_the_last_bit():
    counts, arrays, facts = unpack_counts(file_of("p01").read_bytes())
    for session, path in enumerate(sorted(P01.glob("P01_*.npz"))):
        with np.load(path) as run:
            rows = [list(run["ch_names"]).index(name) for name in facts["ch_names"]]
            original, y, quality = run["X"][:, rows], run["y"], str(run["quality"])
        trials = arrays["session"] == session
        microvolts = (counts[trials] * facts["volts_per_count"] * 1e6).astype(np.float32)
        assert set(arrays["n_samples"][trials]) == {original.shape[-1]}
        np.testing.assert_array_equal(microvolts[..., : original.shape[-1]], original)
        np.testing.assert_array_equal(arrays["y"][trials], y)
        assert facts["session_quality"][session] == quality


def test_p01_trials_are_centred_and_zero_past_their_end():
    rec = recording("p01")
    first = int(np.argmin(rec.n_samples))
    assert rec.n_samples[first] == 360
    assert not rec.x[first, :, 360:].any()
    np.testing.assert_allclose(rec.x[first, :, :360].mean(-1), 0.0, atol=1e-9)


@pytest.mark.parametrize(("name", "cross_validated", "first_run_to_later"), [("S007", 1.0, 1.0), ("S094", 0.98, 0.7)])
def test_imagined_fists_are_decoded_as_the_data_sets_table_says(name, cross_validated, first_run_to_later):
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    rec = recording(f"eegmmidb-{name}").pick(SENSORIMOTOR)
    # 0.5 to 3.5 s after the cue, filtered with the second before it, strongly regularised for 15 training trials.
    c, y = covariances(rec.x, rec.sfreq, mains=None, window=(240, 720)), rec.y
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    first = rec.session == 0
    # The table is rounded to 0.01, and one trial is 0.022 and 0.033: this holds only with every trial as there.
    assert cross_val_score(decoder(0.1), c, y, cv=folds).mean() == pytest.approx(cross_validated, abs=0.005)
    assert decoder(0.1).fit(c[first], y[first]).score(c[~first], y[~first]) == pytest.approx(
        first_run_to_later, abs=0.005
    )


@functools.cache
def p01_runs():
    """(day, labels, covariances, recentred covariances) of each run of quality ok, 0.25 s cut off at both ends."""
    from pyriemann.geometry.base import invsqrtm
    from pyriemann.geometry.mean import mean_riemann

    rec = recording("p01").select_classes(("right", "idle")).select_quality()
    runs = []
    for session, day in enumerate(rec.session_days):
        trials = rec.session == session
        (n_samples,) = set(rec.n_samples[trials])
        plain = covariances(rec.x[trials][..., :n_samples], rec.sfreq, window=(32, -32))
        whitening = invsqrtm(mean_riemann(plain))
        runs.append((day, rec.y[trials], plain, whitening @ plain @ whitening))
    return runs


def fit_p01(runs, kind):
    return decoder().fit(np.concatenate([run[kind] for run in runs]), np.concatenate([run[1] for run in runs]))


def hits(model, runs, kind):
    return np.concatenate([model.predict(run[kind]) == run[1] for run in runs])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "accuracy"), [(2, 0.677), (3, 0.751)])
def test_p01_decoded_from_all_past_days_scores_as_published(kind, accuracy):
    # kind 3 recentres a run on its own mean, later trials included: the published .751 is not a causal figure
    runs = p01_runs()
    days = sorted({run[0] for run in runs})
    scored = np.concatenate(
        [hits(fit_p01([r for r in runs if r[0] < d], kind), [r for r in runs if r[0] == d], kind) for d in days[1:]]
    )
    assert len(scored) == 527
    # Two trials of 527: what another LAPACK may turn at the decision boundary. Both figures hold to 0.0005 here.
    assert scored.mean() == pytest.approx(accuracy, abs=2 / 527)


# The data set's table leaves out two runs (10 trials in all; no idle trial), which leaves 544 trials.
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "past_days", "frozen"), [(2, 0.665, 0.626), (3, 0.751, 0.744)])
def test_p01_scores_as_its_table_says(kind, past_days, frozen):
    runs = [run for run in p01_runs() if len(run[1]) > 7 and set(run[1]) == {0, 1}]
    assert sum(len(run[1]) for run in runs) == 544
    days = sorted({run[0] for run in runs})
    scored = np.concatenate(
        [hits(fit_p01([r for r in runs if r[0] < d], kind), [r for r in runs if r[0] == d], kind) for d in days[1:]]
    )
    later = hits(
        fit_p01([r for r in runs if r[0] <= "2022-03-01"], kind), [r for r in runs if r[0] > "2022-03-01"], kind
    )
    assert (len(scored), len(later)) == (510, 390)
    # The table names neither the covariance estimator nor the ends cut off; ours differ by 3 trials of 510 at most,
    # and 0.01 (5 trials) is half a standard error of one accuracy.
    assert scored.mean() == pytest.approx(past_days, abs=0.01)
    assert later.mean() == pytest.approx(frozen, abs=0.01)
