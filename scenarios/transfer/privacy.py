"""The privacy audit of a transfer: can who has a person's decoder tell which of the person's trials it was trained on?

Membership inference (Yeom et al 2018) on decoders that were trained on the first few trials of a person: is it surer of
the class of those than of the person's other trials? The source's decoder has met none of them: what is found there is
no memory but early trials that differ from late ones, or the scale, which is that of the labelled trials. Trials are
compared within a class: labelled seconds that are half ictal, beside a recording that is not, would tell a decoder that
has only moved its threshold.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...adaptation.federated.audit import auc
from ..rows import put
from ..statistics import mean_interval
from .arms import Person
from .outcome import Outcome

ARMS = ("scratch", "aligned", "finetuned")
ATTACKS = ("loss", "loss beside the source's")
NO_PAIRS = "no other trial of a class of the training"
QUESTION = (
    "Which of a person's trials was the decoder trained on? Area under the curve of telling them from the person's "
    "others of the same class by how sure the decoder is of it, person by person: .5 is a guess, 1 tells all. Beside "
    "the source's: by how much surer it is than the source's decoder. aligned is the source's decoder itself, which "
    "has seen none of them. The trained trials are the person's first: what else tells early from late is in these "
    "areas too. Brackets: 95 % interval over people (Student's)."
)


def with_audit(outcome: Outcome, told: np.ndarray, people: Person) -> Outcome:
    """The outcome with told (n_people, n_budgets, 3, n_trials) as ``run_arms`` has it, member (n_people, n_budgets,
    n_trials): 1 a labelled trial, 0 another of the person's, -1 none, and told_y (n_people, n_trials), their classes.
    """
    weight = np.concatenate([np.asarray(part.weight) for part in (people.pool, people.test)], axis=1)
    n_pool = np.shape(people.pool.weight)[1]
    labelled = np.arange(weight.shape[1]) < np.minimum(outcome.budgets, n_pool)[:, None]
    member = np.where(weight[:, None] > 0, labelled, -1).astype(np.int8)
    y = np.concatenate([np.asarray(part.y) for part in (people.pool, people.test)], axis=1)
    return dataclasses.replace(outcome, told=np.asarray(told, np.float32), member=member, told_y=y)


def audited(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """The audit of the outcomes of one transfer, as ``risks`` takes it; None where one kept nothing for it.

    rows: ``area`` by arm, budget and attack, and ``over``, how far it is above the area of who knows nothing of the
    training, person by person: the source's own for the first attack, .5 for the one that is beside the source's. Each
    with its interval. A person who was met several times counts once.
    """
    if not outcomes or any(one.told is None for one in outcomes):
        return None
    rows = []
    for a, arm in enumerate(ARMS):
        for b, budget in enumerate(outcomes[0].budgets):
            if not budget or arm not in outcomes[0].arms:
                continue
            blank = _areas(outcomes, b, ARMS.index("aligned"), ATTACKS[0])
            for attack in ATTACKS[: 1 if arm == "aligned" else 2]:
                areas = _areas(outcomes, b, a, attack)
                row: dict[str, Any] = {"arm": arm, "budget": budget, "attack": attack, "n_people": len(areas)}
                put(row, "area", mean_interval(areas, bounds=(0.0, 1.0)), NO_PAIRS)
                put(row, "over", mean_interval(areas - (blank if attack == ATTACKS[0] else 0.5)), NO_PAIRS)
                rows.append(row)
    return {"question": QUESTION, "sentence": _sentence(rows), "rows": rows} if rows else None


def _areas(outcomes: Sequence[Outcome], b: int, a: int, attack: str) -> np.ndarray:
    """(n_people,) area under the curve at the b-th budget, of the a-th of ``ARMS``."""
    by_person: dict[str, list[float]] = {}
    for outcome in outcomes:
        told, member = np.asarray(outcome.told)[:, b], np.asarray(outcome.member)[:, b]
        score = told[:, a] - (told[:, ARMS.index("aligned")] if attack != ATTACKS[0] else 0.0)
        for name, one, which, y in zip(outcome.people, score, member, np.asarray(outcome.told_y)):
            by_person.setdefault(name, []).append(_within(one[which >= 0], which[which >= 0] > 0, y[which >= 0]))
    return np.array([np.mean(areas) for areas in by_person.values()])


def _within(score: np.ndarray, member: np.ndarray, y: np.ndarray) -> float:
    """The share of pairs of a member and an outsider of one class in which the member scores higher; NaN of none."""
    held = [(int(member[y == c].sum()) * int((~member[y == c]).sum()), y == c) for c in np.unique(y)]
    pairs = [(n, auc(score[of], member[of])) for n, of in held if n]
    return sum(n * area for n, area in pairs) / sum(n for n, _ in pairs) if pairs else float("nan")


def _sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """With how many labels the fine-tuned decoder, and one from scratch, give trials away: told by whichever attack is
    above knowing nothing with its whole interval. Two are tried, so that a leak is rather said than missed."""
    known = [row for row in rows if row["area"] is not None]
    parts = []
    for arm in ("finetuned", "scratch"):
        mine = [row for row in known if row["arm"] == arm]
        telling = {row["budget"] for row in mine if (row["over_lo"] or 0.0) > 0}
        for told, words in ((True, "tells them"), (False, "is not seen to tell them")):
            here = [row for row in mine if (row["budget"] in telling) == told]
            if here:
                budgets = ", ".join(str(budget) for budget in sorted({row["budget"] for row in here}))
                parts.append(f"{arm} {words} with {budgets} labelled ({_range(here)})")
    blank = [row for row in known if row["arm"] == "aligned"]
    if blank:
        parts.append(f"the source's, which has met none: {_range(blank)}")
    if not parts:
        return "Nobody has other trials of the same classes to tell those of the training from: nothing was audited."
    return f"Trials of the training told from the person's others by one of two attacks: {'; '.join(parts)}."


def _range(rows: Sequence[Mapping[str, Any]]) -> str:
    low, high = (f"{end(row['area'] for row in rows):.2f}" for end in (min, max))
    return f"area {low}" if low == high else f"areas {low} to {high}"
