"""Which command was meant; what a failure looks like. Only light modules are imported here."""

import importlib
import os
import sys
import threading
from collections.abc import Sequence

from ..lookup import did_you_mean

COMMANDS = {
    "list": "scenarios, control tasks, methods, decoders, checkpoints, drifts and sources",
    "run": "run a scenario, such as mi_cap_shift, and write its report",
    "resume": "finish a run that was stopped",
    "compare": "the tables of several runs side by side",
    "train": "a stimulation policy on a control task, by reinforcement learning",
    "evaluate": "policies beside tuned controllers on a control task, and write the report",
    "pretrain": "a decoder on thousands of virtual people or on recordings, kept as a checkpoint to start from",
    "replay": "the same on a recording of your own",
    "calibrate": "a checkpoint on ten or twenty trials of a new user, and how sure one may be of it",
    "check": "the laws that every component keeps, on one of your own",
    "validate": "the physics against the literature, row by row",
    "gallery": "a figure of every brain model",
    "bench": "how fast it is on this machine, beside its peers",
}


OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 failed, 2 bad input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _dispatch(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("neurodrift: interrupted", file=sys.stderr)
        status = INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, OSError) as error:
        status = _failure(error)
    if status == INTERRUPTED and _still_computing():
        # Compiled code in a thread can't be stopped, and tearing the interpreter down around it can crash.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)
    return status


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return OK if words else BAD_INPUT
    if words[0] in ("--version", "-V"):
        from ... import __version__

        print(f"neurodrift {__version__}")
        return OK
    name = words[0]
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        known = ["--help", "--version"] if what == "option" else COMMANDS
        print(f"neurodrift: unknown {what} '{name}'{did_you_mean(name, known)}", file=sys.stderr)
        return BAD_INPUT
    from .parsing import parse

    command = importlib.import_module(f".{name}_command", __package__)
    options = parse(command.Options, f"neurodrift {name}", words[1:])
    return options if isinstance(options, int) else command.execute(options)


def _still_computing() -> bool:
    runner = sys.modules.get(__name__.replace(".cli.main", ".runner"))
    return runner is not None and any(thread.name == runner.CELLS_THREAD for thread in threading.enumerate())


def _failure(error: ValueError | OSError) -> int:
    from ...sim.errors import InputError

    if isinstance(error, InputError):
        print(f"neurodrift: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    if isinstance(error, OSError):
        print(f"neurodrift: {error}; what was finished is kept", file=sys.stderr)
        return FAILED
    raise error


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: neurodrift [--help] [--version] COMMAND ...",
            "",
            "Put a brain-computer interface through drift before it meets a patient.",
            "",
            *lines,
            "",
            "neurodrift COMMAND --help shows its options.",
        ]
    )
