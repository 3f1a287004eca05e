"""Which events of a file start a trial, and the class each stands for."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import InputError
from .names import listing


class Event(NamedTuple):
    """sample: index into the recording; code: index into the class names."""

    sample: int
    code: int


def parse_events(events: Mapping[str, str] | Sequence[str] | str) -> dict[str, str]:
    """Event in the file -> class name, from "T1=left,T2=right", "left,right", a mapping or a list of names.

    Raises InputError if it is empty or names an event twice.
    """
    if isinstance(events, Mapping):
        pairs = [(str(event), str(name)) for event, name in events.items()]
    else:
        items = events.split(",") if isinstance(events, str) else [str(item) for item in events]
        pairs = [(event, name or event) for event, _, name in (item.partition("=") for item in items)]
    pairs = [(event.strip(), name.strip()) for event, name in pairs]
    if not pairs or not all(event and name for event, name in pairs):
        raise InputError(f'events are {str(events)!r}; write them as "T1=left,T2=right"')
    if len({_bare(event) for event, _ in pairs}) < len(pairs):
        raise InputError(f"events {str(events)!r} name one event twice; name each once")
    return dict(pairs)


def find_events(
    raw: Any, wanted: dict[str, str], stim_channel: str | None, file_name: str
) -> tuple[list[Event], tuple[str, ...]]:
    """The trials' events in time order and the class names in the order they were asked for.

    Annotations first, matched as written or by the last part of "Stimulus/S  1" with blanks ignored; if none
    of them is wanted, the codes of the stimulus channel. Raises InputError naming the events that are there.
    """
    names = tuple(dict.fromkeys(wanted.values()))
    present: list[str] = []
    found: dict[str, list[int]] = {}
    if stim_channel is None:
        found, present = _from_annotations(raw, wanted)
    if not found:
        found, codes = _from_stim_channel(raw, wanted, stim_channel, file_name)
        present += codes
    missing = [event for event in wanted if event not in found]
    if missing:
        raise InputError(
            f"{file_name} has no event {listing(missing)}; present: {listing(present, 20)}; "
            'choose with --events EVENT=class,... (in Python, events="EVENT=class,...")'
        )
    events = [Event(s, names.index(wanted[event])) for event, samples in found.items() for s in samples]
    return sorted(set(events)), names


def onsets_of(raw: Any) -> np.ndarray:
    """(n_annotations,) float64 samples from the recording's first to where each annotation begins."""
    return (np.asarray(raw.annotations.onset, float) - raw.first_time) * raw.info["sfreq"]


def _from_annotations(raw: Any, wanted: dict[str, str]) -> tuple[dict[str, list[int]], list[str]]:
    descriptions = [str(text) for text in raw.annotations.description]
    onsets = onsets_of(raw)
    found: dict[str, list[int]] = {}
    for event in wanted:
        exact = [text for text in set(descriptions) if text == event]
        loose = [text for text in set(descriptions) if _bare(event) in (_bare(text), _bare(text.split("/")[-1]))]
        chosen = set(exact or loose)
        samples = [round(float(t)) for t, text in zip(onsets, descriptions) if text in chosen and np.isfinite(t)]
        if samples:
            found[event] = samples
    return found, sorted(set(descriptions))


def _from_stim_channel(
    raw: Any, wanted: dict[str, str], stim_channel: str | None, file_name: str
) -> tuple[dict[str, list[int]], list[str]]:
    import mne

    if stim_channel is not None and stim_channel not in raw.ch_names:
        raise InputError(f"{file_name} has no channel {stim_channel!r}; channels: {listing(raw.ch_names)}")
    if stim_channel is None and "stim" not in raw.get_channel_types():
        return {}, []
    rows = mne.find_events(raw, stim_channel=stim_channel, shortest_event=1, initial_event=True)
    codes = [str(code) for code in rows[:, 2]]
    samples = [int(sample) - raw.first_samp for sample in rows[:, 0]]
    found = {event: [s for s, code in zip(samples, codes) if code == event] for event in wanted if event in codes}
    return found, sorted(set(codes), key=int)


def _bare(text: str) -> str:
    return "".join(text.split())
