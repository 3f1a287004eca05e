"""The page of ``neurodrift validate``."""

import sys
import time

from neurodrift.scenarios.validate.row import DISPUTED, Row
from neurodrift.scenarios.validate.table import MODULES, summary, validate

TITLES = {
    "stn_gpe": "Subthalamic nucleus and pallidum", "thalamocortical": "Thalamocortical column asleep",
    "eirs": "Corticothalamic loop", "controller": "Reference test of stimulation controllers",
    "closed_loop": "Reference test of stimulation controllers, through the whole loop",
    "physics_head": "Head and recording", "spiking": "Spiking networks",
    "oscillators": "Ensembles of oscillators", "intracortical": "Intracortical units",
}  # fmt: skip


def validation() -> str:
    """Run the whole table here and now; Markdown."""
    start = time.perf_counter()
    found = {name: validate(only=[name], progress=lambda line: print(line, file=sys.stderr)) for name in MODULES}
    minutes = (time.perf_counter() - start) / 60
    total = summary([row for rows in found.values() for row in rows])
    parts = [
        "# Validation",
        f"`neurodrift validate`: published or independently computed facts beside what the models give. **{total}**; "
        "a row that disagrees with the expected value is disputed where it agrees with what was established instead, "
        "by an independent computation or a closed form; the reason and that value stand below its table. Tolerances "
        "are absolute. Clinical targets of closed loops (seizure detection and responsive stimulation, adaptive deep "
        "brain stimulation, phase-locked stimulation of tremor) aren't here: they wait for the scenarios that close "
        f"those loops. The table took {minutes:.0f} minutes; `neurodrift validate --fast` leaves the long simulations "
        "out. Written by `python docs/make_results.py --only validation`.",
    ]
    parts += [_table(TITLES.get(name, name.replace("_", "-").title()), rows) for name, rows in found.items()]
    return "\n\n".join(parts) + "\n"


def _table(title: str, rows: list[Row]) -> str:
    lines = ["| | what | expected | measured | tolerance | source |", "|---|---|---|---|---|---|"]
    for row in rows:
        mark = {"pass": "✓", "fail": "✗", "disputed": "≠"}[row.status]
        cells = [mark, row.name, _number(row.expected), _number(row.measured), _number(row.tolerance), row.source]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    reasons = [f"- {row.name}: {row.reason}" for row in rows if row.status == DISPUTED]
    text = f"## {title}\n\n" + "\n".join(lines)
    return text + ("\n\nDisputed:\n\n" + "\n".join(reasons) if reasons else "")


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
