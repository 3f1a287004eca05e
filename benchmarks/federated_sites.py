"""Federated training over simulated sites: against pooled training, with hostile sites, under differential privacy.

    python benchmarks/federated_sites.py [--part plain,hostile,private] [--seeds 5] [--rounds 40] [--json]

Ten sites in one process, each a group of virtual people with local training of its own; nothing here shows what a
network between hospitals would do. Motor imagery, the channels over motor cortex, 3 s at 83 Hz, 60 trials a person,
three people a site. A small EEGNet. Held-out people are aligned by their first 20 windows and decoded on the other 40;
where feature statistics stay at the sites, those of the same 20 windows take their place. Each seed divides the
same people into sites and held-out ones anew, with other first weights and orders. Rates, rounds and clipping are
guesses: nothing was tuned, here or elsewhere.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from virtual_people import SFREQ, interval, record  # beside this file

from neurodrift.adaptation.contract import Trials, Variables
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.federated import Cohort, Federation, LocalTraining, PrivateTraining, Site, federate
from neurodrift.adaptation.federated.accountant import noise_for
from neurodrift.adaptation.federated.audit import auc_interval, confidence, likelihood_ratio
from neurodrift.adaptation.federated.hostile import flipped_labels, not_a_number, sign_flip
from neurodrift.adaptation.federated.personal import own_statistics
from neurodrift.adaptation.spd import covariance, inv_sqrtm, weighted_mean
from neurodrift.adaptation.transfer.domains import align_people
from neurodrift.scenarios.simulated import MONTAGE
from neurodrift.sim.head.montage import make_montage

N_SITES, PER_SITE, N_CALIBRATION = 10, 3, 20
POPULATION = 1
CHANNELS = ("FC3", "FC4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP3", "CP4")
PARTS = ("plain", "hostile", "private")
NETWORK = {"n_temporal": 4, "depth": 1, "n_separable": 4, "dropout": 0.1}
TRAINING = LocalTraining(learning_rate=0.03, radius=0.0)
FEDBS = LocalTraining(learning_rate=0.03, radius=0.1)
HOSTILE = (3, 7)
EPSILONS = (1.0, 8.0)
DELTA = 1e-3  # below one over the 90 trials that a site trains on
PRIVATE = PrivateTraining(n_steps=8, most=28, rate=0.1, clip=1.0, learning_rate=0.5, momentum=0.0)
PRIVATE_ROUNDS, N_SHADOWS = 10, 6


@jax.jit
def score(decoder: Any, variables: Variables, people: Trials) -> tuple[Any, Any]:
    """Accuracy (n_people,) with the statistics that came, and with those of one's own first windows."""

    def one(trials: Trials) -> tuple[Any, Any]:
        first, later = trials.x[:N_CALIBRATION], jax.tree.map(lambda a: a[N_CALIBRATION:], trials)
        whitening = inv_sqrtm(weighted_mean(jax.vmap(covariance)(first), trials.weight[:N_CALIBRATION]))
        came = variables._replace(align=whitening)

        def right(v: Variables) -> Any:
            logits = jax.vmap(lambda x: decoder.apply(v, x))(later.x)
            return (logits.argmax(-1) == later.y).mean()

        return right(came), right(own_statistics(decoder, came, first))

    return jax.lax.map(one, people)


def groups(people: Trials, n: int) -> list[Trials]:
    return [jax.tree.map(lambda a, i=i: a[i * n : (i + 1) * n], people) for i in range(N_SITES)]


def cohort(people: Trials, bad: str = "") -> Cohort:
    """Ten sites of three people; ``bad``: what two of them do."""
    tampers = {"sign flip x 3": sign_flip(3.0), "not a number": not_a_number()}
    sites = []
    for i, group in enumerate(groups(people, PER_SITE)):
        hostile = i in HOSTILE and bad != ""
        group = flipped_labels(group) if hostile and bad == "labels flipped" else group
        sites.append(Site(f"site {i}", group, tamper=tampers.get(bad) if hostile else None))
    return Cohort(sites)


def pooled(decoder: EEGNet, start: Variables, people: Trials, training: LocalTraining, n_rounds: int, key: Any) -> Any:
    """All trials in one place: as many passes over them, and so steps, as the sites make together."""
    n_epochs = max(1, round(n_rounds * training.n_epochs * 4 / N_SITES))
    whole = Cohort([Site("everybody", people)])
    training = dataclasses.replace(training, n_epochs=n_epochs)
    federation = Federation(n_rounds=1, n_clients=1, screened=False)
    return federate(whole, decoder, start, training, federation, key)[0]


def plain(decoder: EEGNet, start: Variables, people: Trials, held_out: Trials, n_rounds: int, key: Any) -> dict:
    """Accuracy (n_people,) by arm."""
    base = Federation(n_rounds=n_rounds, n_clients=4)
    out = {"pooled": pooled(decoder, start, people, TRAINING, n_rounds, key)}
    out["FedAvg"] = federate(cohort(people), decoder, start, TRAINING, base, key)[0]
    shared = dataclasses.replace(base, share="params")
    out["FedBS-like"] = federate(cohort(people), decoder, start, FEDBS, shared, key)[0]
    one = cohort(people).sites[0]
    out["one site alone"] = federate(
        Cohort([one]), decoder, start, dataclasses.replace(TRAINING, n_epochs=16),
        dataclasses.replace(base, n_clients=1, n_rounds=max(1, n_rounds // 8)), key,
    )[0]  # fmt: skip
    secure = dataclasses.replace(base, secure=True, clip=5.0)
    out["FedAvg, secure sum"] = federate(cohort(people), decoder, start, TRAINING, secure, key)[0]
    scores = {name: score(decoder, v, held_out) for name, v in out.items()}
    return {name: np.asarray(s[1] if name == "FedBS-like" else s[0], float) for name, s in scores.items()}


def hostile(decoder: EEGNet, start: Variables, people: Trials, held_out: Trials, n_rounds: int, key: Any) -> dict:
    """Accuracy (n_people,) by attack and defence; every site trains in every round, so both hostile ones are there."""
    base = Federation(n_rounds=n_rounds * 4 // N_SITES, n_clients=N_SITES)
    defences = {
        "mean": dataclasses.replace(base, screened=False),
        "screened mean": base,
        "screened trimmed mean": dataclasses.replace(base, rule="trimmed_mean"),
        "screened multi-Krum": dataclasses.replace(base, rule="multi_krum"),
    }
    out = {}
    for attack in ("", "labels flipped", "sign flip x 3", "not a number"):
        for name, federation in defences.items():
            sites = cohort(people, attack)
            found, _ = federate(sites, decoder, start, TRAINING, federation, key)
            out[f"{attack or 'none'} / {name}"] = np.asarray(score(decoder, found, held_out)[0], float)
    return out


def private(decoder: EEGNet, people: Trials, held_out: Trials, seed: int) -> dict[str, dict[str, Any]]:
    """Accuracy and membership inference at each epsilon; half of everybody's trials are in, half stay out.

    The first statistics are of random windows, which are nobody's, and stay. Shadows: federations of the attacker's
    own, each with another half of the same trials, as if the attacker had them all.
    """
    rng = np.random.default_rng([11, seed])
    aligned = align_people(people)
    n_people, n_trials = aligned.y.shape
    key = jax.random.key(1000 + seed)
    start = decoder.init(key)
    noise = jax.random.normal(key, (200, *aligned.x.shape[2:]))
    start = jax.jit(own_statistics)(decoder, start, noise)
    halves = np.stack([np.argsort(rng.random((n_people, n_trials)), 1) < n_trials // 2 for _ in range(N_SHADOWS)])
    # The last shadow is the other half of the one before, so that every trial is in some and out of some.
    for i in range(1, N_SHADOWS, 2):
        halves[i] = ~halves[i - 1]
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), aligned)
    group = np.repeat(np.arange(n_people), n_trials)
    out = {}
    for target in (*EPSILONS, np.inf):
        steps = PRIVATE_ROUNDS * PRIVATE.n_steps
        sigma = 0.0 if np.isinf(target) else noise_for(target, PRIVATE.rate, steps, DELTA)
        training = dataclasses.replace(PRIVATE, noise=jnp.float32(sigma))
        federation = Federation(n_rounds=PRIVATE_ROUNDS, n_clients=N_SITES, share="params", screened=False)
        told, first = [], None
        for i, half in enumerate(halves):
            rows = np.argsort(~half, axis=1, kind="stable")[:, : n_trials // 2]
            inside = jax.tree.map(lambda a, r=rows: jnp.stack([a[p, r[p]] for p in range(n_people)]), aligned)
            sites = Cohort([Site(f"site {j}", g, align=False) for j, g in enumerate(groups(inside, PER_SITE))])
            found, _ = federate(sites, decoder, start, training, federation, jax.random.fold_in(key, i))
            told.append(confidence(decoder, found, flat))
            first = found if first is None else first
        told = np.stack(told)
        member = halves.reshape(N_SHADOWS, -1)
        by_loss = auc_interval(np.concatenate(told), np.concatenate(member), np.tile(group, N_SHADOWS))
        lira = []
        for i in range(0, N_SHADOWS, 2):
            others = [j for j in range(N_SHADOWS) if j // 2 != i // 2]
            lira.append(likelihood_ratio(told[i], told[others], member[others]))
        by_ratio = auc_interval(np.concatenate(lira), np.concatenate(member[::2]), np.tile(group, N_SHADOWS // 2))
        accuracy = np.asarray(score(decoder, first, held_out)[0], float)
        out[f"{target:g}"] = {"noise": sigma, "accuracy": accuracy, "loss": by_loss, "ratio": by_ratio}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", default="plain,hostile,private")
    parser.add_argument("--people", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--folder", type=Path, help="where recordings are kept")
    parser.add_argument("--json", action="store_true", help="rows as JSON, and nothing else")
    parser.add_argument(
        "--rows", type=Path, nargs="*", help="outputs of earlier runs with --json, instead of a new one"
    )
    parser.add_argument("--partial", type=Path, help="file for the rows so far, after each repetition")
    parser.add_argument("--page", type=Path, help="write the page of the documentation there")
    chosen = parser.parse_args()
    found = {} if chosen.rows else measure(chosen)
    for file in chosen.rows or ():
        found |= json.loads(file.read_text(encoding="utf-8"))
    if chosen.page is not None:
        chosen.page.write_text(page(found), encoding="utf-8")
    if chosen.json:
        print(json.dumps(found))
        return
    for part in PARTS:
        for name, row in found.get(part, {}).items():
            text = f"{part:9s}{name:40s}{100 * row['accuracy'][0]:6.1f} %"
            if part == "private":
                text += "".join(f"  {a} {row[a][0]:.3f} [{row[a][1]:.3f}, {row[a][2]:.3f}]" for a in ("loss", "ratio"))
            else:
                text += " {:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * v for v in row["difference"]))
            print(text)


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Rows by part and arm."""
    people = record(chosen.people, 60, POPULATION, chosen.folder)
    names = make_montage(MONTAGE).ch_names
    people = people._replace(x=people.x[:, :, np.array([i for i, name in enumerate(names) if name in CHANNELS])])
    decoder = EEGNet.create(people.x.shape[2], people.x.shape[-1], 2, SFREQ, **NETWORK)
    rows: dict[str, dict[str, list]] = {part: {} for part in chosen.part.split(",")}
    for seed in range(chosen.seeds):
        order = np.random.default_rng([13, seed]).permutation(chosen.people)
        train, held_out = (jax.tree.map(lambda a, i=i: a[i], people) for i in np.split(order, [N_SITES * PER_SITE]))
        key = jax.random.key(seed)
        start = decoder.init(jax.random.fold_in(key, 1))
        for part, arms in rows.items():
            if part == "private":
                found: dict[str, Any] = private(decoder, train, held_out, seed)
            else:
                run = {"plain": plain, "hostile": hostile}[part]
                found = run(decoder, start, train, held_out, chosen.rounds, key)
            for name, values in found.items():
                arms.setdefault(name, []).append(jax.tree.map(np.asarray, values))
                mean = np.mean(values["accuracy"] if part == "private" else values)
                print(f"seed {seed}: {part}: {name} {mean:.3f}", file=sys.stderr, flush=True)
        if chosen.partial is not None:
            chosen.partial.write_text(
                json.dumps(summarised(rows, chosen.people, seed + 1, chosen.rounds)), encoding="utf-8"
            )
    return summarised(rows, chosen.people, chosen.seeds, chosen.rounds)


def summarised(rows: dict[str, dict[str, list]], n_people: int, n_seeds: int, n_rounds: int) -> dict[str, Any]:
    """Rows by part and arm, over the people of all repetitions so far."""
    made = {"held_out": n_people - N_SITES * PER_SITE, "seeds": n_seeds, "rounds": n_rounds}
    out: dict[str, Any] = {f"{part} made": made for part in rows}
    for part, arms in rows.items():
        if part == "private":
            out[part] = {
                name: {
                    "noise": float(seeds[0]["noise"]),
                    "accuracy": interval(np.concatenate([s["accuracy"] for s in seeds])),
                    **{
                        attack: [float(np.mean([getattr(s[attack], end) for s in seeds])) for end in s_fields]
                        for attack in ("loss", "ratio")
                        for s_fields in [("value", "low", "high")]
                    },
                }
                for name, seeds in arms.items()
            }
            continue
        reference = np.concatenate(arms["pooled" if part == "plain" else "none / mean"])
        out[part] = {
            name: {
                "accuracy": interval(np.concatenate(seeds)),
                "difference": interval(np.concatenate(seeds) - reference),
            }
            for name, seeds in arms.items()
        }
    return out


def page(found: dict[str, Any]) -> str:
    """The page of the documentation."""
    minus = "\N{MINUS SIGN}"

    def percent(values: list[float], sign: str = "") -> str:
        return "{0:{s}.1f} [{1:{s}.1f}, {2:{s}.1f}]".format(*(100 * v for v in values), s=sign).replace("-", minus)

    def area(values: list[float]) -> str:
        return "{:.3f} [{:.3f}, {:.3f}]".format(*values)

    def table(head: list[str], body: list[list[str]]) -> str:
        return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])

    def made(part: str) -> str:
        of = found[f"{part} made"]
        return f"{of['held_out']} people held out, {of['seeds']} repetitions"

    verdict, sections = [], []
    if "plain" in found:
        rows = found["plain"]
        lost = -100 * rows["FedAvg"]["difference"][0]
        within = "within" if lost <= 3 else "**not within**"
        verdict.append(
            f"FedAvg is {within} 3 points of pooled training: {percent(rows['FedAvg']['difference'], '+')} points."
        )
        arms = [[n, percent(r["accuracy"]), percent(r["difference"], "+")] for n, r in rows.items()]
        sections.append(f"""\
## Against pooled training

Percent, 95 % bootstrap interval over people and repetitions ({made("plain")}); chance is 50. *pooled*: all trials in
one place, as many passes over them. *one site alone*: three people, as many steps. *FedBS-like*: statistics of the
norms stay at the sites, sharpness-aware steps.

{table(["", "accuracy", "against pooled"], arms)}
""")
    if "hostile" in found:
        rows = found["hostile"]
        worst: dict[str, float] = {}
        for name, row in rows.items():
            attack, rule = name.split(" / ")
            if attack != "none":
                worst[rule] = max(worst.get(rule, -100.0), -100 * row["difference"][0])
        listed = ", ".join(f"{rule} {cost:.1f}" for rule, cost in worst.items())
        kept = ", ".join(rule for rule, cost in worst.items() if cost <= 2) or "none"
        verdict.append(
            f"Two hostile sites of ten, points lost at the worst of three attacks: {listed}; at most 2 wanted, which "
            f"holds for: **{kept}**."
        )
        attacks = [[*n.split(" / "), percent(r["accuracy"]), percent(r["difference"], "+")] for n, r in rows.items()]
        sections.append(f"""\
## Two hostile sites of ten

Every site trains in every round, so the two are in each ({made("hostile")}). *screened*: what is not finite, replayed
or ten times as long as usual is refused before the rule.

{table(["attack", "rule", "accuracy", "against no attack, mean"], attacks)}
""")
    if "private" in found:
        rows = found["private"]
        told = ", ".join(f"{r['ratio'][0]:.3f} at epsilon {'infinite' if n == 'inf' else n}" for n, r in rows.items())
        verdict.append(f"Membership by likelihood ratio, area under the curve: {told}.")
        if rows["inf"]["ratio"][1] <= 0.5 <= rows["inf"]["ratio"][2]:
            verdict.append(
                "Without noise nobody is told from anybody either: so little training of so small a network leaks "
                "nothing that these attacks find, and the areas at each epsilon are no evidence of what noise protects."
            )
        budgets = [
            [
                "none" if n == "inf" else n,
                f"{r['noise']:.2f}",
                percent(r["accuracy"]),
                area(r["loss"]),
                area(r["ratio"]),
            ]
            for n, r in rows.items()
        ]
        sections.append(f"""\
## Differential privacy and membership

DP-SGD at every site, what is protected is one trial of it, delta {DELTA:g} ({made("private")}, {N_SHADOWS} federations
each with another half of the trials). *area*: how well a trial of the training is told from one of the same people that
was not in it; .5 is a guess. *by likelihood ratio*: with {N_SHADOWS - 2} decoders of the attacker's own. "none" is
clipped as the others but has no noise.

{table(["epsilon", "noise", "accuracy", "area, by loss", "area, by likelihood ratio"], budgets)}
""")
    parts = [part for part in PARTS if part in found]
    commands = "\n".join(
        f"python benchmarks/federated_sites.py --part {part} --seeds {found[f'{part} made']['seeds']} "
        f"--rounds {found[f'{part} made']['rounds']} --json > {part}.json"
        for part in parts
    )
    files = " ".join(f"{part}.json" for part in parts)
    body, findings = "\n".join(sections), "\n\n".join(verdict)
    return f"""\
# Federated training

Simulated: ten sites in one process, each three virtual people with real local training of its own. It shows what
federation does to a decoder, not what a network between hospitals does. Motor imagery, left against right, the channels
over motor cortex, 3 s at 83 Hz, 60 trials a person, a small EEGNet. Held-out people are aligned by their first
{N_CALIBRATION} windows, without labels, and decoded on 40 others; where feature statistics stay at the sites, those of
the same windows take their place. Each repetition divides the same people anew and draws first weights.
No setting was tuned.
A person held out in several repetitions counts in each, so that intervals are somewhat too narrow.

## Verdict

{findings}

{body}
## How it was made

```bash
{commands}
python benchmarks/federated_sites.py --rows {files} --page docs/results/federated.md
```
"""


if __name__ == "__main__":
    main()
