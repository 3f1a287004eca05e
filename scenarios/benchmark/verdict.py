"""The first sentences of a benchmark: what is gained without labels and with them, and who did harm."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..report.text import number, percent

TOLERATED = 0.01
SIGNIFICANT = 0.05
ASKED = {
    "none": "Without labels",
    "errors": "With error signals",
    "10": "With 10 labels",
    "20": "With 20 labels",
    "delayed": "With labels 10 trials late",
    "full": "With all labels",
}


def benchmark_verdict(results: Mapping[str, Any]) -> dict[str, Any]:
    """{headline, sentences, ranked}; an incomplete benchmark is never ranked."""
    if not results["complete"]:
        done, planned = results["cells_done"], results["cells_planned"]
        return {
            "headline": f"{done}/{planned} cells, INCOMPLETE — not ranked",
            "sentences": ["Call the same command again to finish it; nothing is compared before."],
            "ranked": False,
        }
    rows = [row for row in results["leaderboard"] if row["role"] == "method"]
    best = {budget: next((r for r in rows if r["budget"] == budget), None) for budget in ASKED}
    said = [_gain(ASKED[budget], row) for budget, row in best.items() if row is not None]
    n, s = len(results["people"]), len(results["scenarios"])
    oracle = next(row for row in results["leaderboard"] if row["role"] == "oracle")
    where = f"over {n} {'people' if n > 1 else 'person'} and {s} {'scenarios' if s > 1 else 'scenario'}"
    headline = f"{said[0]}, mean {where}; the oracle {percent(oracle, 'gain', 'points', sign=True)}."
    sentences = [f"{sentence}." for sentence in said[1:]]
    sentences += _fixes(results, rows)
    sure = [row for row in rows if row["gain"] > 0 and row["p_holm"] is not None and row["p_holm"] < SIGNIFICANT]
    least = min(2.0 ** (1 - n) * len(rows), 1.0)  # everybody gains, exactly tested, before Holm has let any pass
    sentences.append(
        f"{len(sure)} of {len(rows)} arms gain on frozen beyond doubt (paired Wilcoxon over people, Holm over all)."
    )
    if least >= SIGNIFICANT:
        sentences.append(f"So few people cannot prove it: no p of {len(rows)} arms can be below {least:.2f}.")
    sentences.append(_harm(rows))
    return {"headline": headline, "sentences": sentences, "ranked": True}


def _gain(asked: str, row: Mapping[str, Any]) -> str:
    p = row.get("p_holm")
    tested = "" if p is None else f" (Holm p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})"
    does = "gains most on" if row["gain"] > 0 else "is the best, and no better than"
    return f"{asked} {row['title']} {does} frozen: {percent(row, 'gain', 'points', sign=True)}{tested}"


def _fixes(results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """For every drift the best arm without labels and the best with all of them; without drift, who loses."""
    out = []
    for scenario in results["scenarios"]:
        here = [p for p in results["map"] if p["scenario"] == scenario["scenario"] and p["role"] == "method"]
        if not scenario["drifting"]:
            lost = [place for place in here if place["gain"] < -TOLERATED]
            told = {row["arm"]: row["feedback"] for row in rows}
            listed = "; ".join(f"{p['title']} ({told[p['arm']]}) {number(p['gain'], 100)}" for p in lost)
            out.append(f"{scenario['title']}: more than 1 point is lost by {listed or 'none'}.")
            continue
        parts = []
        for budget in ("none", "full"):
            some = [place for place in here if place["budget"] == budget]
            if some:
                first = max(some, key=lambda place: place["gain"])
                parts.append(f"{ASKED[budget].lower()} {first['title']}, {percent(first, 'gain', 'points', sign=True)}")
        if parts:
            out.append(f"{scenario['title']}: {'; '.join(parts)}.")
    return out


def _harm(rows: Sequence[Mapping[str, Any]]) -> str:
    lost = [row for row in rows if row["gain"] < -TOLERATED]
    if lost:
        listed = "; ".join(f"{row['title']} ({row['feedback']}) {number(row['gain'], 100)}" for row in lost)
        return f"More than 1 point below frozen on average: {listed}."
    most = max(rows, key=lambda row: row["harm"])
    least = min(rows, key=lambda row: row["harm"])
    if most["harm"] == 0:
        return "None is more than 1 point below frozen in any session."
    return (
        "None is more than 1 point below frozen on average, but sessions lose as much: from "
        f"{number(least['harm'], 100, 0)} % of them ({least['title']}, {least['feedback']}) to "
        f"{number(most['harm'], 100, 0)} % ({most['title']}, {most['feedback']})."
    )
