"""Benchmarks by name; the libraries they measure are imported when one is run."""

import functools
import importlib
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
"""name, ours, peer, peer_name, ratio, unit; the three about the peer are None where it is not installed."""


def _run(module: str, quick: bool) -> list[Row]:
    return importlib.import_module(f".{module}", __package__).bench(quick)


_NAMES = ("decoders", "adaptation", "environment", "physics", "brains", "session", "learning", "control", "people")
BENCHMARKS: dict[str, Callable[[bool], list[Row]]] = {name: functools.partial(_run, name) for name in _NAMES}
"""Each takes ``quick`` (fewer repetitions) and gives one row per figure."""
