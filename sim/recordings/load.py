"""One word for every place a recording can come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .eegbci import load_eegbci
from .embedded import load_embedded
from .epochs import Recording
from .read import read_recording


def sources_of(text: str) -> tuple[str, ...]:
    """The recordings of "eegbci:7,eegbci:49" or of several files, one at least; a file whose name has a comma is
    one."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise InputError(f"'{text}' names no recording: wanted one, or several with commas, as in eegbci:7,eegbci:49")
    return (text,) if Path(text).expanduser().exists() else found


def load(spec: str, events: Mapping[str, str] | Sequence[str] | str | None = None, **options: Any) -> Recording:
    """The recording that ``spec`` names: "embedded:NAME", "eegbci:SUBJECT" or the path of a file.

    options go to :func:`load_eegbci` or :func:`read_recording`; a file needs ``events``, the others have theirs.
    Raises InputError as those do.
    """
    kind, _, name = spec.partition(":")
    if kind == "embedded":
        return load_embedded(name)
    if kind == "eegbci":
        if not name.isdecimal():
            raise InputError(f"data {spec!r} names no subject; write eegbci:7")
        return load_eegbci(int(name), **options)
    if not Path(spec).exists():
        raise InputError(f"no file {spec}; check the path")
    if events is None:
        raise InputError(
            f"which events of {spec} start a trial? Give --events T1=left,T2=right, say "
            '(in Python, events="T1=left,T2=right")'
        )
    return read_recording(spec, events, **options)
