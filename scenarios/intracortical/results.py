"""From measured values to the results of a scenario here: rows beside published figures, courses, verdict, text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..own import NOTHING_YET, Finished
from ..statistics import Interval, bootstrap, resample, weighted_mean

BOOTSTRAP_SEED = 20200420


def mean_of(values: ArrayLike) -> Interval:
    """Mean and bootstrap interval over units, values (n_units,)."""
    values = np.asarray(values, float)
    return bootstrap(weighted_mean(values), resample(len(values), BOOTSTRAP_SEED))


def row(name: str, published: Mapping[str, Any], **measures: Interval) -> dict[str, Any]:
    """A row of the table: what was measured, and what was published of the same, as text."""
    found: dict[str, Any] = {"name": name, "published": dict(published)}
    for key, interval in measures.items():
        for end, value in (("", interval.value), ("_lo", interval.lo), ("_hi", interval.hi)):
            found[key + end] = float(value) if np.isfinite(value) else None
    return found


def curve(name: str, x: ArrayLike, y: ArrayLike) -> dict[str, Any]:
    """A line of the figure."""
    return {"name": name, "x": np.asarray(x, float).tolist(), "y": np.asarray(y, float).tolist()}


def assemble(
    done: Finished,
    *,
    columns: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    curves: Sequence[Mapping[str, Any]],
    axes: Mapping[str, Any],
    verdict: Mapping[str, Any],
    notes: Sequence[str],
    over: str,
) -> dict[str, Any]:
    """Strict JSON. columns: measure -> its heading; axes: x, y, title of the figure and, where wanted, ``log``; over:
    what intervals are taken over."""
    results = {
        **done.facts(),
        "columns": dict(columns),
        "rows": list(rows),
        "curves": list(curves),
        "axes": dict(axes),
        "over": over,
        "notes": [*notes, *(["Quick: too short and too few to be a result."] if done.config.quick else [])],
    }
    results["verdict"] = verdict if done.cells else NOTHING_YET
    results["text"] = text(results)
    return results


def text(results: Mapping[str, Any]) -> str:
    """The table for a terminal."""
    columns = results["columns"]
    heads = [cell for title in columns.values() for cell in (title, "published")]
    body = [[r["name"], *(c for k in columns for c in (interval(r, k), published(r, k)))] for r in results["rows"]]
    table = [["", *heads], *body]
    widths = [max(len(line[i]) for line in table) for i in range(len(heads) + 1)]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths)).rstrip() for line in table)


def interval(row: Mapping[str, Any], key: str) -> str:
    """``"1.53 [1.42, 1.66]"``, or "-" where nothing was measured."""
    if row.get(key) is None:
        return "-"
    lo, hi = row.get(f"{key}_lo"), row.get(f"{key}_hi")
    return f"{row[key]:.2f}" + (f" [{lo:.2f}, {hi:.2f}]" if lo is not None and hi is not None else "")


def published(row: Mapping[str, Any], key: str) -> str:
    return str(row["published"].get(key, "-"))
