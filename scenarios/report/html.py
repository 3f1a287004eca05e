"""``report.html``: one file that opens without a network, verdict first, made from ``results.json`` alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from . import figures
from .glossary import GLOSSARY
from .page import STYLE
from .text import (
    COLUMNS,
    MORE_COLUMNS,
    UNDEFINED,
    Column,
    has_severities,
    interval_text,
    number,
    severity_label,
    value_text,
)
from .topomap import topographies

RECOVERY = ("ttr90_trials", "ttr90_minutes", "ttr90_labels")


def write_report(results: Mapping[str, Any], path: str | Path) -> None:
    """Write the report of ``results`` (as in results.json) to ``path``: the same results give the same bytes."""
    Path(path).write_text(report(results), encoding="utf-8", newline="\n")


def report(results: Mapping[str, Any]) -> str:
    """The page as text. Everything that came from outside (names, notes, configuration) is escaped."""
    title = str(results.get("title") or results["scenario"])
    return page(title, str(results.get("summary", "")), _verdict(results), _sections(results))


def page(title: str, summary: str, verdict: str, sections: Sequence[tuple[str, str, str, str]]) -> str:
    """A whole page: heading, verdict, links, and sections (anchor, heading, content, kind), those without content left
    out. ``title`` and ``summary`` are text, the rest is HTML."""
    sections = [section for section in sections if section[2]]
    links = "".join(f'<a href="#{key}">{escape(name)}</a>' for key, name, _, _ in sections)
    body = "\n".join(
        f'<section id="{key}" class="{kind}"><h2>{escape(name)}</h2>{content}</section>'
        for key, name, content, kind in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n"
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(summary)}</p></header>\n'
        f"{verdict}\n<nav>{links}</nav>\n{body}\n</body></html>\n"
    )


def _sections(results: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """(anchor, heading, content, kind) in the order of the page; those without content are left out."""
    if not results["table"]:
        return [("run", "How this was made", _run(results), "text")]
    subjects = results["unit"] == "subject"
    band = (
        "averaged over subjects (bands: 95 % bootstrap interval, of the bounds and the best with and without labels)"
        if subjects
        else "of the one stream"
    )
    onset = any(curve["trial"][0] < 0 for curve in results["curves"])
    first = " The first 19 points after the onset still hold trials from before it." if onset else ""
    lines = "Solid lines use no labels, dashed lines do; grey is frozen, black dots the oracle."
    return [
        (
            "recovery",
            "Recovery" if onset else "Trial by trial",
            figure(
                figures.recovery_curves(results),
                f"Accuracy, causal mean of the last 20 trials, {band}; dotted: chance. {lines}{first}",
            ),
            "text",
        ),
        (
            "sessions",
            "Session by session",
            figure(
                figures.sessions_figure(results),
                "Accuracy of every session or day; bars: Wilson 95 % interval over its trials. Sessions are equally "
                f"spaced, whatever time lies between them. {lines}",
            ),
            "figure",
        ),
        (
            "severity",
            "Accuracy against severity",
            figure(
                figures.severity_figure(results),
                "Left: the last 50 trials. Right: difference from frozen over all trials after the onset, paired by "
                "subject. Bars: 95 % bootstrap interval; points are set apart sideways to be told apart.",
            ),
            "figure",
        ),
        ("table", "Table", _table(results), "table"),
        (
            "topographies",
            "Topographies",
            figure(
                topographies(results),
                f"{_topography_title(results)} Seen from above, nose up; one scale for all, red positive.",
            ),
            "figure",
        ),
        (
            "drift",
            "Drift trajectory",
            figure(
                figures.drift_figure(results),
                "The true course of what drifted, as the simulation set it; no method sees it. Shades: severity; "
                "bands: range over cells. More than eight channels are shown by their lowest, median and highest.",
            ),
            "text",
        ),
        (
            "recovered",
            "Who has recovered when",
            figure(
                figures.recovered_share(results),
                "Kaplan-Meier estimate of the share of streams back at 90 % of what there was above chance; the median "
                "time to recovery is where a line crosses the dotted half.",
            ),
            "figure",
        ),
        (
            "labels",
            "Accuracy by labels used",
            figure(
                figures.labels_figure(results),
                "Accuracy over the 20 trials after so many labels; lines end where a method stops asking for labels or "
                "the stream ends.",
            ),
            "figure",
        ),
        ("tests", "Tests against frozen", _tests(results), "text"),
        ("run", "How this was made", _run(results), "text"),
        ("glossary", "Glossary", _glossary(), "text"),
    ]


def _topography_title(results: Mapping[str, Any]) -> str:
    titles = dict.fromkeys(one["title"] for one in results["topographies"] if one["title"])
    return "; ".join(titles) + "." if titles else ""


NOT_RANKED = "INCOMPLETE — not ranked"


def figure(drawing: str, caption: str) -> str:
    """A drawing with its caption; nothing where there is no drawing."""
    return f"<figure>{drawing}<figcaption>{escape(caption)}</figcaption></figure>" if drawing else ""


def verdict_box(results: Mapping[str, Any], state: str, more: str, headline: str | None = None) -> str:
    """The verdict in its frame: headline, sentences, then ``state`` of the run and ``more``, which is HTML already."""
    verdict = results["verdict"]
    sentences = "".join(f"<li>{escape(str(sentence))}</li>" for sentence in verdict["sentences"])
    return (
        f'<div class="verdict{"" if results["complete"] else " incomplete"}">'
        f'<p class="headline">{escape(str(verdict["headline"] if headline is None else headline))}</p>'
        f'<ul>{sentences}</ul><p class="soft"><span class="state">{escape(state)}</span>{more}</p></div>'
    )


def cells_state(results: Mapping[str, Any], incomplete: str = "INCOMPLETE") -> str:
    """``"3/4 cells, INCOMPLETE"``."""
    done = f"{results['cells_done']}/{results['cells_planned']} cells"
    return f"{done}, {'complete' if results['complete'] else incomplete}"


def _count(n: int, one: str) -> str:
    return f"{n} {one}{'' if n == 1 else 's'}"


def _verdict(results: Mapping[str, Any]) -> str:
    seeds = ", ".join(str(seed) for seed in results["seeds"])
    facts = [_count(len(results["subjects"]), "subject"), f"seed{'s' * (len(results['seeds']) != 1)} {seeds}"]
    facts += [f"{results['kind']} data"] if results.get("kind") else []
    over = "subjects" if results["unit"] == "subject" else "sessions"
    more = (
        f" · {escape(' · '.join(facts))}. Brackets: 95 % bootstrap interval over {over}; accuracies here are over all "
        "trials after the onset."
    )
    headline = None if results["complete"] else "The run is not finished: nothing is ranked."
    return verdict_box(results, cells_state(results, NOT_RANKED), more, headline)


def _cell(row: Mapping[str, Any], column: Column) -> str:
    reason = row.get(f"{column.key}_reason")
    hint = f' title="{escape(str(reason))}"' if reason else ""
    text = value_text(row, column)
    if column.key == "ttr90_trials" and row.get(column.key) is None and row.get("censored") is not None:
        text = f"{row['n_streams'] - row['censored']} of {row['n_streams']} did"
    interval = interval_text(row, column) if column.interval else ""
    return f"<td{hint}>{escape(text)}{f'<i>{escape(interval)}</i>' if interval else ''}</td>"


def _name(row: Mapping[str, Any]) -> str:
    mark = ' <span class="mark">▼ below frozen</span>' if row.get("below_frozen") else ""
    tags = " · ".join(str(tag) for tag in (row.get("tag"), row.get("labels_kind")) if tag)
    bound = {"frozen": " (lower bound)", "oracle": " (upper bound)"}.get(row["role"], "")
    return f'<td>{escape(str(row["title"]))}{bound}{mark}<br><span class="tag">{escape(tags)}</span></td>'


def _rows(results: Mapping[str, Any], columns: Sequence[Column]) -> str:
    out, severity = [], object()
    unit, name = results.get("severity_unit", ""), str(results.get("severity_name", ""))
    for row in results["table"]:
        if row["severity"] != severity and has_severities(results):
            severity = row["severity"]
            label = f"{name} {severity_label(severity, unit)}".strip()
            out.append(f'<tr class="group"><th colspan="{len(columns) + 1}">{escape(label)}</th></tr>')
        kind = row["role"] if row["role"] != "method" else "loser" if row.get("below_frozen") else ""
        cells = "".join(_cell(row, column) for column in columns)
        out.append(f'<tr class="{kind}">{_name(row)}{cells}</tr>')
    head = "".join(f"<th>{escape(column.heading)}</th>" for column in columns)
    return (
        f'<div class="scroll"><table><thead><tr><th>method</th>{head}</tr></thead>'
        f"<tbody>{''.join(out)}</tbody></table></div>"
    )


def _table(results: Mapping[str, Any]) -> str:
    windows = "; ".join(dict.fromkeys(row["accuracy_post_window"] for row in results["table"]))
    shown = [c for c in COLUMNS if any(row.get(c.key) is not None or row.get("censored") for row in results["table"])]
    order = "best first within a severity" if results["complete"] else "in the order of the run, not ranked"
    intro = f"After: {windows}. Sorted {order}; everything marked ▼ did worse than doing nothing."
    return (
        f'<p class="soft">{escape(intro)} A dash is undefined; the reason is the cell\'s tooltip and below. '
        f"“5 of 16 did”: too few recovered for a median.</p>{_rows(results, shown)}{_reasons(results)}"
        "<details><summary>All other measures (also in results.json)</summary>"
        f"{_rows(results, [c for c in MORE_COLUMNS if any(c.key in row for row in results['table'])])}</details>"
    )


def _reasons(results: Mapping[str, Any]) -> str:
    """Why values of the main table are undefined, each reason once, for readers of paper."""
    found: dict[str, dict[str, None]] = {}
    for row in results["table"]:
        for column in COLUMNS:
            reason = row.get(f"{column.key}_reason")
            counted = column.key in RECOVERY and row.get("censored") is not None
            if row.get(column.key) is None and reason and not counted:
                found.setdefault(str(reason), {})[column.heading] = None
    items = "".join(f"<li>{escape(', '.join(headings))}: {escape(reason)}</li>" for reason, headings in found.items())
    return f'<div class="soft">Undefined:<ul>{items}</ul></div>' if items else ""


def _p(value: float | None) -> str:
    if value is None:
        return UNDEFINED
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _tests(results: Mapping[str, Any]) -> str:
    tests = results["tests"]
    if not tests:
        return ""
    severities = list(dict.fromkeys(test["severity"] for test in tests))
    unit = results.get("severity_unit", "")
    by = {(test["method"], test["severity"]): test for test in tests}
    head = "".join(f"<th>{escape(severity_label(s, unit) if len(severities) > 1 else 'gain')}</th>" for s in severities)
    lines = []
    for method, title in dict.fromkeys((test["method"], test["title"]) for test in tests):
        cells = []
        for severity in severities:
            test = by.get((method, severity))
            if test is None or test["gain"] is None:
                cells.append(f"<td>{UNDEFINED}</td>")
                continue
            sure = test["p_holm"] is not None and test["p_holm"] < 0.05
            classes = " ".join(name for name, yes in (("sure", sure), ("minus", test["gain"] < 0)) if yes)
            gain = ("+" if test["gain"] > 0 else "") + number(test["gain"], 100, 1)
            ends = interval_text(test, Column("gain", "", 100))
            cells.append(f'<td class="{classes}">{gain}<i>{escape(ends)} {_p(test["p_holm"])}</i></td>')
        lines.append(f"<tr><td>{escape(str(title))}</td>{''.join(cells)}</tr>")
    n = sorted({test["n_units"] for test in tests})
    over = "subjects" if results["unit"] == "subject" else "sessions"
    intro = (
        f"Points over frozen over all trials after the onset, 95 % interval, and p of the paired Wilcoxon signed-rank "
        f"test over {' or '.join(map(str, n))} {over}, Holm-adjusted over all {len(tests)} tests. Bold: p < 0.05; "
        "red: a loss."
    )
    return (
        f'<p class="soft">{escape(intro)}</p><div class="scroll">'
        f'<table class="{"narrow" if len(severities) == 1 else ""}"><thead><tr><th>method</th>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def pairs(values: Mapping[str, Any]) -> str:
    """A table of two columns."""
    rows = "".join(
        f'<tr><td>{escape(str(key))}</td><td class="value">{escape(_value(value))}</td></tr>'
        for key, value in values.items()
    )
    return f'<table class="narrow"><tbody>{rows}</tbody></table>'


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return json.dumps(value, ensure_ascii=False)


def listed(items: Iterable[Any], heading: str) -> str:
    """A heading with a list; nothing where it is empty."""
    lines = "".join(f"<li>{escape(str(item))}</li>" for item in items)
    return f"<h3>{escape(heading)}</h3><ul>{lines}</ul>" if lines else ""


def _run(results: Mapping[str, Any]) -> str:
    return provenance(results, {"seeds used": results["seeds"], "subjects used": results["subjects"]})


def provenance(results: Mapping[str, Any], used: Mapping[str, Any] | None = None) -> str:
    """The command that makes a run again, its notes, failures, configuration (with what was ``used``) and versions."""
    failures = [f"{one.get('cell')}: {one.get('error')}" for one in results.get("failures") or []]
    command = str(results.get("command") or "")
    source = str(results.get("reference") or "")
    return (
        (f"<p>This command makes it again:</p><pre>{escape(command)}</pre>" if command else "")
        + (f'<p class="soft">{escape(source)}</p>' if source else "")
        + listed(results.get("notes") or [], "Notes")
        + listed(failures, "What failed")
        + '<div class="columns"><div><h3>Configuration</h3>'
        + pairs({**results["config"], **(used or {})})
        + "</div><div><h3>Versions</h3>"
        + pairs(results["versions"])
        + "</div></div>"
    )


def _glossary() -> str:
    terms = "".join(f"<div><dt>{escape(term)}</dt><dd>{escape(text)}</dd></div>" for term, text in GLOSSARY)
    return f"<dl>{terms}</dl>"
