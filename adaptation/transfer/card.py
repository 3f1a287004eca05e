"""What a checkpoint says of itself: the JSON beside the weights."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...sim.errors import InputError

FORMAT = "neurodrift checkpoint"
VERSION = 2

_KINDS = {
    "fields": "names with values", "preprocessing": "names with values", "strategy": "names with values",
    "metrics": "names with finite numbers", "ch_names": "a list of names", "class_names": "a list of names",
    "subjects": "a list of names, or none", "sfreq": "a number above 0", "n_times": "a whole number, 1 or more",
    "people": "a whole number, 0 or more", "trials": "a whole number, 0 or more", "seed": "a whole number",
}  # fmt: skip
"""Field -> what it is to be, where that is no text."""


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_names(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) for name in value)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda v: isinstance(v, str),
    "names with values": lambda v: isinstance(v, Mapping),
    "names with finite numbers": lambda v: isinstance(v, Mapping) and all(map(_is_number, v.values())),
    "a list of names": lambda v: _are_names(v) and len(v) > 0,
    "a list of names, or none": lambda v: v is None or _are_names(v),
    "a number above 0": lambda v: _is_number(v) and v > 0,
    "a whole number": _is_whole,
    "a whole number, 1 or more": lambda v: _is_whole(v) and v >= 1,
    "a whole number, 0 or more": lambda v: _is_whole(v) and v >= 0,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """Facts about a checkpoint, all of them JSON.

    decoder:       name in the registry; fields: the numbers it was made with, so that it is made again exactly
    ch_names:      channels in their order, named after the 10-05 system; reference: what they were recorded against
    sfreq, n_times, class_names: Hz, samples and classes of a window
    preprocessing: what was done to a window before the decoder sees it (l_freq, h_freq, window_s, alignment, ...)
    data:          what it was trained on, in words; people and trials: how many
    strategy:      how it was pretrained, with its numbers; seed
    licence:       of the weights, as an SPDX name where there is one
    metrics:       name -> number, measured on people that were not trained on, accuracies as fractions; of a calibrated
                   checkpoint ``own_accuracy``, cross-validated on its user's own trials, with its 95 % interval
                   ``own_lo`` to ``own_hi``
    subjects:      recorded people it was trained on, those of the checkpoint it went on from among them; the
                   virtual people of pretraining have no names; None where an older card does not say
    note:          how it compares, in words
    code:          version of the package; command: the line that makes it again
    """

    decoder: str
    fields: Mapping[str, Any]
    ch_names: tuple[str, ...]
    sfreq: float
    n_times: int
    class_names: tuple[str, ...]
    preprocessing: Mapping[str, Any]
    data: str
    people: int
    trials: int
    strategy: Mapping[str, Any]
    licence: str
    metrics: Mapping[str, float]
    reference: str = ""
    seed: int = 0
    code: str = ""
    command: str = ""
    subjects: tuple[str, ...] | None = None
    note: str = ""

    def gone_on(self, data: str, subjects: Sequence[str], licence: str) -> dict[str, Any]:
        """What the card of a checkpoint gone on from this one says, trained on ``data`` since, of ``subjects`` under
        ``licence``: both data, everybody's names, both licences."""
        known, licences = self.subjects, (*self.licence.split("; and "), licence)
        return {
            "data": f"{self.data}; then {data}",
            "subjects": None if known is None else tuple(dict.fromkeys((*known, *subjects))),
            "licence": "; and ".join(dict.fromkeys(licences)),
        }

    def to_json(self) -> dict[str, Any]:
        """Strict JSON types, the format and its version first."""
        facts = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}
        return {"format": FORMAT, "version": VERSION, **facts}

    @classmethod
    def from_json(cls, found: Any, where: str) -> "Card":
        """The card that ``to_json`` wrote; InputError naming ``where`` it was read for anything else."""
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            marked = found.get("format") if isinstance(found, dict) else None
            raise InputError(f"{where} is marked {marked!r}, not {FORMAT!r}: give the card of a neurodrift checkpoint")
        if found.get("version") == 1:
            found = _of_version_1(found)
        if found.get("version") != VERSION:
            raise InputError(
                f"{where} is of version {found.get('version')} but this release reads {VERSION}: update neurodrift, or "
                "make the checkpoint again with neurodrift pretrain"
            )
        names = {field.name: field for field in dataclasses.fields(cls)}
        missing = [n for n, f in names.items() if n not in found and f.default is dataclasses.MISSING]
        if missing:
            raise InputError(f"{where} lacks {', '.join(missing)}: make the checkpoint again with neurodrift pretrain")
        facts: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items() if k in names}
        card = cls(**facts)
        card._check(where)
        return card

    def _check(self, where: str) -> None:
        for name in (field.name for field in dataclasses.fields(self)):
            kind, value = _KINDS.get(name, "text"), getattr(self, name)
            if not _IS[kind](value):
                raise InputError(f"{where} has {name} {value!r:.80}: wanted {kind}; make it again")

    def dumps(self, weights_sha256: str) -> str:
        """The card's file: readable JSON with the checksum of the weights beside it."""
        self._check("the card to write")
        body = {**self.to_json(), "weights_sha256": weights_sha256}
        return json.dumps(body, indent=1, allow_nan=False) + "\n"


def _of_version_1(found: dict[str, Any]) -> dict[str, Any]:
    """The card of version 1 as one of version 2: accuracies were percent, but those of a user's own trials; recorded
    people had no names."""
    told, how = found.get("metrics"), found.get("strategy")
    if not (isinstance(told, dict) and isinstance(how, dict)):
        return {**found, "version": 2}  # the check says what is wrong
    if how.get("name") == "calibrated":
        metrics = {f"own_{name}": value for name, value in told.items()}
    else:
        metrics = {
            k: v / 100 if k.startswith("accuracy") and isinstance(v, int | float) else v for k, v in told.items()
        }
    virtual = str(found.get("data")).startswith("virtual people") and "after" not in how
    return {**found, "version": 2, "metrics": metrics, "subjects": [] if virtual else None}


def decoder_fields(decoder: Any) -> dict[str, Any]:
    """The plain numbers that a decoder is made of."""
    found = {f.name: getattr(decoder, f.name) for f in dataclasses.fields(decoder)}
    return {name: value for name, value in found.items() if isinstance(value, bool | int | float | str)}
