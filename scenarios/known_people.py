"""Whom a checkpoint was trained on, and under which licence: nobody of them may be judged by it as a stranger."""

import re
from collections.abc import Iterable, Sequence

from ..adaptation.transfer.card import Card
from ..sim.errors import InputError
from ..sim.recordings import Recording
from ..sim.recordings.names import listing


def person_of(recording: Recording) -> str:
    """Who was recorded; the runs of EEGMMIDB (S007R04) are of one person, S007."""
    run = re.fullmatch(r"(S\d{3})R\d{2}", recording.subject)
    return run[1] if run else recording.subject


def licence_of(recordings: Iterable[Recording]) -> str:
    """The licence, on a card, of what was trained on the recordings."""
    return "that of the recordings: " + "; ".join(sorted({r.licence for r in recordings}))


def known_to(card: Card, names: Iterable[str]) -> tuple[str, ...]:
    """Those of ``names`` who are among the recorded people that the checkpoint was trained on."""
    return tuple(name for name in names if name in (card.subjects or ()))


def refuse_known(start: str, card: Card, names: Sequence[str], judged: str) -> None:
    """InputError where a checkpoint was trained on some of the recorded people who are ``judged``, or where its card,
    of an older release, does not say on whom."""
    if card.subjects is None:
        raise InputError(
            f"--start {start}: its card does not say whom it was trained on, so it may know who is {judged}: pretrain "
            "it again with this release"
        )
    known = known_to(card, names)
    if known:
        raise InputError(
            f"--start {start} was trained on {listing(known)}, who would be {judged}: leave them out of --data, or "
            "start from a checkpoint that has not seen them"
        )
