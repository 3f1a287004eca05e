"""The page of ``neurodrift validate``."""

import json
import subprocess
import sys
import time
from itertools import groupby
from typing import Any


def validation() -> str:
    """Run the whole table here and now; Markdown."""
    start = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "neurodrift", "validate", "--json"], check=False, capture_output=True, text=True
    )
    minutes = (time.perf_counter() - start) / 60
    rows = json.loads(ran.stdout)
    count = {status: sum(row["status"] == status for row in rows) for status in ("pass", "fail", "disputed")}
    parts = [
        "# Validation",
        f"`neurodrift validate`: {len(rows)} published or independently computed facts beside what the models give. "
        f"**{count['pass']} pass, {count['fail']} fail, {count['disputed']} are disputed**: the disagreement is known, "
        f"and its reason stands below the table. Tolerances are absolute. The table took {minutes:.0f} minutes; "
        "`neurodrift validate --fast` leaves the long simulations out. Written by "
        "`python docs/make_results.py --only validation`.",
    ]
    for model, found in groupby(rows, key=lambda row: row["name"].partition(",")[0].partition(":")[0]):
        parts.append(_table(model, list(found)))
    return "\n\n".join(parts) + "\n"


def _table(model: str, rows: list[dict[str, Any]]) -> str:
    lines = ["| | what | expected | measured | tolerance | source |", "|---|---|---|---|---|---|"]
    for row in rows:
        mark = {"pass": "✓", "fail": "✗", "disputed": "≠"}[row["status"]]
        cells = [mark, row["name"], _number(row["expected"]), _number(row["measured"]), _number(row["tolerance"])]
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in [*cells, row["source"]]) + " |")
    disputed = [f"- {row['name']}: {row['reason']}" for row in rows if row["status"] == "disputed"]
    text = f"## {model}\n\n" + "\n".join(lines)
    return text + ("\n\n≠ disputed:\n\n" + "\n".join(disputed) if disputed else "")


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
