"""``neurodrift compare``: several runs side by side."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from .parsing import Argument, Flag


@dataclasses.dataclass
class Options:
    """Put the tables of several runs side by side; methods are ranked when every run is complete."""

    folders: Argument[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR")]]
    """folders of runs, of one scenario or of several"""
    json: Flag = False
    """print JSON instead of a table"""


def execute(options: Options) -> int:
    """Print the joined table."""
    from ...sim.errors import InputError
    from ..comparison import compare

    if len(options.folders) < 2:
        raise InputError(f"compare got {len(options.folders)} folder(s): wanted two or more, such as runs/A runs/B")
    found = compare(list(options.folders))
    if options.json:
        import json

        print(json.dumps(found, indent=1))
        return 0
    _table(found)
    if found["ranking"] is None:
        print(f"not ranked: {found['why_not_ranked']}")
        return 0
    for run in found["ranking"]:
        for level in run["severities"]:
            at = "" if level["severity"] is None else f" at {level['severity']:g}"
            print(f"{run['folder']}, {run['scenario']}{at}, best first: {', '.join(level['methods'])}")
    return 0


def _table(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("scenario", "severity", "method")
    for number, run in enumerate(found["runs"], 1):
        table.add_column(f"[{number}] accuracy after", justify="right")
        table.add_column(f"[{number}] drop", justify="right")
        done = "" if run["complete"] else f"  {run['cells_done']}/{run['cells_planned']} cells, INCOMPLETE"
        print(f"[{number}] {run['folder']}{done}")
    last = None
    for row in found["rows"]:
        group = (row["scenario"], row["severity"])
        if last not in (None, group):
            table.add_section()
        last = group
        cells = []
        for values in row["values"]:
            cells += [_interval(values, "accuracy_post"), _interval(values, "drop")]
        severity = "" if row["severity"] is None else f"{row['severity']:g}"
        table.add_row(row["scenario"], severity, row["method"], *cells)
    console = Console() if sys.stdout.isatty() else Console(width=150)
    console.print(table)


def _interval(values: dict[str, Any] | None, name: str) -> str:
    if values is None or values.get(name) is None:
        return "-"
    low, high = values.get(f"{name}_lo"), values.get(f"{name}_hi")
    ends = "" if low is None or high is None else f" ({low:.3f} to {high:.3f})"
    return f"{values[name]:.3f}{ends}"
