"""The published session of a monkey whose electrodes were made unstable on purpose, read from its .mat file.

Degenhart et al. 2020, Nat. Biomed. Eng. 4:672: a cursor driven by 75 of 96 electrodes; in part of the trials some of
them were swapped for others, offset, or silenced, in software. The file holds the counts before that was done.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from ...sim.errors import InputError

LARGEST = 256 * 2**20
"""Bytes; the published file has 3.5 MB."""
WANTED = "wanted the published session with the fields trialData, pertTrials, pertParams and decoderTrainInfo"


@dataclasses.dataclass(frozen=True)
class Trial:
    """kind: the block; counts (n_bins, n_electrodes) as recorded; cursor (n_bins + 1, 2) mm; target (2,) mm; move: the
    first bin with a moving cursor; success; decoder: number of the decoder it was controlled by, 0 for none; decoded
    (n_bins, 2) mm/s by that; kinematics (n_bins, 2) mm/s that decoders were trained on; perturbed: whether the decoder
    saw the counts through the instability."""

    kind: str
    counts: np.ndarray
    cursor: np.ndarray
    target: np.ndarray
    move: int
    success: bool
    decoder: int
    decoded: np.ndarray
    kinematics: np.ndarray
    perturbed: bool


@dataclasses.dataclass(frozen=True)
class Recording:
    """trials; electrodes (n_units,): those the decoder uses; source (n_units,): the electrodes they see instead while
    perturbed; offset (n_units,) counts added; silent (n_units,) bool; training: for each decoder, from 1, the (trial,
    bins) it was fitted on, both counted from 0."""

    trials: tuple[Trial, ...]
    electrodes: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    silent: np.ndarray
    training: dict[int, tuple[tuple[int, np.ndarray], ...]]

    def seen(self, trial: Trial) -> np.ndarray:
        """Counts (n_bins, n_units) as the decoder saw them: swapped, then offset, then silenced where perturbed."""
        if not trial.perturbed:
            return trial.counts[:, self.electrodes]
        return (trial.counts[:, self.source] + self.offset) * ~self.silent

    def of(self, kind: str) -> list[Trial]:
        """The trials of a block that have counts, in order."""
        return [t for t in self.trials if t.kind == kind and len(t.counts)]


def load(path: str | Path) -> Recording:
    """The session in this file. InputError, in a line, for a file that is not it."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"'{path}' is not a file; {WANTED} (.mat)")
    if path.stat().st_size > LARGEST:
        raise InputError(f"'{path}' has {path.stat().st_size} bytes, more than {LARGEST}; {WANTED}")
    import scipy.io

    try:
        content = scipy.io.loadmat(str(path), squeeze_me=True, struct_as_record=False)
    except Exception as error:  # the reader raises whatever a broken file makes it raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"can't read '{path}' as a MATLAB file ({reason}); {WANTED}") from error
    try:
        recording = _recording(content)
    except (KeyError, AttributeError, TypeError, ValueError, IndexError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"'{path}' is a MATLAB file, but not this session ({reason}); {WANTED}") from error
    _check(recording, path)
    return recording


def _recording(content: dict[str, Any]) -> Recording:
    change = content["pertParams"]
    electrodes = np.atleast_1d(change.baseElectrodes).astype(int) - 1
    swaps = np.atleast_2d(change.swapElectrodesMap).astype(int) - 1
    if not np.array_equal(swaps[:, 0], electrodes):
        raise ValueError("swapElectrodesMap does not list the base electrodes")
    perturbed = set((np.atleast_1d(content["pertTrials"]).astype(int) - 1).tolist())
    trials = tuple(_trial(t, i in perturbed) for i, t in enumerate(np.atleast_1d(content["trialData"])))
    training = {
        n + 1: tuple(
            (int(t.trialNum) - 1, np.atleast_1d(t.trainBins).astype(int) - 1) for t in np.atleast_1d(info.trainTrials)
        )
        for n, info in enumerate(np.atleast_1d(content["decoderTrainInfo"]))
    }
    return Recording(
        trials, electrodes, swaps[:, 1], np.asarray(change.offsets, float), np.asarray(change.silentChs).astype(bool),
        training,
    )  # fmt: skip


def _trial(t: Any, perturbed: bool) -> Trial:
    counts = np.asarray(t.binCounts, float)
    counts = counts.reshape(-1, 96) if counts.size else np.zeros((0, 96))
    n = len(counts)
    return Trial(
        str(t.type), counts, np.asarray(t.refPos, float).reshape(-1, 2), np.asarray(t.tgtPos, float).reshape(2),
        int(t.moveBin) - 1 if np.size(t.moveBin) and np.isfinite(t.moveBin) else n, bool(t.success),
        int(t.decoderInd) if np.size(t.decoderInd) and np.isfinite(t.decoderInd) else 0,
        _rows(t.decodedVl, n), _rows(t.trainKinematics, n), perturbed,
    )  # fmt: skip


def _rows(values: Any, n: int) -> np.ndarray:
    values = np.asarray(values, float)
    return values.reshape(n, 2) if values.size and n else np.full((n, 2), np.nan)


def _check(recording: Recording, path: Path) -> None:
    kinds = {"baselineEvaluation", "perturbationEvaluation", "stabilization", "stabilizationEvaluation"}
    missing = sorted(kinds - {t.kind for t in recording.trials if len(t.counts)})
    finite = all(np.isfinite(t.counts).all() and (t.counts >= 0).all() for t in recording.trials)
    shapes = {len(v) for v in (recording.electrodes, recording.source, recording.offset, recording.silent)}
    if missing or not finite or len(shapes) != 1:
        what = f"no trials of {', '.join(missing)}" if missing else "counts or perturbations that can't be"
        raise InputError(f"'{path}' is a MATLAB file, but not this session ({what}); {WANTED}")
