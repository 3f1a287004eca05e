"""The pages of the transfers, from the folders of their runs.

    python docs/transfer_page.py FOLDER [FOLDER ...]

FOLDER is one of ``neurodrift run transfer_...``; several runs of one scenario (simulated and recorded people, other
decoders) make one page, in the order given.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from closed_page import save_png, table  # beside this file

from neurodrift.scenarios.transfer.figures import courses_drawing, people_drawing
from neurodrift.scenarios.transfer.page import COURSES, HEADS, PEOPLE, SHARES, audit_lines, by_arm, cell, needed_lines

HERE = Path(__file__).parent / "results"


def transfer(runs: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """The Markdown page of the runs of one scenario; figures go into ``folder``."""
    first = runs[0]
    parts = [f"# {first['scenario']}: {first['title']}", first["summary"], f"*{first['reference']}*"]
    for i, results in enumerate(runs):
        parts += _run(results, f"{first['scenario']}{'' if i == 0 else f'_{i + 1}'}", folder, len(runs) > 1)
    parts.append("Pages of transfers are written by `python docs/transfer_page.py FOLDER` from the folder of the run.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _run(results: Mapping[str, Any], key: str, folder: Path, several: bool) -> list[str]:
    config, verdict = results["config"], results["verdict"]
    names = "; ".join(risk["name"] for risk in results["transfers"])
    parts = [f"## {names}, decoder `{config['decoder']}`" if several else "## Verdict"]
    if config.get("quick"):
        parts.append("**A quick run: few people and short training, to show the form. Not a result.**")
    if not results["complete"]:
        parts.append(f"**Unfinished: {results['cells_done']} of {results['cells_planned']} cells.**")
    parts += [verdict["headline"], "\n".join(f"- {sentence}" for sentence in verdict["sentences"])]
    for i, risk in enumerate(results["transfers"]):
        name = key if i == 0 else f"{key}_{chr(ord('a') + i)}"
        parts += _risk(risk, name, folder, results["budget_unit"], results.get("unit", "people"))
    for own in results["tables"]:
        parts += [f"### {own['title']}", own["caption"], table(list(own["heads"]), own["rows"])]
    parts += [
        "### Notes",
        "\n".join(f"- {note}" for note in results["notes"]),
        f"```bash\n{_command(results)}\n```",
        "Versions: " + ", ".join(f"{name} {value}" for name, value in results["versions"].items()) + ".",
    ]
    return parts


def _command(results: Mapping[str, Any]) -> str:
    """The command of the run; where the recordings lay is nobody else's business."""
    data = results["config"].get("data")
    return str(results["command"]).replace(str(data), "FOLDER") if data else str(results["command"])


def _risk(risk: Mapping[str, Any], key: str, folder: Path, unit: str, counted: str) -> list[str]:
    save_png(folder / f"{key}.png", *courses_drawing(risk, unit))
    save_png(folder / f"{key}_people.png", *people_drawing(risk, unit))
    heads = ["", *(f"{budget} {unit}" for budget in risk["budgets"])]
    values = [[f"`{arm}`", *cells] for arm, cells in by_arm(risk, "value").items()]
    gains = [[f"`{arm}`", *cells] for arm, cells in by_arm(risk, "gain").items() if arm not in ("scratch", "oracle")]
    rows = [
        [f"`{row['arm']}`", str(row["budget"]), *(cell(row, name) for name in HEADS if name not in ("value", "gain"))]
        for row in risk["rows"]
        if row["arm"] not in ("scratch", "oracle") and row["gain"] is not None
    ]
    more = [title for name, title in HEADS.items() if name not in ("value", "gain")]
    return [
        f"### {risk['name']}: {risk['measure_title']}",
        f"{len(risk['people'])} {counted}; brackets are 95 % intervals over them (Student's).",
        table(heads, values),
        f"![{risk['measure_title']} and gain by {unit}]({key}.png)",
        COURSES,
        "### Points over from scratch",
        table(heads, gains),
        f"![Everybody through the arms]({key}_people.png)",
        PEOPLE,
        "### Risks",
        SHARES,
        table(["", unit, *more], rows),
        "\n".join(f"- Within 5 % of the oracle, {line}" for line in needed_lines(risk, unit)),
        *_privacy(risk.get("audit")),
    ]


def _privacy(audit: Mapping[str, Any] | None) -> list[str]:
    if not audit:
        return []
    head, *rows = audit_lines(audit)
    return ["### Privacy", audit["sentence"], audit["question"], table(head, rows)]


def main() -> None:
    runs = [json.loads((Path(name) / "results.json").read_text(encoding="utf-8")) for name in sys.argv[1:]]
    for scenario in dict.fromkeys(results["scenario"] for results in runs):
        mine = [results for results in runs if results["scenario"] == scenario]
        (HERE / f"{scenario}.md").write_text(transfer(mine, HERE), encoding="utf-8")


if __name__ == "__main__":
    main()
