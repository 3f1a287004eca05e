"""The page of the guard: what it costs and what it saves, on drifts, faults, a network and the scenarios' plants."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from closed_page import table  # beside this file

from neurodrift.scenarios.cli.main import main as neurodrift
from neurodrift.scenarios.report.text import severity_label
from neurodrift.scenarios.tables import markdown_table

NAME = "guard"
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "guard_harm.py"
PLANTS = {"mi_null": "0", "mi_cap_shift": "2"}
"""Scenarios, and the severities of each."""
ARMS = ("ea", "ea_guarded", "riemann", "riemann_guarded")
COLUMNS = ("accuracy_post_all", "gain", "harm", "harm_5pp", "harm_worst")
MINUS = "\N{MINUS SIGN}"


class Measured(NamedTuple):
    """harm: what the benchmark wrote; plants: results of the scenarios."""

    harm: Mapping[str, Any]
    plants: Sequence[Mapping[str, Any]]


def measure(runs: Path, jobs: int) -> Measured:
    """What is not in ``runs`` yet is run."""
    file = runs / "guard_harm.json"
    if not file.is_file():
        runs.mkdir(parents=True, exist_ok=True)
        words = ["--labels", "--faults", "--network", "--json", str(file)]
        subprocess.run([sys.executable, str(SCRIPT), *words], check=True, stdout=subprocess.DEVNULL)
    plants = []
    for name, severities in PLANTS.items():
        folder = runs / f"guard-{name}"
        words = ["run", name, "--methods", ",".join(ARMS), "--severities", severities, "--out", str(folder)]
        if neurodrift([*words, "--jobs", str(jobs)]) != 0:
            raise SystemExit(f"{name} did not finish; call this again")
        plants.append(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    return Measured(json.loads(file.read_text(encoding="utf-8")), plants)


def page(found: Measured) -> str:
    """The Markdown page."""
    harm = found.harm
    parts = [
        "# Guard: what it costs and what it saves",
        "Always-on methods and the same behind a [guard](../howto/guard.md), beside the frozen decoder. Synthetic "
        f"motor imagery, CSP + LDA, {harm['people']} people and {harm['seeds']} seeds of each drift; a session is a "
        "person. "
        "Everything is counted over the trials later than one guard window (16 trials) after the onset. Settings were "
        "chosen on other drifts and seeds (1000 and 1001, `CHOSEN_ON` of the benchmark), and these were then run once. "
        "With the settings before, on these drifts and seeds (16 people), sessions that lose went from 27.8 to 15.1 "
        "and from 26.4 to 14.4 %.",
        "## Verdict",
        "\n".join(f"- {line}" for line in verdict(harm)),
        "## Drifts, no labels",
        _explained(harm, drifts_of(harm, labelled=False)),
        "## Drifts, every label",
        _explained(harm, drifts_of(harm, labelled=True)),
        "## Faults",
        "Something breaks at the onset, nothing drifts. Accuracy over the last 40 trials as a percentage of the frozen "
        "decoder's (worst seed), and in brackets the guard windows after the onset, of 7, in which all sessions "
        "together meet less than 95 % of what the frozen decoder meets. Rolled back within a window means none after "
        "the first.",
        _faults(harm["faults"]),
    ]
    if "network" in harm:
        network = harm["network"]
        parts += [
            "## A network",
            f"EEGNet on sources of 10 Hz, 160 trials of calibration, {network['people']} people, {network['seeds']} "
            "seeds.",
            _drifts(network["drifts"], network["pairs"]),
        ]
    if found.plants:
        parts += ["## The scenarios' plants", "Default people and decoder, without labels, beside frozen and oracle."]
    for results in found.plants:
        for severity in sorted({row["severity"] for row in results["table"]}):
            rows = [row for row in results["table"] if row["severity"] == severity]
            parts.append(f"### {results['scenario']} {severity_label(severity, results['severity_unit'])}".rstrip())
            parts.append(markdown_table({**results, "table": rows}, list(COLUMNS)).rstrip())
    commands = ["python benchmarks/guard_harm.py --labels --faults" + " --network" * ("network" in harm)]
    commands += [results["command"] for results in found.plants]
    parts += [
        "## How it was made",
        "`python docs/make_results.py --only guard` runs and reads",
        "```bash\n" + "\n".join(commands) + "\n```",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def drifts_of(harm: Mapping[str, Any], labelled: bool) -> dict[str, str]:
    """Pairs of always-on and guarded methods, those with labels or those without."""
    return {a: g for a, g in harm["pairs"].items() if ("cft" in a) == labelled}


def verdict(harm: Mapping[str, Any]) -> list[str]:
    """Whether each aim was reached, from the numbers alone."""
    lines = []
    for always, guarded in harm["pairs"].items():
        a, g = harm["drifts"][always]["all"], harm["drifts"][guarded]["all"]
        kept, ratio = 100 * g["gain"] / a["gain"], g["lose"] / a["lose"]
        halved = "halved" if ratio <= 0.5 else "**not halved**"
        enough = "at least 80 %" if kept >= 80 else "**less than 80 %**"
        lines.append(
            f"`{guarded}`: sessions that lose more than a point {halved}, from {a['lose']:.1f} to {g['lose']:.1f} %; "
            f"{kept:.0f} % of the gain of `{always}` kept, {enough}."
        )
    low = [
        (guarded, drift, row["gain"], row["worst_seed"])
        for guarded in harm["pairs"].values()
        for drift, row in harm["drifts"][guarded].items()
        if drift != "all" and row["worst_seed"] < -2
    ]
    if low:
        told = "; ".join(f"`{n}` on {d} ({_signed(gain)}, worst seed {_signed(worst)})" for n, d, gain, worst in low)
        lines.append(f"**More than 2 points below frozen in some seed: {told}.**")
    else:
        lines.append("Never more than 2 points below frozen, in no drift and seed.")
    late = [row for row in harm["faults"] if row["name"].endswith("_guarded") and any(w > 1 for w in row["below"])]
    short = [row for row in harm["faults"] if row["name"].endswith("_guarded") and row["share"] < 95]
    lines.append(
        "Faults: "
        + (
            "**below 95 % of the source after the first guard window: "
            + "; ".join(f"`{row['name']}`, {row['fault']}" for row in late)
            + "**"
            if late
            else "no guarded method is below 95 % of the source after the first guard window"
        )
        + (
            "; **at the end: " + "; ".join(f"`{r['name']}`, {r['fault']} ({r['share']:.0f} %)" for r in short) + "**."
            if short
            else "; at the end all have at least 95 % of it."
        )
    )
    return lines


def _explained(harm: Mapping[str, Any], pairs: Mapping[str, str]) -> str:
    text = (
        "Points of accuracy above frozen, and the share of sessions that lose more than one point; in the last columns "
        "the worst seed's mean of the guarded."
    )
    return text + "\n\n" + _drifts(harm["drifts"], pairs)


def _drifts(rows: Mapping[str, Any], pairs: Mapping[str, str]) -> str:
    named = [name for pair in pairs.items() for name in pair]
    head = ["drift", *(f"`{name}`" for name in named), *(f"`{name}`, worst seed" for name in pairs.values())]
    body = [
        [
            drift,
            *(f"{_signed(rows[name][drift]['gain'])}, {rows[name][drift]['lose']:.0f} %" for name in named),
            *(_signed(rows[name][drift]["worst_seed"]) for name in pairs.values()),
        ]
        for drift in rows[named[0]]
    ]
    return table(head, body)


def _faults(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(row["name"] for row in rows))
    cells = {(row["fault"], row["name"]): row for row in rows}

    def cell(row: Mapping[str, Any]) -> str:
        below = f" [{', '.join(map(str, row['below']))}]" if row["below"] else ""
        return f"{row['share']:.0f} ({row['worst']:.0f}){below}"

    body = [[fault, *(cell(cells[fault, name]) for name in names)] for fault in dict.fromkeys(r["fault"] for r in rows)]
    return table(["fault", *(f"`{name}`" for name in names)], body)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", MINUS)
