"""A linear probe: logistic regression on what is seen of a few labelled windows."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..decoders.logistic import fit_logistic
from .encoder import Encoder, Params

BANDS = ((8.0, 13.0), (13.0, 30.0))  # mu and beta, Hz


class Probe(NamedTuple):
    """mean, deviation (n_features,) of the features of the windows it was fitted on; w (n_classes, n_features), b."""

    mean: Array
    deviation: Array
    w: Array
    b: Array

    def logits(self, features: Array) -> Array:
        """(..., n_classes) of features (..., n_features)."""
        return (features - self.mean) / self.deviation @ self.w.T + self.b


def fit_probe(features: Array, y: Array, n_classes: int, c: float | Array = 0.01) -> Probe:
    """L2-penalised logistic regression on features (n_windows, n_features), each in deviations from its mean."""
    mean, deviation = features.mean(0), jnp.maximum(features.std(0), 1e-6)
    readout = fit_logistic((features - mean) / deviation, y, jnp.ones(y.shape), n_classes, c)
    return Probe(mean, deviation, readout["w"], readout["b"])


def encoded(net: Encoder, params: Params, spectrum: Array, positions: Array) -> Array:
    """Features (n_channels * width,) of a spectrum: each channel's representation, averaged over frames."""
    return net.encode(params, spectrum, positions).mean(1).ravel()


def band_power(spectrum: Array, freqs: tuple[float, ...], bands: tuple[tuple[float, float], ...] = BANDS) -> Array:
    """Features (n_channels * n_bands,): log-power averaged over frames and the frequencies of each band."""
    at = jnp.asarray(freqs)
    inside = jnp.stack([(at >= low) & (at <= high) for low, high in bands]).astype(spectrum.dtype)
    inside = inside / jnp.maximum(inside.sum(-1, keepdims=True), 1.0)
    return jnp.einsum("cnf,bf->cb", spectrum, inside).ravel() / spectrum.shape[1]
