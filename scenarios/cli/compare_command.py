"""``neurodrift compare``: finished runs side by side, or methods x scenarios x label budgets run and ranked."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from .parsing import Argument, Count, Flag, Folder, Name, Names


@dataclasses.dataclass
class Options:
    """Put the tables of finished runs side by side; or, with --benchmark, --methods, --scenarios or --budgets, run
    methods under drifts with label budgets and rank them.

    The same command again continues a benchmark where it was stopped.
    """

    folders: Argument[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR")]] = ()
    """folders of finished runs, of one scenario or of several"""
    benchmark: Flag = False
    """run the benchmark"""
    methods: Names = None
    """methods, module:attribute of your own, or METHOD@BUDGET, with commas between (default: one of each rule)"""
    scenarios: Names = None
    """scenarios, or SCENARIO=SEVERITY, with commas between (default: eleven)"""
    budgets: Names = None
    """label budgets: none, errors, 10, 20, delayed, full (default: all that mean something for a method)"""
    decoder: Name = None
    """the decoder that all methods start from (default: csp_lda)"""
    subjects: Count = None
    """people per scenario (default: the scenario's)"""
    seeds: Count = None
    """repetitions of each person (default: the scenario's)"""
    secret_file: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """draw people nobody has seen from the secret in this file; the report holds its commitment only"""
    out: Folder = None
    """folder for the benchmark (default: runs/benchmark-ID)"""
    jobs: Count = None
    """cells run in this many processes (default: the scenario's)"""
    quick: Flag = False
    """three scenarios, six people, the main methods: to see it work"""
    json: Flag = False
    """print JSON instead of tables"""


def execute(options: Options) -> int:
    """Print the joined table, or run the benchmark and print its leaderboard."""
    from ...sim.errors import InputError

    asked = options.benchmark or any(
        value is not None for value in (options.methods, options.scenarios, options.budgets, options.secret_file)
    )
    if asked and options.folders:
        raise InputError(
            f"compare got {len(options.folders)} folder(s) and options of the benchmark: either compare finished runs, "
            "or run the benchmark"
        )
    if asked:
        return _benchmark(options)
    from ..comparison import compare

    if len(options.folders) < 2:
        raise InputError(
            f"compare got {len(options.folders)} folder(s): wanted two or more, such as runs/A runs/B, or --benchmark"
        )
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


def _benchmark(options: Options) -> int:
    from .environment import prepare

    prepare()
    from ..benchmark import make_plan, read_secret, run_benchmark
    from ..config import parse_names
    from ..contract import digest
    from ..progress import for_terminal
    from ..provenance import code_version
    from .finish import carry_out

    methods, scenarios, budgets = (
        None if text is None else parse_names(text) for text in (options.methods, options.scenarios, options.budgets)
    )
    secret = None if options.secret_file is None else read_secret(options.secret_file)
    plan = make_plan(
        methods=methods,
        scenarios=scenarios,
        budgets=budgets,
        decoder=options.decoder,
        subjects=options.subjects,
        seeds=options.seeds,
        quick=options.quick,
        secret=secret,
    )
    run_id = digest([[run.to_json() for run in plan.runs], code_version()])[:8]
    out = options.out or Path("runs") / f"benchmark-{run_id}"
    for method, reason in plan.left_out.items():
        print(f"{method} is left out: {reason}", file=sys.stderr)
    return carry_out(
        lambda: run_benchmark(plan, out, jobs=options.jobs, progress=for_terminal),
        out,
        options.json,
        "the same command again",
    )


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
