"""From words to a command's options by tyro, with one clear line for what can't be understood."""

import contextlib
import dataclasses
import io
import re
import sys
import typing
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar

import tyro

from ..lookup import did_you_mean

T = TypeVar("T")
BAD_INPUT = 2

Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint="")]
Argument = tyro.conf.Positional


def _optional(metavar: str) -> Any:
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


# Options that may be left out; the help text says what happens then.
Names = Annotated[str | None, _optional("A,B")]
Name = Annotated[str | None, _optional("NAME")]
Numbers = Annotated[str | None, _optional("X,Y")]
Number = Annotated[float | None, _optional("X")]
Count = Annotated[int | None, _optional("N")]
Folder = Annotated[Path | None, _optional("DIR")]


def parse(options: type[T], program: str, words: Sequence[str]) -> T | int:
    """An instance of the dataclass ``options``, or the exit status after help or an error was printed."""
    if unknown := _unknown_option(options, words):
        known = [f"--{name}" for name in _option_names(options)]
        hint = did_you_mean(unknown, known)
        print(f"neurodrift: unknown option '{unknown}'{hint} ({program} --help)", file=sys.stderr)
        return BAD_INPUT
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(options, prog=program, args=list(words), config=(tyro.conf.OmitArgPrefixes,))
    except SystemExit as stop:
        if not stop.code:
            return 0
        reason = _bad_value(options, words, _first_block(said.getvalue()))
        print(f"neurodrift: {reason} ({program} --help)", file=sys.stderr)
        return BAD_INPUT


def _option_names(options: Any) -> list[str]:
    return [f.name.replace("_", "-") for f in dataclasses.fields(options)] + ["help"]


def _unknown_option(options: Any, words: Sequence[str]) -> str | None:
    known = _option_names(options)
    for word in words:
        if word == "--":
            return None
        name = word.partition("=")[0]
        if name.startswith("--") and name[2:].replace("_", "-") not in known:
            return name
    return None


def _bad_value(options: Any, words: Sequence[str], message: str) -> str:
    """tyro's message, or a plainer one where a value is of the wrong type."""
    match = re.match(r"error parsing (--[\w-]+)", message)
    if match is None:
        return message
    option = match[1]
    kind = str(typing.get_type_hints(options)[option[2:].replace("-", "_")])
    wanted = "a whole number" if "int" in kind else "a number" if "float" in kind else "another value"
    given = [w.partition("=")[2] for w in words if w.startswith(f"{option}=")]
    given += [after for word, after in pairwise(words) if word == option]
    return f"{option} is '{given[-1] if given else ''}': wanted {wanted}"


def _first_block(box: str) -> str:
    """The message in tyro's box, on one line: up to its first rule, without the frame."""
    lines = [line.strip("│ ").rstrip() for line in box.splitlines() if not line.startswith(("╭", "╰"))]
    kept: list[str] = []
    for line in lines:
        if line.startswith("───"):
            break
        kept.append(line)
    text = re.sub(r"\s+", " ", " ".join(kept)).strip().rstrip(".")
    return text[:1].lower() + text[1:] if text else "these arguments can't be understood"
