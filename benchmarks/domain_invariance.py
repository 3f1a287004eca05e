"""Does a penalty on how far people are apart make a decoder better for people never seen? EEGNet, virtual people.

Penalties: MMD, Deep CORAL, DANN, MCC beside cross-entropy alone, the same minibatches. Some people train with labels,
others (the targets) without, and the decoder is judged, frozen, on other trials of the targets and on people never
seen. All of it twice: everybody aligned by the mean covariance of their own trials, without labels, and everybody as
recorded. Of two weights of a penalty one is chosen, by accuracy, on people and network seeds that no result is measured
on; the results have both. Discrepancy is measured in the features below the readout between the people who are judged:
squared MMD and proxy A-distance.

    python benchmarks/domain_invariance.py --out FOLDER [--quick] [--seeds 5]

It writes every finished training to FOLDER and goes on from there when it is started again; results.json in the end.
"""

import argparse
import dataclasses
import json
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import ttest_1samp
from virtual_people import SFREQ, Setup  # beside this file

from neurodrift.adaptation.contract import Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.strategies import STRATEGIES, strategy
from neurodrift.adaptation.transfer.discrepancy import between_people, features_of
from neurodrift.adaptation.transfer.domains import ready
from neurodrift.adaptation.transfer.pretrain import pretrain_with_history
from neurodrift.scenarios import simulated
from neurodrift.scenarios.people import VirtualPeople
from neurodrift.scenarios.statistics import LEVEL, holm, mean_interval, paired_wilcoxon
from neurodrift.scenarios.transfer.verdict import OPEN
from neurodrift.sim.keys import stream_key

PENALTIES = ("mmd", "coral", "dann", "mcc")
WEIGHTS = {"mmd": (0.3, 3.0), "coral": (1.0, 30.0), "dann": (0.1, 1.0), "mcc": (0.1, 1.0)}
ARMS = (("supervised", 0.0), *((name, weight) for name in PENALTIES for weight in WEIGHTS[name]))
GOAL = ("mmd", "coral", "dann")  # set out to reach: each brings people closer
SKIPPED = 84  # samples: of the three seconds the last two are left


class Sizes(NamedTuple):
    n_source: int = 24
    n_target: int = 16
    n_unseen: int = 16
    n_trials: int = 40
    n_epochs: int = 20


GROUPS = ("target", "unseen")
ALIGNED = (True, False)
QUICK = Sizes(4, 4, 4, 20, 2)


class World(NamedTuple):
    """source: labelled; target: those who are trained on without labels; judged: other trials of the same, and the
    unseen."""

    source: Trials
    target: Trials
    judged: Trials
    unseen: Trials


def world(population: int, sizes: Sizes) -> World:
    """People of one population, none of another's."""
    setup = Setup(simulated.Timeline(), simulated.POPULATION, "eegnet", False, skipped=SKIPPED)
    n = sizes.n_source + sizes.n_target + sizes.n_unseen
    everybody = dataclasses.replace(VirtualPeople.create(n_people=n, n_trials=2 * sizes.n_trials, chunk=8), setup=setup)
    found = jax.jit(lambda draw, key: draw(key))(everybody, stream_key(jax.random.key(6), "population", population))
    first = jax.tree.map(lambda a: a[:, : sizes.n_trials], found)
    second = jax.tree.map(lambda a: a[:, sizes.n_trials :], found)
    a, b = sizes.n_source, sizes.n_source + sizes.n_target
    cut = lambda trials, low, high: jax.tree.map(lambda leaf: leaf[low:high], trials)  # noqa: E731
    return World(cut(first, 0, a), cut(first, a, b), cut(second, a, b), cut(second, b, n))


def in_one_unit(here: World) -> World:
    """Everybody divided by one number, the root mean square of all labelled windows: as recorded, at the scale of a
    network."""
    by = 1.0 / jnp.sqrt(jnp.mean(here.source.x**2))
    return World(*(people._replace(x=by * people.x) for people in here))


@jax.jit(static_argnames="align")
def accuracies(decoder: Any, variables: Any, people: Trials, align: bool) -> jax.Array:
    """(n_people,) of the frozen decoder, behind each person's own alignment or none."""
    seen = ready(people, align)
    logits = jax.vmap(jax.vmap(lambda x: decoder.apply(variables, x)))(seen.x)
    return jnp.mean(logits.argmax(-1) == seen.y, axis=1)


def run(here: World, decoder: EEGNet, align: bool, name: str, weight: float, seed: int, epochs: int) -> dict[str, Any]:
    """One training, and what it is worth."""
    here = here if align else in_one_unit(here)
    rule = strategy(name, None if STRATEGIES[name].weight is None else weight)
    found = pretrain_with_history(
        decoder, here.source, stream_key(jax.random.key(seed), "network"), strategy=rule,
        unlabelled=here.target, epochs=epochs, align=align,
    )  # fmt: skip
    row: dict[str, Any] = {"strategy": name, "weight": weight, "seed": seed}
    for who, people in (("target", here.judged), ("unseen", here.unseen)):
        features = features_of(decoder, found.variables, people, align)
        row[who] = {name: float(value) for name, value in between_people(features).items()}
        row[who]["accuracy"] = np.asarray(accuracies(decoder, found.variables, people, align), float).tolist()
    row["source_accuracy"] = float(accuracies(decoder, found.variables, here.source, align).mean())
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for finished trainings and results.json")
    parser.add_argument("--seeds", type=int, default=5, help="network seeds of the results; 0 to choose weights only")
    parser.add_argument("--page", type=Path, help="also write the results as a page of the documentation")
    parser.add_argument("--quick", action="store_true", help="few people, two epochs: to see it work")
    chosen = parser.parse_args()
    sizes = QUICK if chosen.quick else Sizes()
    chosen.out.mkdir(parents=True, exist_ok=True)
    log = chosen.out / "trainings.jsonl"
    done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    worlds: dict[int, World] = {}

    def training(align: bool, population: int, name: str, weight: float, seed: int) -> dict[str, Any]:
        asked = {
            "aligned": align, "population": population, "strategy": name, "weight": weight, "seed": seed,
            "sizes": list(sizes),
        }  # fmt: skip
        for row in done:
            if all(row.get(key) == value for key, value in asked.items()):
                return row
        if population not in worlds:
            worlds.clear()
            worlds[population] = world(population, sizes)
        here, began = worlds[population], time.monotonic()
        decoder = EEGNet.create(*here.source.x.shape[2:], 2, SFREQ, n_temporal=4, n_separable=8)
        row = asked | run(here, decoder, align, name, weight, seed, sizes.n_epochs)
        done.append(row)
        with log.open("a") as stream:
            stream.write(json.dumps(row) + "\n")
        unseen = 100 * np.mean(row["unseen"]["accuracy"])
        told = f"{CONDITIONS[align]}, population {population}, {name} {weight:g}, seed {seed}: unseen {unseen:.1f} %"
        print(f"{told}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        return row

    # population 0 chooses the weights, population 1 has the results
    dose = [training(align, 0, name, weight, 100) for align in ALIGNED for name, weight in ARMS]
    rows = [
        training(align, 1, name, weight, seed)
        for seed in range(chosen.seeds) for align in ALIGNED for name, weight in ARMS
    ]  # fmt: skip
    if not rows:
        return
    results = {
        "sizes": sizes._asdict(), "weights": [one_would_choose(dose, align) for align in ALIGNED],
        "n_seeds": chosen.seeds, "table": table(rows), "alignment": {who: of_alignment(rows, who) for who in GROUPS},
        "dose": [
            {k: row[k] for k in ("aligned", "strategy", "weight")}
            | {
                f"{who}_{k}": float(np.mean(v)) * (100 if k == "accuracy" else 1)
                for who in GROUPS for k, v in row[who].items()
            }
            for row in dose
        ],
    }  # fmt: skip
    (chosen.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    if chosen.page is not None:
        chosen.page.write_text(page(results), encoding="utf-8")
    print(json.dumps(results["table"], indent=1))


def one_would_choose(dose: list[dict[str, Any]], align: bool) -> dict[str, float]:
    """Of each penalty the weight with the better accuracy in the trainings ``dose``, over both groups."""
    worth = {
        (row["strategy"], row["weight"]): np.mean([row[who]["accuracy"] for who in GROUPS])
        for row in dose if row["aligned"] == align
    }  # fmt: skip
    return {name: max(WEIGHTS[name], key=lambda weight: worth[name, weight]) for name in PENALTIES}


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each arm and group of people, aligned and as recorded.

    Accuracy and the gain over cross-entropy alone in points with Student's 95 % intervals over people (seeds averaged
    within), p of Wilcoxon; discrepancies averaged over seeds; squared MMD over that of cross-entropy alone with the
    same seed: geometric mean, Student's 95 % interval over seeds and his p. Either p by itself and corrected over all
    rows (Holm).
    """
    out = [
        row
        for align in ALIGNED for who in GROUPS
        for row in _of_group([row for row in rows if row["aligned"] == align], align, who)
    ]  # fmt: skip
    for p in ("p", "mmd_ratio_p"):
        corrected = holm([np.nan if row[p] is None else row[p] for row in out])
        for row, value in zip(out, corrected):
            row[f"{p}_holm"] = None if np.isnan(value) else float(value)
    return out


def of_alignment(rows: list[dict[str, Any]], who: str) -> dict[str, float]:
    """Accuracy aligned less that as recorded, of cross-entropy alone, in points: mean over people with Student's 95 %
    interval, seeds averaged within."""
    aligned, recorded = (
        _of_people([row for row in rows if row["aligned"] == align], ARMS[0], who) for align in ALIGNED
    )
    value, lo, hi = mean_interval(aligned - recorded)
    return {"gain": value, "lo": lo, "hi": hi}


def _of_people(rows: list[dict[str, Any]], arm: tuple[str, float], who: str) -> np.ndarray:
    """(n_people,) percent right of an arm, seeds averaged within a person."""
    return 100 * np.mean([row[who]["accuracy"] for row in rows if (row["strategy"], row["weight"]) == arm], axis=0)


def _of_group(rows: list[dict[str, Any]], align: bool, who: str) -> list[dict[str, Any]]:
    """The rows of one group of people, not corrected yet."""
    out = []
    by = {arm: _of_people(rows, arm, who) for arm in ARMS}
    for arm, accuracy in by.items():
        here, plain = (
            sorted((row for row in rows if (row["strategy"], row["weight"]) == one), key=lambda row: row["seed"])
            for one in (arm, ARMS[0])
        )
        logs = np.log([a[who]["mmd"] / b[who]["mmd"] for a, b in zip(here, plain, strict=True)])
        ratio, low, high = np.exp(mean_interval(logs)).tolist()
        mean = mean_interval(accuracy, bounds=(0.0, 100.0))
        gain = accuracy - by[ARMS[0]]
        interval = mean_interval(gain)
        name = arm[0]
        tested = name != "supervised"
        out.append({
            "aligned": align, "people": who, "strategy": name, "weight": arm[1],
            "accuracy": mean.value, "lo": mean.lo, "hi": mean.hi,
            "gain": interval.value, "gain_lo": interval.lo, "gain_hi": interval.hi,
            "p": paired_wilcoxon(gain) if tested else None,
            "worse_by_1": float(np.mean(gain < -1.0)),
            "mmd_ratio": ratio, "mmd_ratio_lo": low, "mmd_ratio_hi": high,
            "mmd_ratio_p": _p_of_mean(logs) if tested else None,
            **{
                measure: float(np.mean([row[who][measure] for row in here]))
                for measure in ("mmd", "mmd_alike", "a_distance")
            },
            **{
                f"{measure}_lower_in": int(sum(a[who][measure] < b[who][measure] for a, b in zip(here, plain)))
                for measure in ("mmd", "a_distance")
            },
        })  # fmt: skip
    return out


def _p_of_mean(values: np.ndarray) -> float | None:
    """Student's two-sided p that units of one mean have it at 0; 1 where all are 0, None of a single unit."""
    if len(values) < 2:
        return None
    return float(np.asarray(ttest_1samp(values, 0.0))[1]) if values.any() else 1.0


TITLES = {"supervised": "cross-entropy alone", "mmd": "MMD", "coral": "Deep CORAL", "dann": "DANN", "mcc": "MCC"}
CONDITIONS = {True: "Aligned", False: "As recorded"}
GROUP_TITLES = {
    "target": "People whose trials were trained on without labels, judged on other trials",
    "unseen": "People never seen",
}


def page(results: dict[str, Any]) -> str:
    """The Markdown page of ``results``."""
    sizes = results["sizes"]
    n_seeds = results["n_seeds"]
    told = zip(ALIGNED, results["weights"], strict=True)
    verdicts = [_of_condition(results["table"], align, weights) for align, weights in told]
    both = "; ".join(f"{TITLES[name]} {weak:g} and {strong:g}" for name, (weak, strong) in WEIGHTS.items())
    n_compared = sum(row["p"] is not None for row in results["table"])
    tables = "\n\n".join(
        f"### {CONDITIONS[align]}: {GROUP_TITLES[who]}\n\n{_table(rows, n_seeds)}"
        for align in ALIGNED for who, rows in _by_group(results["table"], align).items()
    )  # fmt: skip
    intro = f"""
        Virtual people imagining the left or the right hand (simulated; head, rhythm, noise and drift randomised),
        EEGNet-4,2 on 31 channels and 2 s at 83 Hz. {sizes["n_source"]} people train with labels and
        {sizes["n_target"]} without, {sizes["n_trials"]} trials each, {sizes["n_epochs"]} epochs,
        {sizes["n_epochs"] * sizes["n_source"] * sizes["n_trials"] // 64} minibatches of 4 + 4 people in all; {n_seeds}
        network seeds. These are short trainings, in which a seed may hardly learn. The decoder is judged frozen. All of
        it is done twice: everybody aligned by the mean covariance of their own trials, as `neurodrift pretrain` does,
        and everybody as recorded, all divided by one number. (As recorded was added when it was known that people who
        are aligned can hardly be told apart.) Every penalty has two weights ({both}), both of which are shown; one is
        chosen by accuracy on other people with another network seed."""
    how = f"""
        Set out to reach: each of {", ".join(TITLES[name] for name in GOAL)} lowers squared MMD, in both groups of
        people. MMD² is beside that of cross-entropy alone with the same network seed: geometric mean and Student's
        95 % interval over seeds. "Lower" and "higher", of Student's p over seeds, "gains" and "costs", of Wilcoxon's
        over people, have their interval on one side and p below {1 - LEVEL:.2f}, corrected for the {n_compared}
        comparisons of MMD² or the {n_compared} of accuracy (Holm); all else is {OPEN}. The weights chosen on aligned
        people are the defaults of `neurodrift pretrain`."""
    what = f"""
        Accuracy in percent and the gain over cross-entropy alone in points, Student's 95 % intervals over people, seeds
        averaged within a person; p of Wilcoxon's signed rank over people, by itself and corrected for the {n_compared}
        comparisons (Holm). "lose > 1" is the share of people who lose more than a point. Discrepancies are between the
        people who are judged, in the features below the readout, averaged over seeds, in brackets how many seeds have
        them lower than cross-entropy alone: squared MMD (what it would be if all people were one is in the last column)
        and proxy A-distance (0: no linear classifier tells two people apart, 2: always)."""
    return f"""\
# Penalties that make people alike

{_filled(intro)}

## Verdict

{_filled(how)}

{_alignment(results)}

{(chr(10) * 2).join(verdicts)}

## Numbers

{_filled(what)}

{tables}

## What weight buys

The people on whom weights were chosen, one network seed: too few to rank the weights by.

{_dose(results["dose"])}

## How it was made

```bash
python benchmarks/domain_invariance.py --out FOLDER --seeds {n_seeds} --page docs/results/domain_invariance.md
```
"""


def _filled(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), 120, break_on_hyphens=False)


def _dose(rows: list[dict[str, Any]]) -> str:
    head = ["", "", "weight", *(f"{what}, {who}" for who in GROUPS for what in ("accuracy", "MMD²", "A-distance"))]
    body = [
        [CONDITIONS[row["aligned"]], TITLES[row["strategy"]], f"{row['weight']:g}"]
        + [
            f"{row[f'{who}_{m}']:.{1 if m == 'accuracy' else 3}f}"
            for who in GROUPS for m in ("accuracy", "mmd", "a_distance")
        ]
        for row in rows
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


def _alignment(results: dict[str, Any]) -> str:
    """What alignment alone does, to how far people are apart and to accuracy."""
    told = []
    for who, found in results["alignment"].items():
        far = [
            row["a_distance"]
            for align in ALIGNED for row in _by_group(results["table"], align)[who] if row["strategy"] == "supervised"
        ]  # fmt: skip
        told.append(
            f"- {GROUP_TITLES[who]}: A-distance {far[0]:.2f} instead of {far[1]:.2f}, accuracy "
            f"{found['gain']:+.1f} points [{found['lo']:+.1f}, {found['hi']:+.1f}]."
        )
    told = "\n".join(told)
    what = "Alignment by itself, under cross-entropy alone and in so short a training (not among what is corrected for)"
    return f"{what}:\n\n{told}"


def _by_group(rows: list[dict[str, Any]], align: bool) -> dict[str, list[dict[str, Any]]]:
    return {who: [row for row in rows if row["people"] == who and row["aligned"] == align] for who in GROUPS}


def _of_condition(table: list[dict[str, Any]], align: bool, weights: dict[str, float]) -> str:
    """What is found of people aligned, or of people as recorded."""
    by_group = _by_group(table, align)
    chosen = ", ".join(f"{TITLES[name]} {weight:g}" for name, weight in weights.items())
    moved = "\n".join(_moved(GROUP_TITLES[who], rows) for who, rows in by_group.items())
    verdicts = "\n\n".join(_verdict(GROUP_TITLES[who], rows) for who, rows in by_group.items())
    return f"### {CONDITIONS[align]}\n\n{moved}\n\n{_goal(by_group, weights)} One would choose {chosen}.\n\n{verdicts}"


def _side(row: dict[str, Any]) -> int:
    """Whether squared MMD is lower (-1) or higher (1) than with cross-entropy alone, or neither is settled (0)."""
    p = row["mmd_ratio_p_holm"]
    if p is None or p >= 1 - LEVEL:
        return 0
    return int(row["mmd_ratio_lo"] > 1) - int(row["mmd_ratio_hi"] < 1)


def _moved(title: str, rows: list[dict[str, Any]]) -> str:
    """Which penalties have people closer than cross-entropy alone, by squared MMD, and which farther apart."""
    lower, higher = (
        ", ".join(f"{_title(row)} (x {_ratio(row)})" for row in rows if _side(row) == side) or "none"
        for side in (-1, 1)
    )
    return f"- {title}: squared MMD is lower with {lower}; higher with {higher}."


def _goal(by_group: dict[str, list[dict[str, Any]]], weights: dict[str, float]) -> str:
    """Which of the penalties of ``GOAL`` bring both groups closer, with which weight, and which with neither."""
    closer = [{(row["strategy"], row["weight"]): row for row in rows if _side(row) < 0} for rows in by_group.values()]
    both = {arm: [rows[arm] for rows in closer] for arm in closer[0] if arm in closer[1]}
    reached = [
        _title(rows[0]) + (" (which costs accuracy)" if "costs" in map(_effect, rows) else "")
        for (name, _), rows in both.items() if name in GOAL
    ]  # fmt: skip
    chosen = [name for name in GOAL if (name, weights[name]) in both]
    missed = [name for name in GOAL if name not in {name for name, _ in both}]
    chosen, missed = ", ".join(TITLES[name] for name in chosen) or "none", ", ".join(TITLES[name] for name in missed)
    return f"Reached with {', '.join(reached) or 'none'}. With the weight one would choose: {chosen}. " + (
        f"**Not reached with either weight: {missed}.**" if missed else "Each is reached."
    )


def _verdict(title: str, rows: list[dict[str, Any]]) -> str:
    plain = next(row for row in rows if row["strategy"] == "supervised")
    told = []
    for row in rows:
        if row is plain:
            continue
        distance = f"{row['a_distance']:.3f} beside {plain['a_distance']:.3f}"
        told.append(
            f"{_title(row)}: MMD² x {_ratio(row)}{_corrected(row)}, A-distance {distance}, {_effect(row)} ("
            f"{row['gain']:+.1f} points [{row['gain_lo']:+.1f}, {row['gain_hi']:+.1f}], "
            f"corrected p {_p(row['p_holm'])})"
        )
    return f"{title}:\n\n" + "\n".join(f"- {line}" for line in told)


def _effect(row: dict[str, Any]) -> str:
    """What the penalty does to accuracy, beside cross-entropy alone."""
    settled = row["p_holm"] < 1 - LEVEL
    return "gains" if settled and row["gain_lo"] > 0 else "costs" if settled and row["gain_hi"] < 0 else OPEN


def _ratio(row: dict[str, Any]) -> str:
    return f"{row['mmd_ratio']:.3f} [{row['mmd_ratio_lo']:.3f}, {row['mmd_ratio_hi']:.3f}]"


def _corrected(row: dict[str, Any]) -> str:
    p = row["mmd_ratio_p_holm"]
    return "" if p is None else f" (corrected p {_p(p)})"


def _p(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def _title(row: dict[str, Any]) -> str:
    return TITLES[row["strategy"]] + ("" if row["strategy"] == "supervised" else f" {row['weight']:g}")


def _table(rows: list[dict[str, Any]], n_seeds: int) -> str:
    head = ["", "accuracy", "gain", "p", "p, Holm", "lose > 1", "MMD²", "A-distance", "MMD² if alike"]
    body = [
        [
            _title(row), f"{row['accuracy']:.1f} [{row['lo']:.1f}, {row['hi']:.1f}]",
            *(
                [""] * 4 if row["p"] is None else [
                    f"{row['gain']:+.1f} [{row['gain_lo']:+.1f}, {row['gain_hi']:+.1f}]", _p(row["p"]),
                    _p(row["p_holm"]), f"{100 * row['worse_by_1']:.0f} %",
                ]
            ),
            *(
                f"{row[m]:.3f}" + ("" if row["p"] is None else f" ({row[f'{m}_lower_in']}/{n_seeds})")
                for m in ("mmd", "a_distance")
            ),
            f"{row['mmd_alike']:.3f}",
        ]
        for row in rows
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


if __name__ == "__main__":
    main()
