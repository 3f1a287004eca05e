"""``neurodrift validate``: the physics against the literature, row by row."""

import dataclasses

from .parsing import Flag, Names


@dataclasses.dataclass
class Options:
    """Compare what the models do with published and independently computed facts, one row each.

    A row passes when it is within its tolerance; it is disputed where it isn't, for a documented reason, and agrees
    with the value that was established instead. Exit status 1 when a row fails. The fast part takes about two minutes,
    the whole about ten.
    """

    fast: Flag = False
    """leave the long simulations out"""
    only: Names = None
    """some of the table, separated by commas: jansen_rit, wendling, wilson_cowan, stn_gpe, epileptor, thalamocortical,
    eirs, oscillators, controller, closed_loop, feedback, tremor, motor_imagery, intracortical, spiking, physics_head,
    stimulation; or a brain whose rows are in one of them, such as kuramoto or basal_ganglia"""
    json: Flag = False
    """print JSON instead of a table"""


def execute(options: Options) -> int:
    """Print a row per fact."""
    from ...sim.errors import InputError
    from ..lookup import did_you_mean
    from ..validate.table import MODULES, SOURCE_MODULES, summary, validate

    only = None
    if options.only is not None:
        named = [name.strip() for name in options.only.split(",") if name.strip()]
        if not named:
            raise InputError(f"--only is '{options.only}', which names nothing; choose from {', '.join(MODULES)}")
        # two sources may share a module
        only = list(dict.fromkeys(SOURCE_MODULES.get(name, name) for name in named))
        for name in only:
            if name not in MODULES:
                hint = did_you_mean(name, (*MODULES, *SOURCE_MODULES))
                raise InputError(f"unknown part of the table '{name}'{hint}")
    from .environment import prefer_small_loops, prepare

    prepare()
    prefer_small_loops()
    import sys

    rows = validate(options.fast, only, lambda line: print(line, file=sys.stderr, flush=True))
    failed = any(row.status == "fail" for row in rows)
    if options.json:
        import json

        print(json.dumps([row.as_dict() for row in rows], indent=1))
        return int(failed)
    from rich.console import Console
    from rich.table import Table

    table = Table("", "what", "expected", "measured", "tolerance", "source", title=summary(rows))
    for row in rows:
        expected = row.expected if isinstance(row.expected, str) else f"{row.expected:.4g}"
        style = {"pass": "green", "fail": "bold red", "disputed": "yellow"}[row.status]
        table.add_row(
            f"[{style}]{row.status}[/]", row.name, expected, f"{row.measured:.4g}", f"{row.tolerance:.2g}", row.source
        )
    console = Console() if sys.stdout.isatty() else Console(width=150)
    console.print(table)
    for row in rows:
        if row.status == "disputed":
            console.print(f"[yellow]disputed[/] {row.name}: {row.reason}")
    return int(failed)
