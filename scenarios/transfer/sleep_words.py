"""What is said of sleep staging: the verdict, the table of who settings were chosen on, notes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..report.text import UNDEFINED
from ..statistics import mean_interval
from .risk import find, interval_of
from .scenario import Table, Told
from .verdict import OPEN, beside, compared, ends, points

STATIC = "static"
STATIC_LDA, STANDARDISED_LDA, GOAL = 0.65, 0.67, 0.75
CHOSEN_ON = 5
"""Settings were chosen on the first so many recorded people by number; the headline is of the others."""

SCALE = (
    "Features of the epoch and their causal means over 2, 5, 15 and 60 epochs. Labelled epochs are spread evenly over "
    "the first night. The second night is staged as it comes: scale by the first night and what of the second has "
    "passed."
)
ARMS_NOTE = (
    "static: shrinkage LDA of the person's first night, its scale kept. scratch: the network on the labelled epochs "
    "alone; scratch_aligned: the same, the scale followed. frozen: the network of other people behind their scale. "
    "aligned: behind the person's running scale. finetuned: gone on training with the labelled epochs."
)
RECORDED_NOTES = (
    "Half an hour of wake is kept around sleep. SC4011, the first night of SC401, is incomplete and has no REM.",
    "Settings were chosen on the second nights of the first five people by `python benchmarks/choose_tasks.py sleep "
    "--data FOLDER`, the five others being source only: the first scale counts 150 epochs (aligned .741, .747, .746 "
    "with 75, 150, 300), from scratch 20 passes (following the scale .651; 60: .645), fine-tuning at a rate of 1e-4 "
    "(.738; 3e-4: .729). Network, context and passes of the source are from earlier trials on the same five; before "
    "those, networks of another size and context had been tried on all ten.",
)
SIMULATED_NOTES = (
    "Simulated NREM sleep of the thalamocortical column: N2 and N3, no wake, N1 or REM, which the model has not. A "
    "night is 64 epochs of 30 s, of which 10 s each are simulated, under Fpz-Cz and Pz-Oz, with the features of the "
    "recorded nights; every night has its own mounting, size and gain that wanders.",
    "Settings were chosen on simulated sleepers who are not among those reported, by `python "
    "benchmarks/choose_tasks.py sleepers`: the source's scale counts 5 epochs (aligned .547, .501, .408 with 5, 20, "
    "64), from scratch 20 passes (following the scale .307, .289, .240 with 20, 60, 200), fine-tuning at a rate of "
    "1e-4 (.556, .554, .535 with 1e-4, 3e-4, 1e-3) for 4 (.556, .534, .520 with 4, 20, 60); most are the least of "
    "their grids.",
)


def told(risk: Mapping[str, Any], recorded: bool) -> Told:
    """Of the recorded nights, or the simulated ones."""
    last = risk["budgets"][-1]
    ran = [(arm, b) for arm, b in (("aligned", 0), ("finetuned", last)) if arm in risk["arms"]]
    sentences = [(_recorded if recorded else _simulated)(risk, arm, b) for arm, b in ran]
    for budget in (risk["budgets"][1], last) if "finetuned" in risk["arms"] else ():
        gain = interval_of(find(risk, "finetuned", budget), "gain")
        clauses = [f"{points(gain)} over from scratch", *compared(risk, "finetuned", budget)]
        who = f", in all {len(risk['people'])} that were run" if recorded else ""
        sentences.append(f"Fine-tuned with {budget} labelled epochs{who}, hundredths of kappa: {'; '.join(clauses)}.")
    notes = (SCALE, ARMS_NOTE, *(RECORDED_NOTES if recorded else SIMULATED_NOTES))
    first = sentences[0] if sentences else "No causal arm was run."
    return Told(first, sentences[1:], [parts_table(risk)] if recorded else [], notes)


def parts_table(risk: Mapping[str, Any]) -> Table:
    """Kappa of every arm, of the people that settings were not chosen on, beside those that they were, and of all."""
    budgets = (0, risk["budgets"][-1])
    rows = [[arm, *(_kappa(risk, arm, b, part) for b in budgets for part in PARTS)] for arm in risk["arms"]]
    heads = ("arm", *(f"{what}: {part}" for what in ("no label", "a night labelled") for part in PARTS))
    return Table("Kappa of the second night", heads, rows, "Static LDA as recorded with these features, all ten: "
                 f"{STATIC_LDA}; each night standardised as a whole, which no causal method can do: "
                 f"{STANDARDISED_LDA}. "
                 "Settings were chosen on the first five people.")  # fmt: skip


OTHERS, FIRST = "others", "first five"
PARTS = (OTHERS, FIRST, "all")


def _values(risk: Mapping[str, Any], arm: str, budget: int, part: str) -> np.ndarray:
    """Kappa of the people of a part who have one."""
    first = sorted(risk["people"])[:CHOSEN_ON]
    chosen = [part == "all" or (name in first) == (part == FIRST) for name in risk["people"]]
    b, a = risk["budgets"].index(budget), risk["arms"].index(arm)
    values = np.array([np.nan if person[b][a] is None else person[b][a] for person in risk["values"]], float)[chosen]
    return values[np.isfinite(values)]


def _kappa(risk: Mapping[str, Any], arm: str, budget: int, part: str) -> str:
    values = _values(risk, arm, budget, part) if arm in risk["arms"] else np.empty(0)
    return f"{values.mean():.3f}" if values.size else UNDEFINED


_LABELS = {"aligned": "no label of the person", "finetuned": "the whole first night labelled"}


def _recorded(risk: Mapping[str, Any], arm: str, budget: int) -> str:
    others = mean_interval(_values(risk, arm, budget, OTHERS))
    everyone = interval_of(find(risk, arm, budget), "value")
    ran = len(_values(risk, arm, budget, "all"))
    among = f"all {ran} that were run, {min(ran, CHOSEN_ON)} of whom chose the settings, {everyone.value:.3f} "
    if not np.isfinite(others.value):
        return (
            f"Kappa of the second night by {arm}, {_LABELS[arm]}: {among}{ends(everyone)}. Nobody was run on whom "
            f"nothing was chosen: this says nothing of the {GOAL} wanted."
        )
    word = beside(others, GOAL, f"reaches the {GOAL} wanted", f"falls short of the {GOAL} wanted")
    word = f"whether it reaches the {GOAL} wanted is {OPEN}" if word == OPEN else word
    return (
        f"Kappa of the second night {others.value:.3f} {ends(others)} by {arm}, {_LABELS[arm]}, in the "
        f"{len(_values(risk, arm, budget, OTHERS))} people that settings were not chosen on (other networks had been "
        f"tried on all ten before): {word}; {among}{ends(everyone)}; "
        f"static LDA {_kappa(risk, STATIC, risk['budgets'][-1], OTHERS)}."
    )


def _simulated(risk: Mapping[str, Any], arm: str, budget: int) -> str:
    found = interval_of(find(risk, arm, budget), "value")
    return (
        f"Simulated N2 and N3: kappa of the second night {found.value:.3f} {ends(found)} by {arm}, {_LABELS[arm]}; "
        f"static LDA {_kappa(risk, STATIC, risk['budgets'][-1], 'all')}."
    )
