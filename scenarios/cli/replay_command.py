"""``neurodrift replay``: every method on a recording of the user's own."""

import dataclasses
import shlex
from pathlib import Path
from typing import Annotated

import tyro

from .parsing import Argument, Flag, Folder, Name, Names


@dataclasses.dataclass
class Options:
    """Replay a recording (EDF, BDF, GDF, FIF, BrainVision, EEGLAB) trial by trial, with an imposed drift or none."""

    file: Argument[Annotated[Path, tyro.conf.arg(metavar="FILE")]]
    """the recording"""
    events: Annotated[str, tyro.conf.arg(metavar="T1=left,T2=right")]
    """which annotation begins a trial of which class"""
    tmin: float = 0.5
    """start of the window after the event, s"""
    tmax: float = 3.5
    """end of the window after the event, s"""
    drift: Name = None
    """a drift to impose on the recording (default: none but its own)"""
    severity: float | None = None
    """how much of it, in its own unit (default: 1)"""
    decoder: str = "tangent_lr"
    """the decoder that all methods start from"""
    methods: Names = None
    """recalibration methods, with commas between (default: all that fit)"""
    calibration: int | None = None
    """trials at the start that train the decoder and are not scored (default: a third, at least 10)"""
    out: Folder = None
    """folder for the results (default: runs/replay-FILE)"""
    json: Flag = False
    """print results.json instead of the table"""


def parse_events(text: str) -> dict[str, str]:
    """``"T1=left,T2=right"`` as annotation -> class. InputError when it isn't of that form, for two classes or more."""
    from ...sim.errors import InputError

    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    events = {name.strip(): label.strip() for name, _, label in pairs}
    if any(not (name.strip() and sign and label.strip()) for name, sign, label in pairs):
        raise InputError(f"--events is '{text}': wanted annotation=class pairs with commas between, T1=left,T2=right")
    if len(events) != len(pairs) or len(set(events.values())) < 2:
        raise InputError(f"--events is '{text}': wanted each annotation once, and at least two different classes")
    return events


def execute(options: Options) -> int:
    """Replay it and print what came of it; the exit status."""
    from ...sim.errors import InputError

    events = parse_events(options.events)
    if not options.tmin < options.tmax:
        raise InputError(f"--tmin {options.tmin:g} --tmax {options.tmax:g}: wanted tmin before tmax, in seconds")
    if options.severity is not None and options.drift is None:
        raise InputError(f"--severity is {options.severity:g} but no --drift is given: say of what")
    if not options.file.exists():
        raise InputError(f"there is no file {options.file}")
    from .environment import prepare

    prepare()
    from ..config import parse_names
    from ..progress import for_terminal
    from ..replay_file import run_replay
    from .finish import carry_out

    out = options.out or Path("runs") / f"replay-{options.file.stem}"
    methods = None if options.methods is None else parse_names(options.methods)
    return carry_out(
        lambda: run_replay(
            options.file,
            events=events,
            tmin=options.tmin,
            tmax=options.tmax,
            drift=options.drift,
            severity=1.0 if options.severity is None else options.severity,
            decoder=options.decoder,
            methods=methods,
            calibration=options.calibration,
            out=out,
            progress=for_terminal(),
        ),
        out,
        options.json,
        f"neurodrift resume {shlex.quote(str(out))}",
    )
