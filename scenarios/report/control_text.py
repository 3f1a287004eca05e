"""The table of a control run as text: for the terminal and for the report."""

from collections.abc import Mapping
from typing import Any

from .text import UNDEFINED, Column, cell_text, number

WHERE = {"none": "without drift", "standard": "drifts as in training", "held-out": "held-out patients and drifts"}

CONTROL_COLUMNS = (
    Column("percent_off", "symptom, % of OFF", 1, 1),
    Column("detected", "detected %", 100, 0),
    Column("delay_s", "delay, s", 1, 1, False),
    Column("false_per_day", "false alarms in 24 h", 1, 1),
    Column("seizures_per_day", "seizures in 24 h", 1, 0),
    Column("fewer", "fewer seizures %", 1, 0),
    Column("time_on", "time on %", 100, 1),
    Column("energy_percent", "energy, % of continuous", 1, 1),
    Column("dose_square", "mean u² %", 100, 1, False),
    Column("long_bursts", "bursts > .5 s %", 100, 1, False),
    Column("vetoed", "vetoed %", 100, 1, False),
    Column("reward", "reward", 1, 3),
    Column("regret", "regret", 1, 3),
    Column("recovery_s", "recovery, s", 1, 1),
)
MORE_CONTROL_COLUMNS = (
    Column("marker", "symptom", 1, 4),
    Column("benefit", "benefit, % of OFF", 1, 1),
    Column("dose_abs", "mean |u| %", 100, 1),
    Column("charge", "charge, µC/h", 1e6, 1),
    Column("energy", "power, µW", 1e6, 2),
    Column("refused", "refused %", 100, 1),
    Column("cost", "cost", 1, 4),
    Column("out_of_bounds", "out of bounds %", 100, 1, False),
)


def shown_columns(results: Mapping[str, Any]) -> list[Column]:
    """The columns that hold anything in this run."""
    return [c for c in CONTROL_COLUMNS if any(row.get(c.key) is not None for row in results["table"])]


def row_title(results: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The arm, marked where another one dominates it."""
    return f"{row['title']} ▼" if row["dominated_by"] else str(row["title"])


def control_table(results: Mapping[str, Any]) -> Any:
    """The table as a ``rich.table.Table``, a section per drift."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(str(results["title"])))
    table.add_column("arm", no_wrap=True)
    table.add_column("drift", no_wrap=True)
    columns = [c for c in shown_columns(results) if c.key not in ("regret", "dose_square", "long_bursts")]
    for column in columns:
        table.add_column(column.heading, justify="right")
    rows = results["table"]
    for i, row in enumerate(rows):
        style = {"off": "dim", "oracle": "bold", "learned": "bold"}.get(row["role"])
        ends = i + 1 == len(rows) or rows[i + 1]["drift"] != row["drift"]
        cells = [row_title(results, row), row["drift"], *(cell_text(row, column) for column in columns)]
        table.add_row(*map(escape, cells), style=style, end_section=ends)
    table.caption = (
        f"\\[lo, hi]: 95 % bootstrap interval over patients; ▼ dominated; {UNDEFINED} undefined, the reason is in "
        "results.json"
    )
    return table


def vetoes_text(row: Mapping[str, Any]) -> str:
    """'slew 12.3 %, duty 1.0 %', the most frequent first."""
    kinds = sorted(row["vetoes"].items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {number(share, 100, 1)} %" for kind, share in kinds) or UNDEFINED
