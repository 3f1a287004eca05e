"""How many labels a day mi_multiday's arms need: the labels-to-90 % curve of P01.

    python benchmarks/multiday_labels.py [FOLDER] [--json]

FOLDER holds P01's runs, one npz each, as tools/pack_recordings.py reads them; without it the recording of the package
is taken, which is the same to the last bit. From the day after LAST_TRAINING_DAY on, only the first k trials of either
class of each day are labelled, k = 0, 2, 5, 10, 20, 40 (5 and 10 are 10 and 20 labels a day in all; a day has some 20
to 90 trials, imagery of the left hand counted). Labels that are withheld are missing from the next mornings' training
too; those up to LAST_TRAINING_DAY are all there. Accuracy over right hand and idle of all later days, every trial
predicted before anything is learnt from it; standard errors are binomial.

"to 90 %": the fewest labels per class and day at which an arm has 90 % of what it has above chance with all labels.
"recovered": the fewest at which it has 90 % of what it had above chance over the last 50 trials before that day, the
target of the time to recovery.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from neurodrift.scenarios.metrics import (
    LABELS_PER_CLASS,
    ROUNDING,
    accuracy_after,
    accuracy_before,
    predictions,
    recovery_target,
)
from neurodrift.scenarios.multiday import LAST_TRAINING_DAY, RECORDING, Days, Settings, Study, arrange, bands_of
from neurodrift.sim.recordings import Recording, load_embedded
from neurodrift.sim.recordings.embedded import in_volts

ARMS = ("cft", "riemann_online", "riemann_refit", "daily_riemann_cft", "daily_riemann_labels", "daily_riemann_refit")
CHANCE = 0.5


def recording(folder: Path | None) -> Recording:
    """P01's, of the folder or of the package."""
    if folder is None:
        return load_embedded(RECORDING)
    sys.path.append(str(Path(__file__).parents[1] / "tools"))
    from pack_recordings import read_p01

    return in_volts(*read_p01(folder))


def first_of_each_day(days: Days, onset_day: int, k: int) -> np.ndarray:
    """(n_trials,) bool: the first k trials of either class of each day from ``onset_day`` on, and all before it."""
    told = days.day < onset_day
    for day in np.unique(days.day[~told]):
        for label in np.unique(days.y):
            told[np.flatnonzero((days.day == day) & (days.y == label))[:k]] = True
    return told


def curve(studies: dict[int, Study], arm: str) -> dict[str, Any]:
    """Accuracy of an arm by labels per class and day; the last of the studies has all labels."""
    days, onset_day = next((study.days, study.onset_day) for study in studies.values())
    scored = (days.day >= 1) & days.scored
    onset = int((days.day[scored] < onset_day).sum())
    right, used = {}, {}
    for k, study in studies.items():
        proba, labels = study.run(arm)
        right[k] = (predictions(proba) == days.y)[scored]
        used[k] = int(labels.max())
        print(f"{arm} {k}: {accuracy_after(right[k], onset, None):.3f}", file=sys.stderr, flush=True)
    accuracy = [accuracy_after(correct, onset, None) for correct in right.values()]
    before = accuracy_before(right[max(right)], onset)
    n_trials = int(scored.sum()) - onset

    def fewest(target: float) -> int | None:
        reached = [k for k, value in zip(LABELS_PER_CLASS, accuracy) if value >= target - ROUNDING]
        return min(reached, default=None)

    return {
        "name": arm,
        "accuracy": dict(zip((*map(str, LABELS_PER_CLASS), "all"), accuracy)),
        "se": [float(np.sqrt(value * (1 - value) / n_trials)) for value in accuracy],
        "labels": list(used.values()),
        "before": before,
        "to_90": fewest(recovery_target(accuracy[-1], CHANCE)),
        "recovered": fewest(recovery_target(before, CHANCE)),
        "n_trials": n_trials,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="of P01's runs (default: the recording of the package)")
    parser.add_argument("--arms", default=",".join(ARMS), help="with commas")
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    options = parser.parse_args()
    settings = Settings()
    days, names = arrange(recording(options.folder).select_quality("ok"), bands_of("tangent_lr", settings))
    onset_day = names.index(LAST_TRAINING_DAY) + 1
    study = Study(days, "tangent_lr", 1, onset_day, settings).with_labels(0, 0.0, 0.0, 0)
    counts = (*LABELS_PER_CLASS, len(days.y))
    studies = {k: study.knowing(first_of_each_day(days, onset_day, k)) for k in counts}
    rows = [curve(studies, arm) for arm in options.arms.split(",")]
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'labels per class and day':28}" + "".join(f"{k:>8}" for k in (*LABELS_PER_CLASS, "all", "to 90 %")))
    for row in rows:
        accuracy = "".join(f"{value:8.3f}" for value in row["accuracy"].values())
        print(f"{row['name']:28}{accuracy}{row['to_90']!s:>8}")


if __name__ == "__main__":
    main()
