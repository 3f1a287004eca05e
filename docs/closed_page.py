"""The pages of the scenarios in which decoder and stimulation act on each other."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neurodrift.scenarios.bothloops.mi_summary import MEASURES as TRAINING_MEASURES
from neurodrift.scenarios.bothloops.mi_summary import interval as training_interval
from neurodrift.scenarios.bothloops.page import heat_map_drawing
from neurodrift.scenarios.bothloops.summary import MEASURES, POLICY_TITLES, interval
from neurodrift.scenarios.report.draw import RC, Draw

POLICIES = ("fixed", "adaptive", "oracle")


def closed(results: Mapping[str, Any], folder: Path) -> str:
    """The Markdown page of one run; its figure goes into ``folder``."""
    config, verdict = results["config"], results["verdict"]
    parts = [f"# {results['scenario']}: {results['title']}", results["summary"], f"*{results['reference']}*"]
    if config.get("quick"):
        parts.append("**A quick run: few people and a short session, to show the form. Not a result.**")
    if not results["complete"]:
        parts.append(f"**Unfinished: {results['cells_done']} of {results['cells_planned']} cells.**")
    parts += ["## Verdict", verdict["headline"], "\n".join(f"- {sentence}" for sentence in verdict["sentences"])]
    parts += _arms(results) if "arms" in results else _grid(results, folder)
    listed = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    parts += [
        "## Notes of the run",
        "\n".join(f"- {note}" for note in results["notes"]),
        "## How it was made",
        f"{len(results['subjects'])} people, {len(results['seeds'])} seed(s), decoder `{config['decoder']}`; brackets"
        " are 95 % bootstrap intervals over people, paired.",
        f"```bash\n{results['command']}\n```",
        f"Versions: {listed}. Pages are written by `python docs/make_results.py`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _grid(results: Mapping[str, Any], folder: Path) -> list[str]:
    save_png(folder / f"{results['scenario']}.png", *heat_map_drawing(results))
    parts = [
        "## Decoder times policy",
        f"![Every decoder with every policy]({results['scenario']}.png)",
        "Decoders down, policies across. Regret is against the oracle decoder with the oracle policy on the same"
        " people; accuracy is that of the decoder in this loop, which the policy has a part in.",
    ]
    for severity in sorted({row["severity"] for row in results["grid"]}):
        here = {(r["decoder"], r["policy"]): r for r in results["grid"] if r["severity"] == severity}
        body = [
            [f"`{method}`", *(interval(here[method, p], "regret") for p in POLICIES)] for method in results["methods"]
        ]
        parts += [f"### Regret, drift {severity:g}", table(["decoder", *(f"{p} policy" for p in POLICIES)], body)]
    parts.append("## Everything measured")
    for severity in sorted({row["severity"] for row in results["grid"]}):
        body = [
            [_arm(row), *(interval(row, name, 3 if name in ("regret", "reward") else 1) for name in MEASURES)]
            for row in results["grid"]
            if row["severity"] == severity
        ]
        parts += [f"### Drift {severity:g}", table(["arm", *MEASURES.values()], body)]
    return parts


def _arm(row: Mapping[str, Any]) -> str:
    policy = row["policy"]
    return f"`{row['decoder']}`, {policy} policy" if policy in POLICIES else POLICY_TITLES[policy]


def _arms(results: Mapping[str, Any]) -> list[str]:
    parts = ["## Accuracy and desynchronisation"]
    for severity in sorted({row["severity"] for row in results["arms"]}):
        body = [
            [f"`{r['decoder']}`, {r['feedback']}", *(training_interval(r, name) for name in TRAINING_MEASURES)]
            for r in results["arms"]
            if r["severity"] == severity
        ]
        level = f"### {results['severity_name']} {severity:g} {results['severity_unit']}"
        parts += [level, table(["decoder, stimulation", *TRAINING_MEASURES.values()], body)]
    return parts


def table(head: list[str], body: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def save_png(file: Path, size: tuple[float, float], draw: Draw) -> None:
    """A figure of ``size`` inches, in the style of the reports."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        canvas = Figure(figsize=size)
        draw(canvas)
        canvas.savefig(file, dpi=110, metadata={"Software": None})
