"""Which trials of a recording its own marks leave out: BAD annotations, and joins that a window would span."""

from typing import Any

import numpy as np

from .events import Event, onsets_of
from .names import counted

# How mne.concatenate_raws, EEGLAB and BrainVision write where samples that follow each other were not recorded so.
_JOINS = ("bad boundary", "edge boundary", "boundary")
_SEGMENT = "new segment"
# Of a sample: less than this is the rounding of an onset in seconds.
_ROUNDING = 1e-6


def unmarked(raw: Any, events: list[Event], first: int, n_times: int) -> tuple[list[Event], list[str]]:
    """The events whose windows are clear of the recording's marks, and what is left out, in words.

    A window is ``n_times`` samples from ``first`` samples after its event. A BAD annotation is one whose description
    begins with "bad" in any case; it leaves out what it overlaps, as mne.Epochs(reject_by_annotation=True) does. A join
    is a point, whatever its duration says, and leaves out the windows with samples on either side.
    """
    text = [str(description).lower() for description in raw.annotations.description]
    begin, length = onsets_of(raw), np.asarray(raw.annotations.duration, float) * raw.info["sfreq"]
    join = np.array([t in _JOINS or t.startswith(_SEGMENT) for t in text], bool)
    bad = np.array([t.startswith("bad") for t in text], bool) & ~join
    start = np.array([event.sample + first for event in events], float)[:, None]

    def overlap(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
        return np.asarray(((begin < start + n_times - _ROUNDING) & (end > start + _ROUNDING)).any(axis=1))

    over = overlap(begin[bad], (begin + length)[bad])
    across = overlap(begin[join], begin[join]) & ~over
    said = [
        f"left out {counted(int(lost.sum()), 'trial')} {why}"
        for lost, why in ((over, "overlapping BAD annotations"), (across, "across a boundary of joined runs"))
        if lost.any()
    ]
    return [event for event, lost in zip(events, over | across) if not lost], said
