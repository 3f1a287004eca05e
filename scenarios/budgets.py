"""Label budgets: what a method is told of a session, written behind its name: ``cft@10``.

Plain data; :mod:`neurodrift.scenarios.revealed` applies it to a stream.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ..sim.errors import InputError

SEPARATOR = "@"
BOUNDS = ("frozen", "oracle")
ERRORS = 0.24  # false positives and misses: detectors of error potentials are right some 76 % of the time


class Budget(NamedTuple):
    """How labels are revealed.

    title: in tables, behind the method's; tag: the kind of feedback, in a word or two; asks: of the user, in words.
    n_labels: only so many first labels of each period, from the onset of drift on; None for all. delay: trials that
    every label comes later. errors: signs of errors instead of labels.
    """

    name: str
    title: str
    tag: str
    asks: str
    n_labels: int | None = None
    delay: int = 0
    errors: bool = False


BUDGETS: Mapping[str, Budget] = {
    budget.name: budget
    for budget in (
        Budget("none", "no labels", "0 labels", "none", n_labels=0),
        Budget("errors", "error signals", "bandit", "none; a noisy sign of each error", n_labels=0, errors=True),
        Budget("10", "10 labels", "10 labels", "the first 10 of each period from the onset on", n_labels=10),
        Budget("20", "20 labels", "20 labels", "the first 20 of each period from the onset on", n_labels=20),
        Budget("delayed", "labels 10 trials late", "delayed", "every trial, 10 trials late", delay=10),
        Budget("full", "all labels", "full", "every trial"),
    )
}
FULL = BUDGETS["full"]


def split_arm(arm: str) -> tuple[str, Budget]:
    """``"cft@10"`` as method and budget; without a suffix the budget is ``full``. InputError for another suffix."""
    method, sign, suffix = arm.partition(SEPARATOR)
    if not sign:
        return arm, FULL
    if suffix not in BUDGETS or not method:
        raise InputError(
            f"'{arm}' has the label budget '{suffix}': wanted METHOD@BUDGET with BUDGET one of {', '.join(BUDGETS)}"
        )
    if method in BOUNDS:
        raise InputError(f"'{arm}': {method} is a bound and takes no label budget; leave '@{suffix}' out")
    return method, BUDGETS[suffix]


def base(arm: str) -> str:
    """The method of an arm, without its budget."""
    return split_arm(arm)[0]
