"""The page of ten and twenty trials: masked pretraining, augmentation, meta-learning.

python docs/few_trials_page.py --data FOLDER    # EEGMMIDB's S001, S007, S049, S062, S070, S094
python docs/few_trials_page.py --rows masked.json augment.json ...    # of the benchmark's parts, run before
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from neurodrift.scenarios.statistics import LEVEL, holm

NAME = "few_trials"
MINUS = "\N{MINUS SIGN}"
SCRIPT = Path(__file__).parents[1] / "benchmarks" / f"{NAME}.py"
PARTS = ("masked", "recorded", "augment", "meta")
TITLES = {
    "masked": "Masked pretraining, simulated people",
    "recorded": "Masked pretraining, EEGMMIDB",
    "augment": "Augmentation",
    "meta": "Meta-learning",
}
ARMS = {
    "masked": "pretrained on what was masked",
    "random": "the same network, random",
    "band power": "band power (mu, beta)",
    "spectrogram": "spectrogram, no network",
}
CHOSEN = {"masked": "C, a small one being a strong penalty", "meta": "the rate of the steps"}
ABOUT = {
    "masked": """\
A transformer over channels and frames (32 wide, two blocks) learns on 16 people's 960 windows to fill in masked
log-power, no label asked. A logistic regression then reads, from the first 10 or 20 trials of a new user, its
representations, those of the same network before training, or no network's at all.""",
    "recorded": """\
The same with one subject left out at a time: five train the network (225 windows), the sixth brings 10 or 20 labelled
trials and 25 to be answered; a seed is an order of that person's trials. Penalties are chosen on nobody.""",
    "augment": """\
CSP + LDA of the user's own trials alone, with four draws of each trial beside it at no more weight in all. Only the
generative model knows other people: a Gaussian for each class over whitened log-covariances of the 16. Accuracy, and
below it what the draws change; *hurts* is the share of users who lose more than a point.""",
    "meta": """\
CSP + LDA as a network of two layers, fitted on the 16 pooled, and starts meta-learnt from it. From scratch knows the
user's 10 or 20 trials alone; of pooled they tell the alignment, without labels, and refit the readout in the third arm;
all others take five gradient steps on them (Reptile eight), at rates chosen on other people.""",
}


def measure(part: str, data: Path | None = None) -> dict[str, Any]:
    """Run one part of the benchmark."""
    words = [sys.executable, str(SCRIPT), part, "--json", *([] if data is None else ["--data", str(data)])]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def page(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """The Markdown page of the parts that were measured."""
    sections = "\n\n".join(_section(parts[name]) for name in PARTS if name in parts)
    return f"""\
# Ten and twenty trials

What unlabelled windows, drawn trials and learnt starts are worth to a new user. Percent right and points of difference,
95 % intervals over users (Student's), seeds averaged within a user; p of Wilcoxon's signed rank over users, by itself
and corrected for all differences of its table (Holm). Better or worse is what has its interval beside 0 and a corrected
p below {1 - LEVEL:.2f}; all else is not settled. Chance is 50. Losses are in the tables.

{sections}

## How it was made

```bash
python docs/{NAME}_page.py                 # --data FOLDER adds EEGMMIDB's S001, S007, S049, S062, S070, S094
```

People, channels, seeds and what was chosen on whom: `benchmarks/{NAME}.py`, whose parts can be run one by one.
"""


def compared(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The differences of a part, each with its p corrected for all of them and whether it is settled: 1 better, -1
    worse, 0 not."""
    rows = [row for row in found["rows"] if "over" in row]
    out = []
    for row, p in zip(rows, holm([row["p"] for row in rows])):
        sign = int(row["lo"] > 0) - int(row["hi"] < 0)
        out.append(row | {"p_holm": float(p), "settled": sign if p < 1 - LEVEL else 0})
    return out


def verdict(found: Mapping[str, Any]) -> str:
    """Which differences are settled, in words."""
    rows, said = compared(found), []
    for sign, word in ((1, "Better"), (-1, "Worse")):
        named = [
            f"{_name(r['arm'])} over {_name(r['over'])} at {r['trials']} ({_points(r['value'])})"
            for r in rows
            if r["settled"] == sign
        ]
        if named:
            said.append(f"{word}: {'; '.join(named)}.")
    said.append(f"{sum(r['settled'] == 0 for r in rows)} of {len(rows)} differences are not settled.")
    least = 2.0 ** (1 - found["n_users"]) * len(rows)
    if least >= 1 - LEVEL:
        said.append(f"{found['n_users']} users cannot settle one: all moving one way, corrected p {min(least, 1):.2f}.")
    return " ".join(said)


def _section(found: Mapping[str, Any]) -> str:
    name = found["part"]
    head = f"## {TITLES[name]}\n\n{ABOUT[name]} {found['n_users']} users, {found['n_seeds']} seeds."
    if "loss" in found["facts"]:
        before, after = (sum(pair[i] for pair in found["facts"]["loss"]) / len(found["facts"]["loss"]) for i in (0, 1))
        head += f" The loss falls from {before:.2f} to {after:.2f}."
    facts = found["facts"]
    if "penalties" in facts:
        chosen = ", ".join(f"{c:g} for {_name(arm)}" for arm, c in facts["penalties"].items())
        head += f" C of the regressions: {chosen}."
    parts = [head, verdict(found), _markdown(_accuracies(found)), _markdown(_differences(found))]
    if "choice" in facts:
        parts += [
            f"What was chosen ({CHOSEN[name]}) was the best, in bold, on eight people who are neither users nor among "
            "the 16; percent right of them, both budgets together:",
            _markdown(_choice(facts["choice"], facts.get("penalties") or facts["rates"])),
        ]
    return "\n\n".join(parts)


def _choice(tried: Mapping[str, Mapping[str, float]], chosen: Mapping[str, float]) -> Iterator[list[str]]:
    yield ["", *next(iter(tried.values()))]
    for arm, right in tried.items():
        best = f"{chosen[arm]:g}"
        yield [_name(arm), *(f"**{100 * p:.1f}**" if at == best else f"{100 * p:.1f}" for at, p in right.items())]


def _accuracies(found: Mapping[str, Any]) -> Iterator[list[str]]:
    rows = [row for row in found["rows"] if "over" not in row]
    budgets = sorted({row["trials"] for row in rows})
    yield ["", *(f"{n} trials" for n in budgets)]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        mine = {row["trials"]: row for row in rows if row["arm"] == arm}
        yield [_name(arm), *(f"{r['value']:.1f} [{r['lo']:.1f}, {r['hi']:.1f}]" for r in (mine[n] for n in budgets))]


def _differences(found: Mapping[str, Any]) -> Iterator[list[str]]:
    yield ["difference", "trials", "points", "p", "p, Holm", "hurts, % of users"]
    for row in compared(found):
        interval = f"{_points(row['value'])} [{_points(row['lo'])}, {_points(row['hi'])}]"
        title = f"{_name(row['arm'])} over {_name(row['over'])}"
        yield [title, str(row["trials"]), interval, _p(row["p"]), _p(row["p_holm"]), f"{row['hurt']:.0f}"]


def _name(arm: str) -> str:
    return ARMS.get(arm, arm.replace("csp_lda, none", "CSP + LDA alone").replace("csp_lda, ", ""))


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _points(value: float) -> str:
    return f"{value:+.1f}".replace("-", MINUS)


def _markdown(lines: Iterator[list[str]]) -> str:
    head, *body = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="EEGMMIDB; without it that part is left out")
    parser.add_argument("--rows", type=Path, nargs="*", help="outputs of the benchmark; by default it is run here")
    chosen = parser.parse_args()
    if chosen.rows is None:
        names = [name for name in PARTS if name != "recorded" or chosen.data is not None]
        parts = {name: measure(name, chosen.data if name == "recorded" else None) for name in names}
    else:
        read = [json.loads(path.read_text(encoding="utf-8")) for path in chosen.rows]
        parts = {found["part"]: found for found in read}
    (Path(__file__).parent / "results" / f"{NAME}.md").write_text(page(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
