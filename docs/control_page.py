"""The pages of the control tasks: policies that learn beside tuned controllers."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from closed_page import table  # beside this file

from neurodrift.scenarios.cli.main import main as neurodrift
from neurodrift.scenarios.report.text import UNDEFINED

TRAININGS: dict[str, dict[str, int]] = {
    "pd_adbs_onoff": {"ppo": 400_000, "recurrent-ppo": 1_000_000},
    "sync_rl_suppress": {"ppo": 3_000_000},
}
"""Environment steps of each of five training seeds, chosen for ten minutes of training at most."""
DRIFTS = {"pd_adbs_onoff": "standard,held-out", "sync_rl_suppress": "none,held-out"}
N_TRAININGS, N_PATIENTS = 5, 8
COLUMNS = {
    "percent_off": "symptom, % of OFF", "time_on": "time on, %", "effort": "energy, % of continuous",
    "dose_abs": "mean of the amplitude, 1 the largest", "long_bursts": "bursts over .5 s, %", "vetoed": "vetoed, %",
    "reward": "reward",
}  # fmt: skip
PERCENT = ("time_on", "long_bursts", "vetoed")


def run(task: str, runs: Path, quick: bool) -> Path:
    """Train and evaluate; the folder of the evaluation. What is done already is not done again."""
    policies = []
    for algorithm, steps in TRAININGS[task].items():
        folder = runs / f"{task}-{algorithm}"
        words = ["train", algorithm, "--task", task, "--out", str(folder), "--seeds", str(2 if quick else N_TRAININGS)]
        words += ["--steps", str(20_000 if quick else steps)] + ["--resume"] * folder.exists()
        if not list(folder.glob("policy-*")) and neurodrift(words) != 0:
            raise SystemExit(f"{shlex.join(words)} did not finish; call this again")
        policies += sorted(map(str, folder.glob("policy-*")))
    words = ["evaluate", *policies, "--task", task, "--drift", DRIFTS[task], "--out", str(runs / task)]
    words += ["--quick"] if quick else ["--seeds", str(N_PATIENTS)]
    if neurodrift(words) != 0:
        raise SystemExit(f"the evaluation of {task} did not finish; call this again")
    return runs / task


def control(results: Mapping[str, Any]) -> str:
    """The Markdown page of one evaluation."""
    verdict, config = results["verdict"], results["config"]
    parts = [f"# {results['task']}: {results['title']}", results["summary"]]
    if config.get("quick"):
        parts.append("**A quick run: few patients and short training, to show the form. Not a result.**")
    parts += ["## Verdict", verdict["headline"], "\n".join(f"- {sentence}" for sentence in verdict["sentences"])]
    for drift in results["drifts"]:
        rows = [row for row in results["table"] if row["drift"] == drift]
        columns = {key: name for key, name in COLUMNS.items() if key in rows[0]}
        body = [[row["title"], *(_cell(row, key) for key in columns)] for row in rows]
        parts += [f"## Drift: {drift}", table(["arm", *columns.values()], body)]
    trained = ", ".join(f"{name} {steps:,} steps" for name, steps in TRAININGS[results["task"]].items())
    listed = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    parts += [
        "## How it was made",
        f"{config['seeds']} patients, the same for all arms; {N_TRAININGS} training seeds ({trained} each). Brackets"
        " are 95 % bootstrap intervals over patients and, for learned arms, trainings. Controllers were tuned on other"
        " patients, by the task's reward, and never on held-out drifts.",
        f"Versions: {listed}. Written by `python docs/make_results.py --only {results['task']}`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cell(row: Mapping[str, Any], key: str) -> str:
    factor, digits = (100.0, 1) if key in PERCENT else (1.0, 3 if key in ("reward", "dose_abs") else 1)
    value, low, high = (row.get(key + end) for end in ("", "_lo", "_hi"))
    if value is None or low is None or high is None:
        return UNDEFINED
    return f"{factor * value:.{digits}f} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]"
