"""The first sentences of a report: what drift cost, what won it back, and who did harm."""

from collections.abc import Mapping, Sequence
from typing import Any

from .report.text import percent, severity_label

TOLERATED = 0.01  # a loss against frozen of up to one point is not called harm
SIGNIFICANT = 0.05


def verdict(results: Mapping[str, Any]) -> dict[str, Any]:
    """{headline, sentences, ranked, numbers}; an incomplete run is never ranked.

    numbers are the rows the sentences speak of, cut to what they say.
    """
    rows = results["table"]
    done, planned = results["cells_done"], results["cells_planned"]
    if not results["complete"]:
        headline = f"{done}/{planned} cells, INCOMPLETE — not ranked"
        sentences = ["Resume the run to finish it; what is shown below covers the finished cells only."]
        return {"headline": headline, "sentences": sentences, "ranked": False, "numbers": []}
    if not rows:
        return {"headline": "Nothing was measured", "sentences": [], "ranked": False, "numbers": []}
    severities = [s for s in dict.fromkeys(row["severity"] for row in rows) if s is not None]
    drifting = [s for s in severities if s != 0]
    null = bool(severities) and not drifting
    unit = results["severity_unit"]
    worst = max(drifting) if drifting else rows[-1]["severity"]
    at = [row for row in rows if row["severity"] == worst]
    said = [] if null else _at(at, severity_label(worst, unit) if len(severities) > 1 else "")
    numbers = [row for row, _ in said]
    sentences = [sentence for _, sentence in said]
    if not null and len(drifting) > 1:
        sentences += _over_severities(rows, drifting, unit)
    if 0 in severities:
        sentences.append(_without_drift([row for row in rows if row["severity"] == 0]))
    under_drift = [row for row in rows if row["severity"] != 0]
    sentences += _losers(under_drift, unit if len(severities) > 1 else None)
    keys = ("method", "severity", "labels", "accuracy_post_all", "gain")
    ends = [f"{key}{end}" for key in keys for end in ("", "_lo", "_hi")]
    return {
        "headline": sentences[0] if sentences else "Nothing to compare: frozen was not run",
        "sentences": sentences[1:],
        "ranked": True,
        "numbers": [{key: row[key] for key in ends if key in row} for row in numbers],
    }


def _at(rows: Sequence[Mapping[str, Any]], where: str) -> list[tuple[Mapping[str, Any], str]]:
    """Rows worth a sentence at one severity, each with its sentence."""
    role = {row["role"]: row for row in rows if row["role"] != "method"}
    tried = [row for row in rows if row["role"] == "method" and row["gain"] is not None]
    at = f"At {where}, " if where else ""
    out = []
    kinds = [
        ("without labels", [r for r in tried if not r["labels"]]),
        ("with labels", [r for r in tried if r["labels"]]),
    ]
    best = [(kind, max(some, key=lambda row: row["accuracy_post_all"])) for kind, some in kinds if some]
    best.sort(key=lambda pair: -pair[1]["accuracy_post_all"])
    for kind, row in best:
        p = row.get("p_holm")
        tested = "" if p is None else f", Holm p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
        chosen = (
            sum(not r["labels"] for r in tried) if kind == "without labels" else sum(bool(r["labels"]) for r in tried)
        )
        used = f" after {row['labels']:.0f} labels" if row["labels"] else ""
        out.append(
            (
                row,
                f"{at}the best {kind} ({row['title']}, of {chosen}) is right in "
                f"{percent(row, 'accuracy_post_all')} of the trials{used}: "
                f"{percent(row, 'gain', 'points', sign=True)} over frozen{tested}.",
            )
        )
        at = ""
    bounds = []
    if "frozen" in role:
        frozen = role["frozen"]
        fall = "" if frozen["accuracy_pre"] is None else f", from {percent(frozen, 'accuracy_pre')} before"
        bounds.append((frozen, f"Frozen is right in {percent(frozen, 'accuracy_post_all')}{fall}."))
    if "oracle" in role:
        bounds.append((role["oracle"], f"The oracle is right in {percent(role['oracle'], 'accuracy_post_all')}."))
    return [(row, sentence[0].upper() + sentence[1:]) for row, sentence in out + bounds]


def _over_severities(rows: Sequence[Mapping[str, Any]], severities: Sequence[float], unit: str) -> list[str]:
    """Which methods gain on frozen beyond doubt at every severity that is not zero."""
    always = []
    for method in dict.fromkeys(row["method"] for row in rows if row["role"] == "method"):
        mine = [row for row in rows if row["method"] == method and row["severity"] in severities]
        sure = [row for row in mine if (row["gain"] or 0) > 0 and (row.get("p_holm") or 1.0) < SIGNIFICANT]
        if len(sure) == len(severities):
            always.append(mine[0]["title"])
    span = f"{severity_label(min(severities), unit)} to {severity_label(max(severities), unit)}"
    if not always:
        return [f"No method gains significantly on frozen at every severity from {span}."]
    return [f"Significantly above frozen at every severity from {span}: {', '.join(always)}."]


def _without_drift(rows: Sequence[Mapping[str, Any]]) -> str:
    lost = [row for row in rows if row["role"] == "method" and (row["gain"] or 0.0) < -TOLERATED]
    if not any(row["role"] == "method" and row["gain"] is not None for row in rows):
        return "Without drift nothing was compared with frozen."
    if not lost:
        return "Without drift no method loses more than 1 point against frozen."
    named = "; ".join(f"{row['title']} {percent(row, 'gain', 'points')}" for row in lost)
    return f"Without drift these lose more than 1 point against frozen: {named}."


def _losers(rows: Sequence[Mapping[str, Any]], unit: str | None) -> list[str]:
    lost = [row for row in rows if row["role"] == "method" and (row["gain"] or 0.0) < -TOLERATED]
    if not rows:
        return []
    if not lost:
        return ["Under drift no method is more than 1 point below frozen."]
    named: dict[str, list[str]] = {}
    for row in lost:
        named.setdefault(row["title"], []).append("" if unit is None else severity_label(row["severity"], unit))
    listed = "; ".join(
        f"{title} ({', '.join(filter(None, where))})".replace(" ()", "") for title, where in named.items()
    )
    return [f"More than 1 point below frozen under drift: {listed}."]
