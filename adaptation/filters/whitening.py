"""Adaptive whitening: the inverse root of the covariance learnt online, with no factorisation a window."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from ..methods.alignment import SESSION_WEIGHT, calibration_mean
from ..methods.gate import select
from ..spd import covariance, inv_sqrtm, regularised, sqrtm


def whitened(whitener: Array, cov: Array, rate: Array | float) -> Array:
    """The whitener (n, n) after one window of covariance ``cov`` (n, n).

    W <- W + a/2 (E W + W E) with E = I - W C W and a = rate / (1 + rate tr(W C W)): the relative gradient (Cardoso &
    Laheld 1996, IEEE Trans. Signal Process. 44:3017) made symmetric, so that W stays symmetric and goes to C^-1/2 and
    to no rotation of it, as fast whatever the units; ``a`` is normalised by the window, so that a burst moves it no
    farther than a window does.
    """
    seen = whitener @ cov @ whitener
    step = rate / (1.0 + rate * jnp.trace(seen))
    error = jnp.eye(cov.shape[0], dtype=cov.dtype) - seen
    moved = error @ whitener
    return whitener + 0.5 * step * (moved + moved.T)


class WhiteningMemory(NamedTuple):
    """whitener (n_channels, n_channels) 1/V; prior: that of the calibration; source (n_channels, n_channels): takes
    whitened windows to what the decoder was trained on; left () float32: windows until a new session is an old one."""

    whitener: Array
    prior: Array
    source: Array
    left: Array


@component
class AdaptiveWhitening:
    """align <- source W with W whitening the latest windows, learnt online at ``rate`` a window (of the order of
    1/memory in windows), and at ``session_rate`` in the first windows after an announced session.

    Does what an exponential moving average of the covariance does, in four matrix products a window. It starts where
    the calibration's mean covariance is whitened. The rates were chosen on synthetic streams; higher ones let the noise
    of single windows into the whitener. Directions whose variance has changed by a hundred and more take long.
    """

    rate: float = 0.05
    session_rate: float = 0.3
    session_weight: float = SESSION_WEIGHT

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> WhiteningMemory:
        prior = calibration_mean(calibration)
        whitener = inv_sqrtm(prior)
        return WhiteningMemory(whitener, whitener, variables.align @ sqrtm(prior), jnp.zeros((), prior.dtype))

    def observe(
        self, memory: WhiteningMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[WhiteningMemory, Variables]:
        rate = jnp.where(memory.left > 0, self.session_rate, self.rate)
        new = whitened(memory.whitener, regularised(covariance(x)), rate)
        left = jnp.maximum(memory.left - 1.0, 0.0)
        return memory._replace(whitener=new, left=left), variables._replace(align=memory.source @ new)

    def learn(
        self, memory: WhiteningMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[WhiteningMemory, Variables, Array]:
        again = memory._replace(whitener=memory.prior, left=jnp.full_like(memory.left, 2.0 * self.session_weight))
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)
