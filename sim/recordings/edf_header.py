"""The sizes an EDF or BDF header promises, checked against the file before a reader allocates anything."""

import dataclasses
import math
from pathlib import Path

from ..errors import InputError

MAX_SIGNALS = 4096
_SIGNAL_BYTES = 256


@dataclasses.dataclass(frozen=True)
class EdfHeader:
    """What of the header is needed; the patient and recording fields are never read."""

    labels: tuple[str, ...]
    sfreqs: tuple[float, ...]
    n_records: int
    notes: tuple[str, ...]


def check_edf(path: Path) -> EdfHeader:
    """Read the layout of an EDF (16 bit) or BDF (24 bit) file and compare it with the file's size.

    Raises InputError for a file that is not EDF/BDF, is shorter than its header says, or has a header
    that would turn into infinite voltages. Layout: Kemp et al. 1992, doi:10.1016/0013-4694(92)90009-7.
    """
    kind = path.suffix[1:].upper()
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(256)
        if len(head) < 256 or head[:8] not in (b"0       ", b"\xffBIOSEMI"):
            raise InputError(f"{path.name} is not {kind}: it does not start with the header of one; check the file")
        if (head[:1] == b"\xff") != (kind == "BDF"):
            raise InputError(f"{path.name} has the extension of the other of EDF and BDF; rename it")
        n_header = _int(head[184:192], path, "header size")
        n_records = _int(head[236:244], path, "number of records")
        duration = _float(head[244:252], path, "record duration")
        n_signals = _int(head[252:256], path, "number of signals")
        if not 1 <= n_signals <= MAX_SIGNALS or n_header != 256 + _SIGNAL_BYTES * n_signals:
            raise InputError(f"{path.name} is damaged: {n_signals} signals and a header of {n_header} bytes disagree")
        fields = file.read(_SIGNAL_BYTES * n_signals)
    if len(fields) < _SIGNAL_BYTES * n_signals:
        raise InputError(f"{path.name} is truncated: it ends inside its header")

    def column(start: int, width: int) -> list[bytes]:
        return [fields[start * n_signals + width * k :][:width] for k in range(n_signals)]

    labels = tuple(raw.decode("latin-1").strip() for raw in column(0, 16))
    per_record = [_int(raw, path, "samples per record") for raw in column(216, 8)]
    _check_ranges(path, labels, [column(start, 8) for start in (104, 112, 120, 128)])
    if duration < 0 or min(per_record) < 1:
        raise InputError(f"{path.name} is damaged: its records last {duration:g} s with {min(per_record)} samples")
    signals = [not _is_annotation(label) for label in labels]
    if duration == 0 and any(signals):
        raise InputError(f"{path.name} has records of 0 s, so its sampling rate is unknown; export it again")
    n_record = sum(per_record) * (3 if kind == "BDF" else 2)
    have, rest = divmod(max(n_bytes - n_header, 0), n_record)
    notes: tuple[str, ...] = ()
    if n_records == -1:
        n_records = have
        notes = (f"the header leaves the number of records open; {have} were found",)
    if n_records < 1:
        raise InputError(f"{path.name} holds no data: its header says {n_records} records")
    if have < n_records:
        raise InputError(
            f"{path.name} is truncated: its header promises {n_records} records, the file holds {have} and "
            f"{rest} bytes; copy it again from the source"
        )
    if have > n_records or rest:
        notes += (f"{n_bytes - n_header - n_records * n_record} bytes after the last record were ignored",)
    sfreqs = tuple(n / duration if duration else 0.0 for n in per_record)
    return EdfHeader(labels, sfreqs, n_records, notes)


def _check_ranges(path: Path, labels: tuple[str, ...], columns: list[list[bytes]]) -> None:
    for label, *raw in zip(labels, *columns):
        if _is_annotation(label):
            continue
        low, high, digital_low, digital_high = (_float(value, path, "signal range") for value in raw)
        if low == high or digital_low >= digital_high:
            raise InputError(f"{path.name} is damaged: a signal's physical or digital range is empty")


def _is_annotation(label: str) -> bool:
    return label in ("EDF Annotations", "BDF Annotations")


def _float(raw: bytes, path: Path, what: str) -> float:
    try:
        value = float(raw.decode("ascii").replace(",", ".").strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path.name} is damaged: the {what} in its header is not a number")
    return value


def _int(raw: bytes, path: Path, what: str) -> int:
    value = _float(raw, path, what)
    if value != int(value):
        raise InputError(f"{path.name} is damaged: the {what} in its header is not a whole number")
    return int(value)
