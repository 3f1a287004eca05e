"""Carry out a run and say what came of it: the verdict, the table and where the files are."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .main import FAILED, INTERRUPTED, OK


def carry_out(work: Callable[[], dict[str, Any]], out: Path, as_json: bool, resume: str) -> int:
    """Do ``work`` and print its results; the exit status. ``resume`` is the command that continues it."""
    start = time.monotonic()
    try:
        results = work()
    except KeyboardInterrupt:
        state = _state(out)
        print(f"neurodrift: interrupted{state}; finished cells are kept: {resume}", file=sys.stderr)
        return INTERRUPTED
    show(results, out, as_json, time.monotonic() - start)
    failures = results.get("failures") or []
    if not results["complete"] or failures:
        done, planned = results["cells_done"], results["cells_planned"]
        state = "" if results["complete"] else ", INCOMPLETE"
        first = f": {failures[0]['cell']} failed: {failures[0]['error']}" if failures else ""
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        print(f"neurodrift: {done}/{planned} cells{state}{first}{more}; try again: {resume}", file=sys.stderr)
        return FAILED
    return OK


def show(results: Mapping[str, Any], out: Path, as_json: bool, seconds: float) -> None:
    """Print results as JSON alone, or for people."""
    if as_json:
        print(json.dumps(results, indent=1))
        return
    from rich.console import Console

    from ..progress import duration

    if results.get("kind") == "control":
        from ..report.control_text import control_table as console_table
    else:
        from ..tables import console_table

    # A pipe or a file has no width of its own; the table needs about this much.
    console = Console() if sys.stdout.isatty() else Console(width=150)
    verdict = results["verdict"]
    console.print(verdict["headline"], style="bold", markup=False, highlight=False)
    for sentence in verdict["sentences"]:
        console.print(sentence, markup=False, highlight=False)
    if results.get("text"):
        print(f"\n{results['text']}")
    if results["table"]:
        console.print()
        console.print(console_table(results), markup=False, highlight=False)
    print(f"\n{out / 'results.json'}\n{out / 'report.html'}\n{duration(seconds)}")


def _state(out: Path) -> str:
    try:
        found = json.loads((out / "results.json").read_bytes())
        return f", {found['cells_done']}/{found['cells_planned']} cells, INCOMPLETE"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
