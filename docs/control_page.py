"""The pages of the control tasks: policies that learn beside tuned controllers."""

import json
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
PHASES = "neurodrift.sim.tasks.sync_rl_suppress:DBS_GYM"
SPARING = "neurodrift.sim.tasks.sync_rl_suppress:SPARING"
SECTIONS = {"sync_rl_suppress": (SPARING, PHASES)}
"""Tasks whose results are sections of another's page."""
FOLDERS = {PHASES: "sync_rl_suppress-dbs_gym", SPARING: "sync_rl_suppress-sparing"}
OPTIONS = {key: ["--std", "0.1", "--anneal"] for key in ("sync_rl_suppress", SPARING)}
"""Of trainings: kicks of a tenth are enough to explore with. Settled with other keys than the trainings of the page."""
STEPS = TRAININGS | {PHASES: {"ppo": 262_144}, SPARING: {"ppo": 3_000_000}}
DRIFTS = {
    "pd_adbs_onoff": "standard,held-out", "sync_rl_suppress": "none,held-out", SPARING: "none,held-out",
    PHASES: "standard,held-out",
}  # fmt: skip
N_TRAININGS, N_PATIENTS = 5, 8
FEWER_TRAININGS = {PHASES: 2}
PUBLISHED = {
    "HF-DBS, its constant pulses": (19.8, 100.0), "its PI": (18.6, 100.0), "its random pulses": (85.8, 49.5),
    "its PPO": (66.4, 94.9), "its SAC": (27.4, 87.8), "its DDPG": (26.9, 99.8),
}  # fmt: skip
"""Beta %, energy % of DBS-Gym's env0 (Kuzmina et al., KDD 2025)."""
COLUMNS = {
    "percent_off": "symptom, % of OFF", "time_on": "time on, %", "effort": "energy, % of continuous",
    "dose_abs": "mean of the amplitude, 1 the largest", "long_bursts": "bursts over .5 s, %", "vetoed": "vetoed, %",
    "reward": "reward",
}  # fmt: skip
PERCENT = ("time_on", "long_bursts", "vetoed")


def run(task: str, runs: Path, quick: bool) -> Path:
    """Train and evaluate; the folder of the evaluation. What is done already is not done again."""
    policies, base = [], FOLDERS.get(task, task)
    for algorithm, steps in STEPS[task].items():
        folder = runs / f"{base}-{algorithm}"
        words = ["train", algorithm, "--task", task, "--out", str(folder)]
        words += ["--seeds", str(2 if quick else FEWER_TRAININGS.get(task, N_TRAININGS))]
        words += ["--steps", str(20_000 if quick else steps), *OPTIONS.get(task, [])]
        words += ["--resume"] * folder.exists()
        if not list(folder.glob("policy-*")) and neurodrift(words) != 0:
            raise SystemExit(f"{shlex.join(words)} did not finish; call this again")
        policies += sorted(map(str, folder.glob("policy-*")))
    words = ["evaluate", *policies, "--task", task, "--drift", DRIFTS[task], "--out", str(runs / base)]
    words += ["--quick"] if quick else ["--seeds", str(N_PATIENTS)]
    if neurodrift(words) != 0:
        raise SystemExit(f"the evaluation of {task} did not finish; call this again")
    return runs / base


def control(results: Mapping[str, Any]) -> str:
    """The Markdown page of one evaluation."""
    verdict, config = results["verdict"], results["config"]
    parts = [f"# {results['task']}: {results['title']}", results["summary"]]
    if config.get("quick"):
        parts.append("**A quick run: few patients and short training, to show the form. Not a result.**")
    parts += ["## Verdict", verdict["headline"], "\n".join(f"- {sentence}" for sentence in verdict["sentences"])]
    for drift in results["drifts"]:
        parts += [f"## Drift: {drift}", _drift_table(results, drift)]
    parts += ["## How it was made", *_made(results, results["task"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def sections(page: str, runs: Path, quick: bool) -> str:
    """What is added to the page of a task: the sections of others, trained and evaluated, or nothing."""
    made = {SPARING: sparing, PHASES: phases}
    parts = [""]
    for task in SECTIONS.get(page, ()):
        folder = run(task, runs, quick)
        parts.append(made[task](json.loads((folder / "results.json").read_text(encoding="utf-8"))))
    return "\n".join(parts)


def sparing(results: Mapping[str, Any]) -> str:
    """The section of dear kicks: suppression beside the dose in the published unit."""
    rows = [row for row in results["table"] if row["drift"] == next(iter(results["drifts"]))]
    body = [
        [row["title"], _ratio(row), f"{row['dose_abs']:.4f}", _cell(row, "percent_off")]
        for row in rows
        if row["percent_off"]
    ]
    parts = [
        f"## {results['title']}",
        f"{results['summary']}. Published: a ratio of 20 at a mean |u| of .039, and of 27.27 for the published "
        "reward (above). The ratio is that of the rhythm without kicks to that with them, over whole episodes with "
        "their beginning in synchrony.",
        table(["arm", "suppression ratio", "mean |u|", "rhythm, % of OFF"], body),
        results["verdict"]["headline"],
        "\n".join(f"- {sentence}" for sentence in results["verdict"]["sentences"]),
        *_made(results, "sync_rl_suppress"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _ratio(row: Mapping[str, Any]) -> str:
    value, low, high = (100.0 / row[key] for key in ("percent_off", "percent_off_hi", "percent_off_lo"))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def phases(results: Mapping[str, Any]) -> str:
    """The section of DBS-Gym's ensemble: its published table with ours, then as the pages of tasks."""
    verdict = results["verdict"]
    rows = [row for row in results["table"] if row["drift"] == next(iter(results["drifts"]))]
    body = [[name, f"{beta:.1f}", f"{energy:.1f}"] for name, (beta, energy) in PUBLISHED.items()]
    body += [[f"**{row['title']}**", _cell(row, "percent_off"), _cell(row, "dose_abs", 100.0, 1)] for row in rows]
    parts = [
        f'## {results["title"]}: `preset="dbs_gym"`',
        f"{results['summary']}.",
        "Beta %: power from 12.5 to 21 Hz of that without pulses, over whole episodes of 1111 pulses, their beginning "
        "in synchrony included. Energy %: mean |u| of the largest (the verdict and the tables below have the square). "
        "DBS-Gym's figures are those published for its env0 (its own patients); ours, **bold**, are of patients as in "
        "training, whose frequencies and contact differ, under pulses of one sign. The goal was 19 % of beta at 50 % "
        "of the energy.",
        table(["", "beta %", "energy %"], body),
        verdict["headline"],
        "\n".join(f"- {sentence}" for sentence in verdict["sentences"]),
    ]
    for drift in results["drifts"]:
        parts += [f"### DBS-Gym's phases, drift: {drift}", _drift_table(results, drift)]
    parts += _made(results, "sync_rl_suppress")
    return "\n\n".join(part for part in parts if part) + "\n"


def _drift_table(results: Mapping[str, Any], drift: str) -> str:
    rows = [row for row in results["table"] if row["drift"] == drift]
    columns = {key: name for key, name in COLUMNS.items() if key in rows[0]}
    return table(["arm", *columns.values()], [[row["title"], *(_cell(row, key) for key in columns)] for row in rows])


def _made(results: Mapping[str, Any], page: str) -> list[str]:
    task = results["task"]
    n_trainings = FEWER_TRAININGS.get(task, N_TRAININGS)
    trained = ", ".join(f"{name} {steps:,} steps" for name, steps in STEPS[task].items())
    listed = ", ".join(f"{name} {value}" for name, value in results["versions"].items())
    return [
        f"{results['config']['seeds']} patients, the same for all arms; {n_trainings} training seeds ({trained} each)."
        " Brackets are 95 % bootstrap intervals over patients and, for learned arms, trainings. Controllers were tuned"
        " on other patients, by the task's reward, and never on held-out drifts.",
        f"Versions: {listed}. Written by `python docs/make_results.py --only {page}`.",
    ]


def _cell(row: Mapping[str, Any], key: str, factor: float | None = None, digits: int = 1) -> str:
    if factor is None:
        factor, digits = (100.0, 1) if key in PERCENT else (1.0, 3 if key in ("reward", "dose_abs") else 1)
    value, low, high = (row.get(key + end) for end in ("", "_lo", "_hi"))
    if value is None or low is None or high is None:
        return UNDEFINED
    return f"{factor * value:.{digits}f} [{factor * low:.{digits}f}, {factor * high:.{digits}f}]"
