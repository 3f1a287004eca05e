"""Ten and twenty trials of a new user: masked pretraining, augmentation and meta-learning, beside what they must beat.

    python benchmarks/few_trials.py PART [--people 16] [--seeds 5] [--data FOLDER] [--json]

PART: masked, augment, meta (simulated people), or recorded (masked on EEGMMIDB in FOLDER, S001, S007, ...).

Simulated: 16 people train, ``--people`` others are the users; the FC, C and CP channels of the 31, 3 s of imagery
at 125 Hz. A seed is another network where there is one, and other trials of every user: the first 10 or 20 are
labelled, the 40 after the twentieth are answered. Every arm of a part sees the same trials. Intervals: Student's over
users, seeds averaged within a user. What is chosen (penalties, rates) is chosen on eight people who are neither.
"""

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurodrift.adaptation import registry
from neurodrift.adaptation.augment import (
    ChannelDropout,
    ClassGaussian,
    ElectrodeShift,
    Mixup,
    SurrogatePhases,
    augmented,
)
from neurodrift.adaptation.contract import Decoder, Trials, Variables
from neurodrift.adaptation.meta import ANIL, MAML, Reptile, meta_train, recalibrate
from neurodrift.adaptation.methods import with_alignment
from neurodrift.adaptation.preprocessing import Preprocessing
from neurodrift.adaptation.selfsupervised import (
    Encoder,
    MaskedPretraining,
    Scale,
    Spectrogram,
    band_power,
    encoded,
    fit_probe,
    pretrain_masked,
)
from neurodrift.adaptation.transfer.pretrain import pretrain
from neurodrift.scenarios.statistics import mean_interval, paired_wilcoxon
from neurodrift.scenarios.transfer.new_user import CHANNELS, DECODER_SFREQ, MONTAGE, record_people, recorded
from neurodrift.sim.head.montage import make_montage
from neurodrift.sim.keys import stream_key

BUDGETS = (10, 20)
N_SOURCE, N_CHOICE, N_LATER = 16, 8, 40
BAND = (8.0, 30.0)
SUBJECTS = ("S001", "S007", "S049", "S062", "S070", "S094")
PENALTIES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
CHOICE_SEED = 1000

Right = dict[str, np.ndarray]  # arm -> (n_users, n_seeds, n_budgets) share of right answers
Choice = dict[str, dict[str, float]]  # arm -> what was tried -> share of right answers of the people chosen on


def names() -> tuple[str, ...]:
    """The channels that are used of the simulated cap."""
    return tuple(name for name in make_montage(MONTAGE).ch_names if name in CHANNELS)


def people(who: str, n: int, seed: int) -> Trials:
    """Sixty trials (n, 60, n_channels, n_times) of simulated people, 4 to 38 Hz."""
    montage = make_montage(MONTAGE)
    rows = jnp.asarray([montage.ch_names.index(name) for name in names()])
    # sixteen at a time, so that one program serves all
    numbers = {"source": 10_000, "choice": 20_000, "user": 0}[who] + jnp.arange(-(-n // 16) * 16).reshape(-1, 16)
    batches = [record_people("eegnet", 20 + N_LATER, "few trials", batch, jnp.int32(seed)) for batch in numbers]
    trials = jax.tree.map(lambda *parts: jnp.concatenate(parts)[:n], *batches)
    return trials._replace(x=trials.x[:, :, rows])


def halves(users: Trials, n: int) -> tuple[Trials, Trials]:
    """(the first ``n`` trials, those after the twentieth) of everybody."""
    later = jax.tree.map(lambda a: a[:, max(BUDGETS) :], users)
    return jax.tree.map(lambda a: a[:, :n], users), later


def answered(right: Array, later: Trials) -> np.ndarray:
    return np.asarray((right == later.y).mean(-1))


# Masked pretraining ---------------------------------------------------------------------------------------------------


@functools.partial(jax.jit, static_argnums=3)
def spectra_of(spectrogram: Spectrogram, x: Array, scale_of: Array, n: int | None = None) -> Array:
    """Spectra of everybody's windows x (n_people, n_trials, ...), each on the scale of the person's ``scale_of``."""

    def person(x: Array, known: Array) -> Array:
        return Scale.of(jax.vmap(spectrogram)(known))(jax.vmap(spectrogram)(x))

    return jax.vmap(person)(x, scale_of)


@functools.partial(jax.jit, static_argnums=(0, 1))
def probed(
    net: Encoder, arm: str, freqs: Array, params: Any, few: Array, y: Array, later: Array, places: Array, c: Array
) -> Array:
    """Class of each later window, by a probe on the few."""

    def features(spectrum: Array) -> Array:
        if arm == "band power":
            return band_power(spectrum, freqs)
        if arm == "spectrogram":
            return spectrum.mean(1).ravel()
        return encoded(net, params, spectrum, places)

    def person(few: Array, y: Array, later: Array) -> Array:
        probe = fit_probe(jax.lax.map(features, few), y, 2, c)
        return probe.logits(jax.lax.map(features, later)).argmax(-1)

    return jax.lax.map(lambda a: person(*a), (few, y, later))


PROBES = ("masked", "random", "band power", "spectrogram")


def probe_all(
    net: Encoder, freqs: Any, params: dict[str, Any], users: Trials, spectrogram: Spectrogram, places: Array,
    penalties: dict[str, float],
) -> dict[str, np.ndarray]:  # fmt: skip
    """arm -> (n_users, n_budgets) share of right answers."""
    out: dict[str, list[np.ndarray]] = {arm: [] for arm in penalties}
    for n in BUDGETS:
        few, later = halves(users, n)
        seen, unseen = (spectra_of(spectrogram, part.x, few.x) for part in (few, later))
        for arm, c in penalties.items():
            found = probed(net, arm, freqs, params.get(arm), seen, few.y, unseen, places, jnp.float32(c))
            out[arm].append(answered(found, later))
    return {arm: np.stack(found, -1) for arm, found in out.items()}


def choose_penalties(
    net: Encoder, freqs: Any, params: dict[str, Any], others: Trials, spectrogram: Spectrogram, places: Array
) -> tuple[dict[str, float], Choice]:
    """The penalty of each arm's probe that is best on people who are not users, of equals the weakest, and how right
    they were with each."""
    by = {c: probe_all(net, freqs, params, others, spectrogram, places, dict.fromkeys(PROBES, c)) for c in PENALTIES}
    right = {arm: {f"{c:g}": round(float(by[c][arm].mean()), 6) for c in PENALTIES} for arm in PROBES}
    return {arm: max(reversed(PENALTIES), key=lambda c: right[arm][f"{c:g}"]) for arm in PROBES}, right


def masked(n_users: int, n_seeds: int, notify: Callable[[str], None]) -> tuple[Right, dict[str, Any]]:
    """Linear probes on simulated people."""
    notify("recording")
    sources = people("source", N_SOURCE, 0)
    spectrogram = Spectrogram.create(sources.x.shape[-1], DECODER_SFREQ)
    places = make_montage(names()).positions[: len(names())]
    net = Encoder(n_freqs=len(spectrogram.freqs))
    pool = spectra_of(spectrogram, sources.x, sources.x)
    pool = pool.reshape(-1, *pool.shape[2:])
    others = people("choice", N_CHOICE, CHOICE_SEED)
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in PROBES}
    facts: dict[str, Any] = {"loss": []}
    penalties: dict[str, float] = {}
    for seed in range(n_seeds):
        notify(f"masked pretraining, seed {seed}")
        params = pretrain_on(net, pool, places, seed, facts)
        if not seed:
            penalties, tried = choose_penalties(net, spectrogram.freqs, params, others, spectrogram, places)
            facts |= {"penalties": penalties, "choice": tried}
        users = people("user", n_users, seed)
        for arm, right in probe_all(net, spectrogram.freqs, params, users, spectrogram, places, penalties).items():
            found[arm].append(right)
    return {arm: np.stack(right, 1) for arm, right in found.items()}, facts


METHOD = MaskedPretraining(n_steps=400, batch_size=8)


def pretrain_on(net: Encoder, pool: Array, places: Array, seed: int, facts: dict[str, Any]) -> dict[str, Any]:
    """arm -> parameters: pretrained, and the random ones that it began from."""
    key = jax.random.key(seed)
    params, losses = pretrain_masked(net, pool, places, key, METHOD)
    facts["loss"].append([float(losses[:20].mean()), float(losses[-20:].mean())])
    return {"masked": params, "random": net.init(stream_key(key, "init"))}


def recorded_people(folder: str, n_seeds: int, notify: Callable[[str], None]) -> tuple[Right, dict[str, Any]]:
    """The same on EEGMMIDB, one subject left out; a seed is an order of their trials. Penalties are scikit-learn's
    default, so that nothing is chosen on these six."""
    everybody = [recorded(folder, name, "eegnet") for name in SUBJECTS]
    whole = jax.tree.map(lambda *a: jnp.stack(a), *(trials for trials, _ in everybody))
    spectrogram = Spectrogram.create(whole.x.shape[-1], everybody[0][1])
    places = make_montage(CHANNELS).positions[: len(CHANNELS)]
    net = Encoder(n_freqs=len(spectrogram.freqs))
    penalties = dict.fromkeys(PROBES, 1.0)
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in PROBES}
    facts: dict[str, Any] = {"loss": [], "penalties": penalties}
    for held, name in enumerate(SUBJECTS):
        notify(f"EEGMMIDB without {name}")
        others = jnp.delete(whole.x, held, axis=0)
        pool = spectra_of(spectrogram, others, others)
        params = pretrain_on(net, pool.reshape(-1, *pool.shape[2:]), places, held, facts)
        orders = [np.random.default_rng([20090912, held, seed]).permutation(45) for seed in range(n_seeds)]
        users = jax.tree.map(lambda a, held=held, orders=orders: jnp.stack([a[held][o] for o in orders]), whole)
        for arm, right in probe_all(net, spectrogram.freqs, params, users, spectrogram, places, penalties).items():
            found[arm].append(right)
    return {arm: np.stack(right) for arm, right in found.items()}, facts


# Augmentation ---------------------------------------------------------------------------------------------------------

N_COPIES = 4
AUGMENTED = ("csp_lda",)


def augmentations(sources: Trials) -> dict[str, Any]:
    return {
        "none": None,
        "channel dropout": ChannelDropout(),
        "electrode shift": ElectrodeShift.create(names()),
        "surrogate phases": SurrogatePhases(independent=True),
        "mixup": Mixup(),
        "generative": ClassGaussian.fit(sources, 2),
    }


@functools.partial(jax.jit, static_argnums=1)
def from_scratch(decoder: Decoder, alignment: str, few: Trials, later: Array, augment: Any, keys: Array) -> Array:
    """Class of each later window by a decoder of the few trials, and what is drawn of them."""

    def person(few: Trials, later: Array, key: Array) -> Array:
        whole = few if augment is None else augmented(few, augment, stream_key(key, "augment"), N_COPIES)
        start = with_alignment(decoder.init(key), few, alignment)
        variables = decoder.fit(start, whole, key)
        return jax.vmap(lambda x: decoder.apply(variables, x))(later).argmax(-1)

    return jax.lax.map(lambda a: person(*a), (few, later, keys))


def narrowed(trials: Trials) -> Trials:
    """The trials in the band of the covariance decoders."""
    filters = Preprocessing.create(DECODER_SFREQ, trials.x.shape[-1], *BAND)
    return trials._replace(x=jax.jit(filters.apply)(trials.x))


def augment(
    n_users: int, n_seeds: int, notify: Callable[[str], None], decoders: Sequence[str] = AUGMENTED
) -> tuple[Right, dict[str, Any]]:
    """Decoders of a user's trials alone, with other trials drawn beside them."""
    notify("recording")
    sources = narrowed(people("source", N_SOURCE, 0))
    arms = augmentations(sources)
    found: dict[str, list[np.ndarray]] = {f"{decoder}, {arm}": [] for decoder in decoders for arm in arms}
    for seed in range(n_seeds):
        users = narrowed(people("user", n_users, seed))
        keys = jax.random.split(stream_key(jax.random.key(seed), "augment"), n_users)
        for name in decoders:
            spec = registry.decoder(name)
            decoder = spec.make(*users.x.shape[2:], 2, DECODER_SFREQ)
            for arm, augmentation in arms.items():
                notify(f"seed {seed}: {name}, {arm}")
                by_budget = []
                for n in BUDGETS:
                    few, later = halves(users, n)
                    right = from_scratch(decoder, spec.alignment, few, later.x, augmentation, keys)
                    by_budget.append(answered(right, later))
                found[f"{name}, {arm}"].append(np.stack(by_budget, -1))
    return {arm: np.stack(right, 1) for arm, right in found.items()}, {"n_copies": N_COPIES}


# Meta-learning --------------------------------------------------------------------------------------------------------

LEARNERS: dict[str, Any] = {
    "Reptile": Reptile(),
    "ANIL": ANIL(),
    "MAML, first order": MAML(first_order=True),
    "MAML": MAML(),
}


@functools.partial(jax.jit, static_argnums=4)
def stepped(decoder: Decoder, start: Variables, few: Trials, later: Array, n_steps: int, learner: Any) -> Array:
    """Class of each later window after ``n_steps`` of the learner's steps on the few trials."""

    def person(few: Trials, later: Array) -> Array:
        aligned = with_alignment(start, few)
        tuned = recalibrate(decoder, aligned, few, learner, n_steps) if n_steps else aligned
        return jax.vmap(lambda x: decoder.apply(tuned, x))(later).argmax(-1)

    return jax.lax.map(lambda a: person(*a), (few, later))


@jax.jit
def refitted(decoder: Decoder, start: Variables, few: Trials, later: Array) -> Array:
    def person(few: Trials, later: Array) -> Array:
        tuned = decoder.refit_readout(with_alignment(start, few), few)
        return jax.vmap(lambda x: decoder.apply(tuned, x))(later).argmax(-1)

    return jax.lax.map(lambda a: person(*a), (few, later))


def meta(n_users: int, n_seeds: int, notify: Callable[[str], None]) -> tuple[Right, dict[str, Any]]:
    """CSP + LDA as a network of two layers: the pooled one, and starts that are meta-learnt from it."""
    notify("recording")
    sources = narrowed(people("source", N_SOURCE, 0))
    others = narrowed(people("choice", N_CHOICE, CHOICE_SEED))
    decoder = registry.decoder("csp_lda").make(*sources.x.shape[2:], 2, DECODER_SFREQ)
    pooled = pretrain(decoder, sources, jax.random.key(0))

    def accuracy(start: Variables, trials: Trials, learner: Any, n_steps: int) -> np.ndarray:
        parts = [halves(trials, n) for n in BUDGETS]
        return np.stack(
            [answered(stepped(decoder, start, few, later.x, n_steps, learner), later) for few, later in parts], -1
        )

    def learnt(learner: Any, seed: int) -> Variables:
        key = stream_key(jax.random.key(seed), "meta")
        return meta_train(decoder, sources, key, learner, pooled, n_iterations=200)[0]

    tried: Choice = {}
    for name, learner in {**LEARNERS, "pooled, steps": MAML()}.items():
        notify(f"choosing the rate of {name}")
        tried[name] = {}
        for rate in RATES:
            one = dataclasses.replace(learner, rate=rate)
            start = learnt(one, CHOICE_SEED) if name in LEARNERS else pooled
            tried[name][f"{rate:g}"] = float(accuracy(start, others, one, one.n_steps).mean())
    chosen = {name: RATES[int(np.argmax(list(right.values())))] for name, right in tried.items()}
    arms = ("from scratch", "pooled", "pooled, readout refitted", "pooled, steps", *LEARNERS)
    found: dict[str, list[np.ndarray]] = {arm: [] for arm in arms}
    for seed in range(n_seeds):
        notify(f"seed {seed}")
        users = narrowed(people("user", n_users, seed))
        keys = jax.random.split(jax.random.key(seed), n_users)
        parts = [halves(users, n) for n in BUDGETS]
        alone = [answered(from_scratch(decoder, "euclidean", f, t.x, None, keys), t) for f, t in parts]
        refit = [answered(refitted(decoder, pooled, f, t.x), t) for f, t in parts]
        found["from scratch"].append(np.stack(alone, -1))
        found["pooled, readout refitted"].append(np.stack(refit, -1))
        step = dataclasses.replace(MAML(), rate=chosen["pooled, steps"])
        found["pooled"].append(accuracy(pooled, users, step, 0))
        found["pooled, steps"].append(accuracy(pooled, users, step, step.n_steps))
        for name, learner in LEARNERS.items():
            one = dataclasses.replace(learner, rate=chosen[name])
            found[name].append(accuracy(learnt(one, seed), users, one, one.n_steps))
    return {arm: np.stack(right, 1) for arm, right in found.items()}, {"rates": chosen, "choice": tried}


# Tables ---------------------------------------------------------------------------------------------------------------

AGAINST = {
    "masked": ("random", "band power", "spectrogram"),
    "recorded": ("random", "band power", "spectrogram"),
    "augment": ("none",),
    "meta": ("from scratch", "pooled", "pooled, steps"),
}


def pairs_of(part: str, arms: list[str]) -> list[tuple[str, str]]:
    """Which arm is compared with which."""
    if part in ("masked", "recorded"):
        return [("masked", other) for other in AGAINST[part]]
    if part == "augment":
        return [(arm, f"{arm.partition(', ')[0]}, none") for arm in arms if not arm.endswith(", none")]
    return [(arm, other) for other in AGAINST[part] for arm in LEARNERS]


def rows_of(part: str, right: Right) -> list[dict[str, Any]]:
    """Accuracy of each arm in %, and differences in points, with 95 % intervals over users."""
    rows = []
    for b, n in enumerate(BUDGETS):
        user = {arm: 100 * found[:, :, b].mean(1) for arm, found in right.items()}
        for arm, values in user.items():
            interval = mean_interval(values, bounds=(0.0, 100.0))
            rows.append({"trials": n, "arm": arm, "value": interval.value, "lo": interval.lo, "hi": interval.hi})
        for arm, other in pairs_of(part, list(right)):
            gain = user[arm] - user[other]
            interval = mean_interval(gain)
            rows.append(
                {"trials": n, "arm": arm, "over": other, "value": interval.value, "lo": interval.lo}
                | {"hi": interval.hi, "p": paired_wilcoxon(gain), "hurt": 100 * float((gain < -1).mean())}
            )
    return rows


def measure(
    part: str, n_users: int, n_seeds: int, data: str | None, decoders: Sequence[str], notify: Callable[[str], None]
) -> dict[str, Any]:
    """The rows of one part, and what was chosen."""
    if part == "recorded":
        right, facts = recorded_people(str(data), n_seeds, notify)
    elif part == "augment":
        right, facts = augment(n_users, n_seeds, notify, decoders)
    else:
        right, facts = {"masked": masked, "meta": meta}[part](n_users, n_seeds, notify)
    n_users, n_seeds, _ = next(iter(right.values())).shape
    raw = {arm: np.round(found, 6).tolist() for arm, found in right.items()}
    made = {"part": part, "n_users": n_users, "n_seeds": n_seeds, "facts": facts}
    return {**made, "rows": rows_of(part, right), "right": raw}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("masked", "augment", "meta", "recorded"))
    parser.add_argument("--people", type=int, default=16, help="users (16)")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--data", type=Path, help="of EEGMMIDB, for recorded")
    parser.add_argument(
        "--decoders", default=",".join(AUGMENTED), help="for augment, csp_lda,tangent_lr with commas between (csp_lda)"
    )
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    chosen = parser.parse_args()
    if chosen.part == "recorded" and chosen.data is None:
        parser.error("recorded wants --data FOLDER")
    notify = functools.partial(print, file=sys.stderr, flush=True)
    decoders = chosen.decoders.split(",")
    found = measure(chosen.part, chosen.people, chosen.seeds, chosen.data and str(chosen.data), decoders, notify)
    if chosen.json:
        print(json.dumps(found, indent=1))
        return
    print(f"{found['n_users']} users, {found['n_seeds']} seeds; {found['facts']}")
    for row in found["rows"]:
        over = f" over {row['over']}" if "over" in row else ""
        more = f"  p {row['p']:.3f}, hurts {row['hurt']:.0f} %" if "over" in row else ""
        interval = f"{row['value']:7.1f} [{row['lo']:.1f}, {row['hi']:.1f}]"
        print(f"{row['trials']:3} trials  {row['arm'] + over:60}{interval}{more}")


if __name__ == "__main__":
    main()
