"""Transfers as scenarios: what becomes of the cells, what is read from recordings, what is refused in a line."""

import dataclasses
import gzip
import json

import numpy as np
import pytest

from neurodrift.scenarios.config import make_config
from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.lookup import get_scenario
from neurodrift.scenarios.own import cells_of, people
from neurodrift.scenarios.tables import strict
from neurodrift.scenarios.transfer.erp import pairs
from neurodrift.scenarios.transfer.infos import ARMS, TRANSFERS
from neurodrift.scenarios.transfer.muse import read
from neurodrift.scenarios.transfer.outcome import Outcome
from neurodrift.scenarios.transfer.scenario import Measured, Table, Told, TransferScenario
from neurodrift.scenarios.transfer.seizure_detections import detections
from neurodrift.scenarios.transfer.seizure_patients import BANDS, features
from neurodrift.scenarios.transfer.seizure_trials import balanced_pool
from neurodrift.scenarios.transfer.sleep_nights import everybody
from neurodrift.sim.errors import InputError

RIGHT = {"scratch": 0.6, "scratch_aligned": 0.65, "frozen": 0.7, "aligned": 0.8, "finetuned": 0.85, "oracle": 0.95}


@dataclasses.dataclass(frozen=True)
class Toy:
    """Arms that are right as often as ``RIGHT`` says, on 100 trials of every person."""

    arms: tuple[str, ...] = ARMS
    budget_unit: str = "labelled trials"

    def plan(self, config):
        return cells_of(config, people(config))

    def run(self, config, cell, notify):
        n, n_trials = len(cell.subjects), 100
        y = np.tile(np.arange(n_trials) % 2, (n, 1))
        right = np.arange(n_trials)[None] < 100 * np.array(list(RIGHT.values()))[:, None]  # (n_arms, n_trials)
        sure = np.where(right[None], y[:, None], 1 - y[:, None])
        proba = np.stack([1.0 - sure, sure], -1)[:, None] * np.ones((1, 2, 1, 1, 1))
        proba[:, 0, 0] = np.nan
        return Measured("toy people", Outcome.create(cell.subjects, (0, 10), ARMS, proba, y))

    def tell(self, transfers, done):
        return Told("<b>told</b>", ["one"], [Table("Own", ("a", "b"), [["1", "2"]], "caption")], ["a note"])


@pytest.fixture(scope="module")
def results():
    scenario = TransferScenario(INFOS["transfer_new_user"], Toy())
    config = make_config("transfer_new_user", scenario.info, subjects=4, seeds=2)
    cells = scenario.plan(config)
    done = [({**c.to_json(), **meta}, arrays) for c in cells for meta, arrays in [scenario.run_cell(config, c, print)]]
    found = strict(scenario.results(config, done, len(cells), {"code": "x"}, "neurodrift run toy"))
    return scenario, found


def test_the_results_say_who_gained_and_the_page_shows_the_risks(results):
    scenario, found = results
    json.dumps(found, allow_nan=False)
    (risk,) = found["transfers"]
    row = next(r for r in risk["rows"] if (r["arm"], r["budget"]) == ("finetuned", 10))
    assert row["gain"] == pytest.approx(0.25)
    assert row["negative"] == 0.0
    assert found["complete"]
    page = scenario.report(found)
    for part in ("By labelled trials", "Person by person", "Risks", "No privacy audit", "&lt;b&gt;told", "caption"):
        assert part in page
    assert "+25.0 [25.0, 25.0]" in found["text"]
    assert page == scenario.report(found)


def test_options_of_labels_which_nothing_here_reads_are_refused(results):
    scenario, _ = results
    for option, value in (("label_delay", 2), ("label_missing", 0.5), ("label_noise", 0.2)):
        config = make_config("transfer_new_user", scenario.info, subjects=2, **{option: value})
        with pytest.raises(InputError, match=f"--{option.replace('_', '-')} {value}, which changes nothing"):
            scenario.plan(config)


def test_a_quick_verdict_says_that_it_is_none(results):
    scenario, found = results
    config = make_config("transfer_new_user", scenario.info, subjects=2, quick=True)
    (cell, *_), done = scenario.plan(config), []
    meta, arrays = scenario.run_cell(config, cell, print)
    done.append(({**cell.to_json(), **meta}, arrays))
    quick = scenario.results(config, done, 1, {"code": "x"}, "neurodrift run toy")
    assert quick["verdict"]["headline"].startswith("Quick run, too short and too few to be a result.")
    assert "Quick" not in found["verdict"]["headline"]


def test_arms_can_be_chosen_and_others_are_refused(results):
    scenario, _ = results
    config = make_config("transfer_new_user", scenario.info, methods=["scratch", "aligned"], subjects=2)
    cell = scenario.plan(config)[0]
    meta, arrays = scenario.run_cell(config, cell, print)
    assert meta["outcome"]["arms"] == ["scratch", "aligned"]
    assert arrays["outcome/accuracy"].shape == (2, 2, 2)
    found = scenario.results(config, [({**cell.to_json(), **meta}, arrays)], 1, {}, "")
    assert scenario.report(strict(found))
    config = make_config("transfer_new_user", scenario.info, methods=["ea"], subjects=2)
    with pytest.raises(InputError, match="has no method 'ea'; choose from scratch"):
        scenario.plan(config)


def test_nothing_finished_is_said_to_be_nothing(results):
    scenario, _ = results
    config = make_config("transfer_new_user", scenario.info)
    found = scenario.results(config, [], 1, {}, "")
    assert found["verdict"]["headline"] == "Nothing has run yet."
    assert scenario.report(strict(found))


@pytest.mark.parametrize("info", TRANSFERS, ids=lambda info: info.name)
def test_every_transfer_plans_or_says_what_data_it_wants(info):
    config = make_config(info.name, info)
    scenario = get_scenario(info.name)
    if info.kind == "recorded":
        with pytest.raises(InputError, match="--data") as caught:
            scenario.plan(config)
        assert "\n" not in str(caught.value)
    else:
        assert scenario.plan(config)


@pytest.mark.parametrize("name", ["transfer_sleep", "transfer_erp", "transfer_new_user"])
def test_a_folder_without_recordings_is_refused_in_a_line(name, tmp_path):
    config = make_config(name, INFOS[name], data=str(tmp_path))
    with pytest.raises(InputError, match="wanted") as caught:
        get_scenario(name).plan(config)
    assert "\n" not in str(caught.value)


def test_nights_are_read_and_wake_is_trimmed(tmp_path):
    y = np.r_[np.zeros(200), np.full(100, 2), np.zeros(300)].astype(int)
    x = np.arange(600.0)[:, None] * np.ones(18)
    for person in ("SC400", "SC401", "SC402"):
        for night in (1, 2):
            np.savez(tmp_path / f"{person}{night}E0.npz", X=x, y=y)
    found = everybody(str(tmp_path))
    assert set(found) == {"SC400", "SC401", "SC402"}
    night = found["SC401"][1]
    assert len(night.y) == 60 + 100 + 60
    assert night.x[0, 0] == 140.0


def test_windows_of_a_headband_follow_their_markers(tmp_path):
    rng = np.random.default_rng(0)
    n = 2560
    eeg = rng.normal(0, 5, (n, 4))
    marker = np.zeros(n)
    marker[[500, 1000, 1500]] = [1, 2, 1]
    eeg[1000:1300] += 20 * np.sin(2 * np.pi * 10 * np.arange(300) / 256)[:, None]
    eeg[1520] += 500  # the third trial is rejected
    folder = tmp_path / "P300" / "S1_D1"
    folder.mkdir(parents=True)
    rows = np.column_stack([np.arange(n) / 256, eeg, np.zeros(n), marker])
    with gzip.open(folder / "run_1.csv.gz", "wt") as file:
        file.write("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker\n")
        np.savetxt(file, rows, delimiter=",")
    found = read(folder / "run_1.csv.gz", (1.0, 20.0), (0.1, 0.7))
    assert found.x.shape == (2, 4, round(0.7 * 256) - round(0.1 * 256))
    np.testing.assert_array_equal(found.y, [0, 1])
    rms = 1e6 * found.x.std(axis=(1, 2))
    assert rms[1] == pytest.approx(20 / np.sqrt(2), rel=0.15)
    assert rms[0] < 5
    (folder.parent / "S1_D2").mkdir()
    (folder.parent / "S1_D2" / "run_1.csv.gz").write_bytes(b"no gzip")
    assert pairs(str(tmp_path)) == [("S1_D1", "S1_D2"), ("S1_D2", "S1_D1")]
    with pytest.raises(InputError, match="can't be read"):
        read(folder.parent / "S1_D2" / "run_1.csv.gz", (1.0, 20.0), (0.1, 0.7))


def test_the_power_of_a_sine_is_in_its_band_and_its_line_length_in_closed_form():
    t = np.arange(256) / 256
    found = np.exp(features(100e-6 * np.sin(2 * np.pi * 10 * t), 256.0))
    in_band = found[next(i for i, (lo, hi) in enumerate(BANDS) if lo <= 10 < hi)]
    assert in_band == pytest.approx((100e-6) ** 2 / 2, rel=0.1)
    assert in_band > 50 * max(found[0], found[4])
    # mean |slope| of a sine: 4 amplitude frequency
    assert found[5] == pytest.approx(4 * 100e-6 * 10, rel=0.01)
    assert found[6] == pytest.approx((100e-6) ** 2 / 2, rel=0.01)


def test_labelled_seconds_are_half_ictal_and_the_first_to_come():
    seizing = np.zeros((1, 100), bool)
    seizing[0, 40:50] = seizing[0, 80:90] = True
    impending = np.zeros_like(seizing)
    impending[0, 35:40] = True
    x = np.arange(100.0)[None, :, None]
    found = balanced_pool(x, seizing, impending, 12)
    seconds = np.asarray(found.x)[0, :, 0, 0]
    np.testing.assert_array_equal(seconds[::2], np.arange(40, 46))
    assert not set(seconds[1::2]) & set(range(35, 50))
    np.testing.assert_array_equal(np.asarray(found.y)[0], np.arange(12) % 2 == 0)
    few = balanced_pool(x, seizing & (np.arange(100) < 43), impending, 12)
    assert np.asarray(few.weight)[0, ::2].sum() == 3


def test_detections_are_counted_by_hand():
    seizing = np.zeros((1, 400), bool)
    seizing[0, 100:120] = seizing[0, 300:320] = True
    quiet = np.zeros_like(seizing)
    p = np.zeros((1, 1, 1, 400))
    p[..., 100:110] = 1.0  # the mean of five passes .9 in the fifth second
    p[..., 200:205] = 1.0  # and once for nothing
    found = detections(np.stack([1 - p, p], -1), seizing, quiet)
    assert found["seizures"].item() == 2
    assert found["detected"].item() == 1
    assert found["delay"].item() == 5.0
    assert found["false"].item() == pytest.approx(1.0)
