"""Recorded trials under an imposed drift, embedded and from a file of the user's own."""

import dataclasses
import functools
import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.recorded import SENSORIMOTOR, recording, replay_shift
from neurodrift.scenarios.replay_file import run_replay
from neurodrift.sim.drift import make_drift
from neurodrift.sim.errors import InputError
from neurodrift.sim.head import make_montage

sys.path.append(str(Path(__file__).parents[1] / "recordings"))
from edf_writer import write_edf

DATA = Path(__file__).parents[2] / ".." / "shared" / "data" / "eegmmidb"
SCENARIO = replay_shift("mi_replay_shift")
EVENTS = "T1=left,T2=right"


def configure(**changes):
    changes = {"methods": ("frozen", "oracle"), "severities": (0.0, 3.0), "seeds": 1} | changes
    return make_config("mi_replay_shift", INFOS["mi_replay_shift"], **changes)


@pytest.fixture(scope="module")
def cells():
    config = configure()
    return [SCENARIO.run_cell(config, cell, lambda words: None) for cell in SCENARIO.plan(config)]


def test_all_severities_play_the_same_trials_and_agree_before_the_shift(cells):
    (_, still), (_, shifted) = cells
    assert still["y"].shape == (2, 25)
    assert_array_equal(still["y"], shifted["y"])
    assert_array_equal(still["onset"], [10, 10])
    assert_allclose(still["proba/frozen"][:, :10], shifted["proba/frozen"][:, :10], atol=1e-5)
    assert np.abs(still["proba/frozen"][:, 10:] - shifted["proba/frozen"][:, 10:]).max() > 0.05


def test_the_truth_shows_the_shift_from_the_onset_on(cells):
    (_, still), (_, shifted) = cells
    assert "drift/cap displacement" not in still
    track = shifted["drift/cap displacement"]
    assert_allclose(track[:10], 0.0)
    assert_allclose(track[10:], 3.0, rtol=1e-3)
    assert_allclose(still["topography/before"], still["topography/after"], rtol=1e-4, atol=1e-10)
    assert np.abs(shifted["topography/after"] - shifted["topography/before"]).max() > 1e-7


def test_seeds_draw_other_trials_and_a_cell_repeats_itself(cells):
    config = configure(severities=(3.0,), seeds=2, methods=("frozen",))
    first, second = SCENARIO.plan(config)
    again = SCENARIO.run_cell(config, first, lambda words: None)[1]
    assert_array_equal(again["proba/frozen"], cells[1][1]["proba/frozen"])
    other = SCENARIO.run_cell(config, second, lambda words: None)[1]
    assert (other["y"] != again["y"]).any()


def test_the_report_is_told_that_the_shift_is_a_model_and_the_people_two(cells):
    notes = " ".join(cells[1][0]["notes"])
    for words in ("re-projection", "Two people", "21 of 64 channels"):
        assert words in notes


def test_the_oracle_never_meets_its_own_test_trials():
    """With labels that are pure chance, an oracle that saw its test trials would be far above it."""
    from neurodrift.scenarios.recorded import compare

    config = configure(methods=("oracle",))
    original = recording("embedded:eegmmidb-S007")
    setup = SCENARIO.setup(config, [original])
    accuracy = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        guessed = dataclasses.replace(original, y=rng.permutation(original.y))
        drift = functools.partial(SCENARIO.make_drift, severity=3.0)
        key = jax.random.key(seed)
        _, arrays = compare(setup, [guessed], drift, 8.0, config, key, lambda words: None)
        right = arrays["proba/oracle"].argmax(-1) == arrays["y"]
        accuracy.append(right[:, setup.split.n_before :].mean())
    assert np.mean(accuracy) < 0.7


def test_the_electrodes_decoded_are_those_over_the_hand_areas():
    config = configure()
    found = recording("embedded:eegmmidb-S094")
    setup = SCENARIO.setup(config, [found])
    assert {found.ch_names[i] for i in setup.rows} == set(SENSORIMOTOR)


@pytest.mark.parametrize("data", ["nowhere.edf", "eegbci:", "eegbci:7,eegbci:7", "eegbci:x"])
def test_data_that_name_no_recording_are_refused(data):
    config = configure(data=data)
    cell = SCENARIO.plan(configure())[0]
    with pytest.raises(InputError):
        SCENARIO.run_cell(config, cell, lambda words: None)


def test_more_subjects_than_recordings_are_refused():
    with pytest.raises(InputError, match="2 recordings"):
        SCENARIO.plan(configure(subjects=3))


def make_file(path, n_trials=30, sfreq=128, flat=True, seed=0):
    """A recording whose hand areas desynchronise: 10 Hz over C3 or C4, weaker on the side opposite to the hand."""
    rng = np.random.default_rng(seed)
    labels = ["C3", "C4", "Cz", "FC1", "FC2", "CP1", "CP2", "FC5", "FC6", "Pz"]
    gap = 5
    t = np.arange(n_trials * gap * sfreq + 4 * sfreq) / sfreq
    x = 8.0 * rng.standard_normal((len(labels), t.size))
    annotations = []
    for k in range(n_trials):
        hand = int(rng.integers(2))
        annotations.append((2.0 + k * gap, f"T{hand + 1}"))
        inside = (t >= 2.0 + k * gap) & (t < 6.0 + k * gap)
        for row, strength in ((0, 30.0 if hand == 0 else 8.0), (1, 8.0 if hand == 0 else 30.0)):
            x[row] += inside * strength * np.sin(2 * np.pi * 10 * t + rng.uniform(0, 6))
    if flat:
        x[-1] = 0.0
    return write_edf(path, x, labels, annotations, sfreq=sfreq)


def test_a_file_of_the_users_own_gives_results_and_a_report(tmp_path):
    file = make_file(tmp_path / "mine.edf")
    out = tmp_path / "out"
    results = run_replay(
        file, events=EVENTS, drift="cap_shift", severity=3.0, methods=("frozen", "riemann", "oracle"), out=out
    )
    saved = json.loads((out / "results.json").read_text())
    assert saved["complete"]
    assert saved["command"] == results["command"]
    rows = {row["method"]: row for row in saved["table"]}
    assert set(rows) == {"frozen", "riemann", "oracle"}
    assert rows["oracle"]["accuracy_post"] > 0.8
    assert any("Pz" in note for note in saved["notes"]), "the flat channel is reported"
    assert any("re-projection" in note for note in saved["notes"])
    assert "--events T1=left,T2=right" in saved["command"]
    assert "--severity=3" in saved["command"]
    assert "Replay of mine.edf" in (out / "report.html").read_text()
    again = run_replay(
        file, events=EVENTS, drift="cap_shift", severity=3.0, methods=("frozen", "riemann", "oracle"), out=out
    )
    assert again["table"][0]["accuracy_post"] == saved["table"][0]["accuracy_post"]
    with pytest.raises(InputError, match="other"):
        run_replay(
            file, events=EVENTS, drift="cap_shift", severity=3.0, methods=("frozen", "riemann", "oracle"), out=out,
            calibration=12,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drift": "cap_shfit"}, "cap_shift"),
        ({"severity": -1.0}, "severity"),
        ({"methods": ("frozn",)}, "frozen"),
        ({"calibration": 5}, "at least 10"),
        ({"calibration": 25}, "smaller --calibration"),
        ({"events": "T8=left,T9=right"}, "T8"),
        ({"tmin": 0.0, "tmax": 0.1}, "window"),
    ],
)
def test_what_a_file_cannot_give_is_one_line(tmp_path, changes, message):
    file = make_file(tmp_path / "mine.edf")
    with pytest.raises(InputError, match=message) as error:
        run_replay(file, **({"events": EVENTS, "out": tmp_path / "out"} | changes))
    assert "\n" not in str(error.value)


def test_a_slow_recording_is_refused_for_a_fast_decoder(tmp_path):
    file = make_file(tmp_path / "mine.edf", sfreq=70)
    with pytest.raises(InputError, match="70 Hz"):
        run_replay(file, events=EVENTS, decoder="eegnet", out=tmp_path / "out")


def test_a_published_recording_replays_from_its_file(tmp_path):
    file = DATA / "S007" / "S007R04.edf"
    if not file.is_file():
        pytest.skip("needs ../shared/data/eegmmidb")
    with pytest.raises(InputError, match="15 trials"):
        run_replay(file, events=EVENTS, methods=("frozen",), out=tmp_path / "out")
    results = run_replay(
        file, events="T0=rest,T1=move,T2=move", methods=("frozen", "riemann"), calibration=12, out=tmp_path / "out"
    )
    assert results["complete"]
    assert results["table"][0]["n_trials_post"] == 12


@pytest.mark.parametrize(
    ("severity", "onset_s", "message"),
    [
        (99.0, 0.0, r"severity of drift 'cap_shift' is 99; wanted 0 to 8 \(cm at the vertex\)"),
        (-1.0, 0.0, "wanted 0 to 8"),
        (np.nan, 0.0, "wanted 0 to 8"),
        (1.0, np.nan, "onset_s of drift 'cap_shift' is nan"),
    ],
)
def test_a_drift_that_cannot_be_is_one_line(severity, onset_s, message):
    with pytest.raises(InputError, match=message):
        make_drift("cap_shift", make_montage("10-20-19"), severity, onset_s)
