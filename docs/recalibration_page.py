"""The page of the benchmark of recalibration: methods, drifts and label budgets in one table."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurodrift.scenarios.benchmark.text import leaderboard_markdown
from neurodrift.scenarios.cli.main import main as neurodrift
from neurodrift.scenarios.report import benchmark_figures as figures
from neurodrift.scenarios.report.benchmark import GLOSSARY, map_markdown
from neurodrift.scenarios.report.draw import RC
from neurodrift.scenarios.report.text import severity_label

NAME = "recalibration"
# of the default methods those that stand for a family, so that the page is made in some forty minutes of one core
METHODS = (
    *("ea", "riemann", "pmean", "tent", "ttime", "ttime_imbalanced", "ea_guarded", "ttime_guarded"),
    *("errp", "ea_errp", "recal20", "cft", "ea_cft", "riemann_online"),
)
SCENARIOS = (
    *("mi_null", "mi_cap_shift", "mi_return", "mi_label_shift", "mi_channel_loss", "mi_gel_drying", "mi_multiday"),
    *("mi_state_change", "mi_sessions_fatigue", "mi_reference_switch"),
)


def run(runs: Path, jobs: int, quick: bool) -> dict[str, Any]:
    """Run the benchmark, or what is left of it; its results."""
    words = ["compare", "--benchmark", "--out", str(runs / NAME), "--jobs", str(jobs)]
    words += ["--quick"] if quick else ["--methods", ",".join(METHODS), "--scenarios", ",".join(SCENARIOS)]
    if neurodrift(words) != 0:
        raise SystemExit("the benchmark did not finish; call this again")
    return json.loads((runs / NAME / "results.json").read_text(encoding="utf-8"))


def recalibration(results: Mapping[str, Any], folder: Path) -> str:
    """The Markdown page; its figures go into ``folder``."""
    verdict = results["verdict"]
    quick = "**A quick run: few people, scenarios and methods, to show the form. Not a result.**"
    parts = [
        "# Recalibration: which method, under which drift, for how many labels",
        quick if results["quick"] else "",
        f"Decoder `{results['decoder']}`. Each trial is predicted before anything is learnt from it; hyper-parameters "
        "are the literature's or, as fine-tuning's rate, the online readout's ridge and the guards' thresholds, chosen "
        "on synthetic streams and other recordings, none on these scenarios; fine-tuning waits for ten labels, so that "
        "with ten or twenty it takes a step or a few; every person and "
        "severity is simulated or replayed alike for all methods. None of this is evidence about patients.",
        "## Verdict",
        verdict["headline"],
        "\n".join(f"- {sentence}" for sentence in verdict["sentences"]),
        "## Scenarios",
        _scenarios(results),
        "## Leaderboard",
        _figure(figures.leaderboard(results), folder),
        leaderboard_markdown(results).rstrip(),
        "\n".join(f"- *{term}*: {text}" for term, text in GLOSSARY),
        "## Which can be told apart",
        _figure(figures.critical_difference(results), folder),
        "## Who has recovered when",
        _figure(figures.recovery(results), folder),
        "## Gain against labels used",
        _figure(figures.frontier(results), folder),
        "## Which fixes which",
        "Points over frozen with the 95 % interval over people, where there is more than one; the other label budgets "
        "are in the figure.",
        map_markdown(results).rstrip(),
        _figure(figures.drift_map(results), folder),
        "## Left out" if results["left_out"] else "",
        "\n".join(f"- `{name}`: {reason}" for name, reason in results["left_out"].items()),
        "## Notes of the runs" if results["notes"] else "",
        "\n".join(f"- {note}" for note in results["notes"]),
        "## How it was made",
        f"```bash\n{results['command']}\n```",
        f"Versions: {', '.join(f'{name} {value}' for name, value in results['versions'].items())}. Written by "
        "`python docs/make_results.py --only recalibration`. "
        "[Have your own method ranked](../howto/rank_your_method.md).",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _scenarios(results: Mapping[str, Any]) -> str:
    lines = ["| scenario | drift | people | repetitions |", "| --- | --- | --- | --- |"]
    for one in results["scenarios"]:
        severity = severity_label(one["severity"], one["severity_unit"])
        drift = f"{one['severity_name']} {severity}".strip() if one["drifting"] else "none"
        lines.append(f"| {one['scenario']} | {drift} | {one['n_people']} | {one['n_seeds']} |")
    return "\n".join(lines)


def _figure(drawing: figures.Drawing | None, folder: Path) -> str:
    """Markdown of the figure, saved as PNG; nothing where there is none."""
    if drawing is None:
        return ""
    import matplotlib
    from matplotlib.figure import Figure

    file = f"{NAME}_{drawing.name}.png"
    with matplotlib.rc_context(RC):
        canvas = Figure(figsize=drawing.size)
        drawing.paint(canvas)
        canvas.savefig(folder / file, dpi=110, metadata={"Software": None})
    return f"![{drawing.alt}]({file})"
