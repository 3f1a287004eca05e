"""What is said of a transfer: without a label, what fine-tuning gains, and how many labels come near the oracle."""

from collections.abc import Mapping, Sequence
from typing import Any

from .risk import FROZEN, ORACLE, SCRATCH, find, interval_of
from .verdict import compared, ends, points


def tell_gains(name: str, risk: Mapping[str, Any], budgets: Sequence[int], unit: str) -> list[str]:
    """Sentences on one transfer, fine-tuned with each of ``budgets`` labelled trials, which are called ``unit``."""
    arms, out = risk["arms"], []
    if 0 in risk["budgets"] and "aligned" in arms:
        others = [_value(risk, arm, 0) for arm in (FROZEN, ORACLE) if arm in arms]
        clauses = "; ".join([f"{risk['measure_title']} {_value(risk, 'aligned', 0)}", *others])
        out.append(f"{name}, no label: {clauses}.")
    for budget in budgets if {SCRATCH, "finetuned"} <= set(arms) else ():
        gain = interval_of(find(risk, "finetuned", budget), "gain")
        clauses = "; ".join([f"{points(gain)} points over from scratch", *compared(risk, "finetuned", budget)])
        out.append(f"{name}, fine-tuned with {budget} labelled {unit}: {clauses}.")
    return [*out, *needed_sentence(name, risk, unit)]


def median_of(needed: Mapping[str, Any], budgets: Sequence[int]) -> str:
    """The labels that half of all people need, where they are among those tried."""
    return f"{needed['median']:g}" if needed["median"] is not None else f"more than {max(budgets)}"


def needed_sentence(name: str, risk: Mapping[str, Any], unit: str) -> list[str]:
    """Labels until half of all people are within 5 % of their oracle, of every arm in one sentence."""
    told = []
    for one in risk["needed"]:
        told.append(f"{one['arm']} {median_of(one, risk['budgets'])} (never {one['never']} of {one['n_people']})")
    return [f"{name}, labelled {unit} until half are within 5 % of the oracle: {', '.join(told)}."] if told else []


def _value(risk: Mapping[str, Any], arm: str, budget: int) -> str:
    found = interval_of(find(risk, arm, budget), "value")
    return f"{arm} {found.value:.3f} {ends(found)}"
