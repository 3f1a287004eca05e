"""A person whose hands and idling nobody can tell apart (P02): above chance there could only be what leaks."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from neurodrift.scenarios.infos import INFOS
from neurodrift.scenarios.multiday import Days, Settings, Study, arrange, bands_of
from neurodrift.sim.recordings import Recording

FOLDER = Path(__file__).parents[3] / "shared/data/mi_multiday/P02"
CODES = {"right": 0, "idle": 2}  # of the files
CHANNELS = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
ARMS = INFOS["mi_multiday"].methods
GAIN = 1.125

pytestmark = [
    pytest.mark.slow,  # a minute or two of compilation, an arm at a time
    pytest.mark.skipif(not FOLDER.is_dir(), reason="needs the recordings of P02 in ../shared/data/mi_multiday"),
]


@pytest.fixture(scope="module")
def days():
    xs, ys, sessions, starts = [], [], [], []
    for session, file in enumerate(sorted(FOLDER.glob("*.npz"))):
        with np.load(file) as run:
            rows = [list(run["ch_names"]).index(name) for name in CHANNELS]
            kept = np.isin(run["y"], list(CODES.values()))
            x = 1e-6 * run["X"][kept][:, rows].astype(float)
            xs.append(x - x.mean(-1, keepdims=True))
            ys.append((run["y"][kept] == CODES["idle"]).astype(np.int32))
            sessions.append(np.full(kept.sum(), session, np.int32))
            starts.append(str(run["start"]))
    n_samples = np.concatenate([np.full(len(x), x.shape[-1], np.int32) for x in xs])
    longest = n_samples.max()
    x = np.concatenate([np.pad(x, ((0, 0), (0, 0), (0, longest - x.shape[-1]))) for x in xs])
    recording = Recording(
        x=x.astype(np.float32),
        y=np.concatenate(ys),
        class_names=("right", "idle"),
        ch_names=CHANNELS,
        sfreq=125.0,
        tmin=0.0,
        session=np.concatenate(sessions),
        session_names=tuple(starts),
        session_days=tuple(start[:10] for start in starts),
        session_quality=("ok",) * len(starts),
        onset_s=np.full(len(x), np.nan),
        n_samples=n_samples,
        subject="P02",
        licence="MIT",
        source="mi_multiday",
    )
    return arrange(recording, bands_of("tangent_lr", Settings()))[0]


def right(days: Days, arm: str) -> np.ndarray:
    """Whether each trial but the first day's was answered rightly, by decoders of the days before."""
    proba, _ = Study(days, "tangent_lr", 1, 2, Settings()).run(arm)
    return (proba.argmax(-1) == days.y)[days.day >= 1]


def chance(n_trials: int, n_arms: int) -> tuple[float, float]:
    """The interval that all ``n_arms`` arms stay in with 95 % probability, if each guesses (Bonferroni)."""
    lo, hi = binom.ppf([0.025 / n_arms, 1 - 0.025 / n_arms], n_trials, 0.5)
    return lo, hi


def test_no_arm_finds_what_is_not_there(days):
    assert (np.bincount(days.y[days.day >= 1]) == 60).all()
    answers = {arm: right(days, arm) for arm in ARMS}
    lo, hi = chance(120, len(ARMS))
    counts = {arm: int(found.sum()) for arm, found in answers.items()}
    assert all(lo <= count <= hi for count in counts.values()), (lo, hi, counts)


def test_a_leak_would_show(days):
    # the same windows, with an eighth more amplitude over one hand's area when it is idle's turn
    leaky = np.where((days.y == 1)[:, None, None], louder(days.x), days.x)
    _, hi = chance(120, len(ARMS))
    assert right(days._replace(x=leaky), "riemann").sum() > hi


def louder(x: np.ndarray) -> np.ndarray:
    """Windows (n_trials, n, n) in which the first channel of every band has more amplitude."""
    gain = np.ones(x.shape[1], np.float32)
    gain[:: len(CHANNELS)] = GAIN
    return gain[:, None] * x
