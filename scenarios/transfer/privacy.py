"""The privacy audit of a transfer: can who has a person's decoder tell which of the person's trials it was trained on?

Membership inference (Yeom et al 2018) on decoders that were trained on the first few trials of a person: is it surer of
the class of those than of the person's other trials? The source's decoder has met none of them: what is found there is
no memory but early trials that differ from late ones, or the scale, which is that of the labelled trials.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...adaptation.federated.audit import auc
from ..rows import put
from ..statistics import bootstrap, resample, weighted_mean
from .arms import Person
from .outcome import Outcome

ARMS = ("scratch", "aligned", "finetuned")
ATTACKS = ("loss", "loss beside the source's")
SEED = 20220301
QUESTION = (
    "Which of a person's trials was the decoder trained on? Area under the curve of telling them from the person's "
    "others by how sure the decoder is of their class, person by person: .5 is a guess, 1 tells all. Beside the "
    "source's: by how much surer it is than the source's decoder. aligned is the source's decoder itself, which has "
    "seen none of them. Brackets: 95 % bootstrap interval over people."
)


def with_audit(outcome: Outcome, told: np.ndarray, people: Person) -> Outcome:
    """The outcome with told (n_people, n_budgets, 3, n_trials) as ``run_arms`` has it, and member (n_people,
    n_budgets, n_trials): 1 a labelled trial, 0 another of the person's, -1 none."""
    weight = np.concatenate([np.asarray(part.weight) for part in (people.pool, people.test)], axis=1)
    labelled = np.arange(weight.shape[1]) < np.asarray(outcome.budgets)[:, None]
    member = np.where(weight[:, None] > 0, labelled, -1).astype(np.int8)
    return dataclasses.replace(outcome, told=np.asarray(told, np.float32), member=member)


def audited(outcomes: Sequence[Outcome]) -> dict[str, Any] | None:
    """The audit of the outcomes of one transfer, as ``risks`` takes it; None where one kept nothing for it.

    rows: area with its interval by arm, budget and attack. A person who was met several times counts once.
    """
    if not outcomes or any(one.told is None for one in outcomes):
        return None
    rows = []
    for a, arm in enumerate(ARMS):
        for b, budget in enumerate(outcomes[0].budgets):
            if not budget or arm not in outcomes[0].arms:
                continue
            for attack in ATTACKS[: 1 if arm == "aligned" else 2]:
                by_person: dict[str, list[float]] = {}
                for outcome in outcomes:
                    told, member = np.asarray(outcome.told)[:, b], np.asarray(outcome.member)[:, b]
                    score = told[:, a] - (told[:, ARMS.index("aligned")] if attack != ATTACKS[0] else 0.0)
                    for name, one, which in zip(outcome.people, score, member):
                        by_person.setdefault(name, []).append(auc(one[which >= 0], which[which >= 0] > 0))
                row: dict[str, Any] = {"arm": arm, "budget": budget, "attack": attack, "n_people": len(by_person)}
                mean = weighted_mean([float(np.mean(areas)) for areas in by_person.values()])
                put(row, "area", bootstrap(mean, resample(len(by_person), SEED)))
                rows.append(row)
    return {"question": QUESTION, "sentence": _sentence(rows), "rows": rows} if rows else None


def _sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """What the fine-tuned decoder gives away, and one from scratch, beside the source's, which has met nobody's: above
    its interval, where there is one."""
    said = []
    for budget in sorted({row["budget"] for row in rows}):
        here = [row for row in rows if row["budget"] == budget]
        blank = [row["area_hi"] for row in here if row["arm"] == "aligned" and row["area_hi"] is not None]
        for arm in ("finetuned", "scratch"):
            mine = [row for row in here if row["arm"] == arm and row["area"] is not None]
            if mine:
                best = max(mine, key=lambda row: row["area"])
                low = best["area_lo"]
                word = "tells them" if low is not None and low > max([0.5, *blank]) else "is not seen to tell them"
                said.append(f"{arm}, {budget} labelled trials, {word} ({best['area']:.2f}{_ends(best)})")
        said += [
            f"the source's, which has met none, {row['area']:.2f}{_ends(row)}"
            for row in here if row["arm"] == "aligned" and row["area"] is not None
        ]  # fmt: skip
    return (
        f"Trials of the training told from the person's others, area by the better of two attacks: {'; '.join(said)}."
    )


def _ends(row: Mapping[str, Any]) -> str:
    return "" if row["area_lo"] is None else f" [{row['area_lo']:.2f}, {row['area_hi']:.2f}]"
