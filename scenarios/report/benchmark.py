"""The page of a benchmark, from its ``results.json`` alone."""

from collections.abc import Mapping
from html import escape
from typing import Any

from ..benchmark.text import HEADINGS, lines
from . import benchmark_figures as figures
from .html import NOT_RANKED, cells_state, figure, page, provenance, verdict_box
from .text import UNDEFINED, interval_text, number
from .text import Column as _Column

GLOSSARY = (
    (
        "Gain",
        "Accuracy over all trials after the onset minus frozen's, in points (pp), mean over scenarios and people. "
        "Where one class is frequent, both count alike.",
    ),
    (
        "Feedback",
        "What a method was told: nothing (0 labels), a sign of each error that is wrong 24 % of the time (bandit), the "
        "first 10 or 20 labels from the onset on and after each announced end of a session, every label 10 trials "
        "late, or every label.",
    ),
    (
        "Causal, transductive",
        "Causal: only the past is used, each trial predicted before anything is learnt from it; every method here. "
        "Transductive: the oracle, retrained on labels from after the drift.",
    ),
    (
        "Rank",
        "Mean rank over people among the methods with the same feedback and frozen, 1 is best. Friedman's test asks "
        "whether ranks differ at all; means nearer than Nemenyi's critical difference cannot be told apart.",
    ),
    (
        "nAUD",
        "Accuracy lost against the oracle after the onset, as a share of what frozen loses: 0 as the oracle, 1 as "
        "frozen, above 1 harm.",
    ),
    (
        "Recovery",
        "Trials until 90 % of what there was above chance is back: Kaplan and Meier's median over all drifting "
        "streams, or how many came back where that is less than half. Means of 20 trials get there by luck too, the "
        "more so where little was lost or the loss comes slowly: frozen's recovery is the floor to read the others by.",
    ),
    (
        "Harm",
        "Share of people and sessions more than 1 (or 5) points below frozen; the mean of the worst tenth (CVaR10), "
        "and the worst.",
    ),
    (
        "Backward",
        "Backward transfer, where what drifted comes back: accuracy over the first 20 trials after the return minus "
        "that over the 50 before the onset. Below frozen's is forgetting.",
    ),
    (
        "Holm p",
        "Paired Wilcoxon signed-rank test against frozen over people, each with the mean of the scenarios, adjusted "
        "over all arms.",
    ),
)


def benchmark_report(results: Mapping[str, Any]) -> str:
    """The page as text; everything that came from outside is escaped."""
    people = [f"{s['title']} ({s['n_people']} people)" for s in results["scenarios"]]
    summary = f"Decoder {results['decoder']}; {'; '.join(people)}."
    sections = []
    if results["complete"]:
        sections = [
            (
                "leaderboard",
                "Leaderboard",
                figure(
                    figures.svg(figures.leaderboard(results)),
                    "Points over frozen, mean over scenarios and people, 95 % bootstrap interval over people.",
                )
                + _table(results),
                "figure",
            ),
            (
                "ranks",
                "Which can be told apart",
                figure(
                    figures.svg(figures.critical_difference(results)),
                    "Mean rank over people, 1 is best, frozen among them. Bars join methods that Nemenyi's test cannot "
                    "tell apart (CD: critical difference at .05); one axis for each kind of feedback.",
                ),
                "figure",
            ),
            (
                "recovery",
                "Who has recovered when",
                figure(
                    figures.svg(figures.recovery(results)),
                    "Kaplan and Meier's estimate of the share of drifting streams back at 90 % of what there was above "
                    "chance. Streams that never fell count as back at once, so read it against frozen's. Named are "
                    "the bounds and the best three of each panel; the others are grey.",
                ),
                "figure",
            ),
            (
                "frontier",
                "Gain against labels used",
                figure(
                    figures.svg(figures.frontier(results)),
                    "Each point a method with one budget. The line joins those that no other beats with as few labels.",
                ),
                "figure",
            ),
            (
                "map",
                "Which fixes which",
                figure(
                    figures.svg(figures.drift_map(results)),
                    "Points over frozen by drift; bold where the 95 % interval excludes 0. The oracle's row is what "
                    "retraining would gain.",
                ),
                "figure",
            ),
            ("glossary", "Glossary", _glossary(), "text"),
        ]
    sections.append(("run", "How this was made", _left_out(results) + provenance(results), "text"))
    return page(str(results["title"]), summary, _verdict(results), sections)


def _verdict(results: Mapping[str, Any]) -> str:
    facts = ["a quick run, to see it work: not a result"] if results["quick"] else []
    if results["commitment"]:
        facts.append(f"people drawn from a secret whose commitment (SHA-256) is {results['commitment']}")
    more = "".join(f" · {escape(fact)}" for fact in facts)
    return verdict_box(results, cells_state(results, NOT_RANKED), more)


def _table(results: Mapping[str, Any]) -> str:
    body, last = [], None
    for row, cells in lines(results):
        group = (row["role"], row["budget"])
        if row["role"] == "method" and group != last:
            asks = results["budgets"][row["budget"]]
            heading = f"{asks['title']}: {asks['asks']}" if row["budget"] != "none" else "no labels"
            body.append(f'<tr class="group"><th colspan="{len(HEADINGS)}">{escape(heading)}</th></tr>')
        last = group
        kind = row["role"] if row["role"] != "method" else "loser" if row["gain"] < 0 else ""
        tag = f'<br><span class="tag">{escape(row["causal"])} · {escape(cells[1])}</span>'
        columns = "".join(f"<td>{_split(cell)}</td>" for cell in cells[2:])
        body.append(f'<tr class="{kind}"><td>{escape(cells[0])}{tag}</td>{columns}</tr>')
    head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS if heading != "feedback")
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
        f'<p class="soft">Brackets: 95 % bootstrap interval over people. {UNDEFINED}: undefined.</p>'
    )


def _split(cell: str) -> str:
    value, bracket, ends = cell.partition(" [")
    return escape(value) + (f"<i>[{escape(ends)}</i>" if bracket else "")


def _left_out(results: Mapping[str, Any]) -> str:
    items = "".join(
        f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in sorted(results["left_out"].items())
    )
    return f"<h3>Left out</h3><ul>{items}</ul>" if items else ""


def _glossary() -> str:
    return "<dl>" + "".join(f"<div><dt>{escape(t)}</dt><dd>{escape(d)}</dd></div>" for t, d in GLOSSARY) + "</dl>"


def map_markdown(results: Mapping[str, Any], budgets: tuple[str, ...] = ("none", "errors", "full")) -> str:
    """Gain by method and drift in Markdown."""
    scenarios = results["scenarios"]
    heads = [f"{s['scenario']} {figures.severity_of(s)}".strip() for s in scenarios]
    rows = [["method", "feedback", *heads], ["---"] * (2 + len(heads))]
    by = {(place["arm"], place["scenario"]): place for place in results["map"]}
    column = _Column("gain", "", 100, 1)
    for row in results["leaderboard"]:
        if row["role"] == "frozen" or row["budget"] not in budgets:
            continue
        places = [by[row["arm"], s["scenario"]] for s in scenarios]
        cells = [f"{number(p['gain'], 100)} {interval_text(p, column)}".strip() for p in places]
        rows.append([row["title"], row["feedback"], *cells])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"
