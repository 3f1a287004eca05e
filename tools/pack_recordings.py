"""Build the embedded recordings from the original files: python tools/pack_recordings.py EEGMMIDB_DIR P01_DIR

EEGMMIDB_DIR holds S007/S007R04.edf and so on (https://physionet.org/content/eegmmidb/1.0.0/); P01_DIR holds one npz
a run with X (uV), y (0 right, 1 left, 2 idle), fs, ch_names, start and quality.
Prints the size and SHA-256 of each file; the checksums belong into sim/recordings/embedded.py.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

from neurodrift.sim.recordings.eegbci import load_eegbci
from neurodrift.sim.recordings.embedded import pack

DATA = Path(__file__).parents[1] / "sim" / "recordings" / "data"
# ADS1299 of the OpenBCI Cyton: 4.5 V reference, gain 24, 24 bit.
CYTON_VOLTS_PER_COUNT = 4.5 / 24 / (2**23 - 1)
P01_CHANNELS = ["C3", "C4", "Cz", "FC1", "FC2", "FC5", "FC6", "CP1", "CP2", "CP5", "CP6"]


def pack_eegmmidb(folder: Path, subject: int) -> bytes:
    recording = load_eegbci(subject, (4, 8, 12), folder)
    # The files' digital range equals their physical range in uV: one count is 1 uV.
    counts = np.round(recording.x.astype(np.float64) * 1e6)
    if not np.allclose(counts, recording.x.astype(np.float64) * 1e6, atol=1e-3):
        raise SystemExit("these files are not digitised at 1 uV")
    facts = {
        "shape": counts.shape,
        "volts_per_count": 1e-6,
        "remove_mean": False,
        "sfreq": recording.sfreq,
        "tmin": recording.tmin,
        "subject": recording.subject,
        "licence": "ODC-By 1.0",
        "source": "PhysioNet EEG Motor Movement/Imagery Dataset 1.0.0, runs R04 R08 R12, imagined left and right fist",
        "class_names": recording.class_names,
        "ch_names": recording.ch_names,
        "session_names": recording.session_names,
        "session_days": recording.session_days,
        "session_quality": recording.session_quality,
        "notes": ["cut to 1 s before the cue until 4.1 s after it; samples as recorded"],
        "onset_s": recording.onset_s,
    }
    return pack(counts.astype(np.int32), recording.n_samples, recording.y, recording.session, facts)


def read_p01(folder: Path) -> tuple[np.ndarray, dict[str, np.ndarray], dict]:
    """Counts (n_trials, n_channels, n_times), the other arrays and the facts, as ``unpack_counts`` gives them."""
    trials, labels, sessions, lengths, starts, quality = [], [], [], [], [], []
    for file in sorted(folder.glob("P01_*.npz")):
        with np.load(file, allow_pickle=False) as run:
            rows = [list(run["ch_names"]).index(name) for name in P01_CHANNELS]
            microvolts = run["X"][:, rows]
            labels += run["y"].tolist()
            start, state = str(run["start"]), str(run["quality"])
        counts = np.round(microvolts.astype(np.float64) * 1e-6 / CYTON_VOLTS_PER_COUNT)
        if not np.array_equal((counts * CYTON_VOLTS_PER_COUNT * 1e6).astype(np.float32), microvolts):
            raise SystemExit(f"{file.name} is not in whole counts of the converter")
        trials += list(counts)
        sessions += [len(starts)] * len(counts)
        lengths += [counts.shape[-1]] * len(counts)
        starts.append(start)
        quality.append(state)
    n_times = max(lengths)
    padded = np.stack([np.pad(trial, ((0, 0), (0, n_times - trial.shape[-1])), mode="edge") for trial in trials])
    facts = {
        "shape": padded.shape,
        "volts_per_count": CYTON_VOLTS_PER_COUNT,
        "remove_mean": True,
        "sfreq": 125.0,
        "tmin": 0.0,
        "subject": "P01",
        "licence": "MIT",
        "source": "bci4als project, offline motor imagery runs of one participant, OpenBCI Cyton+Daisy",
        "class_names": ["right", "left", "idle"],
        "ch_names": P01_CHANNELS,
        "session_names": [start.replace("T", " ")[:16] for start in starts],
        "session_days": [start[:10] for start in starts],
        "session_quality": quality,
        "notes": ["mean of each trial and channel removed; zero past the trial's end"],
    }
    arrays = {
        "n_samples": np.array(lengths),
        "y": np.array(labels),
        "session": np.array(sessions),
        "onset_s": np.full(len(labels), np.nan),
    }
    return padded.astype(np.int32), arrays, facts


def pack_p01(folder: Path) -> bytes:
    counts, arrays, facts = read_p01(folder)
    n_samples, y, session = (arrays[key] for key in ("n_samples", "y", "session"))
    return pack(counts, n_samples, y, session, facts | {"onset_s": arrays["onset_s"]})


def main() -> None:
    eegmmidb, p01 = Path(sys.argv[1]), Path(sys.argv[2])
    packed = {f"eegmmidb-S{s:03d}": pack_eegmmidb(eegmmidb, s) for s in (7, 94)} | {"p01": pack_p01(p01)}
    for name, content in packed.items():
        (DATA / f"{name}.npz").write_bytes(content)
        print(f'"{name}": "{hashlib.sha256(content).hexdigest()}",  # {len(content) / 1e6:.2f} MB')


if __name__ == "__main__":
    main()
