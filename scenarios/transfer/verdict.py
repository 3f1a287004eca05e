"""Words of a verdict: nothing is said to be above or below a limit that its interval holds."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..statistics import Interval
from .risk import find, interval_of

OPEN = "not settled"


def beside(found: Interval, limit: float, above: str, below: str, between: str = OPEN) -> str:
    """``above`` or ``below`` where the whole interval is there, else that it is not settled."""
    if found.lo > limit:
        return above
    return below if found.hi < limit else between


def unharmed(change: Interval, least: float) -> str:
    """Of a difference: not worse by as much as -``least``, worse, or not settled."""
    if change.lo > least:
        return "not made worse" if change.hi >= 0 else f"worse by less than {-100 * least:g} points"
    return "made worse" if change.hi < 0 else OPEN


def points(found: Interval) -> str:
    """``"+8.1 [5.0, 11.2]"`` of a fraction with its ends, or that one unit has none."""
    return f"{_rounded(100 * found.value, 1):+.1f} {ends(found, 100.0, 1)}"


def ends(found: Interval, factor: float = 1.0, digits: int = 3) -> str:
    """``"[0.701, 0.812]"``, or that there is none."""
    if not np.isfinite([found.lo, found.hi]).all():
        return "(of one, no interval)"
    return "[{:.{digits}f}, {:.{digits}f}]".format(
        *(_rounded(factor * end, digits) for end in (found.lo, found.hi)), digits=digits
    )


def _rounded(value: float, digits: int) -> float:
    """Without the minus of what rounds to nothing."""
    return round(float(value), digits) + 0.0


def compared(risk: Mapping[str, Any], arm: str, budget: int) -> list[str]:
    """What an arm is above from scratch on the same scale, and above the aligned source: two clauses, fewer where an
    arm was not run."""
    row, out = find(risk, arm, budget), []
    over = interval_of(row, "over_scratch_aligned")
    if np.isfinite(over.value):
        out.append(f"{points(over)} over from scratch that follows the scale as well")
    over = interval_of(row, "over_aligned")
    if np.isfinite(over.value):
        word = beside(over, 0.0, "fine-tuning is better", "aligned alone, without a label, is better")
        out.append(f"{points(over)} over aligned alone: {word}")
    return out
