"""Choose the settings of the transfers of seizures, sleep and evoked responses where no page reports.

    python benchmarks/choose_tasks.py seizure
    python benchmarks/choose_tasks.py pictures
    python benchmarks/choose_tasks.py flicker
    python benchmarks/choose_tasks.py sleepers
    python benchmarks/choose_tasks.py sleep --data FOLDER

One setting after the other, each from a small grid: the value at which the arm that it is about has the highest mean
over people and budgets with labels (all budgets for aligned). seizure, erp, sleepers: simulated people and a run that
are not among the reported. sleep: the second nights of the first five recorded people; the page's headline is of the
other five. Prints scores and what is best; FULL of scenarios/transfer/seizure.py, erp.py and sleep.py (SHORT for the
sleepers) is what it says.
"""

import argparse
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from neurodrift.scenarios.transfer import erp, seizure, sleep
from neurodrift.scenarios.transfer.outcome import Outcome, joined
from neurodrift.scenarios.transfer.seizure_patients import record_patients
from neurodrift.scenarios.transfer.sleep_nights import everybody
from neurodrift.scenarios.transfer.sleep_people import record_sleepers
from neurodrift.scenarios.transfer.sleep_words import CHOSEN_ON
from neurodrift.sim.keys import stream_key
from neurodrift.sim.tasks.seizures import MODELS

FIRST, SEED, N = 9000, 9000, 6
Grid = tuple[tuple[str, tuple[Any, ...], str], ...]
Score = Callable[[Any, str], float]
GRIDS: dict[str, Grid] = {
    "seizure": (
        ("start", (10.0, 30.0, 100.0, 300.0), "aligned"),
        ("scratch_rate", (1e-3, 3e-3, 1e-2), "scratch_aligned"),
        ("scratch_epochs", (20, 60, 200), "scratch_aligned"),
        ("tuned_rate", (1e-4, 3e-4, 1e-3), "finetuned"),
        ("tuned_epochs", (6, 20, 60), "finetuned"),
    ),
    "sleep": (
        ("weight", (75.0, 150.0, 300.0), "aligned"),
        ("scratch_epochs", (20, 60), "scratch_aligned"),
        ("tuned_rate", (1e-4, 3e-4), "finetuned"),
    ),
    "sleepers": (
        ("weight", (5.0, 20.0, 64.0), "aligned"),
        ("scratch_epochs", (20, 60, 200), "scratch_aligned"),
        ("tuned_rate", (1e-4, 3e-4, 1e-3), "finetuned"),
        ("tuned_epochs", (4, 20, 60), "finetuned"),
    ),
    "pictures": (("start", (1.0, 5.0, 20.0, 80.0), "aligned"), ("c", (0.01, 0.03, 0.1, 1.0), "finetuned")),
    "flicker": (("start", (1.0, 5.0, 20.0, 80.0), "aligned"), ("c", (0.1, 1.0, 10.0, 100.0), "finetuned")),
}


def mean_of(outcome: Outcome, arm: str) -> float:
    """Over people, and all budgets with labels, or all where the arm uses none."""
    return float(outcome.of(arm)[:, 0 if arm == "aligned" else 1 :].mean())


def seizures() -> Score:
    """Both models, six new patients each, known ones of other numbers too."""
    minutes, numbers = seizure.LONG, FIRST + np.arange(N)
    recorded = [
        (
            record_patients(model, FIRST + np.arange(seizure.FULL.n_source), SEED, minutes.known, False),
            record_patients(model, numbers, SEED, minutes.pool + minutes.test, True),
        )
        for model in MODELS
    ]
    names, key = tuple(str(n) for n in numbers), jax.random.key(SEED)

    def score(settings: Any, arm: str) -> float:
        found = [seizure.met(known, new, names, numbers, settings, minutes.pool, key)[0] for known, new in recorded]
        return float(np.mean([mean_of(outcome, arm) for outcome in found]))

    return score


def sleepers(folder: str) -> Score:
    """The first five people's second nights; the source, which no chosen setting changes, is trained once each."""
    nights = everybody(folder)
    length = min(sleep.LONGEST, max(len(n.y) for pair in nights.values() for n in pair))
    known = {}
    for me in sorted(nights)[:CHOSEN_ON]:
        others = [night for name, pair in nights.items() if name != me for night in pair]
        key = stream_key(jax.random.key(SEED), "person", int(me[2:]))
        known[me] = sleep.Known.train(sleep.FULL, sleep.RECORDED, others, length, key)

    def score(settings: Any, arm: str) -> float:
        found = []
        for me, taught in known.items():
            fitting = sleep.fitting_of(settings, taught.fitting.decoder.n_channels, len(sleep.STAGES[sleep.RECORDED]))
            budgets = (0, 60, sleep.LONGEST)
            found.append(taught._replace(fitting=fitting).stage(me, nights[me], budgets))
        return mean_of(joined(found), arm)

    return score


def simulated_sleepers() -> Score:
    """Six new sleepers, known ones of other numbers too."""
    numbers = FIRST + np.arange(N)
    known, new = record_sleepers(sleep.NIGHT, FIRST + np.arange(sleep.N_SOURCE), numbers, SEED)
    names, key = tuple(str(n) for n in numbers), jax.random.key(SEED)
    return lambda settings, arm: mean_of(sleep.met(known, new, names, settings, key), arm)


def evoked(what: str) -> Score:
    """Six people on two days."""
    numbers = FIRST + np.arange(N)
    names = tuple(str(n) for n in numbers)
    return lambda settings, arm: mean_of(erp.simulated(settings, what, names, numbers, SEED, _silent).outcome, arm)


def _silent(message: str) -> None:
    """Who is at work is not what one waits for."""


def choose(settings: Any, score: Score, grid: Grid) -> Any:
    """The settings with every field of the grid at its best value, one after the other."""
    for name, values, arm in grid:
        scores = [score(settings._replace(**{name: value}), arm) for value in values]
        print(f"{name} by {arm}: " + ", ".join(f"{v:g} {s:.4f}" for v, s in zip(values, scores)), flush=True)
        settings = settings._replace(**{name: values[int(np.argmax(scores))]})
    return settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=GRIDS)
    parser.add_argument("--data", help="folder of Sleep-EDF's features, for sleep")
    chosen = parser.parse_args()
    if (chosen.task == "sleep") != (chosen.data is not None):
        sys.exit("--data FOLDER goes with sleep, and with it alone")
    start, score = {
        "seizure": lambda: (seizure.FULL, seizures()),
        "sleep": lambda: (sleep.FULL, sleepers(chosen.data)),
        "sleepers": lambda: (sleep.SHORT, simulated_sleepers()),
        "pictures": lambda: (erp.FULL[erp.PICTURES], evoked(erp.PICTURES)),
        "flicker": lambda: (erp.FULL[erp.FLICKER], evoked(erp.FLICKER)),
    }[chosen.task]()
    print(choose(start, score, GRIDS[chosen.task]))


if __name__ == "__main__":
    main()
