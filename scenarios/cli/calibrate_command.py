"""``neurodrift calibrate``: a checkpoint made a new user's own with ten or twenty trials."""

import dataclasses
import json
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import tyro

from .main import OK
from .parsing import Argument, Flag


@dataclasses.dataclass
class Options:
    """Fine-tune a checkpoint on the first trials of a new user and say how sure one may be of it.

    FILE is a recording (EDF, BDF, GDF, FIF, BrainVision, EEGLAB), embedded:eegmmidb-S007, or simulated:NUMBER;
    or several recordings of one user with commas between, whose trials follow each other.
    """

    file: Argument[Annotated[str, tyro.conf.arg(metavar="FILE")]] = "simulated:1"
    """whose trials (default: a simulated person)"""
    start: str = "eegnet-mi-virtual"
    """the checkpoint to begin from, a name of neurodrift list or a path, as of neurodrift pretrain"""
    events: Annotated[str | None, tyro.conf.arg(metavar="T1=left,T2=right", help_behavior_hint="")] = None
    """which annotation of a file begins a trial of which class"""
    tmin: float = 0.5
    """start of the window after the event, s"""
    tmax: float = 3.5
    """end of the window after the event, s"""
    trials: int = 20
    """how many trials at the start are labelled, 10 or more; the others only check the estimate"""
    layers: str = "decay"
    """what moves: decay (each layer at .9 of the rate of the one above), slow (lower layers at a tenth), all, last, or
    lora"""
    seed: int = 0
    """of the folds, and of a simulated person's trials"""
    out: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """the calibrated checkpoint (default: calibrated-FILE.safetensors, with its card beside it)"""
    overwrite: Flag = False
    """write over a checkpoint that is there"""
    json: Flag = False
    """print everything as JSON"""


def execute(options: Options) -> int:
    """Calibrate, print how good it will be, and write the checkpoint; the exit status."""
    from ...sim.errors import InputError
    from ...sim.recordings import sources_of
    from .replay_command import parse_events

    if not options.tmin < options.tmax:
        raise InputError(f"--tmin {options.tmin:g} --tmax {options.tmax:g}: wanted tmin before tmax, in seconds")
    files = [name for name in sources_of(options.file) if not re.fullmatch(r"(simulated|embedded|eegbci):.*", name)]
    missing = [name for name in files if not Path(name).exists()]
    if missing:
        raise InputError(f"there is no file {', '.join(missing)}")
    if files and options.events is None:
        raise InputError("--events is missing: say which annotation begins a trial of which class, T1=left,T2=right")
    events = None if options.events is None else parse_events(options.events)
    from .environment import prepare

    prepare()
    from ..calibrate import run_calibrate

    stem = re.sub(r"[^\w-]+", "-", "-".join(Path(name).stem for name in sources_of(options.file)))
    found = run_calibrate(
        options.file, start=options.start, n_trials=options.trials, events=events, tmin=options.tmin, tmax=options.tmax,
        layers=options.layers, seed=options.seed, out=options.out or Path(f"calibrated-{stem}.safetensors"),
        overwrite=options.overwrite,
    )  # fmt: skip
    for warning in found["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        _show(found)
    return OK


def _show(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 120)
    console.print(f"{found['subject']}: {found['verdict']}", style="bold", markup=False, highlight=False)
    table = Table("", "held out", "expected accuracy", "95 % interval", f"on the {found['n_later']} that follow")
    for name, row in found["arms"].items():
        later = row["later"]
        table.add_row(
            name,
            f"{row['n_right']}/{row['n_trials']}",
            f"{100 * row['accuracy']:.0f} %",
            f"{100 * row['lo']:.0f} to {100 * row['hi']:.0f} %",
            "-"
            if later is None
            else f"{100 * later['accuracy']:.0f} % ({100 * later['lo']:.0f} to {100 * later['hi']:.0f})",
        )
    console.print(table)
    for line in (*found["advice"], *found["notes"]):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(f"temperature {found['temperature']:.2f}; {found['written']}", markup=False, highlight=False)
