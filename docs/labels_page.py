"""The section on how many labels a day mi_multiday's arms need."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from closed_page import save_png, table  # beside this file

from neurodrift.scenarios.lookup import describe_method
from neurodrift.scenarios.report.draw import PALETTE
from neurodrift.scenarios.report.text import UNDEFINED

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "multiday_labels.py"
FIGURE = "mi_multiday_labels.png"


def measure(file: Path) -> list[dict[str, Any]]:
    """The rows of the benchmark, run now unless ``file`` holds them from before."""
    if not file.is_file():
        done = subprocess.run([sys.executable, str(SCRIPT), "--json"], check=True, stdout=subprocess.PIPE)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(done.stdout)
    return json.loads(file.read_text(encoding="utf-8"))


def section(rows: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """The Markdown section; its figure goes into ``folder``."""
    counts = list(rows[0]["accuracy"])
    told = dict(zip(counts, rows[0]["labels"]))
    head = ["labels per class and day", *counts, "to 90 %", "recovered", "better than none from"]
    body = [
        [
            _title(row["name"]),
            *(f"{100 * value:.1f}" for value in row["accuracy"].values()),
            *(UNDEFINED if row[key] is None else str(row[key]) for key in ("to_90", "recovered")),
            _better_from(row["accuracy"]),
        ]
        for row in rows
    ]
    error = 100 * max(max(row["se"]) for row in rows)
    save_png(folder / FIGURE, (9.0, 3.6), lambda canvas: _draw(canvas, rows))
    first = [100 * (row["accuracy"]["2"] - row["accuracy"]["0"]) for row in rows]
    return f"""
## Labels a day

Accuracy over right hand and idle of the days after 1 March, percent ({rows[0]["n_trials"]} trials, binomial standard
error at most {error:.1f}), where only the first trials of either class of each day are labelled, imagery of the left
hand among them: 5 and 10 are 10 and 20 labels a day in all. Labels that are withheld are missing from the next
mornings' training too. *to 90 %*: the fewest at which an arm has 90 % of what it has above chance with all labels;
*recovered*: 90 % of what it had above chance over the 50 trials before; 0 says that alignment, or the decoder as it
was, does it without labels, {UNDEFINED} that none of the numbers does. Two labels per class and day change an arm by
{min(first):+.1f} to {max(first):+.1f} points: few labels are no better than none where alignment has done its part.

{table(head, body)}

Labels used in all from 1 March on, by the first of these arms: {", ".join(f"{n} at {k}" for k, n in told.items())}.

![Accuracy by labels per class and day]({FIGURE})

Written by `benchmarks/multiday_labels.py`.
"""


def _better_from(accuracy: Mapping[str, float]) -> str:
    """The fewest labels from which on an arm is better than without."""
    none, *others = accuracy.values()
    worse = [i for i, value in enumerate(others) if value <= none]
    first = worse[-1] + 1 if worse else 0
    return list(accuracy)[1:][first] if first < len(others) else UNDEFINED


def _title(name: str) -> str:
    return str(describe_method(name)["title"])


def _draw(canvas: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    ax = canvas.subplots()
    canvas.subplots_adjust(left=0.08, right=0.6, top=0.95, bottom=0.14)
    counts = list(rows[0]["accuracy"])
    for n, row in enumerate(rows):
        values = [100 * value for value in row["accuracy"].values()]
        ax.plot(range(len(counts)), values, marker="o", markersize=3, color=PALETTE[n], label=_title(row["name"]))
    ax.set_xticks(range(len(counts)), counts)
    ax.set_xlabel("labels per class and day")
    ax.set_ylabel("accuracy after 1 March, %")
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))
