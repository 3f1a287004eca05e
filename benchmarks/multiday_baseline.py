"""mi_multiday's plain baselines, by SciPy, pyRiemann and scikit-learn alone, beside ours on the same trials.

    python benchmarks/multiday_baseline.py [--json]

Theirs: notch and 8-30 Hz forward and backward over the trial, OAS covariances, tangent space and logistic regression of
C = 1 trained on all days before. "recentred": every past run is whitened by its own Riemannian mean, the run that is
scored by a mean that moves along the geodesic with every window (weight 1/(n + 1), from the past runs' mean; the window
moves the mean, then is predicted), or, not causally, by the mean of the whole run. "labels": the regression is fitted
anew after every trial. No setting was varied. Standard errors are binomial.
"""

import argparse
import json

import numpy as np
from pyriemann.estimation import Covariances
from pyriemann.geometry.base import invsqrtm
from pyriemann.geometry.geodesic import geodesic_riemann
from pyriemann.geometry.mean import mean_riemann
from pyriemann.tangentspace import TangentSpace
from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from neurodrift.scenarios.multiday import EDGE, LAST_TRAINING_DAY, MAINS, RECORDING, Settings, Study, arrange
from neurodrift.sim.recordings import Recording, load_embedded

OURS = ("frozen", "daily", "daily_riemann", "daily_riemann_labels", "daily_riemann_cft", "oracle")


def covariances(recording: Recording) -> np.ndarray:
    """Covariances (n_trials, n_channels, n_channels) of the filtered trials, uV²."""
    notch = iirnotch(MAINS, 30, recording.sfreq)
    band = butter(4, [8, 30], "band", fs=recording.sfreq, output="sos")
    found = []
    for x, n in zip(recording.x, recording.n_samples):
        x = 1e6 * x[:, :n].astype(float)
        x = sosfiltfilt(band, filtfilt(*notch, x - x.mean(-1, keepdims=True)))
        found.append(Covariances("oas").transform(x[None, :, EDGE:-EDGE])[0])
    return np.array(found)


def fitted(covs: np.ndarray, y: np.ndarray):  # type: ignore[no-untyped-def]
    return make_pipeline(TangentSpace(), LogisticRegression(C=1.0, max_iter=2000)).fit(covs, y)


def theirs(covs: np.ndarray, y: np.ndarray, run: np.ndarray, day: np.ndarray, onset_day: int) -> dict[str, np.ndarray]:
    """Whether each trial (n_trials,) was predicted, False on the first day, by baseline."""
    means = {r: mean_riemann(covs[run == r]) for r in np.unique(run)}
    white = np.array([invsqrtm(means[r]) @ c @ invsqrtm(means[r]) for r, c in zip(run, covs)])
    names = ("frozen", "plain", "recentred whole run (not causal)", "recentred", "recentred, labels")
    hit = {name: np.zeros(len(y), bool) for name in names}
    frozen = fitted(covs[day < onset_day], y[day < onset_day])
    for d in range(1, int(day.max()) + 1):
        past, now = day < d, day == d
        plain, recentred = fitted(covs[past], y[past]), fitted(white[past], y[past])
        # before the onset day, the frozen decoder is that of the morning, as in the scenario
        hit["frozen"][now] = (frozen if d >= onset_day else plain).predict(covs[now]) == y[now]
        hit["plain"][now] = plain.predict(covs[now]) == y[now]
        hit["recentred whole run (not causal)"][now] = recentred.predict(white[now]) == y[now]
        prior = mean_riemann(np.array([means[r] for r in np.unique(run[past])]))
        seen, label = list(white[past]), list(y[past])
        online = recentred
        for r in np.unique(run[now]):
            mean = prior
            for n, i in enumerate(np.flatnonzero(run == r), start=1):
                mean = geodesic_riemann(mean, covs[i], 1 / (n + 1))
                w = invsqrtm(mean)
                window = (w @ covs[i] @ w)[None]
                hit["recentred"][i] = recentred.predict(window)[0] == y[i]
                hit["recentred, labels"][i] = online.predict(window)[0] == y[i]
                seen, label = [*seen, window[0]], [*label, y[i]]
                online = fitted(np.array(seen), np.array(label))
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    as_json = parser.parse_args().json
    recording = load_embedded(RECORDING).select_quality("ok")
    days, names = arrange(recording, 8.0, 30.0)
    onset_day = names.index(LAST_TRAINING_DAY) + 1
    study = Study(days, "tangent_lr", 1, onset_day, Settings()).with_labels(0, 0.0, 0.0, 0)
    hits = theirs(covariances(recording), days.y, days.run, days.day, onset_day)
    hits = {f"baseline, {name}": hit for name, hit in hits.items()}
    hits |= {name: study.run(name)[0].argmax(-1) == days.y for name in OURS}
    all_days, later = days.day >= 1, days.day >= onset_day
    rows = []
    for name, hit in hits.items():
        row: dict[str, object] = {"name": name}
        for part, scored in (("all_days", all_days), ("later_days", later)):
            k = hit[scored]
            error = float(np.sqrt(k.mean() * (1 - k.mean()) / k.size))
            row |= {part: float(k.mean()), f"{part}_se": error, f"{part}_n": int(k.size)}
        rows.append(row)
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':46}{'all days but the first':>24}{'days after ' + LAST_TRAINING_DAY:>24}")
    for row in rows:
        cells = (f"{row[p]:.3f} +- {row[p + '_se']:.3f} ({row[p + '_n']})" for p in ("all_days", "later_days"))
        print(f"{row['name']:46}" + "".join(f"{cell:>24}" for cell in cells))


if __name__ == "__main__":
    main()
