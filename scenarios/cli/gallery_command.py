"""``neurodrift gallery``: a figure of every brain model."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .parsing import Names


@dataclasses.dataclass
class Options:
    """Run every brain model and draw it: time series, spectrum, and the behaviour it is known for. PNG files."""

    out: Annotated[Path, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: gallery)")] = Path("gallery")
    """where the figures go"""
    only: Names = None
    """some of them: names separated by commas, such as epileptor,kuramoto"""


def execute(options: Options) -> int:
    """Draw the figures one by one and name each file."""
    from ...sim.errors import InputError
    from ..gallery.figures import FIGURES, save
    from ..lookup import did_you_mean

    names = FIGURES if options.only is None else [n.strip() for n in options.only.split(",") if n.strip()]
    for name in names:
        if name not in FIGURES:
            raise InputError(f"unknown figure '{name}'{did_you_mean(name, FIGURES)}")
    from .environment import prefer_small_loops, prepare

    prepare()
    prefer_small_loops()
    options.out.mkdir(parents=True, exist_ok=True)
    import sys
    import time

    for n, name in enumerate(names, 1):
        print(f"[{n}/{len(names)}] {name} ...", file=sys.stderr, flush=True)
        start = time.perf_counter()
        path = save(name, options.out)
        print(f"[{n}/{len(names)}] {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        print(path, flush=True)
    return 0
