"""Files of a transfer that cannot be used are named in one line."""

import gzip

import numpy as np
import pytest

from neurodrift.scenarios.eegmmidb import recorded_subjects
from neurodrift.scenarios.transfer.muse import read
from neurodrift.scenarios.transfer.seizure_segments import groups
from neurodrift.scenarios.transfer.sleep_nights import everybody
from neurodrift.sim.errors import InputError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(100, 6)), np.r_[np.zeros(20, int), np.full(80, 2)]


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        (X, np.zeros(100, int), "SC4011E0.npz has no epoch of sleep among 100"),
        (X, Y[:90], r"has X \(100, 6\) and y \(90,\)"),
        (X, Y + 3, "stages 0 to 4"),
        (np.where(X > 2, np.nan, X), Y, "all finite"),
        (X[:, :4], Y, "SC401 has"),
    ],
)
def test_a_night_that_cannot_be_staged(tmp_path, x, y, said):
    for person in ("SC400", "SC401", "SC402"):
        for night in (1, 2):
            mine = (x, y) if (person, night) == ("SC401", 1) else (X, Y)
            np.savez(tmp_path / f"{person}{night}E0.npz", X=mine[0], y=mine[1])
    with pytest.raises(InputError, match=said) as caught:
        everybody(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:, 5].fill(0), "has 0 markers"),
        (lambda rows: rows[50:60, 2].fill(np.nan), "10 values that are not finite"),
        (lambda rows: rows.__setitem__((slice(None), 1), 500 * RNG.normal(size=len(rows))), "no trial of 3 below 100"),
    ],
)
def test_a_headband_without_a_trial(tmp_path, change, said):
    n = 2560
    rows = np.column_stack([np.arange(n) / 256, RNG.normal(0, 5, (n, 4)), np.zeros(n)])
    rows[[500, 1000, 1500], 5] = [1, 2, 1]
    change(rows)
    with gzip.open(tmp_path / "run_1.csv.gz", "wt") as file:
        file.write("timestamps,TP9,AF7,AF8,TP10,Marker\n")
        np.savetxt(file, rows, delimiter=",")
    with pytest.raises(InputError, match=said):
        read(tmp_path / "run_1.csv.gz", (1.0, 20.0), (0.1, 0.7))


@pytest.mark.parametrize("read", [everybody, groups, recorded_subjects])
def test_a_folder_that_is_not_there(tmp_path, read):
    with pytest.raises(InputError, match="absent': there is no such folder; wanted ") as caught:
        read(str(tmp_path / "absent"))
    assert "\n" not in str(caught.value)
