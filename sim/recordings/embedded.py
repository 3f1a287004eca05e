"""The recordings shipped with the package: integers as digitised, checked before use."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np

from ..errors import InputError
from .epochs import Recording
from .names import listing

DATA = Path(__file__).parent / "data"

# name -> SHA-256 of data/<name>.npz
EMBEDDED: dict[str, str] = {
    "eegmmidb-S007": "42ea49ffc511989f3f9b8d80f11f74498072d0acce64a4ca2f69c54160c7cb7f",
    "eegmmidb-S094": "101f4d9bb91dd1c021ebed75dcf788b5442c3db14da58704ef93fb3b702a3642",
    "p01": "622cc432322beb6860995928a1a79c1a46685eea22a0ccadd71c9b210ea29e9a",
}


def load_embedded(name: str) -> Recording:
    """One of the embedded recordings (``EMBEDDED``), in volts.

    eegmmidb-S007, eegmmidb-S094: 45 trials of imagined left and right fist, 64 channels at 160 Hz,
        from 1 s before the cue to 4.1 s after it, three runs of one day.
    p01: 939 trials of imagined right hand, imagined left hand and idle, 11 channels at 125 Hz, 30 runs on 13 days
        over five months. Trials last 2.9 to 4.8 s (``n_samples``); each has its mean removed per channel, since the
        amplifier was DC coupled and stands at tens of millivolts, and is 0 past its end.

    Raises InputError for an unknown name or a file that is not the one that was shipped.
    """
    if name not in EMBEDDED:
        raise InputError(f"no embedded recording {name!r}; choose one of {listing(tuple(EMBEDDED))}")
    path = DATA / f"{name}.npz"
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != EMBEDDED[name]:
        raise InputError(f"the embedded recording {name} is not the one that was shipped; install neurodrift again")
    return unpack(content)


def pack(counts: np.ndarray, n_samples: np.ndarray, y: np.ndarray, session: np.ndarray, facts: dict) -> bytes:
    """The bytes of an embedded file: an npz that NumPy opens, without pickles.

    counts (n_trials, n_channels, n_times) int32 are what the converter gave; ``facts`` goes in as JSON.
    They are stored as differences along time, split into byte planes so that the high bytes, almost all
    equal, compress to nothing. LZMA is a third smaller than deflate here.
    """
    difference = np.diff(counts.astype(np.int64), axis=-1, prepend=0).astype(np.int32)
    planes = difference.astype("<i4").view(np.uint8).reshape(*difference.shape, 4)
    arrays = {
        "planes": np.ascontiguousarray(np.moveaxis(planes, -1, 0)),
        "n_samples": n_samples.astype(np.int16),
        "y": y.astype(np.int8),
        "session": session.astype(np.int8),
        "onset_s": np.asarray(facts.pop("onset_s"), np.float64),
        "facts": np.frombuffer(json.dumps(facts, sort_keys=True).encode(), np.uint8),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for key, value in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, value, allow_pickle=False)
            # A fixed date: the same recording gives the same bytes and checksum.
            archive.writestr(zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0)), member.getvalue(), zipfile.ZIP_LZMA)
    return file.getvalue()


def unpack_counts(content: bytes) -> tuple[np.ndarray, dict[str, np.ndarray], dict]:
    """The exact integers (n_trials, n_channels, n_times) int32, the other arrays and the facts."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    facts = json.loads(arrays.pop("facts").tobytes())
    planes = np.ascontiguousarray(np.moveaxis(arrays.pop("planes"), 0, -1))
    difference = planes.view("<i4")[..., 0]
    counts = np.cumsum(difference, axis=-1, dtype=np.int64).astype(np.int32)
    if list(counts.shape) != facts["shape"]:
        raise InputError(f"an embedded recording has shape {counts.shape}, not {tuple(facts['shape'])}; install again")
    return counts, arrays, facts


def unpack(content: bytes) -> Recording:
    """The bytes made by :func:`pack` as a Recording in volts."""
    return in_volts(*unpack_counts(content))


def in_volts(counts: np.ndarray, arrays: dict[str, np.ndarray], facts: dict) -> Recording:
    """What :func:`unpack_counts` gives as a Recording."""
    n_samples = arrays["n_samples"].astype(np.int32)
    volts = counts.astype(np.float64) * facts["volts_per_count"]
    inside = np.arange(counts.shape[-1]) < n_samples[:, None, None]
    if facts["remove_mean"]:
        volts -= (volts * inside).sum(-1, keepdims=True) / n_samples[:, None, None]
    return Recording(
        x=np.where(inside, volts, 0.0).astype(np.float32),
        y=arrays["y"].astype(np.int32),
        session=arrays["session"].astype(np.int32),
        onset_s=arrays["onset_s"],
        n_samples=n_samples,
        sfreq=facts["sfreq"],
        tmin=facts["tmin"],
        subject=facts["subject"],
        licence=facts["licence"],
        source=facts["source"],
        class_names=tuple(facts["class_names"]),
        ch_names=tuple(facts["ch_names"]),
        session_names=tuple(facts["session_names"]),
        session_days=tuple(facts["session_days"]),
        session_quality=tuple(facts["session_quality"]),
        notes=tuple(facts["notes"]),
    )
