"""What a guard costs and what it saves: always-on methods and guarded ones beside a frozen decoder, over many drifts.

    python benchmarks/guard_harm.py [--people 24] [--seeds 5] [--choose] [--labels] [--faults] [--network] [--json FILE]

Streams are synthetic motor imagery: eight mixed sources, two of whose powers tell the class, CSP + LDA, 80 trials of
calibration, 32 trials before the drift and 112 after it. Settings of the guard were chosen on the drifts of CHOSEN_ON
with seeds 1000 and 1001: drift 9 and margin 2.5, of 3.5, 6, 9, 13 and of 1, 2.5, let the fewest sessions lose, but for
13, which leaves three quarters of a mild stretch as it is. The table is of DRIFTS, other drifts, with seeds 0 to 4. A
person is a stream; D is guarded (or always-on) accuracy less frozen accuracy, in points, over the trials later than one
guard window after the onset.

Faults: something breaks at the onset and nothing drifts. Accuracy as a percentage of the frozen decoder's, over the
last 40 trials; and the guard windows after the onset, of 7, in which all people of all seeds together meet less than
95 % of it: none later than the first is what "rolled back within a window" means.
--network: a section with EEGNet instead of CSP + LDA: sources oscillate at 10 Hz, classes are clearer, and 160 trials
calibrate; a third of the people, two seeds.
"""

import argparse
import functools
import json
import sys
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.methods import with_alignment
from neurodrift.adaptation.registry import METHODS

N_CHANNELS, N_TIMES, SFREQ = 8, 64, 128.0
N_BEFORE, N_AFTER, WINDOW = 32, 112, 16
LATE = slice(N_BEFORE + WINDOW, None)


class Setting(NamedTuple):
    """A decoder, trials of calibration, by how much the logarithm of a source's amplitude tells the class, and Hz of an
    oscillation that the sources have, or None for white ones."""

    decoder: Any
    n_calibration: int = 80
    effect: float = 0.35
    rhythm: float | None = None


PLAIN = Setting(CSPLDA.create(N_CHANNELS, N_TIMES))
NETWORK = Setting(EEGNet.create(N_CHANNELS, N_TIMES, 2, SFREQ), 160, 0.7, 10.0)

#: What the settings were chosen on (seeds 1000 and 1001).
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
OF_NETWORK = {"ea": "ea_guarded"}
NETWORK_DRIFTS = ("no drift", "stretch .8", "classes 4:1", "classes 9:1, stretch .4")


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
    setting: Setting = PLAIN,
    stretch: float = 0.0,
    angle: float = 0.0,
    gain: float = 1.0,
    share: float = 0.5,
    noise: float = 0.0,
    swap: bool = False,
    ramp: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Windows (n_trials, n_channels, n_times) V and classes of one person, the drift from trial n_calibration + 32 on.

    stretch: standard deviation of the logarithm of a random SPD mixing; angle: rad, of a random rotation; share: of one
    class after the onset; noise: of two channels, in units of a source; ramp: trials over which it comes.
    """
    onset = setting.n_calibration + N_BEFORE
    n = onset + N_AFTER
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
    amplitude = np.exp(0.25 * rng.normal(size=(n, N_CHANNELS)) + setting.effect * np.eye(N_CHANNELS)[y])
    source = rng.normal(size=(n, N_CHANNELS, N_TIMES))
    if setting.rhythm is not None:
        phase = 2 * np.pi * (setting.rhythm * np.arange(N_TIMES) / SFREQ + rng.random((n, N_CHANNELS, 1)))
        source = np.sqrt(2) * np.cos(phase) + 0.5 * source
    x = mixings @ (amplitude[..., None] * source)
    x[:, [3, 5]] += noise * drifted[:, None, None] * rng.normal(size=(n, 2, N_TIMES))
    return (1e-5 * x).astype(np.float32), y


def people(
    seed: int, drift: str, n_people: int, drifts: dict[str, dict[str, Any]] = DRIFTS, setting: Setting = PLAIN
) -> People:
    """``n_people`` of them; the same people with each drift."""
    rngs = [np.random.default_rng([seed, i]) for i in range(n_people)]
    made = [person(rng, setting, **drifts[drift]) for rng in rngs]
    x, y = np.stack([one[0] for one in made]), np.stack([one[1] for one in made])
    n = setting.n_calibration
    calibration = Trials(jnp.asarray(x[:, :n]), jnp.asarray(y[:, :n]), jnp.ones((n_people, n)))
    return People(calibration, x[:, n:], y[:, n:])


@functools.partial(jax.jit, static_argnums=0)
def train(decoder: Any, calibration: Trials) -> Any:
    """Variables with a leading person axis."""
    key = jax.random.key(0)
    return jax.vmap(lambda c: decoder.fit(with_alignment(decoder.init(key), c), c, key))(calibration)


@functools.partial(jax.jit, static_argnums=1)
def decode(adapter: Any, decoder: Any, variables: Any, calibration: Trials, x: Any, label: Any) -> tuple[Any, Any]:
    """Classes (n_people, n_trials) and the guards' audits of one method, labels revealed as given."""

    def one(variables: Any, calibration: Trials, x: Any, label: Any) -> Any:
        def step(state: Any, trial: Any) -> Any:
            x, label = trial
            logits = adapter.predict(state, x)
            return adapter.update(state, x, Feedback(label, jnp.bool_(True), x, jnp.bool_(False))), logits.argmax()

        state = adapter.init(decoder, variables, calibration, jax.random.key(1))
        state, classes = jax.lax.scan(step, state, (x, label))
        return classes, (state.audit if hasattr(state, "audit") else ())

    return jax.vmap(one)(variables, calibration, x, label)


def run(
    adapter: Any,
    decoder: Any,
    variables: Any,
    who: People,
    label: np.ndarray | None = None,
    x: np.ndarray | None = None,
) -> tuple[np.ndarray, Any]:
    """(n_people, n_trials) right or not, and the guards' audits, from ``variables`` trained on their calibrations."""
    label, x = who.y if label is None else label, who.x if x is None else x
    labels = jnp.asarray(label, jnp.int32)
    classes, audit = decode(adapter, decoder, variables, who.calibration, jnp.asarray(x), labels)
    return np.asarray(classes) == who.y, jax.tree.map(np.asarray, audit)


def adapters(pairs: dict[str, str]) -> dict[str, Any]:
    return {name: METHODS[name].make() for pair in pairs.items() for name in pair}


def drift_table(
    methods: dict[str, Any], n_people: int, seeds: range, drifts: dict[str, dict[str, Any]], setting: Setting = PLAIN
) -> dict[str, dict[str, np.ndarray]]:
    """D of every person (n_seeds, n_people) by method and drift, beyond the first guard window after the onset."""
    table: dict[str, dict[str, list]] = {name: {d: [] for d in drifts} for name in methods}
    frozen = METHODS["frozen"].make()
    for drift in drifts:
        for seed in seeds:
            who = people(seed, drift, n_people, drifts, setting)
            start = setting.decoder, train(setting.decoder, who.calibration), who
            source = run(frozen, *start)[0][:, LATE].mean(1)
            for name, adapter in methods.items():
                table[name][drift].append(100 * (run(adapter, *start)[0][:, LATE].mean(1) - source))
        print(drift, file=sys.stderr, flush=True)
    return {name: {d: np.array(rows) for d, rows in of.items()} for name, of in table.items()}


def summary(d: np.ndarray) -> dict[str, float]:
    """gain: mean D in points; lose: % of sessions that lose more than a point, far: than five; worst: session, and
    worst_seed, the mean of one."""
    return {
        "gain": float(d.mean()),
        "lose": float(100 * (d < -1).mean()),
        "far": float(100 * (d < -5).mean()),
        "worst": float(d.min()),
        "worst_seed": float(d.mean(-1).min()),
    }


def summarised(table: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, dict[str, float]]]:
    """By method and drift, and of "all" drifts together."""
    found = {}
    for name, of in table.items():
        found[name] = {drift: summary(d) for drift, d in of.items()}
        found[name]["all"] = summary(np.stack(list(of.values())))
    return found


def print_drifts(pairs: dict[str, str], rows: dict[str, dict[str, dict[str, float]]]) -> None:
    for always, guarded in pairs.items():
        print(f"\n{'drift':28s}{always:>26s}{guarded:>26s}   worst seed")
        for drift, a in rows[always].items():
            g = rows[guarded][drift]
            cells = [f"{r['gain']:+6.1f} points, {r['lose']:3.0f} % lose" for r in (a, g)]
            print(f"{drift:28s}{cells[0]:>26s}{cells[1]:>26s}   {g['worst_seed']:+.1f}")
        a, g = rows[always]["all"], rows[guarded]["all"]
        print(
            f"all: {100 * g['gain'] / a['gain']:.0f} % of the gain kept; sessions that lose > 1 point "
            f"{a['lose']:.1f} % always on, {g['lose']:.1f} % guarded; > 5 points {a['far']:.1f} %, {g['far']:.1f} %; "
            f"worst {a['worst']:.0f}, {g['worst']:.0f}"
        )


def faults(n_people: int, seed: int) -> dict[str, tuple[People, Any, Any]]:
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


def fault_table(methods: dict[str, Any], n_people: int, seeds: range) -> list[dict[str, Any]]:
    """Of every fault and method: share, % of the frozen decoder's accuracy over the last 40 trials, worst: of a seed;
    below: guard windows after the onset, from 1, in which it is less than 95 %."""
    frozen, rows = METHODS["frozen"].make(), []
    for fault in faults(1, 0):
        right: dict[str, list[np.ndarray]] = {name: [] for name in ("frozen", *methods)}
        for seed in seeds:
            who, label, x = faults(n_people, seed)[fault]
            variables = train(PLAIN.decoder, who.calibration)
            for name, adapter in {"frozen": frozen, **methods}.items():
                right[name].append(run(adapter, PLAIN.decoder, variables, who, label, x)[0])
        found = {name: np.stack(parts).astype(float) for name, parts in right.items()}
        for name in methods:
            seen = [found[n][:, :, N_BEFORE:].mean((0, 1)).reshape(-1, WINDOW).mean(1) for n in (name, "frozen")]
            shares = 100 * found[name][:, :, -40:].mean((1, 2)) / found["frozen"][:, :, -40:].mean((1, 2))
            below = [int(w) + 1 for w in np.flatnonzero(seen[0] < 0.95 * seen[1])]
            rows.append({"fault": fault, "name": name, "share": float(shares.mean()), "worst": float(shares.min()),
                         "below": below})  # fmt: skip
        print(fault, file=sys.stderr, flush=True)
    return rows


def print_faults(rows: list[dict[str, Any]]) -> None:
    print("\naccuracy over the last 40 trials as % of the frozen decoder's (worst seed); windows below 95 % of it")
    for row in rows:
        below = ", ".join(map(str, row["below"])) or "none"
        print(f"{row['fault']:26s}{row['name']:18s}{row['share']:8.1f} ({row['worst']:5.1f})   {below}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--people", type=int, default=24, help="people per drift and seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true", help="the drifts and the seeds that settings were chosen on")
    parser.add_argument("--labels", action="store_true", help="labelled methods as well")
    parser.add_argument("--faults", action="store_true", help="faults as well")
    parser.add_argument("--network", action="store_true", help="EEGNet as well")
    parser.add_argument("--json", help="file for everything")
    options = parser.parse_args()
    seeds, drifts = (range(1000, 1002), CHOSEN_ON) if options.choose else (range(options.seeds), DRIFTS)
    pairs = {**UNLABELLED, **(LABELLED if options.labels else {})}
    found: dict[str, Any] = {"people": options.people, "seeds": len(seeds), "pairs": pairs}
    found["drifts"] = summarised(drift_table(adapters(pairs), options.people, seeds, drifts))
    print_drifts(pairs, found["drifts"])
    if options.faults:
        found["faults"] = fault_table(adapters(pairs), options.people, seeds)
        print_faults(found["faults"])
    if options.network:
        fewer, drifts = max(options.people // 3, 1), {name: DRIFTS[name] for name in NETWORK_DRIFTS}
        table = drift_table(adapters(OF_NETWORK), fewer, range(2), drifts, NETWORK)
        found["network"] = {"people": fewer, "seeds": 2, "pairs": OF_NETWORK, "drifts": summarised(table)}
        print_drifts(OF_NETWORK, found["network"]["drifts"])
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file)


if __name__ == "__main__":
    main()
