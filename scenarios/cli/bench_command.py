"""``neurodrift bench``: how fast it is here, beside its peers where they are installed."""

import dataclasses
from typing import Any

from .parsing import Flag, Name


@dataclasses.dataclass
class Options:
    """Measure speed on this machine, each figure beside its peer in the same run where one is installed."""

    only: Name = None
    """one benchmark instead of all"""
    quick: Flag = False
    """fewer repetitions"""
    json: Flag = False
    """print JSON instead of a table"""


def execute(options: Options) -> int:
    """Run them and print a row per figure."""
    from ...sim.errors import InputError
    from ..bench import BENCHMARKS
    from ..lookup import did_you_mean

    if options.only is not None and options.only not in BENCHMARKS:
        raise InputError(f"unknown benchmark '{options.only}'{did_you_mean(options.only, BENCHMARKS)}")
    from .environment import hear_interrupts, prefer_small_loops

    hear_interrupts()
    prefer_small_loops()
    # Without the compilation cache: what is measured does not depend on what ran before.
    import sys

    rows: list[dict[str, Any]] = []
    for name in [options.only] if options.only else BENCHMARKS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += BENCHMARKS[name](options.quick)
    if options.json:
        import json

        print(json.dumps(rows, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "ours", "peer", "peer name", "ratio", "unit")
    for row in rows:
        numbers = {k: "-" if row[k] is None else f"{row[k]:.4g}" for k in ("ours", "peer", "ratio")}
        table.add_row(
            row["name"], numbers["ours"], numbers["peer"], row["peer_name"] or "-", numbers["ratio"], row["unit"]
        )
    (Console() if sys.stdout.isatty() else Console(width=120)).print(table)
    return 0
