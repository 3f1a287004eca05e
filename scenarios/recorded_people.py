"""Recorded people to pretrain on: recordings of the left and the right hand, prepared alike, a fifth held out."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..adaptation import registry
from ..adaptation.contract import Decoder, Trials
from ..adaptation.preprocessing import Preprocessing
from ..adaptation.transfer.checkpoint import Checkpoint
from ..adaptation.transfer.domains import stacked
from ..sim.errors import InputError
from ..sim.recordings import Recording, load
from .eegmmidb import of_subject, recorded_subjects
from .known_people import licence_of, person_of, refuse_known
from .preparing import Windows, prepared, preprocessing_of
from .simulated import CLASS_NAMES

SECONDS = (0.5, 3.5)  # after the cue


def recorded_people(
    data: Sequence[str], events: str | None, decoder_name: str, start: str | None, begun: Checkpoint | None
) -> tuple[Trials, Trials, Decoder, dict[str, Any]]:
    """People to train on, others held out (a fifth), the decoder for them, and what a card says of them.

    data: recordings of one person each, or folders of EEGMMIDB; begun: the checkpoint called ``start`` to go on from,
    whose windows they are given, None: the channels that all have; channels that are masked in a recording are
    interpolated from its others. InputError where there are too few, none of the two
    hands, or where ``begun`` was trained on who is held out.
    """
    recordings = [_two_hands(r).crop(*SECONDS) for r in _all_of(data, events)]
    if len(recordings) < 3:
        raise InputError(f"--data names {len(recordings)} recordings: wanted 3 or more, one is held out of every five")
    who = [person_of(r) for r in recordings]
    twice = [name for name, n in Counter(who).items() if n > 1]
    if twice:
        raise InputError(
            f"--data has {twice[0]} more than once: wanted one recording of each person, so that nobody is both "
            "trained on and held out"
        )
    n_out = max(1, len(recordings) // 5)
    if start is not None and begun is not None:
        refuse_known(start, begun.card, who[-n_out:], "held out")
    wanted = begun.card if begun is not None else _windows(decoder_name, recordings)
    people = [prepared(_usable(r, wanted.ch_names), wanted) for r in recordings]
    names = [r.source + r.lost for r in recordings]
    decoder = (
        registry.decoder(decoder_name).make(len(wanted.ch_names), wanted.n_times, 2, wanted.sfreq)
        if begun is None
        else begun.decoder
    )
    facts = {
        "ch_names": wanted.ch_names, "sfreq": wanted.sfreq, "n_times": wanted.n_times,
        "preprocessing": dict(wanted.preprocessing), "people": len(people) - n_out,
        "trials": sum(len(p.y) for p in people[:-n_out]),
        "licence": licence_of(recordings),
        "data": f"recorded: {', '.join(names[:-n_out])}; held out: {', '.join(names[-n_out:])}",
        "subjects": tuple(who[:-n_out]),
    }  # fmt: skip
    return stacked(people[:-n_out]), stacked(people[-n_out:]), decoder, facts


def _all_of(data: Sequence[str], events: str | None) -> list[Recording]:
    """The recordings of --data, those of folders one by one."""
    found = []
    for word in data:
        if Path(word).expanduser().is_dir():
            found += [of_subject(word, name, *SECONDS) for name in recorded_subjects(word)]
        else:
            named = ":" in word and not Path(word).exists()
            cut = {"tmin": SECONDS[0], "tmax": SECONDS[1], "subject": Path(word).stem}
            found.append(load(word) if named else load(word, events, **cut))
    return found


def _windows(decoder_name: str, recordings: Sequence[Recording]) -> Windows:
    """The channels that all have and not all have masked, and the lowest rate that the decoder takes."""
    spec = registry.decoder(decoder_name)
    names = tuple(
        n
        for n in recordings[0].ch_names
        if all(n in r.ch_names for r in recordings) and any(n not in r.bad_channels for r in recordings)
    )
    if len(names) < 3:
        raise InputError(f"--data: the recordings share {len(names)} channels: wanted 3 or more")
    sfreq, seconds = min(r.sfreq for r in recordings), SECONDS[1] - SECONDS[0]
    rate = _rate(sfreq, spec.min_sfreq)
    n_times = Preprocessing.create(sfreq, round(seconds * sfreq), spec.l_freq, spec.h_freq, rate).n_times_out
    return Windows(decoder_name, names, rate, n_times, CLASS_NAMES, preprocessing_of(spec, seconds))


def _usable(recording: Recording, wanted: Sequence[str]) -> Recording:
    """The channels ``wanted`` where all of them are good, else all good ones, to interpolate from."""
    good = [name for name in recording.ch_names if name not in recording.bad_channels]
    return recording.pick(wanted if set(wanted) <= set(good) else good)


def _two_hands(recording: Recording) -> Recording:
    """The trials of the left and the right hand alone, named as the simulated ones are."""
    sides = [next((name for name in recording.class_names if side in name.lower()), None) for side in ("left", "right")]
    if None in sides:
        raise InputError(
            f"--data {recording.source} has the classes {', '.join(recording.class_names)}: wanted the left and the "
            "right hand"
        )
    return dataclasses.replace(recording.select_classes([str(s) for s in sides]), class_names=CLASS_NAMES)


def _rate(sfreq: float, least: float) -> float:
    """The lowest rate that divides ``sfreq`` and is ``least`` Hz or more."""
    return sfreq / max(1, int(sfreq // least))
