"""A decoder of many virtual people made small for an implant: accuracy on people never seen, bytes, operations, time.

    python benchmarks/implant_compression.py [--people 64] [--train 40] [--seeds 5] [--json] [--choose]
    python benchmarks/implant_compression.py --latency [--page docs/results/compression.md]

Simulated motor imagery, 31 channels, 3 s at 83 Hz, 60 trials a person. Each seed divides the same people anew,
with other first weights and another order of trials. A person never seen is aligned by their first 20 windows, without
labels, and decoded on the other 40; "refitted" has the readout recalibrated on the 20 with their labels. Then the cap
has slipped by 2 cm: 60 more trials, decoded as before and by methods that adapt online, on the decoder as it is
compressed. Settings were set by hand, looking at another population, of which --choose makes the same table; the page
is of people that nothing was chosen on. --latency measures times alone, in two minutes, of decoders made from noise, as
weights cost the same whatever they are, and writes them anew into a page that is there.
"""

import argparse
import dataclasses
import functools
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from virtual_people import SECONDS, SFREQ, over_people, record, settled  # beside this file

from neurodrift.adaptation.compression.cost import latencies, multiply_accumulates, n_bytes
from neurodrift.adaptation.compression.distillation import distil
from neurodrift.adaptation.compression.int8 import quantise
from neurodrift.adaptation.compression.pruning import Pruned, prune
from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.registry import METHODS
from neurodrift.adaptation.spd import covariance, inv_sqrtm, weighted_mean
from neurodrift.adaptation.transfer.domains import align_people

N_PEOPLE, N_CALIBRATION = 64, 20
LIMIT = 0.02  # lost at most
REPORTED, CHOSEN_ON = 1, 2  # populations
TEACHER = {"epochs": 20, "batch_size": 64, "learning_rate": 3e-3}
STUDENT = {"n_temporal": 4, "depth": 1, "n_separable": 4, "dropout": 0.1, "epochs": 30, "batch_size": 64}
STUDENT_RATE = 5e-3
TEMPERATURE, SHARE = 2.0, 0.7
SLIPPED = 2.0  # cm
ONLINE = {"frozen": "frozen", "ea": "aligned, no labels", "last_layer": "readout, every label"}
"""Methods after the cap has slipped, by what the page calls them."""
MINUS = "\N{MINUS SIGN}"
SPARSITY = 0.8


def network(n_times: int, **options: Any) -> EEGNet:
    rate = options.pop("learning_rate", STUDENT_RATE)
    return dataclasses.replace(EEGNet.create(31, n_times, 2, SFREQ, **options), learning_rate=rate)


@jax.jit
def score(decoder: Any, variables: Any, people: Trials) -> tuple[Any, Any]:
    """Accuracy (n_people,) of people never seen on their later trials, without labels and with the readout refitted."""

    def one(trials: Trials) -> tuple[Any, Any]:
        first = jax.tree.map(lambda a: a[:N_CALIBRATION], trials)
        later = jax.tree.map(lambda a: a[N_CALIBRATION:], trials)
        whitening = inv_sqrtm(weighted_mean(jax.vmap(covariance)(first.x), first.weight))
        own = variables._replace(align=whitening)
        refitted = decoder.refit_readout(own, first)

        def right(v: Any) -> Any:
            logits = jax.vmap(lambda x: decoder.apply(v, x))(later.x)
            return (logits.argmax(-1) == later.y).mean()

        return right(own), right(refitted)

    return jax.lax.map(one, people)


@jax.jit
def slipped_score(decoder: Any, variables: Any, people: Trials, slipped: Trials) -> dict[str, Any]:
    """Accuracy (n_people,) of each method of ``ONLINE`` on the trials after the cap has slipped, which it adapts to as
    it goes, with every label told after its window."""

    def session(name: str, trials: Trials, stream: Trials) -> Any:
        adapter = METHODS[name].make()
        first = jax.tree.map(lambda a: a[:N_CALIBRATION], trials)
        whitening = inv_sqrtm(weighted_mean(jax.vmap(covariance)(first.x), first.weight))

        def step(state: Any, trial: Any) -> Any:
            x, y = trial
            right = adapter.predict(state, x).argmax() == y
            return adapter.update(state, x, Feedback(y, jnp.bool_(True), x, jnp.bool_(False))), right

        state = adapter.init(decoder, variables._replace(align=whitening), first, jax.random.key(0))
        return jax.lax.scan(step, state, (stream.x, stream.y))[1].mean()

    return {name: jax.lax.map(lambda pair, name=name: session(name, *pair), (people, slipped)) for name in ONLINE}


def arms(trials: Trials, largest: float, seed: int) -> dict[str, tuple[Any, Any]]:
    """Every decoder of one seed with its variables, by title; ``trials`` are aligned, of all people together."""
    keys = iter(jax.random.split(jax.random.key(seed), 20))
    fit = jax.jit(lambda net, start, trials, key: net.fit(start, trials, key))
    in8 = functools.partial(quantise, x=trials.x[::8], largest=largest, headroom=2.0)
    big, small = network(trials.x.shape[-1], **TEACHER), network(trials.x.shape[-1], **STUDENT)
    teacher = fit(big, big.init(next(keys)), trials, next(keys))
    start = small.init(next(keys))
    alone = fit(small, start, trials, next(keys))
    student = distil(big, teacher, small, start, trials, next(keys), temperature=TEMPERATURE, share=SHARE)
    short = dataclasses.replace(big, epochs=5, learning_rate=1e-3)
    sparse, sparse_variables = prune(short, teacher, trials, next(keys), sparsity=SPARSITY)
    short = dataclasses.replace(small, epochs=5, learning_rate=2e-3)
    thin, thin_variables = prune(short, student, trials, next(keys), sparsity=0.5, n_steps=2)
    found = {
        "teacher, float32": (big, teacher),
        "teacher, int8": in8(big, teacher),
        f"teacher, {SPARSITY:.0%} pruned": (sparse, sparse_variables),
        "student trained alone, float32": (small, alone),
        "student distilled, float32": (small, student),
        "student distilled, int8": in8(small, student),
    }
    decoder, variables = in8(small, thin_variables)
    found["student, 50% pruned, int8"] = (Pruned(net=decoder, masks=thin.masks), variables)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=N_PEOPLE)
    parser.add_argument("--train", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true", help="the population that settings were set on")
    parser.add_argument("--folder", type=Path, help="where recordings are kept")
    parser.add_argument("--json", action="store_true", help="rows as JSON, and nothing else")
    parser.add_argument("--rows", type=Path, help="rows of an earlier run with --json, instead of a new one")
    parser.add_argument("--page", type=Path, help="write the page of the documentation there")
    parser.add_argument("--latency", action="store_true", help="measure times alone; --page is then one that is there")
    chosen = parser.parse_args()
    if chosen.latency:
        section = latency_section(timed())
        if chosen.page is not None:
            chosen.page.write_text(renewed(chosen.page.read_text(encoding="utf-8"), section), encoding="utf-8")
        print(section)
        return
    if chosen.train >= chosen.people:
        parser.error(f"--train {chosen.train} of --people {chosen.people} leaves nobody held out; train on fewer")
    found = measure(chosen) if chosen.rows is None else json.loads(chosen.rows.read_text(encoding="utf-8"))
    if chosen.json:
        print(json.dumps(found))
        return
    rows = summarised(found)
    if chosen.page is not None:
        chosen.page.write_text(page(rows, np.array(found["who"]).shape), encoding="utf-8")
    for title, row in rows.items():
        mean, low, high = (100 * v for v in row["difference"])
        print(
            f"{title:34s}{100 * row['accuracy'][0]:6.1f} % {mean:+5.1f} [{low:+.1f}, {high:+.1f}]  refitted "
            f"{100 * row['recalibrated'][0]:.1f}  {row['bytes']:6d} bytes  {sum(row['macs'].values()):8d} MAC  "
            f"p50 {1e3 * row['latency']['p50']:.2f} ms"
        )


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """who (n_repetitions, n_held): numbers of the people held out; rows: everybody's share of right answers, by the
    decoder's title."""
    population = CHOSEN_ON if chosen.choose else REPORTED
    people = record(chosen.people, 60, population, chosen.folder)
    slipped = record(chosen.people, 60, population, chosen.folder, SLIPPED)
    rows: dict[str, dict[str, Any]] = {}
    who = []
    for seed in range(chosen.seeds):
        order = np.random.default_rng([7, seed]).permutation(chosen.people)
        who.append(order[chosen.train :].tolist())
        train, held_out = (jax.tree.map(lambda a, i=i: a[i], people) for i in np.split(order, [chosen.train]))
        pooled = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), align_people(train))
        made = arms(pooled, float(jnp.abs(train.x).max()), seed)
        times = times_of(made, held_out.x[0, 0]) if seed == chosen.seeds - 1 else {}
        for title, (decoder, variables) in made.items():
            row = rows.setdefault(title, {"plain": [], "refitted": [], **{name: [] for name in ONLINE}})
            plain, refitted = score(decoder, variables, held_out)
            row["plain"].append(np.asarray(plain, float).tolist())
            row["refitted"].append(np.asarray(refitted, float).tolist())
            later = jax.tree.map(lambda a, i=order[chosen.train :]: a[i], slipped)
            for name, right in slipped_score(decoder, variables, held_out, later).items():
                row[name].append(np.asarray(right, float).tolist())
            print(f"seed {seed}: {title} {np.mean(row['plain'][-1]):.3f}", file=sys.stderr, flush=True)
            if seed == chosen.seeds - 1:
                row["bytes"] = n_bytes(decoder, variables)
                row["macs"] = multiply_accumulates(decoder)
                row["latency"] = times[title]
    return {"who": who, "rows": rows}


def timed() -> dict[str, dict[str, float]]:
    """Times of every decoder of ``arms``, made from 64 windows of noise."""
    x = np.random.default_rng(0).normal(size=(64, 31, round(SECONDS * SFREQ)))
    noise = Trials(jnp.asarray(x, jnp.float32), jnp.arange(64) % 2, jnp.ones(64))
    return times_of(arms(noise, float(jnp.abs(noise.x).max()), 0), noise.x[0])


def times_of(made: Mapping[str, tuple[Any, Any]], x: Any) -> dict[str, dict[str, float]]:
    return {title: found._asdict() for title, found in latencies(made, x).items()}


def summarised(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rows with their means and intervals over people; ``against alone``: the student beside itself untaught."""
    who, rows = np.array(found["who"]), found["rows"]
    right = {title: np.array(row["plain"]) for title, row in rows.items()}
    return {
        title: row
        | {
            "accuracy": over_people(right[title], who),
            "recalibrated": over_people(row["refitted"], who),
            "difference": over_people(right[title] - right["teacher, float32"], who),
            "against alone": over_people(right[title] - right["student trained alone, float32"], who),
            "online": {
                name: [over_people(row[name], who), over_people(np.array(row[name]) - np.array(row["frozen"]), who)]
                for name in ONLINE
            },
        }
        for title, row in rows.items()
    }


def _online(found: dict[str, Any]) -> list[str]:
    """The cells of a decoder after the slip."""
    cells = []
    for name, (right, gain) in found.items():
        over = "" if name == "frozen" else " ({:+.1f} [{:+.1f}, {:+.1f}])".format(*(100 * v for v in gain))
        cells.append(f"{100 * right[0]:.1f}" + over.replace("-", MINUS))
    return cells


def latency_section(times: Mapping[str, Mapping[str, float]]) -> str:
    """The section of the page, from a decoder's ``Latency`` by its title."""
    teacher = times["teacher, float32"]
    lines = []
    for title, found in times.items():
        below, above = found["hi"] < teacher["lo"], found["lo"] > teacher["hi"]
        apart = "faster" if below else "slower" if above else "not told apart"
        p50, lo, hi = (f"{1e3 * found[name]:.3f}" for name in ("p50", "lo", "hi"))
        lines.append(f"| {title} | {p50} [{lo}, {hi}] | {'' if found is teacher else apart} |")
    table = "\n".join(lines)
    return f"""\
## Latency

Milliseconds from a window to its logits on the machine that measured this, whatever else it was doing. The decoders
take turns of {teacher["n"]} predictions, one at a time, over {teacher["n_rounds"]} rounds: the median of the rounds'
medians, in brackets the least and the greatest. What differs by less than these ranges is not told apart. The two
students in floats are one program with other weights, and so is a pruned decoder and the same unpruned: nothing is
gained here by weights that are nought. Integers run in float units, so this tells nothing of an implant's time.

|  | ms | beside the teacher, float32 |
| --- | --- | --- |
{table}
"""


def renewed(text: str, section: str) -> str:
    """A page with another section of latencies."""
    out, n = re.subn(r"^## Latency\n.*?(?=^## )", lambda _: section + "\n", text, flags=re.MULTILINE | re.DOTALL)
    if n != 1:
        raise SystemExit(f"the page has {n} sections of latencies; wanted one that this program wrote")
    return out


def page(rows: dict[str, dict[str, Any]], shape: tuple[int, ...]) -> str:
    """The page of the documentation; ``shape``: repetitions, people held out in each."""
    teacher, student = rows["teacher, float32"], rows["student distilled, int8"]
    n_seeds, n_held = shape
    ratio = teacher["bytes"] / student["bytes"]
    lost = {"yes": "reached", "no": "not reached", "not settled": "not settled"}
    verdict = lost[settled(student["difference"], LIMIT)] if ratio >= 8 else "not reached"

    def points(row: dict[str, Any], name: str = "difference") -> str:
        return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * v for v in row[name])).replace("-", MINUS)

    lines = []
    for title, row in rows.items():
        cells = [
            title,
            "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * v for v in row["accuracy"])),
            "" if row is teacher else points(row),
            f"{100 * row['recalibrated'][0]:.1f}",
            f"{row['bytes']:,}",
            f"{teacher['bytes'] / row['bytes']:.1f}",
            f"{sum(row['macs'].values()):,}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    table = "\n".join(lines)
    online = "\n".join("| " + " | ".join([title, *_online(row["online"])]) + " |" for title, row in rows.items())
    command = (
        f"python benchmarks/implant_compression.py --train {N_PEOPLE - n_held} --seeds {n_seeds} "
        "--page docs/results/compression.md"
    )
    return f"""\
# Compression for implants

Simulated. EEGNet-8,2 trained on many virtual people, and what is left of it when it is distilled, pruned and put into
8-bit integers, on {n_held} people not trained on, {n_seeds} times over with the same {N_PEOPLE} people divided anew.
Motor imagery, left against right, 31 channels, 3 s at 83 Hz. A person is aligned by their first {N_CALIBRATION}
windows, without labels, and decoded on 40 others. Nothing was chosen on these people; settings were set by hand,
looking at another population, of which `--choose` makes the same table. Intervals are over people, of whom each counts
once: the mean over the repetitions that held them out.

## Verdict

The 8-bit student has 1/{ratio:.1f} of the teacher's bytes; against the teacher {points(student)} points. Set out to
reach: 1/8 of the bytes at 2 points lost at most: **{verdict}**. What distillation is worth here, the student in floats
beside itself trained alone: {points(rows["student distilled, float32"], "against alone")}.

## Table

Percent, 95 % bootstrap interval over people; chance is 50. *against the teacher*: points,
paired. *refitted*: the readout recalibrated on the {N_CALIBRATION} windows with their labels. *bytes*: the weights as
an implant would hold them (a file is larger), without the user's alignment, which is folded in; *times*: fewer than the
teacher's. *operations*:
multiply-accumulates a window.

|  | accuracy | against the teacher | refitted | bytes | times | operations |
| --- | --- | --- | --- | --- | --- | --- |
{table}

{latency_section({title: row["latency"] for title, row in rows.items()})}
## Online, after the cap has slipped

The same people, {SLIPPED:g} cm of slip sideways, 60 further trials; the decoder starts behind the alignment and the
{N_CALIBRATION} trials from before. *aligned*: Euclidean alignment follows the windows. *readout*: fine-tuning of the
last layer, of the compressed decoder itself, every label told after its window. Percent over all 60 trials, learning
included; in brackets points over frozen with their interval.

|  | {" | ".join(ONLINE.values())} |
| --- |{" --- |" * len(ONLINE)}
{online}

## How it was made

```bash
{command}
python benchmarks/implant_compression.py --latency --page docs/results/compression.md    # times alone, anew
```
"""


if __name__ == "__main__":
    main()
