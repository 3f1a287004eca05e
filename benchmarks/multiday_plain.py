"""Plain decoding of days by SciPy, pyRiemann and scikit-learn: what mi_multiday is compared with and chosen by."""

from typing import NamedTuple

import numpy as np
from pyriemann.estimation import Covariances
from pyriemann.geometry.base import invsqrtm
from pyriemann.geometry.geodesic import geodesic_riemann
from pyriemann.geometry.mean import mean_riemann
from pyriemann.tangentspace import tangent_space
from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt
from sklearn.linear_model import LogisticRegression

from neurodrift.scenarios.multiday import EDGE
from neurodrift.sim.recordings import Recording

FLOOR = 0.05  # least weight of a window in the mean that moves

Bands = tuple[tuple[float, float], ...]


class Features(NamedTuple):
    """own: tangent vectors (n_trials, n_features) of trials whitened by the mean of their own run, future included (for
    training); causal: by the mean so far, which the trial moves before it is decoded (for what is scored)."""

    own: np.ndarray
    causal: np.ndarray


def covariances(recording: Recording, band: tuple[float, float], mains: float) -> np.ndarray:
    """OAS covariances (n_trials, n_channels, n_channels) of the trials, filtered forward and backward, uV²."""
    notch = iirnotch(mains, 30, recording.sfreq)
    sections = butter(4, band, "band", fs=recording.sfreq, output="sos")
    found = []
    for x, n in zip(recording.x, recording.n_samples):
        x = 1e6 * x[:, :n].astype(float)
        x = sosfiltfilt(sections, filtfilt(*notch, x - x.mean(-1, keepdims=True)))
        found.append(Covariances("oas").transform(x[None, :, EDGE:-EDGE])[0])
    return np.array(found)


def features(covs: np.ndarray, run: np.ndarray, day: np.ndarray) -> Features:
    """Of one band. The causal mean starts at that of the past days' runs, which weighs one window."""
    identity = np.eye(covs.shape[-1])
    means = {r: mean_riemann(covs[run == r]) for r in np.unique(run)}
    own = np.array([invsqrtm(means[r]) @ c @ invsqrtm(means[r]) for r, c in zip(run, covs)])
    causal = np.repeat(identity[None], len(covs), axis=0)
    for d in np.unique(day)[1:]:
        prior = mean_riemann(np.array([means[r] for r in np.unique(run[day < d])]))
        for r in np.unique(run[day == d]):
            mean = prior
            for n, i in enumerate(np.flatnonzero(run == r), start=1):
                mean = geodesic_riemann(mean, covs[i], max(1 / (n + 1), FLOOR))
                causal[i] = invsqrtm(mean) @ covs[i] @ invsqrtm(mean)
    return Features(tangent_space(own, identity), tangent_space(causal, identity))


def bank(recording: Recording, bands: Bands, mains: float, run: np.ndarray, day: np.ndarray) -> Features:
    """Of all bands, side by side."""
    of_bands = [features(covariances(recording, band, mains), run, day) for band in bands]
    return Features(*(np.concatenate(parts, axis=1) for parts in zip(*of_bands)))


def decode(
    x: Features, y: np.ndarray, day: np.ndarray, c: float, labels: bool = False, new_weight: float = 1.0
) -> np.ndarray:
    """The class (n_trials,) of every trial but the first day's (-1) by balanced logistic regression on all days before.

    ``labels``: fitted anew after every trial, those of the day counting ``new_weight`` times.
    """
    found = np.full(len(y), -1)

    def fit(rows: np.ndarray, values: np.ndarray, weight: np.ndarray) -> LogisticRegression:
        model = LogisticRegression(C=c, max_iter=3000, class_weight="balanced")
        return model.fit(values, y[rows], sample_weight=weight)

    for d in np.unique(day)[1:]:
        past, now = np.flatnonzero(day < d), np.flatnonzero(day == d)
        model = fit(past, x.own[past], np.ones(len(past)))
        if not labels:
            found[now] = model.predict(x.causal[now])
            continue
        for k, i in enumerate(now):
            found[i] = model.predict(x.causal[i : i + 1])[0]
            rows = np.concatenate([past, now[: k + 1]])
            weight = np.where(np.arange(len(rows)) < len(past), 1.0, new_weight)
            model = fit(rows, np.concatenate([x.own[past], x.causal[now[: k + 1]]]), weight)
    return found
