"""Choose the settings of simulated transfers on people, seeds and animals that the pages do not report.

    python benchmarks/choose_transfer.py species|depth

As choose_tasks.py does: one setting after the other, by the mean over the transfers of the task too. Prints the scores
and what is best; FULL of scenarios/transfer/species.py and depth.py is what it says.
"""

import sys
from typing import Any

import numpy as np
from choose_tasks import Grid, Score, choose, mean_of  # beside this file

from neurodrift.scenarios.transfer import depth, species

SEED, FIRST, N = 9000, 9000, 8
NAMES = [str(i) for i in range(N)]
GRIDS: dict[str, Grid] = {
    "species": (
        ("start", (0.3, 1.0, 3.0, 10.0, 30.0), "aligned"),
        ("source_epochs", (6, 20, 60, 200), "aligned"),
        ("scratch_rate", (1e-3, 3e-3, 1e-2, 3e-2, 1e-1), "scratch_aligned"),
        ("scratch_epochs", (20, 60, 200, 600), "scratch_aligned"),
        ("tuned_rate", (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1), "finetuned"),
        ("tuned_epochs", (2, 6, 20, 60, 200), "finetuned"),
    ),
    "depth": (
        ("start", (0.0, 0.3, 1.0, 3.0, 10.0, 30.0), "aligned"),
        ("source_epochs", (6, 20, 60, 200), "aligned"),
        ("scratch_rate", (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0), "scratch_aligned"),
        ("scratch_epochs", (6, 20, 60, 200, 600), "scratch_aligned"),
        ("tuned_rate", (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1), "finetuned"),
        ("tuned_epochs", (2, 6, 20, 60, 200), "finetuned"),
    ),
}


def score_species(settings: species.Settings, arm: str) -> float:
    """Mean over both ways to write down frequency."""
    numbers = FIRST + np.arange(N)
    found = [
        species.meet(settings, FIRST + np.arange(settings.n_source), numbers, SEED, relative, NAMES)
        for relative in (False, True)
    ]
    return float(np.mean([mean_of(outcome, arm) for outcome in found]))


def score_depth(settings: depth.Settings, arm: str) -> float:
    """Mean over the sensors."""
    patients, known = FIRST + np.arange(N), FIRST + 500 + np.arange(settings.n_source)
    found = [depth.meet(settings, known, patients, SEED, sensor, NAMES) for sensor in depth.SENSORS]
    return float(np.mean([mean_of(outcome, arm) for outcome in found]))


def main() -> None:
    tasks: dict[str, tuple[Any, Score]] = {
        "species": (species.Settings(), score_species), "depth": (depth.Settings(), score_depth),
    }  # fmt: skip
    if len(sys.argv) != 2 or sys.argv[1] not in tasks:
        sys.exit(f"usage: python {sys.argv[0]} {'|'.join(tasks)}")
    print(choose(*tasks[sys.argv[1]], GRIDS[sys.argv[1]]))


if __name__ == "__main__":
    main()
