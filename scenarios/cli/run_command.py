"""``neurodrift run``: a scenario from its plan to its report."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import tyro

from ..infos import INFOS
from .parsing import Argument, Count, Flag, Folder, Name, Names, Numbers


@dataclasses.dataclass
class Options:
    """Run a scenario: every method at every severity, one table and one report at the end.

    The same command again continues where it was stopped. neurodrift list shows the names to choose from.
    """

    scenario: Argument[Annotated[str, tyro.conf.arg(metavar="SCENARIO")]]
    """a scenario, or module:attribute of your own"""
    methods: Names = None
    """recalibration methods, with commas between, frozen and oracle are added (default: the scenario's)"""
    severities: Numbers = None
    """how much drift, numbers with commas between (default: the scenario's)"""
    seeds: Count = None
    """repetitions of each subject (default: the scenario's)"""
    subjects: Count = None
    """how many subjects (default: the scenario's)"""
    decoder: Name = None
    """the decoder that all methods start from (default: the scenario's)"""
    data: Name = None
    """other recordings, in the scenario's own syntax, such as eegbci:7"""
    start: Name = None
    """checkpoint that networks start from, a name of neurodrift list or a path (default: pretrained by the scenario)"""
    label_delay: int = 0
    """trials until a label is revealed"""
    label_missing: float = 0.0
    """probability that a label never comes"""
    label_noise: float = 0.0
    """probability that a label is wrong"""
    out: Folder = None
    """folder for the results (default: runs/SCENARIO-ID)"""
    jobs: Count = None
    """cells run in this many processes (default: the scenario's)"""
    json: Flag = False
    """print results.json instead of the table"""
    quick: Flag = False
    """few subjects and severities, shorter training: to see it work"""


def execute(options: Options) -> int:
    """Run it and print what came of it; the exit status."""
    from ..lookup import get_info

    info = get_info(options.scenario)  # a mistyped name is answered before anything heavy is imported
    from .environment import prepare

    prepare()
    from ..config import jobs_for, make_config, parse_names, parse_numbers, with_bounds
    from ..contract import digest
    from ..lookup import is_plugin
    from ..progress import for_terminal
    from ..provenance import code_version, data_version
    from ..runner import run
    from .finish import carry_out

    config = make_config(
        options.scenario,
        info,
        methods=None if options.methods is None else with_bounds(parse_names(options.methods), info),
        severities=None if options.severities is None else parse_numbers(options.severities, "--severities"),
        seeds=options.seeds,
        subjects=options.subjects,
        decoder=options.decoder,
        data=options.data,
        label_delay=options.label_delay,
        label_missing=options.label_missing,
        label_noise=options.label_noise,
        quick=options.quick,
        start=options.start,
    )
    code = code_version(options.scenario.partition(":")[0] if is_plugin(options.scenario) else None)
    files = [data_version(config.data)]
    if config.start is not None:
        from ...adaptation.transfer.zoo import weights_of

        files.append(data_version(str(weights_of(config.start))))
    run_id = digest([config.to_json(), code, *files])[:8]
    out = options.out or Path("runs") / f"{info.name}-{run_id}"
    return carry_out(
        lambda: run(options.scenario, config, out, jobs=jobs_for(info, options.jobs), progress=for_terminal()),
        out,
        options.json,
        f"neurodrift resume {shlex.quote(str(out))}",
    )


Options.__doc__ = f"{Options.__doc__}\n    Scenarios: {', '.join(INFOS)}."
