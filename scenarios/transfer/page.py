"""The report of a transfer: accuracy and gain by labelled trials, person by person, the table of risks."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ..report.html import cells_state, figure, page, provenance, verdict_box
from ..report.text import UNDEFINED, number
from .figures import courses, people
from .gain_words import median_of
from .risk import OVER

HEADS = {
    "value": "{measure}",
    "gain": "over scratch, points",
    "over_scratch_aligned": "over scratch, aligned, points",
    "over_frozen": "over frozen, points",
    "over_aligned": "over aligned, points",
    "negative": "people > 1 point below scratch, %",
    "negative_5pp": "> 5 points, %",
    "cvar10": "worst tenth, points",
    "worst": "worst, points",
    "forgetting": "forgotten on the source, points",
    "ece": "calibration error",
    "brier": "Brier",
}
SIGNED = (*OVER, "cvar10", "worst")
HUNDREDTHS = (*SIGNED, "negative", "negative_5pp", "forgetting")
COURSES = (
    "Left: mean over people by labelled trials of the person; right: difference from the same person trained from "
    "scratch on the same trials. Upright lines: 95 % interval over people (Student's)."
)
SHARES = (
    "Brackets: 95 % interval over people; of means and of paired differences Student's, of shares of people the exact "
    "one (Clopper and Pearson), of the worst tenth, calibration error and Brier score a bootstrap, which is too narrow "
    "for few people. The worst person has none, nor the worst tenth of ten people or fewer."
)
PEOPLE = (
    "One line per person, through the arms, at each budget, of more than four the smallest; boxes: quartiles and "
    "median. Red: who loses by fine-tuning beside from scratch, a negative transfer."
)


def page_of(results: Mapping[str, Any]) -> str:
    """The page as text, made from the results alone."""
    unit = results.get("unit", "people")
    more = f" · {len(results['subjects'])} {unit}. Brackets: 95 % interval over {unit}."
    head = verdict_box(results, cells_state(results), more)
    sections: list[tuple[str, str, str, str]] = []
    for i, risk in enumerate(results["transfers"]):
        name = f": {risk['name']}" if len(results["transfers"]) > 1 else ""
        sections += risk_sections(risk, f"{results['scenario']}-{i}", name, results["budget_unit"])
    for i, table in enumerate(results["tables"]):
        sections.append((f"own{i}", table["title"], own_table(table), "table"))
    sections.append(("run", "How this was made", provenance(results), "text"))
    return page(results["title"], results["summary"], head, sections)


def risk_sections(
    risk: Mapping[str, Any], key: str, name: str = "", budget_unit: str = "labelled trials"
) -> list[tuple[str, str, str, str]]:
    """The sections (anchor, heading, content, kind) that any page with a transfer on it shows: see ``risk.risks``."""
    table = f'<p class="soft">{SHARES}</p>' + risk_table(risk, budget_unit) + needed(risk, budget_unit) + audit(risk)
    return [
        (f"course{key}", f"By labelled trials{name}", figure(courses(risk, key, budget_unit), COURSES), "figure"),
        (f"people{key}", f"Person by person{name}", figure(people(risk, key, budget_unit), PEOPLE), "figure"),
        (f"risk{key}", f"Risks{name}", table, "table"),
    ]


def cell(row: Mapping[str, Any], name: str) -> str:
    """``"+8.1 [5.0, 11.2]"`` of a measure, shares and differences in hundredths, or a dash; so beside itself."""
    if row.get(name) is None or OVER.get(name) == row["arm"]:
        return UNDEFINED
    factor, digits = (100.0, 1) if name in HUNDREDTHS else (1.0, 3)
    value, lo, hi = (row[name + end] for end in ("", "_lo", "_hi"))
    first = ("+" if name in SIGNED and value > 0 else "") + number(value, factor, digits)
    return (
        first if lo is None or hi is None else f"{first} [{number(lo, factor, digits)}, {number(hi, factor, digits)}]"
    )


def risk_table(risk: Mapping[str, Any], budget_unit: str) -> str:
    """Arms within budgets; what lost to scratch on average is marked."""
    heads = "".join(f"<th>{escape(h.format(measure=risk['measure_title']))}</th>" for h in HEADS.values())
    body: list[str] = []
    for budget in risk["budgets"]:
        body.append(f'<tr class="group"><th colspan="{len(HEADS) + 2}">{budget} {escape(budget_unit)}</th></tr>')
        for row in (r for r in risk["rows"] if r["budget"] == budget and r["value"] is not None):
            kind = {"frozen": "frozen", "oracle": "oracle"}.get(row["arm"], "")
            kind = "loser" if (row["gain"] or 0.0) < 0 and not kind else kind
            spread = row["spread"]
            ends = " to ".join(number(spread[name], 1.0, 2) for name in ("least", "greatest"))
            cells = "".join(f"<td>{_lines(cell(row, name))}</td>" for name in HEADS)
            body.append(f'<tr class="{kind}"><td>{escape(row["arm"])}</td>{cells}<td>{escape(ends)}</td></tr>')
    head = f"<thead><tr><th>arm</th>{heads}<th>least to greatest</th></tr></thead>"
    return f'<div class="scroll"><table>{head}<tbody>{"".join(body)}</tbody></table></div>'


def _lines(text: str) -> str:
    """A value, its interval below it in one piece."""
    value, bracket, ends = text.partition(" [")
    return escape(value) + (f"<i>[{escape(ends)}</i>" if bracket else "")


def needed(risk: Mapping[str, Any], budget_unit: str) -> str:
    """How many labels each arm takes to within 5 % of the oracle."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in needed_lines(risk, budget_unit))
    return f"<h3>Until within 5 % of the oracle</h3><ul>{lines}</ul>" if lines else ""


def needed_lines(risk: Mapping[str, Any], budget_unit: str) -> list[str]:
    """A sentence for each arm."""
    return [
        f"{one['arm']}: median {median_of(one, risk['budgets'])} {budget_unit}; {one['never']} of {one['n_people']} "
        "people never within what was tried."
        for one in risk["needed"]
    ]


def audit(risk: Mapping[str, Any]) -> str:
    """What a privacy audit found, or that there was none."""
    found = risk.get("audit")
    if not found:
        return '<h3>Privacy</h3><p class="soft">No privacy audit was made of this source.</p>'
    if "rows" not in found:
        rows = "".join(f"<tr><td>{escape(str(k))}</td><td>{escape(str(v))}</td></tr>" for k, v in found.items())
        return f'<h3>Privacy</h3><table class="narrow"><tbody>{rows}</tbody></table>'
    first, *others = audit_lines(found)
    head = "".join(f"<th>{escape(cell)}</th>" for cell in first)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in others)
    return (
        f'<h3>Privacy</h3><p>{escape(found["sentence"])}</p><p class="soft">{escape(found["question"])}</p>'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def audit_lines(found: Mapping[str, Any]) -> list[list[str]]:
    """Headings and rows of an audit: arms and attacks down, budgets across, areas with their intervals."""
    budgets = sorted({row["budget"] for row in found["rows"]})
    lines = [["decoder", "attack", *(f"{budget} labelled" for budget in budgets)]]
    for arm, attack in dict.fromkeys((row["arm"], row["attack"]) for row in found["rows"]):
        mine = {row["budget"]: row for row in found["rows"] if (row["arm"], row["attack"]) == (arm, attack)}
        lines.append([arm, attack, *(cell(mine[budget], "area") for budget in budgets)])
    return lines


def own_table(table: Mapping[str, Any]) -> str:
    """A task's own table."""
    head = "".join(f"<th>{escape(h)}</th>" for h in table["heads"])
    body = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>" for row in table["rows"])
    caption = f'<p class="soft">{escape(table["caption"])}</p>' if table["caption"] else ""
    return f'{caption}<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def text_of(results: Mapping[str, Any]) -> str:
    """The tables for a terminal: arms down, budgets across."""
    lines: list[str] = []
    for risk in results["transfers"]:
        lines += [f"{risk['name']}: {risk['measure_title']} [95 %] by {results['budget_unit']}"]
        heads = ["", *(str(b) for b in risk["budgets"])]
        lines += aligned_lines([heads, *([arm, *cells] for arm, cells in by_arm(risk, "value").items())])
        lines += ["", "  gain over scratch, points"]
        gains = {arm: cells for arm, cells in by_arm(risk, "gain").items() if arm != "scratch"}
        lines += [*aligned_lines([heads, *([arm, *cells] for arm, cells in gains.items())]), ""]
    for table in results["tables"]:
        lines += [table["title"], *aligned_lines([list(table["heads"]), *table["rows"]]), ""]
    return "\n".join(lines).rstrip()


def by_arm(risk: Mapping[str, Any], name: str) -> dict[str, list[str]]:
    """A measure of every arm as text, budget by budget."""
    return {arm: [cell(row, name) for row in risk["rows"] if row["arm"] == arm] for arm in risk["arms"]}


def aligned_lines(rows: list[list[Any]]) -> list[str]:
    """Rows of text as lines with columns of equal width."""
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(f"{c!s:<{w}}" for c, w in zip(row, widths)).rstrip() for row in rows]
