"""A row of the validation table: a published or computed fact beside what this package gives."""

from typing import Any, NamedTuple

PASS, FAIL, DISPUTED = "pass", "fail", "disputed"


class Row(NamedTuple):
    """``expected``, ``measured`` and ``tolerance`` share the unit that ``name`` ends with.

    status: "pass", "fail", or "disputed" where the two disagree for a documented ``reason``; source: where the
    expected value comes from.
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
    disputed: str = "",
) -> Row:  # fmt: skip
    """Compare: ``expected`` is a number, with an absolute ``tolerance``, or a (least, greatest) range widened by it.

    A row outside is "fail", or "disputed" where ``disputed`` gives the documented reason for the disagreement; a row
    inside passes, whatever the reason says.
    """
    low, high = expected if isinstance(expected, tuple) else (expected, expected)
    inside = low - tolerance <= measured <= high + tolerance
    status = PASS if inside else DISPUTED if disputed else FAIL
    shown = f"{low:g} to {high:g}" if isinstance(expected, tuple) else float(expected)
    return Row(name, shown, float(measured), float(tolerance), source, status, disputed if not inside else "")
