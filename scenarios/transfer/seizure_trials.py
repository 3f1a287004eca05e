"""Seconds of features as trials to be labelled: as many ictal as others."""

import jax.numpy as jnp
import numpy as np

from ...adaptation.contract import Trials


def balanced_pool(x: np.ndarray, seizing: np.ndarray, impending: np.ndarray, n: int) -> Trials:
    """For each patient n seconds, ictal and others in turn, each in the order in which they happened: the first ictal
    ones, and n / 2 others spread over the whole time. Weight 0 where there are too few ictal ones."""
    rows, labels, weights = [], [], []
    for features, ictal, coming in zip(x, seizing, impending):
        first = np.flatnonzero(ictal)[: n // 2]
        calm = np.flatnonzero(~ictal & ~coming)
        calm = calm[np.linspace(0, len(calm) - 1, n // 2).astype(int)]
        index, weight = np.zeros(n, int), np.zeros(n)
        index[0 : 2 * len(first) : 2], weight[0 : 2 * len(first) : 2] = first, 1.0
        index[1::2], weight[1::2] = calm, 1.0
        rows.append(features[index])
        labels.append(np.arange(n) % 2 == 0)
        weights.append(weight)
    return Trials(
        jnp.asarray(np.stack(rows), jnp.float32)[..., None], jnp.asarray(np.stack(labels), jnp.int32),
        jnp.asarray(np.stack(weights), jnp.float32),
    )  # fmt: skip
