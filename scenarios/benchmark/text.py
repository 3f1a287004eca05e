"""The leaderboard as text: columns, for the terminal and for Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..report.text import UNDEFINED, Column, cell_text

COLUMNS = (
    Column("labels", "labels", 1, 0, False),
    Column("gain", "gain pp", 100),
    Column("mean_rank", "rank", 1, 1, False),
    Column("naud", "nAUD", 1, 2),
    Column("ttr90_trials", "recovery", 1, 0),
    Column("harm", "harm %", 100, 0),
    Column("harm_5pp", "> 5 pp %", 100, 0, False),
    Column("harm_cvar10", "worst tenth pp", 100, 1, False),
    Column("harm_worst", "worst pp", 100, 0, False),
    Column("backward", "backward pp", 100, 1, False),
    Column("update_ms_p50", "update ms", 1, 2, False),
    Column("p_holm", "Holm p", 1, 3, False),
)
HEADINGS = ("method", "feedback", *(column.heading for column in COLUMNS))


def lines(results: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], list[str]]]:
    """Every row of the leaderboard with its cells."""
    out = []
    for row in results["leaderboard"]:
        transductive = "" if row["causal"] == "causal" else f", {row['causal']}"
        mark = " ▼" if row["role"] == "method" and row["gain"] < 0 else ""
        feedback = f"{row['feedback']}{transductive}" if row["role"] != "oracle" else f"full{transductive}"
        out.append((row, [row["title"] + mark, feedback, *(_cell(row, column) for column in COLUMNS)]))
    return out


def _cell(row: Mapping[str, Any], column: Column) -> str:
    if column.key == "labels" and row["role"] == "oracle":
        return UNDEFINED  # its labels are those of another recording
    if column.key == "p_holm" and row.get("p_holm") is not None and row["p_holm"] < 0.001:
        return "< 0.001"
    if column.key == "ttr90_trials" and row.get("ttr90_trials") is None and row.get("n_streams"):
        return f"{row['n_streams'] - row['censored']} of {row['n_streams']} back"
    return cell_text(row, column)


def leaderboard_text(results: Mapping[str, Any]) -> str:
    """Aligned columns, a blank line before each budget."""
    body = lines(results)
    table = [list(HEADINGS), *(cells for _, cells in body)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEADINGS))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(zip(cells, widths))
        ]
        return "  ".join(padded).rstrip()

    out, last = [line(HEADINGS)], None
    for row, cells in body:
        group = (row["role"], row["budget"])
        out += [""] * (last is not None and group != last) + [line(cells)]
        last = group
    out.append(f"\n[lo, hi]: 95 % bootstrap interval over people; ▼ below frozen; {UNDEFINED} undefined")
    return "\n".join(out)


def leaderboard_markdown(results: Mapping[str, Any]) -> str:
    """The same in Markdown."""
    rows = [list(HEADINGS), ["---"] * len(HEADINGS), *(cells for _, cells in lines(results))]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows) + "\n"
