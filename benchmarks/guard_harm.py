"""What a guard costs and what it saves: always-on methods and guarded ones beside a frozen decoder, over many drifts.

    python benchmarks/guard_harm.py [--people 24] [--seeds 5] [--choose] [--labels] [--faults]

Streams are synthetic motor imagery: eight mixed sources, two of whose powers tell the class, CSP + LDA, 80 trials of
calibration, 32 trials before the drift and 112 after it. Settings of the guard were chosen on the drifts of CHOSEN_ON
with seed 1000; the table is of DRIFTS, other drifts, with seeds 0 to 4. A person is a stream; D is guarded (or
always-on) accuracy less frozen accuracy, in points, over the trials later than one guard window after the onset.
"""

import argparse
import functools
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.methods import with_alignment
from neurodrift.adaptation.registry import METHODS

N_CHANNELS, N_TIMES = 8, 64
N_CALIBRATION, N_BEFORE, N_AFTER, WINDOW = 80, 32, 112, 16
DECODER = CSPLDA.create(N_CHANNELS, N_TIMES)

#: What the settings were chosen on (seed 1000).
CHOSEN_ON: dict[str, dict[str, Any]] = {
    "no drift": {},
    "stretch .3": {"stretch": 0.3},
    "stretch .6": {"stretch": 0.6},
    "stretch 1": {"stretch": 1.0},
    "gain 2": {"gain": 2.0},
    "gain 4": {"gain": 4.0},
    "rotation .5": {"angle": 0.5},
    "rotation 1.5": {"angle": 1.5},
    "rotation .7, stretch .5": {"angle": 0.7, "stretch": 0.5},
    "classes 9:1": {"share": 0.9},
    "classes 9:1, stretch .6": {"share": 0.9, "stretch": 0.6},
    "classes 3:1": {"share": 0.75},
    "one class": {"share": 1.0},
    "noisy channel": {"noise": 3.0},
    "channels swapped": {"swap": True},
    "stretch .8 over 80 trials": {"stretch": 0.8, "ramp": 80},
}
#: What the table is of.
DRIFTS: dict[str, dict[str, Any]] = {
    "no drift": {},
    "stretch .2": {"stretch": 0.2},
    "stretch .8": {"stretch": 0.8},
    "gain 3": {"gain": 3.0},
    "rotation 1": {"angle": 1.0},
    "rotation .4, stretch .7": {"angle": 0.4, "stretch": 0.7},
    "classes 4:1": {"share": 0.8},
    "classes 9:1, stretch .4": {"share": 0.9, "stretch": 0.4},
    "two noisy channels": {"noise": 1.5},
    "stretch 1 over 60 trials": {"stretch": 1.0, "ramp": 60},
}
UNLABELLED = {"ea": "ea_guarded", "riemann": "riemann_guarded"}
LABELLED = {"cft": "cft_guarded", "ea_cft": "ea_cft_guarded"}


class People(NamedTuple):
    """calibration: Trials with a leading person axis; x, y: the sessions (n_people, n_trials, ...)."""

    calibration: Trials
    x: np.ndarray
    y: np.ndarray


def _rotation(rng: np.random.Generator, angle: float) -> np.ndarray:
    half = 0.5 * angle * rng.normal(size=(N_CHANNELS, N_CHANNELS)) / np.sqrt(2 * N_CHANNELS)
    return np.linalg.solve(np.eye(N_CHANNELS) - (half - half.T), np.eye(N_CHANNELS) + (half - half.T))


def person(
    rng: np.random.Generator,
    stretch: float = 0.0,
    angle: float = 0.0,
    gain: float = 1.0,
    share: float = 0.5,
    noise: float = 0.0,
    swap: bool = False,
    ramp: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n_trials, n_channels, n_times) V and classes of one person, the drift from trial 80 + 32 on.

    stretch: standard deviation of the logarithm of a random SPD mixing; angle: rad, of a random rotation; share: of one
    class after the onset; noise: of two channels, in units of a source; ramp: trials over which it comes.
    """
    n = N_CALIBRATION + N_BEFORE + N_AFTER
    onset = N_CALIBRATION + N_BEFORE
    trial = np.arange(n)
    drifted = trial >= onset
    part = np.clip((trial - onset + 1) / ramp, 0, 1) if ramp else drifted.astype(float)
    mixing = np.eye(N_CHANNELS) + 0.3 * rng.normal(size=(N_CHANNELS, N_CHANNELS)) / np.sqrt(N_CHANNELS)
    half = rng.normal(size=(N_CHANNELS, N_CHANNELS)) / np.sqrt(2.0)
    values, vectors = np.linalg.eigh(half + half.T)
    scales = np.exp(part[:, None] * stretch * values / np.sqrt(N_CHANNELS))
    turned = _rotation(rng, angle)
    if swap:
        turned = turned[[2, 3, 0, 1, *range(4, N_CHANNELS)]]
    moved = gain * turned @ ((vectors * scales[:, None]) @ vectors.T) @ mixing
    mixings = np.where(drifted[:, None, None], moved, mixing)
    # one of each class in every pair, in random order
    y = (trial + np.repeat(rng.random(n // 2 + 1) < 0.5, 2)[:n]) % 2
    if share != 0.5:
        y = np.where(drifted, rng.random(n) >= share, y)
    y = y.astype(np.int32)
    amplitude = np.exp(0.25 * rng.normal(size=(n, N_CHANNELS)) + 0.35 * np.eye(N_CHANNELS)[y])
    x = mixings @ (amplitude[..., None] * rng.normal(size=(n, N_CHANNELS, N_TIMES)))
    x[:, [3, 5]] += noise * drifted[:, None, None] * rng.normal(size=(n, 2, N_TIMES))
    return (1e-5 * x).astype(np.float32), y


def people(seed: int, drift: str, n_people: int, drifts: dict[str, dict[str, Any]] = DRIFTS) -> People:
    """``n_people`` of them; the same people with each drift."""
    rngs = [np.random.default_rng([seed, i]) for i in range(n_people)]
    made = [person(rng, **drifts[drift]) for rng in rngs]
    x, y = np.stack([one[0] for one in made]), np.stack([one[1] for one in made])
    n = N_CALIBRATION
    calibration = Trials(jnp.asarray(x[:, :n]), jnp.asarray(y[:, :n]), jnp.ones((n_people, n)))
    return People(calibration, x[:, n:], y[:, n:])


@jax.jit
@jax.vmap
def train(calibration: Trials) -> Any:
    key = jax.random.key(0)
    return DECODER.fit(with_alignment(DECODER.init(key), calibration), calibration, key)


@functools.cache
def decode(name: str) -> Any:
    """Compiled: classes (n_people, n_trials) and final states of one method, labels revealed as given."""
    adapter = METHODS[name].make()

    def one(variables: Any, calibration: Trials, x: Any, label: Any, available: Any) -> Any:
        def step(state: Any, trial: Any) -> Any:
            x, label, available = trial
            logits = adapter.predict(state, x)
            return adapter.update(state, x, Feedback(label, available, x, jnp.bool_(False))), logits.argmax()

        state = adapter.init(DECODER, variables, calibration, jax.random.key(1))
        state, classes = jax.lax.scan(step, state, (x, label, available))
        return classes, (state.audit if hasattr(state, "audit") else ())

    return jax.jit(jax.vmap(one))


def run(name: str, who: People, label: np.ndarray | None = None, x: np.ndarray | None = None) -> tuple[np.ndarray, Any]:
    """(n_people, n_trials) right or not, and the guards' audits."""
    label = who.y if label is None else label
    x = who.x if x is None else x
    there = np.ones(label.shape, bool)
    variables = train(who.calibration)
    classes, audit = decode(name)(variables, who.calibration, jnp.asarray(x), jnp.asarray(label), jnp.asarray(there))
    return np.asarray(classes) == who.y, jax.tree.map(np.asarray, audit)


def drift_table(pairs: dict[str, str], n_people: int, seeds: range, drifts: dict[str, dict[str, Any]]) -> dict:
    """D of every person (n_seeds, n_people) by method and drift, beyond the first guard window after the onset."""
    late = slice(N_BEFORE + WINDOW, None)
    table: dict[str, dict[str, list]] = {name: {d: [] for d in drifts} for pair in pairs.items() for name in pair}
    for drift in drifts:
        for seed in seeds:
            who = people(seed, drift, n_people, drifts)
            frozen = run("frozen", who)[0][:, late]
            for name in table:
                table[name][drift].append(100 * (run(name, who)[0][:, late].mean(1) - frozen.mean(1)))
    return {name: {d: np.array(rows) for d, rows in of.items()} for name, of in table.items()}


def print_drifts(pairs: dict[str, str], table: dict) -> None:
    for always, guarded in pairs.items():
        print(f"\n{'drift':28s}{always:>26s}{guarded:>26s}   worst seed")
        for drift in table[always]:
            a, g = table[always][drift], table[guarded][drift]
            row = [f"{d.mean():+6.1f} points, {100 * (d < -1).mean():3.0f} % lose" for d in (a, g)]
            print(f"{drift:28s}{row[0]:>26s}{row[1]:>26s}   {g.mean(1).min():+.1f}")
        a, g = (np.concatenate([d.ravel() for d in table[name].values()]) for name in (always, guarded))
        print(f"all: gain {a.mean():+.2f} always on, {g.mean():+.2f} guarded: {100 * g.mean() / a.mean():.0f} % kept; ")
        print(
            f"     sessions that lose > 1 point {100 * (a < -1).mean():.1f} % always on, {100 * (g < -1).mean():.1f} % "
            f"guarded; > 5 points {100 * (a < -5).mean():.1f} %, {100 * (g < -5).mean():.1f} %; worst {a.min():.0f}, "
            f"{g.min():.0f}"
        )


def faults(n_people: int, seed: int) -> dict[str, tuple[str, Any, Any]]:
    """Name -> (people, labels, windows) of sessions in which something breaks at the onset, without drift."""
    who = people(seed, "no drift", n_people)
    rng = np.random.default_rng(seed)
    after = np.arange(N_BEFORE + N_AFTER) >= N_BEFORE
    broken = after & (np.arange(after.size) < N_BEFORE + 56)
    half = np.where(after & (rng.random(who.y.shape) < 0.5), 1 - who.y, who.y)
    nan, rails = who.x.copy(), who.x.copy()
    nan[:, broken, 2] = np.nan
    rails[:, broken] = np.clip(20 * rails[:, broken], -2e-5, 2e-5)
    loud = who.x.copy()
    loud[:, broken] *= 1e6  # V for uV
    one = people(seed, "one class", n_people, {"one class": {"share": 1.0}})
    return {
        "labels flipped 50 %": (who, half, None),
        "labels flipped 100 %": (who, np.where(after, 1 - who.y, who.y), None),
        "all labels one class": (who, np.where(after, 0, who.y), None),
        "one-class stream": (one, None, None),
        "NaN for 56 trials": (who, None, nan),
        "saturated for 56 trials": (who, None, rails),
        "V for uV for 56 trials": (who, None, loud),
    }


def print_faults(names: list[str], n_people: int, seeds: range) -> None:
    print(
        f"\naccuracy over the last 40 trials as % of the frozen decoder's\n{'fault':26s}"
        + "".join(f"{n:>18s}" for n in names)
    )
    for fault in faults(2, 0):
        shares: dict[str, list] = {name: [] for name in names}
        for seed in seeds:
            who, label, x = faults(n_people, seed)[fault]
            frozen = run("frozen", who, label, x)[0][:, -40:].mean()
            for name in names:
                shares[name].append(100 * run(name, who, label, x)[0][:, -40:].mean() / frozen)
        print(f"{fault:26s}" + "".join(f"{np.mean(s):8.1f} ({np.min(s):5.1f})".rjust(18) for s in shares.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=24, help="people per drift and seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true", help="the drifts and the seed that settings were chosen on")
    parser.add_argument("--labels", action="store_true", help="labelled methods as well")
    parser.add_argument("--faults", action="store_true", help="faults as well")
    parser.add_argument("--json", help="file for the differences of every person")
    arguments = parser.parse_args()
    seeds, drifts = (range(1000, 1001), CHOSEN_ON) if arguments.choose else (range(arguments.seeds), DRIFTS)
    pairs = {**UNLABELLED, **(LABELLED if arguments.labels else {})}
    table = drift_table(pairs, arguments.people, seeds, drifts)
    print_drifts(pairs, table)
    if arguments.faults:
        names = [name for pair in pairs.items() for name in pair]
        print_faults(names, arguments.people, seeds)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({n: {d: v.tolist() for d, v in of.items()} for n, of in table.items()}, file)


if __name__ == "__main__":
    main()
