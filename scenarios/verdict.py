"""The first sentences of a report: what drift cost, what won it back, and who did harm."""

from collections.abc import Mapping, Sequence
from typing import Any

from .infos import PAST_DAYS
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
    methods = [row for row in rows if row["role"] == "method"]
    if not any(row["gain"] is not None for row in methods):
        missing = "no method but the bounds was run" if not methods else "frozen was not run"
        return {"headline": f"Nothing to compare: {missing}", "sentences": [], "ranked": False, "numbers": []}
    severities = [s for s in dict.fromkeys(row["severity"] for row in rows) if s is not None]
    drifting = [s for s in severities if s != 0]
    null = bool(severities) and not drifting
    unit = results["severity_unit"]
    worst = max(drifting) if drifting else rows[-1]["severity"]
    at = [row for row in rows if row["severity"] == worst]
    said = [] if null else _at(at, severity_label(worst, unit) if len(severities) > 1 else "")
    numbers = [row for row, _ in said]
    sentences = [sentence for _, sentence in said if sentence]
    if not null and len(drifting) > 1:
        sentences += _over_severities(rows, drifting, unit)
    if 0 in severities:
        sentences.append(_without_drift([row for row in rows if row["severity"] == 0]))
    under_drift = [row for row in rows if row["severity"] != 0]
    sentences += _losers(under_drift, unit if len(severities) > 1 else None)
    keys = ("method", "severity", "labels", "accuracy_post_all", "gain")
    ends = [f"{key}{end}" for key in keys for end in ("", "_lo", "_hi")]
    return {
        "headline": sentences[0],
        "sentences": sentences[1:],
        "ranked": True,
        "numbers": [{key: row[key] for key in ends if key in row} for row in numbers],
    }


def _at(rows: Sequence[Mapping[str, Any]], where: str) -> list[tuple[Mapping[str, Any], str]]:
    """Rows worth a sentence at one severity, each with its sentence; the first is the headline."""
    role = {row["role"]: row for row in rows if row["role"] != "method"}
    tried = [row for row in rows if row["role"] == "method" and row["gain"] is not None]
    if not tried or "frozen" not in role:
        return []
    groups: dict[str, list[Mapping[str, Any]]] = {
        "without labels": [],
        "with labels of past days": [],
        "with labels": [],
    }
    for row in tried:
        past = row["labels"] and row.get("labels_kind") == PAST_DAYS
        groups["with labels of past days" if past else "with labels" if row["labels"] else "without labels"].append(row)
    best = [(k, some, max(some, key=lambda row: row["accuracy_post_all"])) for k, some in groups.items() if some]
    frozen = role["frozen"]
    before, after = frozen["accuracy_pre"], frozen["accuracy_post_all"]
    verb = "falls" if before is not None and before > after else "goes"
    fall = "is at" if before is None else f"{verb} from {percent(frozen, 'accuracy_pre')} to"
    headline = f"{f'At {where} frozen' if where else 'Frozen'} {fall} {percent(frozen, 'accuracy_post_all')}"
    for kind, _, row in best:
        headline += f"; {row['title']} ({kind}) reaches {percent(row, 'accuracy_post_all')}"
    if "oracle" in role:
        headline += f"; the oracle {percent(role['oracle'], 'accuracy_post_all')}"
    out = [(frozen, headline + " (all trials from the onset on).")]
    for kind, some, row in best:
        p = row.get("p_holm")
        tested = "" if p is None else f" (Holm p {'< 0.001' if p < 0.001 else f'= {p:.3f}'})"
        used = f" using {row['labels']:.0f} labels" if row["labels"] else ""
        gain = percent(row, "gain", "points", sign=True)
        out.append((row, f"{row['title']}, the best of {len(some)} {kind}: {gain} against frozen{tested}{used}."))
    return out + ([(role["oracle"], "")] if "oracle" in role else [])


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
    return [f"Significantly above frozen at every severity from {span}: {'; '.join(always)}."]


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
