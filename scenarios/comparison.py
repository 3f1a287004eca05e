"""Several runs side by side: the same rows of their tables, and which method leads where that can be said."""

import json
from pathlib import Path
from typing import Any

from ..sim.errors import InputError

MEASURES = ("accuracy_pre", "accuracy_post", "drop", "ttr90_trials", "naud", "harm", "labels", "update_ms_p50")


def load_results(folder: Path) -> dict[str, Any]:
    """``results.json`` of a run. InputError when there is none or it isn't one."""
    path = folder / "results.json" if folder.is_dir() else folder
    try:
        results = json.loads(path.read_bytes())
        missing = [k for k in ("scenario", "complete", "cells_done", "cells_planned", "table") if k not in results]
    except FileNotFoundError:
        raise InputError(f"{folder} holds no results.json; finish its run: neurodrift resume {folder}") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} can't be read ({error}); write it again: neurodrift resume {folder}") from None
    if missing:
        raise InputError(f"{path} is not the results of a run: it has no {', '.join(missing)}")
    return results


def compare(folders: list[Path]) -> dict[str, Any]:
    """Runs, joined rows and a ranking.

    ``rows``: one per scenario, severity and method, with ``values``: one dict of measures per run, null where
    the run has no such row. ``ranking``: per run, scenario and severity the methods by ``accuracy_post``, best
    first, null with ``why_not_ranked`` when a run is incomplete: its mean is over other cells than the rest's.
    """
    runs = [load_results(folder) for folder in folders]
    names = [str(folder) for folder in folders]
    keys = {(r["scenario"], row["severity"], row["method"]): None for r in runs for row in r["table"]}
    found = [{(r["scenario"], row["severity"], row["method"]): row for row in r["table"]} for r in runs]
    rows = [
        {
            "scenario": scenario,
            "severity": severity,
            "method": method,
            "values": [_measures(rows.get((scenario, severity, method))) for rows in found],
        }
        for scenario, severity, method in keys
    ]
    broken = [
        f"{name} has {r['cells_done']}/{r['cells_planned']} cells, INCOMPLETE"
        for name, r in zip(names, runs)
        if not r["complete"]
    ]
    return {
        "runs": [
            {"folder": name, **{k: r.get(k) for k in ("scenario", "complete", "cells_done", "cells_planned", "config")}}
            for name, r in zip(names, runs)
        ],
        "rows": rows,
        "ranking": None if broken else [_ranking(name, r) for name, r in zip(names, runs)],
        "why_not_ranked": "; ".join(broken) or None,
    }


def _measures(row: dict[str, Any] | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {name: row[name] for m in MEASURES for name in (m, f"{m}_lo", f"{m}_hi") if name in row}


def _ranking(name: str, results: dict[str, Any]) -> dict[str, Any]:
    by_severity = []
    for severity in dict.fromkeys(row["severity"] for row in results["table"]):
        rows = [r for r in results["table"] if r["severity"] == severity and r["accuracy_post"] is not None]
        rows.sort(key=lambda row: -row["accuracy_post"])
        by_severity.append({"severity": severity, "methods": [row["method"] for row in rows]})
    return {"folder": name, "scenario": results["scenario"], "severities": by_severity}
