"""``results.json`` of a benchmark: the leaderboard, ranks, recovery, labels against gain, and which fixes which."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..budgets import BUDGETS, split_arm
from ..contract import RunConfig, ScenarioInfo
from ..lookup import describe_method
from ..rows import put
from ..statistics import Interval, holm
from ..streams import collect
from .measures import Field, measure, meet, recovery_curve
from .plan import BenchmarkPlan
from .ranking import LEVEL, rank
from .text import leaderboard_text
from .verdict import benchmark_verdict

SCHEMA = 1


class Part(NamedTuple):
    """One scenario of a benchmark: its configuration and facts, the results of its run, and the cells it saved."""

    config: RunConfig
    info: ScenarioInfo
    results: Mapping[str, Any]
    cells: Sequence[Any]


def build(plan: BenchmarkPlan, parts: Sequence[Part]) -> dict[str, Any]:
    """Everything a benchmark says, as JSON. Nothing is compared before every cell of every scenario is there."""
    done, planned = (sum(part.results[key] for part in parts) for key in ("cells_done", "cells_planned"))
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "benchmark",
        "title": "Benchmark of recalibration",
        "scenario": "benchmark",
        "complete": all(part.results["complete"] for part in parts),
        "cells_done": done,
        "cells_planned": planned,
        "decoder": plan.decoder,
        "quick": plan.quick,
        "commitment": None if plan.secret is None else plan.secret.commitment,
        "scenarios": [_scenario(part) for part in parts],
        "budgets": {name: {"title": one.title, "tag": one.tag, "asks": one.asks} for name, one in BUDGETS.items()},
        "left_out": dict(plan.left_out),
        "config": {
            "arms": list(plan.arms),
            "decoder": plan.decoder,
            "scenarios": [f"{run.scenario}={run.severities[0]:g}" for run in plan.runs],
            "subjects": [run.subjects for run in plan.runs],
            "seeds": [run.seeds for run in plan.runs],
            "quick": plan.quick,
        },
        "notes": list(dict.fromkeys(note for part in parts for note in part.results.get("notes") or [])),
        "versions": parts[0].results["versions"],
        "command": plan.command,
        "table": [],
        "leaderboard": [],
        "ranks": [],
        "kaplan_meier": [],
        "map": [],
    }
    if out["complete"]:
        out |= compare(plan, parts)
    out["verdict"] = benchmark_verdict(out)
    out["text"] = leaderboard_text(out) if out["complete"] else ""
    return out


def compare(plan: BenchmarkPlan, parts: Sequence[Part]) -> dict[str, Any]:
    """Leaderboard (best first within each budget), ranks, recovery curves and the map, of complete runs."""
    names = ("frozen", *plan.arms, "oracle")
    meetings: dict[str, list] = {name: [] for name in names}
    for part in parts:
        drifting = part.config.severities[0] != 0
        runs, _ = collect(part.cells)
        for run in runs:
            # simulated people of one name are the same in every scenario; whoever was recorded is somebody else
            person = run.subject if part.info.kind == "simulated" else f"{part.config.scenario}: {run.subject}"
            for name in names:
                meetings[name].append(meet(part.config.scenario, run, name, drifting, part.results["chance"], person))
    field = Field(meetings)
    times = {row["method"]: row for part in reversed(parts) for row in part.results["table"] if row["update_ms_p50"]}
    rows = {}
    for name in names:
        row = describe(name) | measure(field, name)
        row["update_ms_p50"] = times[name]["update_ms_p50"] if name in times else None
        rows[name] = row
    tested = [name for name in names if rows[name]["role"] == "method"]
    for name, p in zip(tested, holm([rows[name]["p"] for name in tested])):
        rows[name]["p_holm"] = float(p) if np.isfinite(p) else None
    ranks = [found for budget in BUDGETS if (found := _ranks(field, rows, budget)) is not None]
    for found in ranks:
        for name, value in zip(found["arms"], found["mean_rank"]):
            if rows[name]["role"] == "method":
                rows[name]["mean_rank"], rows[name]["ranked_among"] = value, len(found["arms"])
    curves = [curve for name in names if (curve := recovery_curve(field, name)) is not None]
    return {
        "people": field.people,
        "leaderboard": sorted(rows.values(), key=_order),
        "ranks": ranks,
        "kaplan_meier": curves,
        "map": [_place(field, rows[name], part) for name in names for part in parts],
    }


def describe(arm: str) -> dict[str, Any]:
    """Name, title and tags of an arm."""
    method, budget = split_arm(arm)
    said = describe_method(method) or {"title": method, "tag": "causal"}
    role = method if method in ("frozen", "oracle") else "method"
    kind = {"frozen": "none", "oracle": "full"}.get(role, budget.name)
    return {
        "arm": arm,
        "method": method,
        "title": said["title"],
        "role": role,
        "budget": kind,
        "causal": said["tag"],
        "feedback": BUDGETS[kind].tag,
    }


def _order(row: Mapping[str, Any]) -> tuple:
    place = {"frozen": 0, "oracle": 2}.get(row["role"], 1)
    return (place, list(BUDGETS).index(row["budget"]), -row["gain"])


def _scenario(part: Part) -> dict[str, Any]:
    return {
        "scenario": part.config.scenario,
        "title": part.info.title,
        "severity": part.config.severities[0],
        "severity_name": part.info.severity_name,
        "severity_unit": part.info.severity_unit,
        "drifting": part.config.severities[0] != 0,
        "n_people": len(part.results["subjects"]),
        "n_seeds": part.config.seeds,
    }


def _ranks(field: Field, rows: Mapping[str, Mapping[str, Any]], budget: str) -> dict[str, Any] | None:
    """Friedman's test and mean ranks of the arms of one budget and frozen, over people."""
    arms = ["frozen"] + [name for name, row in rows.items() if row["role"] == "method" and row["budget"] == budget]
    if len(arms) < 3 or len(field.people) < 3:
        return None
    found = rank(np.stack([field.by_person(name, "accuracy") for name in arms], -1))
    return {
        "budget": budget,
        "arms": arms,
        "titles": [rows[name]["title"] for name in arms],
        "n_people": len(field.people),
        "mean_rank": found.mean_rank.tolist(),
        "chi2": found.chi2,
        "f": found.f,
        "p": found.p,
        "critical": found.critical,
        "level": LEVEL,
        "groups": [[arms[i] for i in group] for group in found.groups],
    }


def _place(field: Field, row: Mapping[str, Any], part: Part) -> dict[str, Any]:
    """The gain of one arm in one scenario, and what share of the oracle's that is."""
    scenario = part.config.scenario
    out = {"arm": row["arm"], "title": row["title"], "budget": row["budget"], "role": row["role"], "scenario": scenario}
    mine, best = (field.bootstrap(field.mean(arm, "difference", scenario)) for arm in (row["arm"], "oracle"))
    if len(part.results["subjects"]) < 2:  # drawn again, one person is always the same
        mine, best = (Interval(one.value, np.nan, np.nan) for one in (mine, best))
    put(out, "gain", mine)
    known = best.value >= 0.01 and (np.isnan(best.lo) or best.lo > 0)
    out["of_oracle"] = mine.value / best.value if known else None
    return out
