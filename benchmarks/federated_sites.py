"""Federated training over simulated sites: against pooled training, with hostile sites, under differential privacy.

    python benchmarks/federated_sites.py [--part plain,hostile,private] [--seeds 5] [--rounds 40] [--json]

Ten sites in one process, each a group of virtual people with local training of its own; nothing here shows what a
network between hospitals would do. Motor imagery, the channels over motor cortex, 3 s at 83 Hz, 60 trials a person,
three people a site. A small EEGNet. Held-out people are aligned by their first 20 windows and decoded on the other 40;
where feature statistics stay at the sites, those of the same 20 windows take their place. Each seed divides the
same people into sites and held-out ones anew, with other first weights and orders. Rates, rounds and clipping are
guesses, tuned nowhere, but for two things found on another population with --choose: rounds by epochs, the passes
alike, and how long the decoder that must leak is trained. --rounds counts rounds of four sites: part hostile, with all
ten in each, makes two fifths as many; of part private FedAvg alone takes --rounds and --epochs.
"""

import argparse
import dataclasses
import functools
import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
from federated_audit import (  # beside this file
    CLIENTS,
    N_SITES,
    N_TRIALS,
    ORDINARY,
    OVERFIT,
    PER_SITE,
    SECURE_CLIP,
    TRAINING,
    areas,
    audited,
    chosen_leak,
    fedavg,
    with_all,
)
from federated_page import page
from virtual_people import SFREQ, over_people, record

from neurodrift.adaptation.contract import Trials, Variables
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.federated import Cohort, Federation, LocalTraining, Site, federate
from neurodrift.adaptation.federated.collusion import Attack, Colluding, a_little_is_enough, min_max
from neurodrift.adaptation.federated.coordinator import Sites
from neurodrift.adaptation.federated.hostile import flipped_labels, not_a_number, sign_flip
from neurodrift.adaptation.federated.personal import own_statistics
from neurodrift.adaptation.spd import covariance, inv_sqrtm, weighted_mean
from neurodrift.scenarios.simulated import MONTAGE
from neurodrift.sim.head.montage import make_montage

N_PEOPLE, N_CALIBRATION = 64, 20
REPORTED, CHOSEN_ON, N_CHOICE = 1, 2, 48  # populations
SCHEDULES = ((20, 4), (40, 2), (80, 1))  # rounds, epochs
CHANNELS = ("FC3", "FC4", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP3", "CP4")
PARTS = ("plain", "hostile", "private")
NETWORK = {"n_temporal": 4, "depth": 1, "n_separable": 4, "dropout": 0.1}
FEDBS = LocalTraining(learning_rate=0.03, radius=0.1)
HOSTILE = (3, 7)
TAMPERS = {"sign flip x 3": sign_flip(3.0), "not a number": not_a_number()}
COLLUDING: dict[str, Attack] = {"a little is enough": a_little_is_enough(), "min-max": min_max()}
ATTACKS = ("", "labels flipped", *TAMPERS, *COLLUDING)


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


def cohort(people: Trials, bad: str = "") -> Sites:
    """Ten sites of three people; ``bad``: what two of them do."""
    sites = []
    for i, group in enumerate(groups(people, PER_SITE)):
        hostile = i in HOSTILE
        group = flipped_labels(group) if hostile and bad == "labels flipped" else group
        sites.append(Site(f"site {i}", group, tamper=TAMPERS.get(bad) if hostile else None))
    whole = Cohort(sites)
    return Colluding(whole, [f"site {i}" for i in HOSTILE], COLLUDING[bad]) if bad in COLLUDING else whole


def pooled(decoder: EEGNet, start: Variables, people: Trials, training: LocalTraining, n_rounds: int, key: Any) -> Any:
    """All trials in one place: as many passes over them, and so steps, as the sites make together."""
    n_epochs = max(1, round(n_rounds * training.n_epochs * CLIENTS / N_SITES))
    whole = Cohort([Site("everybody", people)])
    training = dataclasses.replace(training, n_epochs=n_epochs)
    federation = Federation(n_rounds=1, n_clients=1, screened=False)
    return federate(whole, decoder, start, training, federation, key)[0]


def plain(
    decoder: EEGNet, start: Variables, people: Trials, held_out: Trials, n_rounds: int, n_epochs: int, key: Any
) -> dict:
    """Accuracy (n_people,) by arm."""
    base = Federation(n_rounds=n_rounds, n_clients=CLIENTS)
    training, fedbs = (dataclasses.replace(one, n_epochs=n_epochs) for one in (TRAINING, FEDBS))
    out = {"pooled": pooled(decoder, start, people, training, n_rounds, key)}
    out["FedAvg"] = federate(cohort(people), decoder, start, training, base, key)[0]
    shared = dataclasses.replace(base, share="params")
    out["FedBS-like"] = federate(cohort(people), decoder, start, fedbs, shared, key)[0]
    one = Site("site 0", groups(people, PER_SITE)[0])
    out["one site alone"] = federate(
        Cohort([one]), decoder, start, dataclasses.replace(TRAINING, n_epochs=16),
        dataclasses.replace(base, n_clients=1, n_rounds=max(1, n_rounds * n_epochs // 16)), key,
    )[0]  # fmt: skip
    secure = dataclasses.replace(base, secure=True, clip=SECURE_CLIP)
    out["FedAvg, secure sum"] = federate(cohort(people), decoder, start, training, secure, key)[0]
    scores = {name: score(decoder, v, held_out) for name, v in out.items()}
    return {name: np.asarray(s[1] if name == "FedBS-like" else s[0], float) for name, s in scores.items()}


def hostile(
    decoder: EEGNet, start: Variables, people: Trials, held_out: Trials, n_rounds: int, n_epochs: int, key: Any
) -> dict:
    """Accuracy (n_people,) by attack and defence; every site trains in every round, so both hostile ones are there."""
    training = dataclasses.replace(TRAINING, n_epochs=n_epochs)
    base = Federation(n_rounds=with_all(n_rounds), n_clients=N_SITES)
    defences = {
        "screened mean": base,
        "screened median": dataclasses.replace(base, rule="median"),
        "screened trimmed mean": dataclasses.replace(base, rule="trimmed_mean"),
        "screened multi-Krum": dataclasses.replace(base, rule="multi_krum"),
    }
    out = {}
    for attack in ATTACKS:
        sites, title = functools.partial(cohort, people, attack), attack or "none"
        refused = False
        for name, federation in defences.items():
            found, rounds = federate(sites(), decoder, start, training, federation, key)
            out[f"{title} / {name}"] = np.asarray(score(decoder, found, held_out)[0], float)
            refused = refused or any(told.refused for told in rounds)
        # where nothing was refused, what is screened and what is not are one training
        bare = out[f"{title} / screened mean"]
        if refused:
            unscreened = dataclasses.replace(base, screened=False)
            bare = score(decoder, federate(sites(), decoder, start, training, unscreened, key)[0], held_out)[0]
        out[f"{title} / mean"] = np.asarray(bare, float)
    return out


def chosen_rounds(decoder: EEGNet, people: Trials, n_seeds: int) -> str:
    """Rounds by epochs, passes in all alike: accuracy on people held out of the choosing population, and the best."""
    lines, found = [], []
    for n_rounds, n_epochs in SCHEDULES:
        training, right = dataclasses.replace(TRAINING, n_epochs=n_epochs), []
        for seed in range(n_seeds):
            train, held_out = divided(people, np.random.default_rng([17, seed]).permutation(N_CHOICE))
            start = decoder.init(jax.random.key(seed))
            federation = Federation(n_rounds=n_rounds, n_clients=CLIENTS)
            after, _ = federate(cohort(train), decoder, start, training, federation, jax.random.key(seed))
            right.append(np.mean(score(decoder, after, held_out)[0]))
        found.append(float(np.mean(right)))
        lines.append(f"{n_rounds:3d} rounds of {n_epochs} epochs: {100 * found[-1]:.1f} %")
    n_rounds, n_epochs = SCHEDULES[int(np.argmax(found))]
    return "\n".join([*lines, f"best: --rounds {n_rounds} --epochs {n_epochs}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--part", default=",".join(PARTS))
    parser.add_argument("--people", type=int, default=N_PEOPLE)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--rounds", type=int, default=40, help="of four sites: hostile makes 2/5 of them, of ten; of private FedAvg's"
    )
    parser.add_argument(
        "--epochs", type=int, default=2, help="passes of a site over its trials in a round; of private FedAvg's"
    )
    parser.add_argument("--choose", action="store_true", help="on other people: rounds, epochs, when a decoder leaks")
    parser.add_argument("--folder", type=Path, help="where recordings are kept")
    parser.add_argument("--json", action="store_true", help="rows as JSON, and nothing else")
    parser.add_argument(
        "--rows", type=Path, nargs="*", help="outputs of earlier runs with --json, instead of a new one"
    )
    parser.add_argument("--partial", type=Path, help="file for the rows so far, after each repetition")
    parser.add_argument("--page", type=Path, help="write the page of the documentation there")
    chosen = parser.parse_args()
    if chosen.people <= N_SITES * PER_SITE:
        parser.error(f"--people {chosen.people}: the sites have {N_SITES * PER_SITE}, more are held out; take more")
    if chosen.choose:
        people = recorded(N_CHOICE, CHOSEN_ON, chosen.folder)
        print(chosen_leak(network(people), divided(people, np.arange(N_CHOICE))[0]))
        print(chosen_rounds(network(people), people, min(chosen.seeds, 3)))
        return
    found: dict[str, Any] = {} if chosen.rows else measure(chosen)
    for file in chosen.rows or ():
        found |= json.loads(file.read_text(encoding="utf-8"))
    if chosen.json:
        print(json.dumps(found))
        return
    rows = summarised(found)
    if chosen.page is not None:
        chosen.page.write_text(page(rows, found), encoding="utf-8")
    for part, arms in rows.items():
        for name, row in arms.items():
            text = f"{part:9s}{name:40s}{100 * row['accuracy'][0]:6.1f} %"
            if part == "private":
                text += "".join(f"  {a} {row[a][0]:.3f} [{row[a][1]:.3f}, {row[a][2]:.3f}]" for a in ("loss", "ratio"))
            else:
                text += " {:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * v for v in row["difference"]))
            print(text)


def recorded(n_people: int, population: int, folder: Path | None, n_trials: int = N_TRIALS) -> Trials:
    """Everybody's trials at the electrodes over motor cortex."""
    people = record(n_people, n_trials, population, folder)
    names = make_montage(MONTAGE).ch_names
    return people._replace(x=people.x[:, :, np.array([i for i, name in enumerate(names) if name in CHANNELS])])


def network(people: Trials) -> EEGNet:
    return EEGNet.create(people.x.shape[2], people.x.shape[-1], 2, SFREQ, **NETWORK)


def divided(people: Trials, order: np.ndarray) -> tuple[Trials, Trials]:
    """Those of the sites and those held out."""
    train, held_out = (jax.tree.map(lambda a, i=i: a[i], people) for i in np.split(order, [N_SITES * PER_SITE]))
    return train, held_out


def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """By part: how it was made; who was held out in each repetition; what each of them came to, by arm."""
    people = recorded(chosen.people, REPORTED, chosen.folder)
    decoder = network(people)
    found: dict[str, Any] = {
        part: {"rounds": chosen.rounds, "epochs": chosen.epochs, "who": [], "arms": {}}
        for part in PARTS
        if part in chosen.part.split(",")
    }
    audits = [(ORDINARY, people), (OVERFIT, people)]
    if "private" in found:
        plan = fedavg(chosen.rounds, chosen.epochs)
        audits = [(plan, recorded(chosen.people, REPORTED, chosen.folder, plan.n_trials)), *audits]
    for seed in range(chosen.seeds):
        order = np.random.default_rng([13, seed]).permutation(chosen.people)
        train, held_out = divided(people, order)
        key = jax.random.key(seed)
        start = decoder.init(jax.random.fold_in(key, 1))
        for part, made in found.items():
            made["who"].append(order[N_SITES * PER_SITE :].tolist())
            if part == "private":
                new = {}
                for plan, mine in audits:
                    inside, _ = divided(mine, order)
                    new |= audited(decoder, inside, held_out, order[: N_SITES * PER_SITE], seed, plan, score)
            else:
                run = {"plain": plain, "hostile": hostile}[part]
                right = run(decoder, start, train, held_out, chosen.rounds, chosen.epochs, key)
                new = {name: {"right": a} for name, a in right.items()}
            for name, row in new.items():
                arm = made["arms"].setdefault(name, {})
                for field, value in row.items():
                    arm.setdefault(field, []).append(np.round(np.asarray(value, float), 5).tolist())
                print(f"seed {seed}: {part}: {name} {np.mean(row['right']):.3f}", file=sys.stderr, flush=True)
        if chosen.partial is not None:
            chosen.partial.write_text(json.dumps(found), encoding="utf-8")
    return found


def summarised(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Means and intervals over people by part and arm."""
    out: dict[str, dict[str, Any]] = {}
    for part, made in found.items():
        who, right = np.array(made["who"]), {name: np.array(arm["right"]) for name, arm in made["arms"].items()}
        out[part] = {name: {"accuracy": over_people(values, who)} for name, values in right.items()}
        if part == "private":
            for name, arm in made["arms"].items():
                out[part][name] |= areas(arm)
            continue
        reference = right["pooled" if part == "plain" else "none / mean"]
        for name, values in right.items():
            out[part][name]["difference"] = over_people(values - reference, who)
    return out


if __name__ == "__main__":
    main()
