"""Choose the settings of mi_multiday on recordings that it does not score.

    python benchmarks/choose_multiday.py FOLDER

FOLDER holds EEGMMIDB's S001, S007, S049, S062, S070, S094 (https://physionet.org/content/eegmmidb/1.0.0/): imagery or
movement against rest in the 11 channels of P01's cap, runs of one task as days, trained on the runs before and scored
on the next (nine tasks of six people). The regulariser and the alignment are chosen without labels of the day, the
online readout with them; the best mean accuracy over tasks wins, the first of equals.
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
# Stage by stage: the arm that decides, and the settings varied together.
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


def main() -> None:
    settings = Settings()
    studies = [Study(days, "tangent_lr", 1, int(days.day.max()), settings) for days in real(Path(sys.argv[1]))]
    for arm, grid in STAGES:
        tried = []
        for values in itertools.product(*grid.values()):
            one = dataclasses.replace(settings, **dict(zip(grid, values)))
            tried.append((one, score(studies, one, arm)))
            accuracy = tried[-1][1]
            error = accuracy.std(ddof=1) / np.sqrt(accuracy.size)
            print(f"{arm} {dict(zip(grid, values))}: {accuracy.mean():.4f} +- {error:.4f}", flush=True)
        settings = max(tried, key=lambda trial: trial[1].mean())[0]
        print(settings, flush=True)
    for arm in ("daily", "daily_riemann", "daily_riemann_labels"):
        print(arm, round(float(score(studies, settings, arm).mean()), 4), flush=True)


if __name__ == "__main__":
    main()
