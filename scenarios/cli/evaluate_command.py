"""``neurodrift evaluate``: policies beside controllers on a control task."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import tyro

from .parsing import Argument, Count, Flag, Folder, Names


@dataclasses.dataclass
class Options:
    """Evaluate policies on a control task: beside no, continuous and random stimulation and tuned controllers, without
    drift, with it, and with drifts that training never saw; the same patients for all.

    The same command again continues where it was stopped. neurodrift list shows the tasks.
    """

    policies: Argument[Annotated[tuple[Path, ...], tyro.conf.arg(metavar="[POLICY ...]", help_behavior_hint="")]] = ()
    """files of learned policies, as neurodrift train writes them; several of one algorithm count as one arm"""
    task: Annotated[str, tyro.conf.arg(metavar="TASK", help_behavior_hint="(required)")] = ""
    """a task, or module:attribute of your own"""
    drift: Names = None
    """none, standard, held-out, with commas between (default: all three)"""
    arms: Names = None
    """off, continuous, random, and controllers of the task, with commas between (default: all)"""
    seeds: Count = None
    """patients, each with a drift and noise of its own (default: 16)"""
    windows: Count = None
    """control windows of a run (default: the task's)"""
    candidates: Count = None
    """settings tried for each controller, on other patients (default: 16)"""
    out: Folder = None
    """folder for the results (default: runs/TASK-ID)"""
    json: Flag = False
    """print results.json instead of the table"""
    quick: Flag = False
    """few patients, short runs, little tuning: to see it work"""


def execute(options: Options) -> int:
    """Evaluate and print what came of it; the exit status."""
    from ...sim.errors import InputError

    if not options.task:
        raise InputError("--task is missing: say on what, such as --task pd_adbs_onoff (neurodrift list)")
    from ..control.config import find_task, make_control_config

    find_task(options.task)  # a mistyped name is answered before anything heavy is imported
    from .environment import prefer_small_loops, prepare

    prepare()
    prefer_small_loops()
    from ..config import parse_names
    from ..contract import digest
    from ..control.evaluate import evaluate
    from ..lookup import is_plugin
    from ..progress import for_terminal
    from ..provenance import code_version
    from .finish import carry_out

    config = make_control_config(
        options.task,
        drifts=None if options.drift is None else parse_names(options.drift),
        arms=None if options.arms is None else parse_names(options.arms),
        policies=options.policies,
        seeds=options.seeds,
        n_windows=options.windows,
        candidates=options.candidates,
        quick=options.quick,
    )
    code = code_version(options.task.partition(":")[0] if is_plugin(options.task) else None)
    run_id = digest([config.to_json(), code])[:8]
    out = options.out or Path("runs") / f"{options.task.partition(':')[0]}-{run_id}"
    return carry_out(
        lambda: evaluate(config, out, progress=for_terminal()),
        out,
        options.json,
        f"neurodrift resume {shlex.quote(str(out))}",
    )
