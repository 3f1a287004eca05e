"""Choose mi_multiday's filter bank, penalty and weight of new labels on trials that it does not score.

    python benchmarks/choose_multiday.py FOLDER

FOLDER holds EEGMMIDB's S001, S007, S049, S062, S070, S094 (https://physionet.org/content/eegmmidb/1.0.0/): imagery or
movement against rest in the 11 channels of P01's cap, nine tasks of six people, runs of one task as days. Beside it
P01's own days up to 1 March. Everything by SciPy, pyRiemann and scikit-learn (benchmarks/multiday_plain.py). The bank
and the penalty are those of the highest mean over the ten tasks without labels, then the weight that of the highest
mean with.
"""

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from multiday_plain import Bands, bank, decode  # beside this file

from neurodrift.scenarios.multiday import LAST_TRAINING_DAY, MAINS, RECORDING
from neurodrift.sim.recordings import Recording, concatenate, load_embedded, read_recording

CHANNELS = ("C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6")
IMAGINED, MOVED = (4, 8, 12), (3, 7, 11)
TASKS = [(s, IMAGINED) for s in (1, 7, 49, 62, 70, 94)] + [(1, MOVED), (1, (5, 9, 13)), (1, (6, 10, 14))]
BANKS: dict[str, Bands] = {
    "8-30": ((8, 30),), "4-40": ((4, 40),), "8-13": ((8, 13),), "13-30": ((13, 30),), "7-35": ((7, 35),),
    "8-13-30": ((8, 13), (13, 30)), "8-12-20-30": ((8, 12), (12, 20), (20, 30)),
    "4-8-13-20-30": ((4, 8), (8, 13), (13, 20), (20, 30)),
    "4-8-12-16-24-38": ((4, 8), (8, 12), (12, 16), (16, 24), (24, 38)),
    "4-8 and 8-30": ((4, 8), (8, 30)), "8-30, 8-13 and 13-30": ((8, 30), (8, 13), (13, 30)),
}  # fmt: skip
PENALTIES = (0.03, 0.1, 0.3, 1.0)
WEIGHTS = (1.0, 2.0, 4.0, 8.0)


class Task(NamedTuple):
    """A recording, 1 for rest (y), a run and a day of each trial, and which trials count."""

    name: str
    recording: Recording
    mains: float
    y: np.ndarray
    run: np.ndarray
    day: np.ndarray
    scored: np.ndarray


def tasks(folder: Path) -> list[Task]:
    found = []
    for subject, runs in TASKS:
        parts = []
        for run in runs:
            file = folder / f"S{subject:03d}" / f"S{subject:03d}R{run:02d}.edf"
            parts.append(read_recording(file, "T0=rest,T1=task,T2=task", 0.0, 4.0, session_day=str(run)).pick(CHANNELS))
        whole = concatenate(parts)
        rest = whole.y == whole.class_names.index("rest")
        day = whole.session - whole.session.min()
        found.append(Task(f"S{subject:03d} {runs}", whole, 60.0, rest.astype(int), day, day, np.ones(len(rest), bool)))
    return [*found, early_days()]


def early_days() -> Task:
    """P01 up to the last day that mi_multiday's frozen decoder saw."""
    whole = load_embedded(RECORDING).select_quality("ok")
    days = list(dict.fromkeys(whole.session_days))
    day = np.array([days.index(whole.session_days[s]) for s in whole.session])
    early = whole.select(day <= days.index(LAST_TRAINING_DAY))
    day = day[day <= days.index(LAST_TRAINING_DAY)]
    idle = early.y == early.class_names.index("idle")
    return Task(
        "P01 early", early, MAINS, idle.astype(int), early.session, day, early.y != early.class_names.index("left")
    )


def accuracy(task: Task, answers: np.ndarray) -> float:
    scored = (task.day > task.day.min()) & task.scored
    return float((answers == task.y)[scored].mean())


def main() -> None:
    everything = tasks(Path(sys.argv[1]))
    best, chosen = -1.0, ("", 0.0)
    kept = {}
    for name, bands in BANKS.items():
        x = [bank(task.recording, bands, task.mains, task.run, task.day) for task in everything]
        for c in PENALTIES:
            scores = np.array([accuracy(t, decode(f, t.y, t.day, c)) for t, f in zip(everything, x)])
            show(f"{name} C {c:g}, no labels", scores)
            if scores.mean() > best:
                best, chosen, kept["x"] = scores.mean(), (name, c), x
    weights = {}
    for weight in WEIGHTS:
        answers = [decode(f, t.y, t.day, chosen[1], True, weight) for t, f in zip(everything, kept["x"])]
        scores = np.array([accuracy(t, a) for t, a in zip(everything, answers)])
        show(f"labels of the day weigh {weight:g}", scores)
        weights[weight] = scores.mean()
    print(f"chosen: bank {chosen[0]}, C {chosen[1]:g}, new labels weigh {max(weights, key=lambda w: weights[w]):g}")


def show(what: str, scores: np.ndarray) -> None:
    error = scores[:-1].std(ddof=1) / np.sqrt(len(scores) - 1)
    eegmmidb = f"EEGMMIDB {scores[:-1].mean():.4f} +- {error:.4f}"
    print(f"{what}: {eegmmidb}, P01 early {scores[-1]:.3f}, mean {scores.mean():.4f}", flush=True)


if __name__ == "__main__":
    main()
