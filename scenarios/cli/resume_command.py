"""``neurodrift resume``: finish what was stopped, in the folder where it was."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import tyro

from .parsing import Argument, Count, Flag


@dataclasses.dataclass
class Options:
    """Finish a run that was stopped, killed or failed in part; finished cells are not run again."""

    folder: Argument[Annotated[Path, tyro.conf.arg(metavar="DIR")]]
    """the folder given to, or printed by, neurodrift run"""
    jobs: Count = None
    """cells run in this many processes (default: the scenario's)"""
    json: Flag = False
    """print results.json instead of the table"""


def execute(options: Options) -> int:
    """Finish it and print what came of it; the exit status."""
    from .environment import prepare

    prepare()
    from ...sim.errors import InputError
    from ..config import jobs_for
    from ..contract import RunConfig
    from ..lookup import get_info
    from ..progress import for_terminal
    from ..runner import run
    from ..storage import RunFolder
    from .finish import carry_out

    if not options.folder.is_dir():
        raise InputError(f"there is no folder {options.folder}; give the folder of a run, such as runs/NAME-ID")
    plan = RunFolder(options.folder).read_plan()
    if plan is None:
        raise InputError(f"{options.folder} holds no plan.json, so no run to resume; start one: neurodrift run")
    again = f"neurodrift resume {shlex.quote(str(options.folder))}"
    if "task" in plan["config"]:
        from ..control.config import ControlConfig
        from ..control.evaluate import evaluate

        control = ControlConfig.from_json(plan["config"])
        return carry_out(
            lambda: evaluate(control, options.folder, progress=for_terminal()), options.folder, options.json, again
        )
    config = RunConfig.from_json(plan["config"])
    if config.scenario == "replay":
        # the recording, its events and its window are in the command, which the cell is named after
        from .main import main

        words = shlex.split(plan["cells"][0]["scenario"])
        return main([*words[1:], "--out", str(options.folder), *(["--json"] if options.json else [])])
    return carry_out(
        lambda: run(
            config.scenario,
            config,
            options.folder,
            jobs=jobs_for(get_info(config.scenario), options.jobs),
            progress=for_terminal(),
        ),
        options.folder,
        options.json,
        again,
    )
