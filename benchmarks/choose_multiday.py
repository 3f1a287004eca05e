"""Choose the ridge of mi_multiday on recordings that it does not score, and see how much its other settings matter.

    python benchmarks/choose_multiday.py FOLDER

FOLDER holds EEGMMIDB's S001, S007, S049, S062, S070, S094 (https://physionet.org/content/eegmmidb/1.0.0/): imagery or
movement against rest in the 11 channels of P01's cap, runs of one task as days, trained on the runs before and scored
on the next (nine tasks of six people). Readout penalty and weight of the past days keep the field's defaults; their
table is printed because it lies within a standard error or two of itself, too little to choose by. The online readout's
ridge has no default in the field: the best mean accuracy over tasks wins, the first of equals.
"""

import dataclasses
import itertools
import sys
from pathlib import Path

import numpy as np

from neurodrift.scenarios.multiday import Days, Settings, Study, arrange
from neurodrift.sim.recordings import concatenate, read_recording

CHANNELS = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
IMAGINED, MOVED = (4, 8, 12), (3, 7, 11)
TASKS = [(s, IMAGINED) for s in (1, 7, 49, 62, 70, 94)] + [(1, MOVED), (1, (5, 9, 13)), (1, (6, 10, 14))]
SENSITIVITY = {"c": (0.1, 0.3, 1.0, 3.0), "session_weight": (4.0, 2.0, 1.0, 0.5, 0.25)}
CHOICE = {"ridge": (100.0, 30.0, 10.0, 3.0, 1.0)}


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


def table(studies: list[Study], arm: str, grid: dict[str, tuple[float, ...]]) -> Settings:
    """Print the arm's accuracy over the grid; the best settings."""
    tried = []
    for values in itertools.product(*grid.values()):
        one = Settings(**dict(zip(grid, values)))
        accuracy = score(studies, one, arm)
        error = accuracy.std(ddof=1) / np.sqrt(accuracy.size)
        print(f"{arm} {dict(zip(grid, values))}: {accuracy.mean():.4f} +- {error:.4f}", flush=True)
        tried.append((one, accuracy.mean()))
    return max(tried, key=lambda trial: trial[1])[0]


def main() -> None:
    studies = [Study(days, "tangent_lr", 1, int(days.day.max()), Settings()) for days in real(Path(sys.argv[1]))]
    table(studies, "daily_riemann", SENSITIVITY)
    print("chosen:", table(studies, "daily_riemann_labels", CHOICE), flush=True)


if __name__ == "__main__":
    main()
