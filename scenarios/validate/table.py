"""The validation table: every module's rows, one after the other."""

import importlib
import time
from collections.abc import Callable, Iterable

from .row import DISPUTED, FAIL, PASS, Row

MODULES = (
    "jansen_rit", "wendling", "wilson_cowan", "stn_gpe", "epileptor", "thalamocortical", "eirs", "oscillators",
    "controller", "closed_loop", "feedback", "tremor", "motor_imagery", "intracortical", "spiking", "physics_head",
    "stimulation",
)  # fmt: skip
"""Files of this package with ``rows(fast) -> list[Row]``, in the order of the table."""

SOURCE_MODULES = {
    **dict.fromkeys(
        ("kuramoto", "ott_antonsen", "stuart_landau", "bonhoeffer_van_der_pol", "hindmarsh_rose"), "oscillators"
    ),
    **dict.fromkeys(("brunel", "basal_ganglia", "cortical_column"), "spiking"),
}
"""Sources whose rows are in a module of another name."""


def validate(
    fast: bool = False, only: Iterable[str] | None = None, progress: Callable[[str], None] | None = None
) -> list[Row]:
    """Rows of the modules ``only`` (all by default); ``fast`` leaves the long simulations out.

    progress: called with a line before and after each module.
    """
    rows: list[Row] = []
    chosen = MODULES if only is None else tuple(only)
    for n, name in enumerate(chosen, 1):
        if progress is not None:
            progress(f"[{n}/{len(chosen)}] {name} ...")
        start = time.perf_counter()
        found = importlib.import_module(f".{name}", __package__).rows(fast)
        if progress is not None:
            progress(f"[{n}/{len(chosen)}] {name}: {summary(found)}, {time.perf_counter() - start:.0f} s")
        rows += found
    return rows


def summary(rows: list[Row]) -> str:
    """ "61 rows: 58 pass, 0 fail, 3 disputed"."""
    counts = {status: sum(row.status == status for row in rows) for status in (PASS, FAIL, DISPUTED)}
    return f"{len(rows)} rows: " + ", ".join(f"{count} {status}" for status, count in counts.items())
