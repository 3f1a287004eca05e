"""A row of the validation table: a published or computed fact beside what this package gives."""

import math
from typing import Any, NamedTuple

PASS, FAIL, DISPUTED = "pass", "fail", "disputed"


class Disputed(NamedTuple):
    """Why the expected value isn't what the equations give: ``reason``, and the value that is established instead,
    ``ours`` (by an independent computation or a closed form) with its absolute ``tolerance``."""

    reason: str
    ours: float
    tolerance: float


class Row(NamedTuple):
    """``expected``, ``measured`` and ``tolerance`` share the unit that ``name`` ends with.

    status: "pass", "fail", or "disputed" where the measured value is the one established for a documented ``reason``
    rather than the expected one; source: where the expected value comes from.
    """

    name: str
    expected: float | str
    measured: float
    tolerance: float
    source: str
    status: str
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        return self._asdict()


def row(
    name: str, expected: float | tuple[float, float], measured: float, tolerance: float, source: str,
    disputed: Disputed | None = None,
) -> Row:  # fmt: skip
    """Compare: ``expected`` is a number, with an absolute ``tolerance``, or a (least, greatest) range widened by it.

    Inside is "pass"; outside, but within ``disputed``'s own tolerance of its own value, "disputed"; everything else,
    and what isn't finite, "fail".
    """
    low, high = expected if isinstance(expected, tuple) else (expected, expected)
    shown = f"{low:g} to {high:g}" if isinstance(expected, tuple) else float(expected)
    status, reason = FAIL, ""
    if not math.isfinite(measured):
        pass
    elif low - tolerance <= measured <= high + tolerance:
        status = PASS
    elif disputed is not None and abs(measured - disputed.ours) <= disputed.tolerance:
        within = f" +- {disputed.tolerance:.2g}" if disputed.tolerance else ""
        status, reason = DISPUTED, f"{disputed.reason} (established: {disputed.ours:.5g}{within})"
    return Row(name, shown, float(measured), float(tolerance), source, status, reason)
