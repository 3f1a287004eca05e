"""Numbers as people read them, and the table as text: for the terminal, for Markdown, for the report."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

UNDEFINED, MINUS = "\u2013", "\u2212"
DISPLAY = {
    "m": (100.0, "cm"),
    "V": (1e6, "µV"),
    "A": (1e3, "mA"),
    "ohm": (1e-3, "kΩ"),
    "Ohm": (1e-3, "kΩ"),
    "Ω": (1e-3, "kΩ"),
}


def displayed_unit(unit: str) -> tuple[float, str]:
    """Factor and name that turn an SI unit into the one that is read; unknown units stay."""
    return DISPLAY.get(unit, (1.0, unit))


def severity_label(severity: float | None, unit: str) -> str:
    """'3 cm' for 0.03 and 'm' (or 3 and 'cm'); empty where the scenario has no severity."""
    if severity is None:
        return ""
    factor, name = displayed_unit(unit or "")
    return f"{severity * factor:.4g} {name}".strip()


class Column(NamedTuple):
    """One column: the row's key, heading, factor to the unit shown, decimals, whether its interval is shown."""

    key: str
    heading: str
    factor: float = 1.0
    digits: int = 1
    interval: bool = True


COLUMNS = (
    Column("accuracy_pre", "before %", 100, 1, False),
    Column("accuracy_post", "after %", 100),
    Column("drop", "drop pp", 100),
    Column("ttr90_trials", "recovery, trials", 1, 0),
    Column("ttr90_minutes", "minutes", 1, 1, False),
    Column("ttr90_labels", "labels", 1, 0, False),
    Column("naud", "normalised area", 1, 2),
    Column("gain", "over frozen pp", 100),
    Column("harm", "harm %", 100, 0),
    Column("labels", "labels used", 1, 0, False),
    Column("update_ms_p50", "update ms", 1, 2, False),
)
MORE_COLUMNS = (
    Column("accuracy_post_all", "all trials after %", 100),
    Column("balanced_accuracy", "balanced %", 100),
    Column("kappa", "kappa", 1, 2),
    Column("retained_kappa", "kappa kept", 1, 2),
    Column("recovery_fraction", "recovered share", 1, 2),
    Column("aud", "area, trials", 1, 1),
    Column("harm_5pp", "harm > 5 pp %", 100, 0),
    Column("harm_cvar10", "worst tenth pp", 100),
    Column("harm_worst", "worst pp", 100, 1, False),
    Column("accuracy_at_10_labels", "at 10 labels %", 100),
    Column("accuracy_at_20_labels", "at 20 labels %", 100),
    Column("ece", "ECE", 1, 3),
    Column("brier", "Brier", 1, 3),
    Column("risk_coverage", "risk-coverage", 1, 3),
    Column("itr", "bits/min", 1, 2),
    Column("backward_transfer", "backward transfer pp", 100),
    Column("forgetting", "forgetting pp", 100),
    Column("forward_transfer", "forward transfer pp", 100),
    Column("predict_ms_p50", "predict ms p50", 1, 2, False),
    Column("predict_ms_p99", "p99", 1, 2, False),
    Column("update_ms_p99", "update ms p99", 1, 2, False),
)


def number(value: float | None, factor: float = 1.0, digits: int = 1) -> str:
    """The value in the unit shown, a proper minus, a dash where it is undefined."""
    if value is None or not math.isfinite(value):
        return UNDEFINED
    text = f"{value * factor:.{digits}f}"
    return text.replace("-", MINUS) if float(text) != 0 else f"{0:.{digits}f}"


def value_text(row: Mapping[str, Any], column: Column) -> str:
    """'71.2' or '–' for one cell of the table; '> n' never: censoring has its own column."""
    return number(row.get(column.key), column.factor, column.digits)


def interval_text(row: Mapping[str, Any], column: Column) -> str:
    """'[68.0, 74.1]', with a dash for an end that is not reached; empty without an interval."""
    lo, hi = row.get(f"{column.key}_lo"), row.get(f"{column.key}_hi")
    if row.get(column.key) is None or (lo is None and hi is None):
        return ""
    return f"[{number(lo, column.factor, column.digits)}, {number(hi, column.factor, column.digits)}]"


def cell_text(row: Mapping[str, Any], column: Column) -> str:
    """Value and, where the column shows it, interval."""
    interval = interval_text(row, column) if column.interval else ""
    return f"{value_text(row, column)} {interval}".strip()


def percent(row: Mapping[str, Any], key: str, unit: str = "%", sign: bool = False) -> str:
    """'71.2 % [68.0, 74.1]' for a sentence."""
    column = Column(key, "", 100)
    plus = "+" if sign and (row.get(key) or 0) > 0 else ""
    return f"{plus}{value_text(row, column)} {unit} {interval_text(row, column)}".strip()


def has_severities(results: Mapping[str, Any]) -> bool:
    """Whether there is more than one severity to tell apart."""
    return len({row["severity"] for row in results["table"]}) > 1


def _header(results: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    return ["method"] + (["severity"] if has_severities(results) else []) + [column.heading for column in columns]


def _body(results: Mapping[str, Any], columns: Sequence[Column]) -> list[list[str]]:
    severities = has_severities(results)
    unit = results.get("severity_unit", "")
    out = []
    for row in results["table"]:
        mark = " ▼" if row.get("below_frozen") else ""
        lead = [row["title"] + mark] + ([severity_label(row["severity"], unit)] if severities else [])
        out.append(lead + [cell_text(row, column) for column in columns])
    return out


def console_table(results: Mapping[str, Any]) -> Any:
    """The table as a ``rich.table.Table``; a change of severity starts a new section."""
    from rich.markup import escape
    from rich.table import Table

    columns = [column for column in COLUMNS if column.key not in ("ttr90_minutes", "ttr90_labels", "gain")]
    table = Table(title=escape(str(results.get("title") or results["scenario"])))
    for heading in _header(results, columns):
        table.add_column(heading, justify="left" if heading == "method" else "right", no_wrap=heading == "method")
    rows = results["table"]
    for i, (row, line) in enumerate(zip(rows, _body(results, columns))):
        ends = i + 1 == len(rows) or rows[i + 1]["severity"] != row["severity"]
        style = {"frozen": "dim", "oracle": "bold"}.get(row["role"], "red" if row.get("below_frozen") else None)
        table.add_row(*map(escape, line), style=style, end_section=ends)
    table.caption = (
        f"\\[lo, hi]: 95 % bootstrap interval; ▼ below frozen; {UNDEFINED} undefined, the reason is in results.json"
    )
    return table


def markdown_table(results: Mapping[str, Any], columns: Sequence[str] | None = None) -> str:
    """The table in Markdown, for docs; ``columns`` are row keys, the default is the report's main table."""
    known = {column.key: column for column in COLUMNS + MORE_COLUMNS}
    chosen = COLUMNS if columns is None else [known.get(key) or Column(key, key, 1, 3) for key in columns]
    lines = [_header(results, chosen), ["---"] * len(_header(results, chosen)), *_body(results, chosen)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
