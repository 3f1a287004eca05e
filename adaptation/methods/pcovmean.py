"""Adaptive LDA: class means and the inverse covariance follow every label, in O(d²). Labels: all that come."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from ..decoders.lda import class_moments
from ..linalg import inv
from ..trials import usable
from .gate import select


class AdaptiveLDAMemory(NamedTuple):
    """means (n_classes, d) of the standardised features; inverse (d + 1, d + 1) of the second moment of [1, features];
    scale () of the logits, see AdaptiveLDA."""

    means: Array
    inverse: Array
    scale: Array


@component
class AdaptiveLDA:
    """Class means m_k <- (1 - a) m_k + a x and P <- (P - c/(1 - c + c x'v) v v')/(1 - c), v = P x, x = [1; features].

    Vidaurre 2011 (Mean + PCov): the weights of class k are P's feature block times m_k, the bias is -½ w_k'm_k, so that
    the boundary of two classes lies between their means however often each comes. P is the inverse, by Sherman and
    Morrison, of a moving average of the second moment; its feature block is the inverse of the covariance about the
    pooled mean. That one holds the classes' own distance, so two classes' weights come out shorter than LDA's by a
    factor; ``scale`` makes it up as it was at calibration (for more than two classes the metric is an approximation).
    ``mean_rate``, ``covariance_rate``: the published update coefficients. Statistics stay as trained: csp_lda.
    """

    mean_rate: float = 0.05
    covariance_rate: float = 0.03

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> AdaptiveLDAMemory:
        if not hasattr(decoder, "standardised"):
            raise InputError(
                f"pcovmean got {type(decoder).__name__}; it needs a readout by LDA of few features: use csp_lda."
            )
        calibration = usable(calibration)
        features = jax.vmap(lambda x: decoder.standardised(variables, x))(calibration.x)  # type: ignore[attr-defined]
        means, within = class_moments(features, calibration.y, calibration.weight, decoder.n_classes)
        middle = means.mean(0)
        total = within + (means - middle).T @ (means - middle) / decoder.n_classes
        first = jnp.concatenate([jnp.ones(1), middle])
        second = jnp.outer(first, first).at[1:, 1:].add(total)
        inverse = inv(second)
        # Along the line between two means: w of LDA over w of the pooled covariance.
        apart = means[-1] - means[0]
        pooled = inverse[1:, 1:] @ apart
        scale = 1.0 / jnp.maximum(1.0 - 0.25 * apart @ pooled, 1e-3) if decoder.n_classes == 2 else jnp.ones(())
        return AdaptiveLDAMemory(means, inverse, scale)

    def observe(
        self, memory: AdaptiveLDAMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[AdaptiveLDAMemory, Variables]:
        return memory, variables

    def learn(
        self, memory: AdaptiveLDAMemory, decoder: Any, variables: Variables, feedback: Feedback
    ) -> tuple[AdaptiveLDAMemory, Variables, Array]:
        features = decoder.standardised(variables, feedback.window)
        a, c = self.mean_rate, self.covariance_rate
        member = jax.nn.one_hot(feedback.label, decoder.n_classes)[:, None]
        means = memory.means + a * member * (features - memory.means)
        extended = jnp.concatenate([jnp.ones(1), features])
        v = memory.inverse @ extended
        inverse = (memory.inverse - c / (1 - c + c * extended @ v) * jnp.outer(v, v)) / (1 - c)
        inverse = 0.5 * (inverse + inverse.T)
        w = memory.scale * means @ inverse[1:, 1:]
        readout = {"w": w, "b": -0.5 * (w * means).sum(-1)}
        # P grows without bound where nothing is excited: it stops before it is no number.
        used = feedback.available & jnp.isfinite(w).all() & (jnp.abs(inverse).max() < 1e12)
        memory = select(used, memory._replace(means=means, inverse=inverse), memory)
        return (
            memory,
            variables._replace(params=select(used, {**variables.params, "readout": readout}, variables.params)),
            used,
        )
