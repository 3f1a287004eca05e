"""A minimal EDF+ writer for tests, so that each field of a broken file can be chosen."""

from pathlib import Path

import numpy as np


def write_edf(
    path: Path,
    microvolts: np.ndarray,
    labels: list[str],
    annotations: list[tuple[float, str]] = (),
    sfreq: int = 100,
    patient: str = "X X X X",
    dimension: str = "uV",
    physical: tuple[float, float] = (-3276.8, 3276.7),
) -> Path:
    """Write (n_channels, n_times) as 1 s records of 0.1 uV per count; annotations as (onset s, text)."""
    n_channels, n_times = microvolts.shape
    n_records = n_times // sfreq
    scale = (physical[1] - physical[0]) / 65535
    counts = np.clip(np.round((microvolts - physical[0]) / scale) - 32768, -32768, 32767).astype("<i2")
    n_annotation = 60
    names = [*labels, "EDF Annotations"]
    lists = [b""] * n_records
    for onset, text in annotations:
        lists[min(int(onset), n_records - 1)] += f"+{onset:g}\x150.5\x14{text}\x14\x00".encode()

    def field(value: object, width: int) -> bytes:
        return str(value).encode()[:width].ljust(width)

    def column(values: list[object], width: int) -> bytes:
        return b"".join(field(value, width) for value in values)

    n = n_channels
    head = field(0, 8) + field(patient, 80) + field("Startdate X X X X", 80) + b"01.01.0101.01.01"
    head += field(256 * (n + 2), 8) + field("EDF+C", 44) + field(n_records, 8) + field(1, 8) + field(n + 1, 4)
    head += column(names, 16) + column([""] * (n + 1), 80) + column([dimension] * n + [""], 8)
    head += column([physical[0]] * n + [-1], 8) + column([physical[1]] * n + [1], 8)
    head += column([-32768] * (n + 1), 8) + column([32767] * (n + 1), 8) + column([""] * (n + 1), 80)
    head += column([sfreq] * n + [n_annotation], 8) + column([""] * (n + 1), 32)
    body = b""
    for k in range(n_records):
        body += counts[:, k * sfreq : (k + 1) * sfreq].tobytes()
        body += (f"+{k}\x14\x14\x00".encode() + lists[k]).ljust(2 * n_annotation, b"\x00")
    path.write_bytes(head + body)
    return path
