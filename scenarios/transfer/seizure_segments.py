"""Bonn's segments of EEG (Andrzejak et al. 2001), of which one set in five is ictal, from a folder of its zip files."""

import functools
import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...sim.errors import InputError
from ..folders import data_folder
from .arms import Person
from .feature_trials import as_trials
from .seizure_patients import features

SETS = ("S", "Z", "O", "N", "F")  # ictal first; healthy with eyes open and closed, and between seizures twice
SFREQ = 173.61  # Hz
PER_SECOND = 173  # samples: a segment has 23 seconds of them
N_GROUPS = 10
WANTED = "wanted a folder with Z.zip, O.zip, N.zip, F.zip and S.zip of 100 segments of 4097 samples each (Bonn's EEG)"


class Groups(NamedTuple):
    """x (n_groups, n_segments, n_seconds, n_features), ictal (n_segments,) bool: the same in every group; the first
    half of a group may be labelled, the second is tested."""

    x: np.ndarray
    ictal: np.ndarray


def groups(folder: str) -> Groups:
    """The 500 segments in ten groups of fifty, ten of each set; InputError where they are not there.

    Segment k of a set goes into group k modulo ten, so that neighbours, which may be of one patient, are in different
    groups. Each half of a group has the ictal segments first, then the sets in turn.
    """
    return _read(str(data_folder(folder, WANTED)))


def person_of(found: Groups, n_labels: int, seed: int) -> tuple[Person, np.ndarray]:
    """Each group as a person: of the first half ``n_labels`` seconds may be labelled, ictal and others in turn, each
    time of another segment while there is one, and all tell the scale; the second half is tested, segment by segment in
    an order that ``seed`` draws. Beside it ictal (n_groups, n_segments, n_seconds) of the tested segments."""
    n_groups, n_segments, n_seconds = found.x.shape[:3]
    half = n_segments // 2
    first, second = found.x[:, :half], found.x[:, half:]
    ictal = found.ictal[:half]
    place = np.array([_nth(np.flatnonzero(ictal == (i % 2 == 0)), i // 2, n_seconds) for i in range(n_labels)])
    labels = np.arange(n_labels) % 2 == 0
    orders = [np.random.default_rng([20011120, seed, g]).permutation(half) for g in range(n_groups)]
    tested = np.stack([x[order] for x, order in zip(second, orders)]).reshape(n_groups, half * n_seconds, -1)
    seizing = np.stack([np.repeat(found.ictal[half:][order], n_seconds) for order in orders])
    told = np.tile(np.repeat(ictal, n_seconds), (n_groups, 1))
    person = Person(
        pool=as_trials(first[:, place[:, 0], place[:, 1]], np.tile(labels, (n_groups, 1))),
        test=as_trials(tested, seizing),
        scale=as_trials(first.reshape(n_groups, half * n_seconds, -1), told),
    )
    return person, seizing.reshape(n_groups, half, n_seconds)


def _nth(segments: np.ndarray, i: int, n_seconds: int) -> tuple[int, int]:
    """Segment and second of the i-th label of a class: round the segments, each round 7 seconds further from the
    middle on."""
    return int(segments[i % len(segments)]), (n_seconds // 2 + 7 * (i // len(segments))) % n_seconds


@functools.lru_cache(maxsize=2)
def _read(folder: str) -> Groups:
    sets = [_segments(Path(folder) / f"{name}.zip") for name in SETS]  # (100, 23, 173) each
    each = len(sets[0]) // N_GROUPS
    rows = []
    for g in range(N_GROUPS):
        mine = [s[g::N_GROUPS] for s in sets]
        for half in (slice(each // 2), slice(each // 2, None)):
            ictal, others = mine[0][half], np.stack([m[half] for m in mine[1:]], axis=1)
            rows.append(np.concatenate([ictal, others.reshape(-1, *others.shape[2:])]))
    x = features(np.stack(rows), SFREQ)
    ictal = np.arange(x.shape[1]) < each // 2
    return Groups(x.reshape(N_GROUPS, -1, *x.shape[2:]), np.tile(ictal, 2))


def _segments(file: Path) -> np.ndarray:
    """(100, 23, 173) V; the files hold microvolts."""
    try:
        with zipfile.ZipFile(file) as z:
            names = sorted(name for name in z.namelist() if name.lower().endswith(".txt"))
            values = np.stack([np.loadtxt(io.BytesIO(z.read(name))) for name in names])
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} can't be read ({error}); {WANTED}") from error
    if values.shape != (100, 4097):
        raise InputError(f"{file} has segments {values.shape}; {WANTED}")
    n_seconds = values.shape[1] // PER_SECOND
    return 1e-6 * values[:, : n_seconds * PER_SECOND].reshape(len(values), n_seconds, PER_SECOND)
