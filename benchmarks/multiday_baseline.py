"""mi_multiday's plain baselines, by SciPy, pyRiemann and scikit-learn alone, beside ours on the same trials.

    python benchmarks/multiday_baseline.py [--json]

Theirs: tangent space and logistic regression of all days before, each past run recentred on its own Riemannian mean,
the run that is scored on a mean that moves with every window (weight 1/(n + 1), at least .05, from the past runs' mean;
the window moves the mean, then is predicted). Step by step from the plainest: 8-30 Hz and C = 1 on right hand and idle
alone, nothing recentred, then recentred, and on the mean of the whole run, which is not causal; then with the left hand
in the stream and learnt from as imagery; then with mi_multiday's filter bank and penalty, and with another bank, which
does better on the recordings that the bank was chosen by, and worse here.
"labels": the regression is fitted anew after every trial, the day's trials weighing as in mi_multiday. Standard errors
are binomial.
"""

import argparse
import json

import numpy as np
from multiday_plain import Features, bank, covariances, decode  # beside this file
from pyriemann.tangentspace import TangentSpace

from neurodrift.scenarios.multiday import LAST_TRAINING_DAY, MAINS, RECORDING, Settings, Study, arrange, bands_of
from neurodrift.sim.recordings import Recording, load_embedded

OURS = (
    "frozen", "daily", "riemann", "daily_riemann", "daily_riemann_labels", "daily_riemann_cft", "riemann_refit",
    "daily_riemann_refit", "oracle",
)  # fmt: skip
PLAIN = ((8.0, 30.0),)
SIX = tuple((f, f + 4.0) for f in (8.0, 12.0, 16.0, 20.0, 24.0, 28.0))


def plain(recording: Recording, y: np.ndarray, run: np.ndarray, day: np.ndarray) -> dict[str, np.ndarray]:
    """Answers (n_trials,) of the baselines on right hand and idle alone."""
    covs = covariances(recording, PLAIN[0], MAINS)
    still = np.full(len(y), -1)
    for d in np.unique(day)[1:]:
        past, now = day < d, day == d
        space = TangentSpace().fit(covs[past])
        x = Features(space.transform(covs), space.transform(covs))
        still[now] = decode(x, y, np.where(now, 1, np.where(past, 0, 2)), 1.0)[now]
    x = bank(recording, PLAIN, MAINS, run, day)
    return {
        "not recentred": still,
        "recentred": decode(x, y, day, 1.0),
        "recentred on the whole run (not causal)": decode(x._replace(causal=x.own), y, day, 1.0),
        "recentred, labels": decode(x, y, day, 1.0, True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    as_json = parser.parse_args().json
    recording, settings = load_embedded(RECORDING).select_quality("ok"), Settings()
    days, names = arrange(recording, bands_of("tangent_lr", settings))
    onset_day = names.index(LAST_TRAINING_DAY) + 1
    study = Study(days, "tangent_lr", 1, onset_day, settings).with_labels(0, 0.0, 0.0, 0)
    scored = np.asarray(days.scored)
    pair = recording.select(scored)
    answers = {}
    for name, found in plain(pair, days.y[scored], days.run[scored], days.day[scored]).items():
        answers[f"baseline, {name}"] = found
    banks = (
        ("8-30 Hz", PLAIN, 1.0),
        ("filter bank", settings.bands, settings.c),
        ("six bands of 4 Hz", SIX, settings.c),
    )
    for name, bands, c in banks:
        x = bank(recording, bands, MAINS, days.run, days.day)
        answers[f"baseline, left hand in the stream, {name}"] = decode(x, days.y, days.day, c)[scored]
        answers[f"baseline, left hand in the stream, {name}, labels"] = decode(
            x, days.y, days.day, c, True, settings.new_weight
        )[scored]
    for name in OURS:
        answers[name] = study.run(name)[0].argmax(-1)[scored]
    y, day = days.y[scored], days.day[scored]
    rows = []
    for name, found in answers.items():
        row: dict[str, object] = {"name": name}
        for part, counted in (("all_days", day >= 1), ("later_days", day >= onset_day)):
            k = (found == y)[counted]
            error = float(np.sqrt(k.mean() * (1 - k.mean()) / k.size))
            row |= {part: float(k.mean()), f"{part}_se": error, f"{part}_n": int(k.size)}
        rows.append(row)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':56}{'all days but the first':>24}{'days after ' + LAST_TRAINING_DAY:>24}")
    for row in rows:
        cells = (f"{row[p]:.3f} +- {row[p + '_se']:.3f} ({row[p + '_n']})" for p in ("all_days", "later_days"))
        print(f"{row['name']:56}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
