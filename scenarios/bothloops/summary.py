"""From the cells of pd_decoded_adbs to its results: the table of decoder times policy, contrasts, and the verdict."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..contract import RunConfig
from ..own import NOTHING_YET, CellData, Finished
from ..statistics import Floats, Interval, bootstrap, resample, weighted_mean
from .grid import CONTROLS, POLICIES
from .patient import WINDOW_S

BOOTSTRAP_SEED = 20220301
MEASURES = {
    "regret": "regret",
    "symptom": "excess beta, spikes/s",
    "high": "time in the high state, %",
    "dose": "energy, % of continuous at full current",
    "balanced_accuracy": "balanced accuracy of the decoder, %",
    "reward": "reward",
    "labels": "ratings used",
}
POLICY_TITLES = {
    "fixed": "fixed",
    "adaptive": "adaptive",
    "oracle": "oracle",
    "off": "off",
    "continuous": "continuous",
    "shifted": "random, matched dose",
}


def summarise(done: Finished) -> dict[str, Any]:
    """Strict JSON. Every row is one decoder with one policy at one severity, means over the windows after the onset and
    95 % bootstrap intervals over people, drawn alike for all rows, so that differences are paired."""
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    contrasts: list[dict[str, Any]] = []
    points: list[dict[str, Any]] = []
    methods = done.config.methods
    for severity in done.severities:
        here = done.at(severity)
        people = _people(here, methods)
        weights = resample(len(people[methods[0], "fixed"]["reward"]), BOOTSTRAP_SEED)
        for (method, policy), values in people.items():
            row: dict[str, Any] = {"severity": severity, "decoder": method, "policy": policy}
            for name in MEASURES:
                _put(row, name, bootstrap(weighted_mean(values[name]), weights))
            rows.append(row)
            points += [
                {"severity": severity, "decoder": method, "policy": policy, "accuracy": a, "regret": r}
                for a, r in zip(values["balanced_accuracy"].tolist(), values["regret"].tolist())
                if policy in POLICIES
            ]
        contrasts += _contrasts(people, methods, severity, weights)
        curves += _curves(here, people, severity)
    results = {
        **done.facts(),
        "grid": rows,
        "contrasts": contrasts,
        "curves": curves,
        "points": points,
        "settings": {f"severity {m['severity']:g}, seed {m['seed']}": m["settings"] for m, _ in done.cells},
        "notes": _notes(done.cells, done.config),
    }
    results["verdict"] = verdict(results)
    results["text"] = text(results)
    return _strict(results)


def _people(here: Sequence[CellData], methods: Sequence[str]) -> dict[tuple[str, str], dict[str, Floats]]:
    """(decoder, policy) -> measure -> one value per person and seed, over the windows after the onset."""
    found: dict[tuple[str, str], dict[str, Floats]] = {}
    for method in methods:
        for policy in (*POLICIES, *CONTROLS):
            if any(f"reward/{method}/{policy}" not in arrays for _, arrays in here):
                continue
            mean = {
                name: np.concatenate([_after(meta, arrays[f"{name}/{method}/{policy}"]) for meta, arrays in here])
                for name in ("reward", "symptom", "high", "dose", "hit", "rejection")
            }
            high = mean["high"]
            with np.errstate(invalid="ignore", divide="ignore"):
                # of a state that never came nothing is known: the other one alone counts
                parts = np.stack([mean["hit"] / high, mean["rejection"] / (1 - high)])
            mean["balanced_accuracy"] = 100 * np.nanmean(parts, axis=0)
            labels = np.concatenate([arrays[f"labels/{method}/{policy}"] for _, arrays in here])
            found[method, policy] = {
                **mean, "high": 100 * high, "dose": 100 * mean["dose"], "labels": labels.astype(float)
            }  # fmt: skip
    best = found.get(("oracle", "oracle"))
    for values in found.values():
        values["regret"] = np.full_like(values["reward"], np.nan) if best is None else best["reward"] - values["reward"]
    return found


def _after(meta: Mapping[str, Any], rows: np.ndarray) -> Floats:
    return np.asarray(rows, float)[:, meta["onset"] // meta["block"] :].mean(axis=1)


def _contrasts(people: Mapping, methods: Sequence[str], severity: float, weights: Floats) -> list[dict[str, Any]]:
    """Paired differences of reward that answer what the table is for."""

    def reward(method: str, policy: str) -> Floats:
        return people[method, policy]["reward"]

    adapting = [m for m in methods if m not in ("frozen", "oracle")]
    wanted: dict[str, Floats] = {}
    if "frozen" in methods:
        fixed, adaptive = reward("frozen", "fixed"), reward("frozen", "adaptive")
        wanted["adaptive instead of fixed policy, frozen decoder"] = adaptive - fixed
        for m in (*adapting, *(["oracle"] if "oracle" in methods else [])):
            wanted[f"{m} instead of frozen decoder, fixed policy"] = reward(m, "fixed") - fixed
            wanted[f"{m} instead of frozen decoder, adaptive policy"] = reward(m, "adaptive") - adaptive
        for m in adapting:
            name = f"interaction, what {m} gains with the adaptive policy beyond what it gains with the fixed one"
            wanted[name] = (reward(m, "adaptive") - adaptive) - (reward(m, "fixed") - fixed)
    first = methods[0]
    if (first, "shifted") in people:
        name = f"{first} decoder with the adaptive policy instead of random stimulation at its dose"
        wanted[name] = reward(first, "adaptive") - reward(first, "shifted")
    out = []
    for name, difference in wanted.items():
        row: dict[str, Any] = {"severity": severity, "contrast": name}
        _put(row, "reward", bootstrap(weighted_mean(difference), weights))
        out.append(row)
    return out


def _curves(here: Sequence[CellData], people: Mapping, severity: float) -> list[dict[str, Any]]:
    """Mean excess beta and dose of every arm, stretch by stretch, in hours of drift time from the onset."""
    meta = here[0][0]
    n_blocks = here[0][1][f"reward/{next(iter(people))[0]}/fixed"].shape[1]
    hours = ((np.arange(n_blocks) + 0.5) * meta["block"] - meta["onset"]) * meta["drift_window_s"] / 3600.0
    return [
        {
            "severity": severity,
            "decoder": method,
            "policy": policy,
            "hours": hours.tolist(),
            **{
                name: np.concatenate([a[f"{name}/{method}/{policy}"] for _, a in here]).mean(axis=0).tolist()
                for name in ("symptom", "dose")
            },
        }
        for method, policy in people
    ]


def concordance(results: Mapping[str, Any], severity: float) -> tuple[float, int]:
    """The share of pairs of decoders, behind the same policy, of which the more accurate also has the lower regret (in
    means over people), and the number of pairs; the oracle decoder is left out."""
    rows = [r for r in results["grid"] if r["severity"] == severity and r["decoder"] != "oracle"]
    agree = []
    for policy in ("fixed", "adaptive"):
        here = [r for r in rows if r["policy"] == policy and r["regret"] is not None]
        for i, a in enumerate(here):
            for b in here[:i]:
                agree.append((a["balanced_accuracy"] > b["balanced_accuracy"]) == (a["regret"] < b["regret"]))
    return (float(np.mean(agree)) if agree else float("nan")), len(agree)


def verdict(results: Mapping[str, Any]) -> dict[str, Any]:
    """A headline and sentences, from the numbers alone."""
    grid = results["grid"]
    if not grid:
        return NOTHING_YET
    severity = max(row["severity"] for row in grid)
    row = {(r["decoder"], r["policy"]): r for r in grid if r["severity"] == severity}
    ranked = sorted((r for k, r in row.items() if k[0] != "oracle" and k[1] in ("fixed", "adaptive")), key=_reward)
    sentences: list[str] = []
    headline = "No decoder but the oracle was run."
    if ranked:
        best = ranked[-1]
        headline = (
            f"Under drift of {severity:g}: the {best['decoder']} decoder with the {best['policy']} policy controls best"
            f" of what a user can have with a decoder, regret {interval(best, 'regret')}."
        )
        blind = next((r for k, r in row.items() if k[1] == "continuous"), None)
        if blind is not None:
            word = "Less" if _reward(blind) > _reward(best) else "More"
            sentences.append(
                f"{word} regret without any decoder: continuous stimulation at the tuned level, without looking, has"
                f" {interval(blind, 'regret')}."
            )
    for contrast in results["contrasts"]:
        if contrast["severity"] == severity:
            low, high = contrast["reward_lo"], contrast["reward_hi"]
            told = low is not None and (low > 0 or high < 0)
            word = ("gains" if contrast["reward"] > 0 else "loses") if told else "makes no difference that can be told:"
            sentences.append(f"{contrast['contrast']}: {word} {interval(contrast, 'reward', sign=True)} of reward.")
    share, n = concordance(results, severity)
    if n:
        sentences.append(
            f"Does better decoding mean better control? In {100 * share:.0f} % of {n} pairs of decoders behind the same"
            " policy the more accurate one has the lower regret."
        )
    return {"headline": headline, "sentences": sentences}


def _reward(row: Mapping[str, Any]) -> float:
    return row["reward"]


def text(results: Mapping[str, Any]) -> str:
    """The table for a terminal: regret against oracle with oracle, decoders down, policies across."""
    lines = []
    for severity in sorted({row["severity"] for row in results["grid"]}):
        here = {(r["decoder"], r["policy"]): r for r in results["grid"] if r["severity"] == severity}
        lines += [
            f"drift {severity:g}: regret [95 %]; excess beta, spikes/s; energy, %; decoder's balanced accuracy, %"
        ]
        lines += [f"  {'decoder':<10}" + "".join(f"{POLICY_TITLES[p] + ' policy':<44}" for p in POLICIES)]
        for method in results["methods"]:
            lines += [
                f"  {method:<10}" + "".join(f"{_short(here[method, p]):<44}" for p in POLICIES if (method, p) in here)
            ]
        for (_, policy), r in here.items():
            if policy in CONTROLS:
                lines += [f"  {POLICY_TITLES[policy]}: {_short(r)}"]
        lines += [""]
    return "\n".join(line.rstrip() for line in lines).rstrip()


def _short(row: Mapping[str, Any]) -> str:
    accuracy = "" if row["policy"] in CONTROLS else f"; {number(row['balanced_accuracy'], 0)}"
    return f"{interval(row, 'regret')}; {number(row['symptom'], 2)}; {number(row['dose'], 0)}{accuracy}"


def number(value: float | None, digits: int, sign: bool = False) -> str:
    return "-" if value is None else f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"


def interval(row: Mapping[str, Any], name: str, digits: int = 3, sign: bool = False) -> str:
    """``"0.123 [0.100, 0.150]"``."""
    value, low, high = (number(row[key], digits, sign) for key in (name, f"{name}_lo", f"{name}_hi"))
    return f"{value} [{low}, {high}]"


def _put(row: dict[str, Any], name: str, found: Interval) -> None:
    row |= {name: found.value, f"{name}_lo": found.lo, f"{name}_hi": found.hi}


def _notes(cells: Sequence[CellData], config: RunConfig) -> list[str]:
    if not cells:
        return []
    meta = cells[0][0]
    seconds = meta["n_windows"] * WINDOW_S
    notes = [
        f"{seconds / 60:.0f} min of the brain's own time, over which "
        f"{meta['n_windows'] * meta['drift_window_s'] / 3600:.0f} h of drift pass; what is scored begins "
        f"{meta['onset'] * meta['drift_window_s'] / 3600:.1f} h after the start, with the drift.",
        f"A rating of the state (high beta or not) for one window in {meta['label_every']}, {meta['label_delay']}"
        " windows late; only methods with fine-tuning use it.",
        "Regret: mean reward of the oracle decoder with the oracle policy, less that of the arm, on the same people.",
        "Fixed and adaptive policies are tuned for each decoder on three other people, without drift. The oracle"
        " policy's threshold and levels are the best candidates for each stretch in runs of the same people under the"
        " same drift with other noise; what tracks on-line within a stretch may pass it.",
        "The shield lets the current rise by the whole range in a window. Blanked samples hold the last one taken, in"
        " calibration as in the session; windows that were clipped or lost reach neither decoding nor learning.",
    ]
    return [*notes, "Quick: too short and too few people to be a result."] if config.quick else notes


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _strict(dataclasses.asdict(value))
    return None if isinstance(value, float) and not np.isfinite(value) else value
