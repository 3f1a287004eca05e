"""Recordings on disk through MNE, as labelled trials in volts, de-identified by taking only what is listed."""

import contextlib
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from .edf_header import EdfHeader, check_edf
from .epochs import Recording
from .events import Event, find_events, parse_events
from .marks import unmarked
from .names import counted, listing, match_names, standard_name

READERS = {
    ".edf": "read_raw_edf",
    ".bdf": "read_raw_bdf",
    ".gdf": "read_raw_gdf",
    ".fif": "read_raw_fif",
    ".vhdr": "read_raw_brainvision",
    ".set": "read_raw_eeglab",
}
UNITS = {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9}

# A scalp electrode's EEG has a standard deviation of tens of uV; 1 mV in the median channel is a mix-up of units.
MAX_MEDIAN_SD = 1e-3
FLAT_PEAK_TO_PEAK = 1e-7
# No EEG amplifier passes 1 V: such a value is a reader's artefact, treated as NaN.
MAX_VOLTAGE = 1.0
MAX_BYTES = 4 * 1024**3


def read_recording(
    path: str | Path,
    events: Mapping[str, str] | Sequence[str] | str,
    tmin: float = 0.0,
    tmax: float = 4.0,
    *,
    min_sfreq: float = 64.0,
    units: str = "V",
    stim_channel: str | None = None,
    subject: str = "S01",
    session_name: str = "1",
    session_day: str = "1",
    licence: str = "the owner's",
) -> Recording:
    """Read the trials of one recording: EDF, BDF, GDF, FIF, BrainVision (.vhdr) or EEGLAB (.set).

    events: which events start a trial and the class they stand for, "T1=left,T2=right" or a mapping; names
        alone are their own class. Annotations are looked up first, then codes of the stimulus channel.
    tmin, tmax: s relative to the event, tmin <= t < tmax; a trial that does not fit in the recording is left out, and
        so is one that overlaps a BAD annotation or spans a join of runs
    min_sfreq: Hz; the default carries the 8-30 Hz band
    units: what one unit in the file really is, for files whose header calls microvolts volts ("uV")

    Of the EEG channels those with a name of the 10-05 system are kept, in the file's order. A channel that is
    flat (below 0.1 uV peak to peak in at least half the trials), marked bad in the file, or has NaN, infinite or > 1 V
    samples is masked: zeroed, listed in ``bad_channels`` and in ``notes``; where such samples are in all the others at
    once, that trial is left out instead. Nothing of the header but names, rates and samples is kept.

    Raises InputError, with one line, for everything that cannot be used.
    """
    path = Path(path)
    wanted = parse_events(events)
    if units not in UNITS:
        raise InputError(f"unit {units!r} is not known; use one of {', '.join(UNITS)}")
    if not (math.isfinite(tmin) and math.isfinite(tmax) and tmin < tmax):
        raise InputError(f"the window {tmin:g}..{tmax:g} s is empty; tmax must be later than tmin")
    header = _check_file(path)
    notes = list(header.notes) if header else []
    raw, caught = _guarded(lambda: _open(path, header, stim_channel), path)
    if any("invalid tag" in text.lower() for text in caught):
        raise InputError(f"{path.name} seems truncated: it ends inside a block; copy it again from the source")
    if not (math.isfinite(raw.info["sfreq"]) and raw.info["sfreq"] >= min_sfreq):
        raise InputError(
            f"{path.name} is sampled at {raw.info['sfreq']:g} Hz; at least {min_sfreq:g} Hz is needed: "
            "use the original recording or a decoder of a lower band"
        )
    eeg = _eeg_names(raw, path, stim_channel)
    unread = [] if header is None else [label for label in _unread(header, stim_channel) if label not in eeg]
    matched, others = match_names(eeg)
    others += unread
    if others:
        n_others = counted(len(others), "channel")
        notes.append(f"left out {n_others} with no 10-05 name or one that was taken: {listing(others)}")
    (found, names), more = _guarded(lambda: find_events(raw, wanted, stim_channel, path.name), path)
    caught += more
    kept, first, n_times, left_out = _windows(raw, found, tmin, tmax, path)
    x, more = _cut(raw, list(matched), kept, first, n_times, path)
    caught += more
    x *= UNITS[units]
    ch_names = tuple(matched.values())
    marked = np.array([name in raw.info["bads"] for name in matched])
    whole = _whole(x, marked)
    if not whole.all() and whole.any():
        n_lost = counted(int((~whole).sum()), "trial")
        left_out.append(f"left out {n_lost} with NaN, infinite or > 1 V samples in all channels")
        x, kept = x[whole], [event for event, is_whole in zip(kept, whole) if is_whole]
    notes += left_out
    x, bad = _mask(x, ch_names, marked, path)
    _check_scale(x, np.array([name not in bad for name in ch_names]), path)
    if bad:
        notes.append(f"masked {counted(len(bad), 'channel')}, flat, not finite or marked bad: {', '.join(bad)}")
    notes += _describe(caught)
    sfreq = float(raw.info["sfreq"])
    onset = np.array([event.sample for event in kept], np.float64) / sfreq
    return Recording(
        x=x,
        y=np.array([event.code for event in kept], np.int32),
        class_names=names,
        ch_names=ch_names,
        sfreq=sfreq,
        tmin=round(tmin * sfreq) / sfreq,
        session=np.zeros(len(kept), np.int32),
        session_names=(session_name,),
        session_days=(session_day,),
        session_quality=("ok",),
        onset_s=onset - onset[0],
        n_samples=np.full(len(kept), x.shape[-1], np.int32),
        subject=subject,
        licence=licence,
        source=path.name,
        bad_channels=bad,
        notes=tuple(notes),
    )


def _check_file(path: Path) -> EdfHeader | None:
    extension = path.suffix.lower()
    if extension not in READERS:
        raise InputError(f"{path.name} has no extension of an EEG file; use one of {', '.join(READERS)}")
    try:
        if not path.is_file():
            raise InputError(f"no file {path}; check the path")
        return check_edf(path) if extension in (".edf", ".bdf") else None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error


def _open(path: Path, header: EdfHeader | None, stim_channel: str | None) -> Any:
    import mne

    if path.stem.endswith(("-epo", "_epo")):
        raise InputError(
            f"{path.name} holds Epochs by its name: wanted the continuous recording, a Raw that was saved as _raw.fif"
        )
    options: dict[str, Any] = {"preload": False}
    if header is not None:
        options["exclude"] = _unread(header, stim_channel)
    return getattr(mne.io, READERS[path.suffix.lower()])(path, **options)


def _unread(header: EdfHeader, stim_channel: str | None) -> list[str]:
    """The channels MNE need not open: it brings all to the highest rate, and a fast EMG must not resample the EEG."""
    named = {label for label in header.labels if standard_name(label)}
    keep = named | {label for label in header.labels if _is_special(label, stim_channel)}
    return sorted(set(header.labels) - keep) if named else []


def _is_special(label: str, stim_channel: str | None) -> bool:
    return label == stim_channel or label.lower() in ("status", "trigger", "edf annotations", "bdf annotations")


def _eeg_names(raw: Any, path: Path, stim_channel: str | None) -> list[str]:
    kinds = zip(raw.ch_names, raw.get_channel_types())
    names = [name for name, kind in kinds if kind == "eeg" and name != stim_channel]
    if not names:
        raise InputError(f"{path.name} has no EEG channel (it holds: {listing(sorted(set(raw.get_channel_types())))})")
    return names


def _windows(
    raw: Any, events: list[Event], tmin: float, tmax: float, path: Path
) -> tuple[list[Event], int, int, list[str]]:
    """(events whose windows can be used, first sample of a window after its event, samples, what is left out)."""
    sfreq = raw.info["sfreq"]
    first, n_times = round(tmin * sfreq), round(tmax * sfreq) - round(tmin * sfreq)
    if n_times < 1:
        raise InputError(f"the window {tmin:g}..{tmax:g} s holds no sample at {sfreq:g} Hz; make it longer")
    inside = [e for e in events if e.sample + first >= 0 and e.sample + first + n_times <= raw.n_times]
    if not inside:
        raise InputError(
            f"none of the {len(events)} events of {path.name} leaves room for {tmin:g}..{tmax:g} s in its "
            f"{raw.n_times / sfreq:g} s; choose a shorter window"
        )
    n_past = len(events) - len(inside)
    kept, said = unmarked(raw, inside, first, n_times)
    if not kept:
        raise InputError(
            f"no trial of {path.name} is left of {len(inside)}: {'; '.join(said)}; choose a shorter window, or take "
            "marks away that do not hold"
        )
    past = [f"left out {counted(n_past, 'trial')} reaching past the recording"] if n_past else []
    return kept, first, n_times, past + said


def _cut(
    raw: Any, channels: list[str], kept: list[Event], first: int, n_times: int, path: Path
) -> tuple[np.ndarray, list[str]]:
    """Samples (n_trials, n_channels, n_times) of the events' windows in the file's unit, and the reader's warnings."""
    sfreq = raw.info["sfreq"]
    if len(kept) * len(channels) * n_times * 4 > MAX_BYTES:
        raise InputError(
            f"{len(kept)} trials of {n_times / sfreq:g} s exceed 4 GiB; choose fewer events or a shorter window"
        )
    x = np.empty((len(kept), len(channels), n_times), np.float32)
    notes: list[str] = []
    for trial, event in enumerate(kept):
        start = event.sample + first
        data, caught = _guarded(lambda s=start: raw.get_data(picks=channels, start=s, stop=s + n_times), path)
        if data.shape != x.shape[1:]:
            raise InputError(
                f"{path.name} is truncated: a trial at {start / sfreq:g} s has fewer samples than announced"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            x[trial] = data
        notes += caught
    return x, notes


def _whole(x: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """(n_trials,) bool: some channel that is neither flat nor ``marked`` bad is whole in that trial."""
    others = ~(marked | _flat(x))
    return np.asarray(~_broken(x)[:, others].all(axis=1)) if others.any() else np.ones(len(x), bool)


def _broken(x: np.ndarray) -> np.ndarray:
    """(n_trials, n_channels) bool: NaN, infinite or > 1 V samples."""
    with np.errstate(invalid="ignore"):
        return np.asarray(~(np.abs(x) <= MAX_VOLTAGE).all(axis=-1))


def _flat(x: np.ndarray) -> np.ndarray:
    """(n_channels,) bool."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.ptp(x, axis=-1) < FLAT_PEAK_TO_PEAK).mean(axis=0) >= 0.5)


def _mask(
    x: np.ndarray, ch_names: tuple[str, ...], marked: np.ndarray, path: Path
) -> tuple[np.ndarray, tuple[str, ...]]:
    broken, unusable = np.asarray(_broken(x).any(axis=0)), _flat(x) | marked
    bad = broken | unusable
    if broken[~unusable].all() and not unusable.all():
        with np.errstate(invalid="ignore"):
            large = (np.isfinite(x) & (np.abs(x) > MAX_VOLTAGE))[:, ~unusable].any(axis=(0, 2)).all()
        raise InputError(
            f"all {counted(int((~unusable).sum()), 'EEG channel')} of {path.name} that could be used have "
            + (
                "samples of more than 1 V: its values may be microvolts where volts are wanted, divide them by 1e6 "
                '(in Python, units="uV")'
                if large
                else "NaN, infinite or > 1 V samples; export it again"
            )
        )
    if bad.all():
        raise InputError(
            f"all {len(ch_names)} EEG channels of {path.name} are flat, not finite or marked bad; check the recording, "
            "and its unit if it is not volts"
        )
    x[:, bad] = 0.0
    return x, tuple(name for name, is_bad in zip(ch_names, bad) if is_bad)


def _check_scale(x: np.ndarray, good: np.ndarray, path: Path) -> None:
    median = float(np.median(x[:, good].std(axis=-1)))
    if median > MAX_MEDIAN_SD:
        raise InputError(
            f"{path.name} has a median standard deviation of {median:.3g} V, EEG has some 20e-6 V: "
            'if its values are microvolts labelled as volts, read it with units="uV"'
        )


@contextlib.contextmanager
def _quiet_log() -> Iterator[None]:
    """MNE warns through ``warnings``, which we collect, and for some handlers through its log as well."""
    logger = logging.getLogger("mne")
    handlers, propagate = logger.handlers[:], logger.propagate
    logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        yield
    finally:
        logger.handlers, logger.propagate = handlers, propagate


def _guarded(action: Callable[[], Any], path: Path) -> tuple[Any, list[str]]:
    """Run a reader: any exception becomes an InputError, warnings are returned as text."""
    import mne

    with warnings.catch_warnings(record=True) as caught, mne.utils.use_log_level("WARNING"), _quiet_log():
        warnings.simplefilter("always")
        try:
            result = action()
        except InputError:
            raise
        except FileNotFoundError as error:
            raise InputError(f"{path.name} refers to a file that is not beside it; keep its parts together") from error
        except MemoryError as error:
            raise InputError(f"{path.name} asks for more memory than there is; it is probably damaged") from error
        # Readers raise whatever the damage runs into (struct, Unicode, overflow, zero division, assertion ...);
        # their text may quote the header, so only the type is passed on.
        except Exception as error:
            raise InputError(
                f"{path.name} cannot be read as continuous {path.suffix[1:].upper()} "
                f"({type(error).__name__} in the reader); it is damaged or of another kind, export it again"
            ) from error
    return result, [str(w.message) for w in caught]


# Readers' warnings that say something of the data, in our words: theirs may quote the header.
_WARNINGS = (
    ("number of records", "the header's number of records differs from the file's"),
    ("not unique", "channel names were not unique"),
    ("outside", "events outside the recording were left out"),
    ("physical range", "a channel has no physical range"),
    ("scaling", "a channel has no scaling"),
    ("truncat", "the reader found less data than announced"),
    ("different sampl", "channels of a lower sampling rate were resampled"),
)


def _describe(caught: list[str]) -> list[str]:
    text = [message.lower() for message in caught]
    return [ours for theirs, ours in _WARNINGS if any(theirs in message for message in text)]
