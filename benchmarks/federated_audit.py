"""Membership inference on federated training under differential privacy, and on training that is meant to leak.

An audit that finds nobody says something only if it finds somebody where there is something to find. So the same
attacks are run on ordinary training, and where a few trials are trained on until each is known by heart, both without
noise and with it; and on FedAvg, as it is compared with pooled training.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Trials, Variables
from neurodrift.adaptation.federated import Cohort, Federation, LocalTraining, PrivateTraining, Site, federate
from neurodrift.adaptation.federated.accountant import noise_for
from neurodrift.adaptation.federated.audit import auc, auc_interval, confidence, likelihood_ratio
from neurodrift.adaptation.federated.personal import own_statistics
from neurodrift.adaptation.transfer.domains import align_people

N_SITES, PER_SITE, CLIENTS, N_TRIALS, N_SHADOWS = 10, 3, 4, 60, 6
TRAINING = LocalTraining(learning_rate=0.03, radius=0.0)
SECURE_CLIP = 5.0  # norm that sites shorten updates to before a secure sum
DELTA = 1e-3  # below one over the trials that a site trains on
EPSILONS = (1.0, 8.0, np.inf)
EVERY_SITE = Federation(n_clients=N_SITES, share="params", screened=False)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Half of everybody's first ``n_trials`` are trained on, the other half are the outsiders."""

    title: str
    n_trials: int
    training: PrivateTraining | LocalTraining
    federation: Federation
    epsilons: tuple[float, ...] = EPSILONS

    def began(self, decoder: Any, shape: tuple[int, ...], key: Any) -> Variables:
        """First weights. Statistics that stay as they are, are of random windows, which are nobody's."""
        first = decoder.init(key)
        if isinstance(self.training, LocalTraining):
            return first
        return jax.jit(own_statistics)(decoder, first, jax.random.normal(key, (200, *shape)))


_private = {"clip": 1.0, "noise": 0.0, "learning_rate": 0.5, "momentum": 0.0}
_ordinary = PrivateTraining(n_steps=8, rate=0.1, **_private)
_overfit = PrivateTraining(n_steps=20, rate=0.5, **_private)
ORDINARY = Plan("ordinary", N_TRIALS, _ordinary, dataclasses.replace(EVERY_SITE, n_rounds=10))
OVERFIT = Plan("to overfit", 8, _overfit, dataclasses.replace(EVERY_SITE, n_rounds=20))
ROUNDS = (1, 2, 5, 10, 20, 40)
LEAKS = 0.75


def with_all(n_rounds: int) -> int:
    """Rounds of all sites in which each trains as often as in so many of four sites."""
    return n_rounds * CLIENTS // N_SITES


def steps(training: PrivateTraining | LocalTraining, n_trials: int) -> int:
    """Steps of one round at a site of so many trials."""
    if isinstance(training, PrivateTraining):
        return training.n_steps
    return training.n_epochs * (n_trials // min(training.batch_size, n_trials))


def fedavg(n_rounds: int, n_epochs: int) -> Plan:
    """FedAvg as it is compared with pooled training: twice as many trials a person, as half of them are outsiders."""
    training = dataclasses.replace(TRAINING, n_epochs=n_epochs)
    return Plan("FedAvg", 2 * N_TRIALS, training, Federation(n_rounds=n_rounds, n_clients=CLIENTS), (np.inf,))


def shared_out(inside: Trials) -> Cohort:
    """Ten sites of people x (n_people, n_trials, ...), who are aligned already; runs can be repeated."""
    parts = np.split(np.arange(inside.y.shape[0]), N_SITES)
    return Cohort([
        Site(f"site {i}", jax.tree.map(lambda a, p=people: a[p], inside), align=False, secret=0)
        for i, people in enumerate(parts)
    ])  # fmt: skip


def audited(
    decoder: Any, people: Trials, held_out: Trials, names: np.ndarray, seed: int, plan: Plan, score: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    """By plan and epsilon: ``right`` (n_held,) of the first federation on people held out; ``noise``; ``told``
    (N_SHADOWS, n) the confidence of each federation in each trial of ``person`` (n,), of which ``member`` were trained
    on; ``ratio`` (N_SHADOWS / 2, n) of every other federation by likelihood ratio.

    Shadows: federations of the attacker's own, each with another half of the same trials, as if the attacker had them
    all.
    """
    rng = np.random.default_rng([11, seed, plan.n_trials])
    aligned = jax.tree.map(lambda a: a[:, : plan.n_trials], align_people(people))
    n_people, n = aligned.y.shape
    key = jax.random.key(1000 + seed)
    start = plan.began(decoder, aligned.x.shape[2:], key)
    halves = np.stack([np.argsort(rng.random((n_people, n)), 1) < n // 2 for _ in range(N_SHADOWS)])
    # Every other shadow is the other half of the one before, so that every trial is in some and out of some.
    halves[1::2] = ~halves[::2]
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), aligned)
    member = halves.reshape(N_SHADOWS, -1)
    out = {}
    for target in plan.epsilons:
        sigma, training = 0.0, plan.training
        if isinstance(training, PrivateTraining):
            n_steps = plan.federation.n_rounds * training.n_steps
            sigma = 0.0 if np.isinf(target) else noise_for(target, training.rate, n_steps, DELTA)
            training = dataclasses.replace(training, noise=jnp.float32(sigma))
        told, made = [], []
        for i, half in enumerate(halves):
            rows = np.argsort(~half, axis=1, kind="stable")[:, : n // 2]
            inside = jax.tree.map(lambda a, r=rows: a[np.arange(n_people)[:, None], r], aligned)
            own = jax.random.fold_in(key, i)
            found, _ = federate(shared_out(inside), decoder, start, training, plan.federation, own)
            made.append(found)
            told.append(confidence(decoder, found, flat))
        told = np.stack(told)
        ratio = []
        for i in range(0, N_SHADOWS, 2):
            others = [j for j in range(N_SHADOWS) if j // 2 != i // 2]
            ratio.append(likelihood_ratio(told[i], told[others], member[others]))
        out[f"{plan.title} / {'none' if np.isinf(target) else f'{target:g}'}"] = {
            "right": score(decoder, made[0], held_out)[0], "noise": sigma, "told": told, "ratio": np.stack(ratio),
            "member": member, "person": np.repeat(names, n),
        }  # fmt: skip
    return out


def areas(arm: dict[str, list[Any]]) -> dict[str, Any]:
    """What the repetitions of one arm come to: areas by loss and by likelihood ratio with intervals over people, and
    the shares right of members and of outsiders."""
    told, ratio, member = (np.array(arm[name]) for name in ("told", "ratio", "member"))
    member = member > 0
    person = np.array(arm["person"])[:, None]

    def area(score: np.ndarray, member: np.ndarray) -> list[float]:
        decoder = np.arange(score.shape[0] * score.shape[1]).reshape(*score.shape[:2], 1)
        return list(auc_interval(score, member, person + 0 * member, decoder=decoder + 0 * member))

    return {
        "noise": float(arm["noise"][0]),
        "loss": area(told, member),
        "ratio": area(ratio, member[:, ::2]),
        "members right": float((told[member] > 0).mean()),
        "outsiders right": float((told[~member] > 0).mean()),
    }


def chosen_leak(decoder: Any, people: Trials) -> str:
    """After how many rounds without noise the attack by loss finds members, and the fewest that leak."""
    aligned = jax.tree.map(lambda a: a[:, : OVERFIT.n_trials], align_people(people))
    inside = jax.tree.map(lambda a: a[:, : OVERFIT.n_trials // 2], aligned)
    member = np.tile(np.arange(OVERFIT.n_trials) < OVERFIT.n_trials // 2, aligned.y.shape[0])
    flat = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), aligned)
    key, lines, found = jax.random.key(0), [], []
    for n in ROUNDS:
        federation = dataclasses.replace(OVERFIT.federation, n_rounds=n)
        start = OVERFIT.began(decoder, aligned.x.shape[2:], key)
        after, _ = federate(shared_out(inside), decoder, start, OVERFIT.training, federation, key)
        found.append(auc(confidence(decoder, after, flat), member))
        lines.append(f"{n:3d} rounds: area {found[-1]:.3f}")
    first = next((n for n, area in zip(ROUNDS, found) if area >= LEAKS), ROUNDS[-1])
    return "\n".join([*lines, f"the fewest with {LEAKS} or more: {first}"])
