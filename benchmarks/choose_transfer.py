"""Choose the settings of simulated transfers on people, seeds and animals that the pages do not report.

    python benchmarks/choose_transfer.py species|depth

One setting after the other, each from a small grid: the value at which the arm that it is about has the highest mean
over people, budgets with labels (all, where the arm uses none) and transfers of the task. Each arm so has settings of
its own. Prints the scores and what was chosen; FULL of scenarios/transfer/species.py and depth.py is what it says.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from neurodrift.scenarios.transfer import depth, species
from neurodrift.scenarios.transfer.outcome import Outcome

SEED, FIRST, N = 9000, 9000, 8
NAMES = [str(i) for i in range(N)]
GRID: tuple[tuple[str, tuple[Any, ...], str], ...] = (
    ("start", (3.0, 10.0, 30.0), "aligned"),
    ("source_epochs", (20, 60), "aligned"),
    ("scratch_rate", (1e-3, 3e-3, 1e-2), "scratch_aligned"),
    ("tuned_rate", (3e-4, 1e-3, 3e-3), "finetuned"),
    ("tuned_epochs", (20, 60), "finetuned"),
)


def score_species(settings: species.Settings, arm: str) -> float:
    """Mean over both ways to write down frequency."""
    numbers = FIRST + np.arange(N)
    found = [
        species.meet(settings, FIRST + np.arange(settings.n_source), numbers, SEED, relative, NAMES)
        for relative in (False, True)
    ]
    return _mean(found, arm)


def score_depth(settings: depth.Settings, arm: str) -> float:
    """Mean over the sensors."""
    patients, known = FIRST + np.arange(N), FIRST + 500 + np.arange(settings.n_source)
    return _mean([depth.meet(settings, known, patients, SEED, sensor, NAMES) for sensor in depth.SENSORS], arm)


def _mean(found: list[Outcome], arm: str) -> float:
    """Of the arm's measure over people and the budgets with labels."""
    return float(np.mean([outcome.of(arm)[:, 1:].mean() for outcome in found]))


def choose(settings: Any, score: Callable[[Any, str], float]) -> Any:
    """The settings with every field of ``GRID`` at its best value, one after the other."""
    for name, values, arm in GRID:
        scores = [score(settings._replace(**{name: value}), arm) for value in values]
        print(f"{name} by {arm}: " + ", ".join(f"{v:g} {s:.4f}" for v, s in zip(values, scores)), flush=True)
        settings = settings._replace(**{name: values[int(np.argmax(scores))]})
    return settings


def main() -> None:
    tasks: dict[str, tuple[Any, Callable[[Any, str], float]]] = {
        "species": (species.Settings(), score_species), "depth": (depth.Settings(), score_depth),
    }  # fmt: skip
    if len(sys.argv) != 2 or sys.argv[1] not in tasks:
        sys.exit(f"usage: python {sys.argv[0]} {'|'.join(tasks)}")
    print(choose(*tasks[sys.argv[1]]))


if __name__ == "__main__":
    main()
