"""The first sentences of a control report: what is left of the symptom, for what energy, and beside what."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..report.text import Column as _Column
from ..report.text import interval_text, number, value_text
from .config import DRIFTS
from .seizures import seizure_sentence

HARDEST = ("held-out", "standard", "none")
WHERE = {
    "none": "Without drift",
    "standard": "Under drifts as in training",
    "held-out": "On patients and drifts that training never sees",
}
SIGNIFICANT = 0.05


def control_verdict(results: Mapping[str, Any]) -> dict[str, Any]:
    """{headline, sentences, ranked}; an incomplete evaluation is never ranked."""
    done, planned = results["cells_done"], results["cells_planned"]
    if not results["complete"]:
        headline = f"{done}/{planned} cells, INCOMPLETE — not ranked"
        sentences = ["Resume the run to finish it; what is shown below covers the finished cells only."]
        return {"headline": headline, "sentences": sentences, "ranked": False}
    drift = next((name for name in HARDEST if any(row["drift"] == name for row in results["table"])), None)
    if drift is None:
        return {"headline": "Nothing was measured", "sentences": [], "ranked": False}
    rows = [row for row in results["table"] if row["drift"] == drift]
    learned, controllers = (_best(rows, role) for role in ("learned", "controller"))
    first = learned or controllers
    if first is None:
        return {"headline": "Nothing to compare: no controller and no learned policy was run", "sentences": [],
                "ranked": False}  # fmt: skip
    sentences = [_headline(results, drift, rows, first, controllers)]
    sentences += seizure_sentence(first)
    if first["percent_off"] is None:
        return {"headline": sentences[0], "sentences": sentences[1:], "ranked": False}
    sentences += _front(rows, first)
    sentences += _differences(results, rows, first)
    sentences += _matched(results, rows, first)
    sentences += _over_drifts(results, first, drift)
    sentences += _shield(rows, first)
    sentences += _recovery(rows, first)
    return {"headline": sentences[0], "sentences": sentences[1:], "ranked": True}


def _best(rows: Sequence[Mapping[str, Any]], role: str) -> Mapping[str, Any] | None:
    mine = [row for row in rows if row["role"] == role]
    return max(mine, key=lambda row: row["reward"]) if mine else None


def percent_text(row: Mapping[str, Any], key: str) -> str:
    """'43 % [40, 46]' of what is already in percent."""
    column = _Column(key, "", 1, 0)
    return f"{value_text(row, column)} % {interval_text(row, column)}".strip()


def _effort(row: Mapping[str, Any]) -> str:
    if row["energy_percent"] is not None:
        return f"{percent_text(row, 'energy_percent')} of the energy"
    return f"{percent_text(row, 'effort')} of the dose (mean u²)"


def _headline(
    results: Mapping[str, Any], drift: str, rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any],
    controller: Mapping[str, Any] | None,
) -> str:  # fmt: skip
    n = sum(row["role"] == first["role"] for row in rows)
    what = "tuned controller" if first["role"] == "controller" else "learned policy"
    named = first["title"] + (f", by reward the best of {n} {_plural(what)}," if n > 1 else "")
    if first["percent_off"] is None:
        return f"{WHERE[drift]}, nothing can be said of {first['title']}: {first['percent_off_reason']}."
    text = (
        f"{WHERE[drift]}, {named} leaves {percent_text(first, 'percent_off')} of the {results['marker']} without "
        f"stimulation for {_effort(first)} of continuous stimulation"
    )
    full = next((row for row in rows if row["role"] == "continuous"), None)
    if full is not None:
        text += f", which leaves {percent_text(full, 'percent_off')}"
    if first["role"] == "learned" and controller is not None:
        m = sum(row["role"] == "controller" for row in rows)
        best = f"by reward the best of {m} tuned controllers" if m > 1 else "the tuned controller"
        left = percent_text(controller, "percent_off")
        text += f"; {controller['title']}, {best}, leaves {left} for {_effort(controller)}"
    return text + "."


def _plural(what: str) -> str:
    return "learned policies" if what == "learned policy" else f"{what}s"


def _front(rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any]) -> list[str]:
    titles = {row["arm"]: row["title"] for row in rows}
    beaten = [row for row in rows if row["dominated_by"]]
    listed = "; ".join(
        f"{row['title']} (by {', '.join(titles[name] for name in row['dominated_by'])})" for row in beaten
    )
    if first["dominated_by"]:
        by = "; ".join(titles[name] for name in first["dominated_by"])
        more = "each have more" if len(first["dominated_by"]) > 1 else "has more"
        return [f"{first['title']} is dominated: {by} {more} benefit for less energy, both beyond doubt."]
    own = f"No other arm has more benefit for less energy than {first['title']}, both beyond doubt."
    return [own + (f" Dominated: {listed}." if listed else " Nothing else is dominated either.")]


def _differences(results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any]) -> list[str]:
    """Against the best other arm that looks, or says that there is no difference."""
    others = [row for row in rows if row["role"] in ("controller", "learned") and row["arm"] != first["arm"]]
    if not others:
        return []
    other = max(others, key=lambda row: row["reward"])
    said = []
    for measure, what, unit, digits in (
        ("marker", results["marker"], " % of OFF", 1), ("energy_percent", "energy", " points", 1),
        ("reward", "reward", "", 3),
    ):  # fmt: skip
        test = find_test(results, first["drift"], first["arm"], other["arm"], measure)
        if test is None or test["difference_lo"] is None:
            continue
        column = _Column("difference", "", 1, digits)
        ends = f"{'+' if test['difference'] > 0 else ''}{value_text(test, column)} {interval_text(test, column)}{unit}"
        p = test["p_holm"]
        doubt = ""
        if test["difference_lo"] <= 0 <= test["difference_hi"]:
            doubt = " (no difference is shown)"
        elif p is not None and p >= SIGNIFICANT:
            doubt = " (not beyond doubt among so many comparisons)"
        tested = "" if p is None else f", Holm p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
        said.append(f"{what} {ends}{tested}{doubt}")
    return [f"Against {other['title']}, patient by patient: {'; '.join(said)}."] if said else []


def find_test(results: Mapping[str, Any], drift: str, arm: str, against: str, measure: str) -> Mapping[str, Any] | None:
    """The test of ``arm`` minus ``against``, turned round where it was made the other way round."""
    for test in results["tests"]:
        if (test["drift"], test["measure"]) != (drift, measure):
            continue
        if (test["arm"], test["against"]) == (arm, against):
            return test
        if (test["arm"], test["against"]) == (against, arm):
            lo, hi = test["difference_lo"], test["difference_hi"]
            ends = {"difference_lo": None if hi is None else -hi, "difference_hi": None if lo is None else -lo}
            return {**test, "difference": -test["difference"], **ends}
    return None


def _matched(results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any]) -> list[str]:
    arms = results["arms"]
    random = next((r for r in rows if r["role"] == "random" and arms[r["arm"]]["matched"] == first["arm"]), None)
    if random is None:
        return []
    test = find_test(results, first["drift"], first["arm"], random["arm"], "marker")
    worth = ""
    if test is not None and test["difference_lo"] is not None and test["difference_hi"] >= 0:
        worth = " The difference is not beyond doubt: the benefit may be the dose's alone."
        if test["difference_lo"] > 0:
            worth = f" That is less, beyond doubt: the timing of {first['title']} does harm."
    return [f"Random stimulation at the same dose leaves {percent_text(random, 'percent_off')}.{worth}"]


def _over_drifts(results: Mapping[str, Any], first: Mapping[str, Any], drift: str) -> list[str]:
    others = [row for row in results["table"] if row["arm"] == first["arm"] and row["drift"] != drift]
    if not others:
        return []
    said = "; ".join(f"{percent_text(row, 'percent_off')} {DRIFTS[row['drift']]}" for row in others)
    return [f"{first['title']} elsewhere: {said}."]


def _shield(rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any]) -> list[str]:
    if not any(row["vetoes"] for row in rows):
        return []
    if not first["vetoes"]:
        return [f"The shield had nothing to change in what {first['title']} asked for."]
    kinds = sorted(first["vetoes"].items(), key=lambda item: -item[1])[:3]
    listed = ", ".join(f"{kind} {number(share, 100, 1)} %" for kind, share in kinds)
    return [
        f"The shield changed or held what {first['title']} asked for in {number(first['vetoed'], 100, 1)} % of the "
        f"windows ({listed})."
    ]


def _recovery(rows: Sequence[Mapping[str, Any]], first: Mapping[str, Any]) -> list[str]:
    if not first.get("n_onsets"):
        return []
    back, n = first["n_onsets"] - first["censored"], first["n_onsets"]
    if first["recovery_s"] is None:
        return [f"After an onset of drift {first['title']} came back in {back} of {n} cases while they were watched."]
    return [
        f"After an onset of drift {first['title']} is back within 10 % after {number(first['recovery_s'], 1, 1)} s "
        f"(median; {back} of {n})."
    ]
