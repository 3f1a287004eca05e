"""A recording cut into labelled trials, in memory: plain NumPy, because files live at the edge."""

import dataclasses
import difflib
import re
from collections.abc import Sequence

import numpy as np

from ..errors import InputError
from .names import listing


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """Labelled trials of one person over one or more sessions. Not a pytree.

    x:             (n_trials, n_channels, n_times) float32, V; exactly 0 in masked channels and past ``n_samples``
    y:             (n_trials,) int32 index into ``class_names``
    ch_names:      names of the 10-05 system
    sfreq:         Hz
    tmin:          s, time of the first sample relative to the cue
    session:       (n_trials,) int32 index into ``session_names``, in chronological order
    session_days:  the day of each session, equal for sessions of one day
    session_quality: "ok", or what is wrong with the session
    onset_s:       (n_trials,) float64 s since the first trial of the same session, NaN where unknown
    n_samples:     (n_trials,) int32, how many samples of each trial were recorded
    bad_channels:  names of the channels that are masked
    licence, source, subject, notes: where it came from and what was done to it, in words

    Raises InputError when the shapes do not agree or a value is not finite.
    """

    x: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    ch_names: tuple[str, ...]
    sfreq: float
    tmin: float
    session: np.ndarray
    session_names: tuple[str, ...]
    session_days: tuple[str, ...]
    session_quality: tuple[str, ...]
    onset_s: np.ndarray
    n_samples: np.ndarray
    subject: str
    licence: str
    source: str
    bad_channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n_trials, n_channels, n_times = self.x.shape
        n_sessions = len(self.session_names)
        agree = (
            len(self.ch_names) == n_channels == len(set(self.ch_names))
            and all(len(v) == n_trials for v in (self.y, self.session, self.onset_s, self.n_samples))
            and len(self.session_days) == len(self.session_quality) == n_sessions
            and set(self.bad_channels) <= set(self.ch_names)
        )
        if not agree:
            raise InputError(
                f"recording of shape {self.x.shape} has {len(self.ch_names)} channel names, {len(self.y)} labels "
                f"and {len(self.session)} session indices; give one of each per channel or trial"
            )
        if not n_trials or not n_times:
            raise InputError(f"recording has {n_trials} trials of {n_times} samples; at least one of each is needed")
        inside = (
            self.y.min() >= 0
            and self.y.max() < len(self.class_names)
            and self.session.min() >= 0
            and self.session.max() < n_sessions
            and self.n_samples.min() >= 0
            and self.n_samples.max() <= n_times
        )
        if not inside:
            raise InputError(
                f"a label, session or sample count is out of range: {len(self.class_names)} classes, "
                f"{n_sessions} sessions and {n_times} samples are declared"
            )
        if not np.isfinite(self.x).all():
            raise InputError("recording holds NaN or infinite values; mask those channels or drop those trials")

    @property
    def n_trials(self) -> int:
        return self.x.shape[0]

    @property
    def n_channels(self) -> int:
        return self.x.shape[1]

    @property
    def n_times(self) -> int:
        return self.x.shape[2]

    @property
    def good(self) -> np.ndarray:
        """(n_channels,) bool, False for the channels that are masked."""
        return np.array([name not in self.bad_channels for name in self.ch_names])

    @property
    def lost(self) -> str:
        """What the notes say of trials left out and channels masked, in parentheses after a blank; else nothing."""
        said = [note for note in self.notes if re.search(r"left out \d+ trial|masked \d+ channel", note)]
        return f" ({'; '.join(said)})" if said else ""

    def select(self, index: np.ndarray) -> "Recording":
        """The trials of a boolean mask or an index array; sessions left without a trial go."""
        x, session = self.x[index], self.session[index]
        if not len(session):
            raise InputError(f"none of the {self.n_trials} trials is selected; widen the selection")
        kept, session = np.unique(session, return_inverse=True)
        return dataclasses.replace(
            self,
            x=x,
            y=self.y[index],
            session=session.astype(np.int32),
            session_names=tuple(self.session_names[k] for k in kept),
            session_days=tuple(self.session_days[k] for k in kept),
            session_quality=tuple(self.session_quality[k] for k in kept),
            onset_s=self.onset_s[index],
            n_samples=self.n_samples[index],
        )

    def select_classes(self, names: Sequence[str]) -> "Recording":
        """The trials of the named classes, relabelled in that order."""
        codes = [_index(name, self.class_names, "class") for name in names]
        relabel = np.full(len(self.class_names), -1, np.int32)
        relabel[codes] = np.arange(len(codes))
        chosen = self.select(relabel[self.y] >= 0)
        return dataclasses.replace(chosen, y=relabel[chosen.y], class_names=tuple(names))

    def select_quality(self, quality: str = "ok") -> "Recording":
        """The trials of the sessions of that quality."""
        return self.select(np.array([q == quality for q in self.session_quality])[self.session])

    def pick(self, ch_names: Sequence[str]) -> "Recording":
        """The named channels, in the order given."""
        rows = [_index(name, self.ch_names, "channel") for name in ch_names]
        bad = tuple(name for name in ch_names if name in self.bad_channels)
        return dataclasses.replace(self, x=self.x[:, rows], ch_names=tuple(ch_names), bad_channels=bad)

    def crop(self, tmin: float, tmax: float) -> "Recording":
        """The samples with tmin <= t < tmax, s relative to the cue."""
        start, stop = (round((t - self.tmin) * self.sfreq) for t in (tmin, tmax))
        if start < 0 or stop > self.n_times or stop <= start:
            raise InputError(
                f"cannot crop to {tmin:g}..{tmax:g} s: the trials cover "
                f"{self.tmin:g}..{self.tmin + self.n_times / self.sfreq:g} s"
            )
        return dataclasses.replace(
            self,
            x=self.x[..., start:stop],
            tmin=self.tmin + start / self.sfreq,
            n_samples=np.clip(self.n_samples - start, 0, stop - start).astype(np.int32),
        )


def concatenate(recordings: Sequence[Recording]) -> Recording:
    """Join recordings of one person in the order given, each keeping its sessions.

    A channel that is masked in one is masked in all, so that a decoder meets one set of channels. Notes name the source
    they are of where there are several.
    Raises InputError unless classes, channels, sampling rate and window agree.
    """
    if not recordings:
        raise InputError("no recording to concatenate; give at least one")
    first = recordings[0]
    for other in recordings[1:]:
        for field in ("class_names", "ch_names", "sfreq", "tmin", "n_times"):
            if getattr(other, field) != getattr(first, field):
                raise InputError(
                    f"recordings differ in {field}: {_words(getattr(first, field))} and "
                    f"{_words(getattr(other, field))}; select the same classes, channels and window first"
                )
    bad = tuple(name for name in first.ch_names if any(name in r.bad_channels for r in recordings))
    x = np.concatenate([r.x for r in recordings])
    x[:, [first.ch_names.index(name) for name in bad]] = 0.0
    several = len({r.source for r in recordings}) > 1
    notes = [f"{r.source}: {note}" if several else note for r in recordings for note in r.notes]
    offsets = np.cumsum([0, *(len(r.session_names) for r in recordings[:-1])])
    session = np.concatenate([r.session + k for r, k in zip(recordings, offsets)]).astype(np.int32)
    return dataclasses.replace(
        first,
        x=x,
        y=np.concatenate([r.y for r in recordings]),
        session=session,
        session_names=sum((r.session_names for r in recordings), ()),
        session_days=sum((r.session_days for r in recordings), ()),
        session_quality=sum((r.session_quality for r in recordings), ()),
        onset_s=np.concatenate([r.onset_s for r in recordings]),
        n_samples=np.concatenate([r.n_samples for r in recordings]),
        source="; ".join(dict.fromkeys(r.source for r in recordings)),
        bad_channels=bad,
        notes=tuple(dict.fromkeys(notes)),
    )


def _index(name: str, known: Sequence[str], what: str) -> int:
    if name in known:
        return list(known).index(name)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"present: {listing(known)}"
    raise InputError(f"no {what} {name!r} in the recording; {hint}")


def _words(value: object) -> str:
    return listing(value) if isinstance(value, tuple) else str(value)
