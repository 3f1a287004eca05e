"""Choose the settings of mi_multiday on recordings that it does not score.

    python benchmarks/choose_multiday.py FOLDER

FOLDER holds EEGMMIDB's S001, S007, S049, S062, S070, S094 (https://physionet.org/content/eegmmidb/1.0.0/). Two sets:
real: imagery or movement against rest in the 11 channels of P01's cap, runs of one task as days, trained on the runs
before and scored on the next (nine tasks of six people); simulated: left against right hand of eight people over nine
mountings of the cap, moved 7.5 mm (standard deviation) and remixed by 5 %. Every set counts with its mean accuracy, and
the two kinds equally. The regulariser and the alignment are chosen without labels of the day, the
online readout with them; of what is within one standard error of the best, the most cautious is taken: the strongest
penalty, then the strongest prior, because the scored recording is noisier (dry electrodes) than either set.
"""

import dataclasses
import itertools
import sys
from pathlib import Path

import jax
import numpy as np

from neurodrift.adaptation.preprocessing import Preprocessing
from neurodrift.scenarios.multiday import Days, Settings, Study, arrange
from neurodrift.sim.builders import motor_imagery_plant
from neurodrift.sim.drift import SessionJumps
from neurodrift.sim.plant import record
from neurodrift.sim.recordings import concatenate, read_recording

CHANNELS = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
IMAGINED, MOVED = (4, 8, 12), (3, 7, 11)
TASKS = [(s, IMAGINED) for s in (1, 7, 49, 62, 70, 94)] + [(1, MOVED), (1, (5, 9, 13)), (1, (6, 10, 14))]
N_PEOPLE, N_SESSIONS, N_TRIALS = 8, 9, 20
# Stage by stage: the arm that decides, and the settings varied together, each from the most cautious value on.
STAGES = (
    ("daily_riemann", {"c": (0.1, 0.3, 1.0, 3.0), "session_weight": (4.0, 2.0, 1.0, 0.5, 0.25)}),
    ("daily_riemann_labels", {"ridge": (100.0, 30.0, 10.0, 3.0, 1.0)}),
)


def real(folder: Path) -> list[Days]:
    """Task against rest, a run a day."""
    found = []
    for subject, runs in TASKS:
        parts = []
        for run in runs:
            name = f"S{subject:03d}"
            file = folder / name / f"{name}R{run:02d}.edf"
            parts.append(read_recording(file, "T0=rest,T1=task,T2=task", 0.0, 4.0, session_day=str(run)).pick(CHANNELS))
        found.append(arrange(concatenate(parts), 8.0, 30.0, mains=60.0)[0])
    shortest = min(len(days.y) for days in found)
    # one shape, so that nothing is compiled twice
    return [_cut(days, shortest) for days in found]


def _cut(days: Days, n_trials: int) -> Days:
    return Days(*(np.asarray(field)[:n_trials] for field in days))


def simulated() -> list[Days]:
    """People of another population key than any scenario's."""
    preprocessing = Preprocessing.create(250.0, 750, sfreq_out=125.0)

    @jax.jit
    @jax.vmap
    def one(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        plant = motor_imagery_plant(key, CHANNELS, drift=(SessionJumps.create(8.0 * N_TRIALS, 1.0),))
        epochs = record(plant, jax.random.fold_in(key, 1), N_SESSIONS * N_TRIALS)
        return preprocessing.apply(epochs.x), epochs.label

    x, y = (np.asarray(a) for a in one(jax.random.split(jax.random.key(777), N_PEOPLE)))
    session = np.repeat(np.arange(N_SESSIONS, dtype=np.int32), N_TRIALS)
    return [Days(xi, yi.astype(np.int32), session, session) for xi, yi in zip(x, y)]


def score(studies: list[Study], settings: Settings, arm: str) -> np.ndarray:
    """Accuracy (n_studies,) over all days but the first."""
    accuracy = []
    for study in studies:
        if study.settings.c != settings.c:
            study.decoder = dataclasses.replace(study.decoder, c=settings.c)
            study._sources.clear()
        study.settings = settings
        proba, _ = study.run(arm)
        scored = study.days.day >= 1
        accuracy.append((proba.argmax(-1) == study.days.y)[scored].mean())
    return np.array(accuracy)


def difference(best: list[np.ndarray], other: list[np.ndarray]) -> tuple[float, float]:
    """Mean over kinds of data of the paired difference, and its standard error over their studies."""
    each = [a - b for a, b in zip(best, other)]
    error = np.sqrt(sum(d.var(ddof=1) / d.size for d in each)) / len(each)
    return float(np.mean([d.mean() for d in each])), float(error)


def main() -> None:
    sets = {"real": real(Path(sys.argv[1])), "simulated": simulated()}
    settings = Settings()
    studies = [[Study(days, "tangent_lr", 1, int(days.day.max()), settings) for days in s] for s in sets.values()]
    for arm, grid in STAGES:
        tried = []
        for values in itertools.product(*grid.values()):
            one = dataclasses.replace(settings, **dict(zip(grid, values)))
            tried.append((one, values, [score(s, one, arm) for s in studies]))
        best = max(tried, key=lambda trial: np.mean([a.mean() for a in trial[2]]))
        for _, values, found in tried:
            gap, error = difference(best[2], found)
            shown = ", ".join(f"{kind} {a.mean():.4f}" for kind, a in zip(sets, found))
            print(f"{arm} {dict(zip(grid, values))}: {shown}; {gap:.4f} +- {error:.4f} below the best", flush=True)
        # Cautious first: the earliest within one standard error of the best (Breiman's rule).
        settings = next(one for one, _, found in tried if np.less_equal(*difference(best[2], found)))
        print(settings, flush=True)
    for arm in ("daily", "daily_riemann", "daily_riemann_labels"):
        found = [score(s, settings, arm) for s in studies]
        print(arm, {kind: round(float(a.mean()), 4) for kind, a in zip(sets, found)}, flush=True)


if __name__ == "__main__":
    main()
