"""``report.html`` of a control run, from ``results.json`` alone: verdict first, one file, no network."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from . import control_figures as figures
from .control_text import MORE_CONTROL_COLUMNS, WHERE, row_title, shown_columns, vetoes_text
from .html import NOT_RANKED, cells_state, figure, listed, page, pairs, provenance, verdict_box
from .text import MINUS, UNDEFINED, Column, interval_text, value_text

GLOSSARY = (
    (
        "Off, continuous, random",
        "No stimulation; the largest current all the time; stimulation that has the dose of another arm and "
        "does not look at the brain: on and off for durations and with amplitudes drawn from that arm's, or, "
        "where that arm is never off, what it gave to another patient.",
    ),
    (
        "Tuned controllers",
        "The leaves of each controller that earn the greatest reward, as learned policies are to, on other patients "
        "than the evaluation's, under drifts as in training. Held-out drifts are never tuned on.",
    ),
    (
        "Held out",
        "Patients and drifts from ranges that neither tuning nor training ever draws from.",
    ),
    (
        "Symptom",
        "Ground truth of the task, which no policy sees; % of the same patients' mean without stimulation "
        "under the same drift.",
    ),
    (
        "Energy",
        "Energy that the pulses put into the contacts (TEED), % of what continuous stimulation takes in the "
        "same patients. Where a plant has no contacts that take energy, mean u² instead.",
    ),
    (
        "Bursts > .5 s",
        "Share of bursts that last longer than half a second; a burst is a stretch of the symptom above its "
        ".85 quantile without stimulation, patient by patient.",
    ),
    (
        "Detected, delay, false alarms",
        "Share of seizures with a flag within 30 s of the onset; median time from onset to flag of these; flags "
        "outside seizures in 24 h of such time, those less than 30 s apart as one. 97 %, 5 s and 0.6 are published.",
    ),
    (
        "Fewer seizures",
        "Seizures of 10 s or more that the same patients have without stimulation, and not here, %.",
    ),
    (
        "Vetoed",
        "Share of control windows in which the shield changed, held or refused what was asked for.",
    ),
    (
        "Regret",
        "Reward per window that the reference (the oracle, or the best arm where the task has none) had more, "
        "on the same patients.",
    ),
    (
        "Recovery",
        "Time from an onset of drift until the symptom, averaged over a twentieth of the run, is back within "
        "10 % of the oracle's, or without an oracle of its own level before the onset, and stays. Medians by "
        "Kaplan and Meier: what is not seen to come back counts as away. A noisy symptom can come back by "
        "luck, so read it against off's.",
    ),
    (
        "Dominated ▼",
        "Another arm has more benefit for less energy, both by more than the 95 % interval of the difference, "
        "paired over patients.",
    ),
    (
        "Intervals, tests",
        "[lo, hi] is the 95 % bootstrap interval over patients and, where an arm is several trainings, over "
        "these. Tests are paired Wilcoxon signed-rank over patients, Holm-adjusted over all pairs and drifts "
        "of a measure.",
    ),
)


OF_SEIZURES = {"Detected, delay, false alarms": "detected", "Fewer seizures": "fewer"}
NAMES = {
    "percent_off": "symptom", "energy_percent": "energy", "long_bursts": "bursts", "recovery_s": "recovery",
    "delay_s": "delay", "fewer": "fewer seizures",
}  # fmt: skip


def write_control_report(results: Mapping[str, Any], path: str | Path) -> None:
    """Write the report of ``results`` to ``path``: the same results give the same bytes."""
    Path(path).write_text(control_report(results), encoding="utf-8", newline="\n")


def control_report(results: Mapping[str, Any]) -> str:
    """The page as text. Everything that came from outside is escaped."""
    return page(str(results["title"]), str(results["summary"]), _verdict(results), _sections(results))


def _sections(results: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    how = ("run", "How this was made", provenance(results) + _tuned(results), "text")
    if not results["table"]:
        return [how]
    references = "; ".join(f"{WHERE[drift]}: {one['name']}" for drift, one in results["references"].items())
    levels = {curve["level"] for curve in results["recovery"]}
    return [
        ("marker", "Symptom over time", figure(
            figures.over_time(results, "marker"),
            "Mean over patients; bands: the middle 80 % of patients, of off and of the best arm that looks. Red: where "
            "a drift begins or ends (bands: between the first and the last patient).",
        ), "text"),
        ("dose", "Dose over time", figure(
            figures.over_time(results, "dose"), "Mean amplitude that was delivered, relative to the largest current.",
        ), "text"),
        ("front", "Benefit against energy", figure(
            figures.front_figure(results),
            "Up and to the left is better. Lines: 95 % intervals over patients; small dots: single trainings; hollow: "
            "dominated, another arm is better in both beyond doubt; dotted: the front.",
        ), "figure"),
        ("table", "Table", _table(results), "table"),
        ("tests", "Patient by patient", _tests(results), "text"),
        ("vetoes", "What the shield changed", figure(
            figures.veto_figure(results), "Share of control windows in which each kind of veto was set.",
        ), "text"),
        ("regret", "Regret", figure(
            figures.over_time(results, "regret"),
            f"Reward summed over time (reward times seconds) that the reference had more. Reference: {references}.",
        ), "text"),
        ("recovery", "Recovery after an onset of drift", figure(
            figures.recovery_figure(results),
            f"Kaplan-Meier estimate of the share of onsets after which the symptom is back within 10 % of "
            f"{' or '.join(sorted(levels))}.",
        ), "text"),
        ("learning", "Learning curves", figure(
            figures.learning_figure(results.get("trainings") or []),
            "Thin: each training seed; thick: their mean, averaged over a twentieth of the training.",
        ), "text"),
        how,
        ("glossary", "Glossary", "<dl>" + "".join(
            f"<div><dt>{escape(term)}</dt><dd>{escape(text)}</dd></div>" for term, text in GLOSSARY
            if term not in OF_SEIZURES or OF_SEIZURES[term] in results["table"][0]
        ) + "</dl>", "text"),
    ]  # fmt: skip


def _verdict(results: Mapping[str, Any]) -> str:
    config = results["config"]
    facts = f"{config['seeds']} patients, {config['n_windows']} control windows each, simulated"
    quick = " Quick: a trial of the set-up, not a result." if config.get("quick") else ""
    more = f" · {escape(facts)}. Brackets: 95 % bootstrap interval over patients.{quick}"
    headline = None if results["complete"] else "The evaluation is not finished: nothing is ranked."
    return verdict_box(results, cells_state(results, NOT_RANKED), more, headline)


def _rows(results: Mapping[str, Any], columns: Sequence[Column]) -> str:
    out, drift = [], None
    for row in results["table"]:
        if row["drift"] != drift:
            drift = row["drift"]
            out.append(f'<tr class="group"><th colspan="{len(columns) + 1}">{escape(WHERE[drift])}</th></tr>')
        kind = {"off": "frozen", "learned": "oracle", "oracle": "oracle"}.get(row["role"], "")
        by = "; ".join(str(results["arms"][name]["title"]) for name in row["dominated_by"])
        name = escape(row_title(results, row))
        name += f'<br><span class="tag">dominated by {escape(by)}</span>' if by else ""
        out.append(f'<tr class="{kind}"><td>{name}</td>{"".join(_cell(row, column) for column in columns)}</tr>')
    head = "".join(f"<th>{escape(column.heading)}</th>" for column in columns)
    body = "".join(out)
    return f'<div class="scroll"><table><thead><tr><th>arm</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(row: Mapping[str, Any], column: Column) -> str:
    reason = row.get(f"{column.key}_reason")
    hint = f' title="{escape(str(reason))}"' if reason else ""
    text = value_text(row, column)
    if column.key == "recovery_s" and row["recovery_s"] is None and row["n_onsets"]:
        text = f"{row['n_onsets'] - row['censored']} of {row['n_onsets']} did"
    interval = interval_text(row, column) if column.interval else ""
    return f"<td{hint}>{escape(text)}{f'<i>{escape(interval)}</i>' if interval else ''}</td>"


def _table(results: Mapping[str, Any]) -> str:
    reasons: dict[str, dict[str, None]] = {}
    for row in results["table"]:
        for key in ("percent_off", "energy_percent", "long_bursts", "recovery_s", "detected", "delay_s", "fewer"):
            if row.get(key) is None and row.get(f"{key}_reason") and not (key == "recovery_s" and row["n_onsets"]):
                reasons.setdefault(str(row[f"{key}_reason"]), {})[NAMES.get(key, key)] = None
    vetoes = "".join(
        f"<li>{escape(row['title'])}, {escape(row['drift'])}: {escape(vetoes_text(row))}</li>"
        for row in results["table"] if row["vetoes"]
    )  # fmt: skip
    undefined = listed((f"{', '.join(what)}: {why}" for why, what in reasons.items()), "Undefined")
    kinds = f"<h3>Vetoes by kind</h3><ul>{vetoes}</ul>" if vetoes else ""
    return (
        f"{_rows(results, shown_columns(results))}{undefined}<details><summary>All other measures (also in "
        f"results.json)</summary>{_rows(results, MORE_CONTROL_COLUMNS)}{kinds}</details>"
    )


def _tests(results: Mapping[str, Any]) -> str:
    tests = results["tests"]
    if not tests:
        return ""
    arms = results["arms"]
    measures = {"marker": "symptom, % of OFF", "energy_percent": "energy, points", "reward": "reward"}
    there = [m for m in measures if any(test["measure"] == m for test in tests)]
    by = {(t["drift"], t["arm"], t["against"], t["measure"]): t for t in tests}
    lines, drift = [], None
    for at, arm, against in dict.fromkeys((t["drift"], t["arm"], t["against"]) for t in tests):
        if at != drift:
            drift = at
            lines.append(f'<tr class="group"><th colspan="{len(there) + 1}">{escape(WHERE[at])}</th></tr>')
        cells = "".join(_difference(by.get((at, arm, against, measure)), measure) for measure in there)
        lines.append(f"<tr><td>{escape(arms[arm]['title'])} {MINUS} {escape(arms[against]['title'])}</td>{cells}</tr>")
    head = "".join(f"<th>{escape(measures[m])}</th>" for m in there)
    n = tests[0]["n_units"]
    intro = (
        f"Differences on the same {n} patients, 95 % interval, and p of the paired Wilcoxon signed-rank test, "
        "Holm-adjusted. Bold: p < 0.05. An interval that holds 0 shows no difference."
    )
    return (
        f'<p class="soft">{escape(intro)}</p><div class="scroll"><table><thead><tr><th>difference</th>{head}'
        f"</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _difference(test: Mapping[str, Any] | None, measure: str) -> str:
    if test is None or test["difference"] is None:
        return f"<td>{UNDEFINED}</td>"
    column = Column("difference", "", 1, 3 if measure == "reward" else 1)
    p = test["p_holm"]
    said = "" if p is None else "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    plus = "+" if test["difference"] > 0 else ""
    sure = ' class="sure"' if p is not None and p < 0.05 else ""
    return f"<td{sure}>{plus}{value_text(test, column)}<i>{escape(interval_text(test, column))} {said}</i></td>"


def _tuned(results: Mapping[str, Any]) -> str:
    """What each controller was tuned to."""
    rows = {}
    for arm in results["arms"].values():
        tuned = arm["tuned"]
        if tuned:
            values = ", ".join(f"{name.removeprefix('law.')} {value:.4g}" for name, value in tuned["values"].items())
            rows[str(arm["title"])] = f"{values}; the mean reward was {tuned['score']:.3f}"
    return f"<h3>Tuned settings</h3>{pairs(rows)}" if rows else ""
