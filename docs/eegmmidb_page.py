"""The page of left against right fist of a person never seen: EEGMMIDB, leave one subject out, online."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurodrift.scenarios.report.text import UNDEFINED

NAME = "eegmmidb_loso"
MINUS = "\N{MINUS SIGN}"
SCRIPT = Path(__file__).parents[1] / "benchmarks" / f"{NAME}.py"


def measure(folder: Path) -> dict[str, Any]:
    """Run the benchmark on the recordings in ``folder``; its rows."""
    done = subprocess.run([sys.executable, str(SCRIPT), str(folder), "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def page(rows: Mapping[str, Any]) -> str:
    """The Markdown page."""
    ordered = [row for row in rows["pairs"] if row["published"] is not None]
    broken = [row for row in ordered if not row["holds"]]
    settled = [row for row in ordered if row["lo"] > 0 or row["hi"] < 0]
    verdict = f"Of {len(ordered)} differences in T-TIME's table {len(ordered) - len(broken)} have the same sign here"
    if broken:
        named = "; ".join(f"{row['titles'][0]} over {row['titles'][1]}" for row in broken)
        verdict += f". **Its ordering does not hold for: {named}**"
    verdict += (
        f". Intervals that leave 0 out: {len(settled)} of {len(ordered)}. Six people of 45 trials settle little: the "
        "smallest p that six people can give is .031, and a trial more or less is 2.2 points of a person's accuracy."
    )
    subjects = list(rows["arms"][0]["by_subject"])
    arms = [
        [
            row["title"],
            f"{row['accuracy']:.1f} [{row['lo']:.1f}, {row['hi']:.1f}]",
            UNDEFINED if row["published"] is None else f"{row['published']:.2f}",
            *(f"{row['by_subject'][subject]:.0f}" for subject in subjects),
        ]
        for row in rows["arms"]
    ]
    pairs = [
        [
            " over ".join(row["titles"]),
            f"{row['difference']:+.1f} [{row['lo']:+.1f}, {row['hi']:+.1f}]".replace("-", MINUS),
            f"{row['p']:.3f}",
            UNDEFINED if row["published"] is None else f"{row['published']:+.2f}".replace("-", MINUS),
            {True: "holds", False: "**does not hold**", None: UNDEFINED}[row["holds"]],
        ]
        for row in rows["pairs"]
    ]
    return f"""\
# EEGMMIDB: left against right fist of a person never seen

Six people's imagined left and right fist (EEGMMIDB, ODC-By 1.0), 45 trials each: five train, the sixth comes trial by
trial, predicted before anything is learnt from the trial. Beside it T-TIME's table (Li 2024) on other recordings,
BNCI2014001: nine people of 144 trials, leave one subject out, online. Nothing is chosen on these people; EEGNet is
trained from five seeds, averaged within a person. Only fine-tuning is told labels.

## Verdict

{verdict}

## Accuracy

Percent, 95 % bootstrap interval over people; chance is 50. The last columns are people.

{_markdown(["", "here", "BNCI2014001", *subjects], arms)}

## Differences

Points, paired by person, 95 % bootstrap interval over people, p of Wilcoxon's signed rank (exact, not corrected for the
number of pairs). An ordering holds where the mean difference has the sign of T-TIME's table.

{_markdown(["", "here", "p", "BNCI2014001", "ordering"], pairs)}

## How it was made

Channels, window, bands and what "frozen" and "no alignment" are: `benchmarks/{NAME}.py`, which made it:

```bash
python docs/make_results.py --only {NAME} --data FOLDER   # of S001, S007, S049, S062, S070, S094
```
"""


def _markdown(head: list[str], body: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])
