"""Channel names as files write them, matched to the 10-05 system."""

import functools
import re
from collections.abc import Sequence

from ..errors import InputError

# What amplifiers and archives put around the electrode's name. A real second electrode ("Fpz-Cz") is not
# stripped: a bipolar derivation has no single position on the head.
_PREFIX = re.compile(r"^(?:EEG|SEEG)[\s:_-]+", re.IGNORECASE)
_SUFFIX = re.compile(r"[\s_-]+(?:REF\d?|LE|RE|AVG?|AVERAGE|CAR|M1|M2|A1|A2|A1A2|A1\+A2|LER|LINKED)$", re.IGNORECASE)


@functools.cache
def standard_names() -> dict[str, str]:
    """Lower-case name -> name, of the 10-05 system with the older T3 T4 T5 T6 (MNE's colin27_1005)."""
    import mne

    return {name.lower(): name for name in mne.channels.make_standard_montage("colin27_1005").ch_names}


def standard_name(name: str) -> str | None:
    """The 10-05 name of a channel: "C3..", "EEG C3-REF", "c3" -> "C3"; None where there is none."""
    bare = name.strip().strip(".").strip()
    for candidate in (bare, _PREFIX.sub("", bare), _SUFFIX.sub("", _PREFIX.sub("", bare))):
        found = standard_names().get(candidate.strip(" .").lower())
        if found is not None:
            return found
    return None


def match_names(names: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Name in the file -> 10-05 name for the channels that have one, and the others.

    Where two channels claim one electrode the first is kept. Raises InputError if none matches.
    """
    matched: dict[str, str] = {}
    others = []
    for name in names:
        standard = standard_name(name)
        if standard is None or standard in matched.values():
            others.append(name)
        else:
            matched[name] = standard
    if not matched:
        raise InputError(
            f"no channel name is of the 10-05 system (got {listing(names)}; wanted names such as Fz, C3, Cz, C4); "
            "rename the channels in the file"
        )
    return matched, others


def counted(n: int, what: str) -> str:
    """ "1 trial", "3 trials"."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def listing(words: Sequence[object], most: int = 8) -> str:
    """Words from a file for one line of a message: printable, clipped, not too many."""
    clean = ["".join(c if c.isprintable() else "?" for c in str(word)).strip()[:40] or "(empty)" for word in words]
    more = f" and {len(clean) - most} more" if len(clean) > most else ""
    return ", ".join(clean[:most]) + more if clean else "none"
