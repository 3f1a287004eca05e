"""Alignment: whiten each window by a running mean of the session's covariances. No labels."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..blocks import block_diagonal, by_block, diagonal_blocks, mean_by_block
from ..contract import Decoder, Feedback, Trials, Variables
from ..spd import (
    covariance,
    geodesic_from,
    inv_sqrtm,
    regularised,
    riemannian_mean,
    sqrtm,
    sqrtm_pair,
    weighted_mean,
)
from ..trials import usable
from .gate import select

#: Weight, in windows, that the calibration keeps when a new session is announced. Chosen on synthetic streams
#: of another generator than the scenarios' (tests/adaptation/streams.py, other seeds).
SESSION_WEIGHT = 4.0


def calibration_mean(calibration: Trials, mean: str = "euclidean", n_blocks: int = 1) -> Array:
    """Mean covariance (n_channels, n_channels), V², of the calibration windows; block-diagonal in ``n_blocks``."""
    calibration = usable(calibration)
    covs = jax.vmap(lambda x: regularised(covariance(x)))(calibration.x)
    if mean == "euclidean":
        return weighted_mean(covs, calibration.weight)
    if mean == "riemannian":
        return mean_by_block(riemannian_mean, n_blocks)(covs, calibration.weight)
    raise InputError(f"mean {mean!r} is unknown; use 'euclidean' or 'riemannian'.")


def with_alignment(variables: Variables, calibration: Trials, mean: str = "euclidean", n_blocks: int = 1) -> Variables:
    """``variables`` with ``align`` the inverse square root of the calibration windows' mean covariance.

    "euclidean" is the reference of Euclidean alignment (He & Wu 2020), "riemannian" that of recentering
    (Zanini 2018). Decoders are trained on, and frozen decoders keep, the alignment of their calibration.
    ``n_blocks``: of the windows' block-diagonal covariance, for those of a filter bank.
    """
    return variables._replace(align=inv_sqrtm(calibration_mean(calibration, mean, n_blocks)))


def _rate(n_windows: Array, floor: float | Array) -> Array:
    """Weight of a new window beside a mean of ``n_windows``: 1/(n+1), never below ``floor``."""
    return jnp.maximum(1.0 / (n_windows + 1.0), floor)


class MeanMemory(NamedTuple):
    """The running mean covariance, and what it starts from again.

    mean:      (n_channels, n_channels) V²
    prior:     (n_channels, n_channels) V², of the calibration
    source:    (n_channels, n_channels), takes windows whitened by ``mean`` to what the decoder was trained on
    n_windows: () float32, the weight of ``mean`` in windows
    """

    mean: Array
    prior: Array
    source: Array
    n_windows: Array


@component
class EuclideanAlignment:
    """align <- source · R^-½ with R <- (1 - a) R + a C: recentering by the arithmetic mean (He & Wu 2020).

    R starts at the calibration's mean with the weight of its windows, and a = max(1/(n + 1), floor):
    incremental for floor 0, an exponential moving average of memory 1/floor otherwise (.05, b = .95). When a
    session end is announced R starts again from the calibration, weighing ``session_weight`` windows, so that a
    few windows of the new session outweigh it. ``source`` = align₀ R₀^½ is the identity for a decoder trained
    behind Euclidean alignment; for any other it recolours, so nothing moves before the covariance does.
    """

    floor: float = 0.0
    session_weight: float = SESSION_WEIGHT

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> MeanMemory:
        prior = calibration_mean(calibration)
        return MeanMemory(prior, prior, variables.align @ sqrtm(prior), calibration.weight.sum())

    def observe(
        self, memory: MeanMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[MeanMemory, Variables]:
        a = _rate(memory.n_windows, self.floor)
        mean = (1 - a) * memory.mean + a * regularised(covariance(x))
        memory = memory._replace(mean=mean, n_windows=memory.n_windows + 1.0)
        return memory, variables._replace(align=memory.source @ inv_sqrtm(mean))

    def learn(
        self, memory: MeanMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[MeanMemory, Variables, Array]:
        weight = jnp.minimum(memory.n_windows, self.session_weight)
        again = memory._replace(mean=memory.prior, n_windows=weight)
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)


class SlidingMemory(NamedTuple):
    """buffer: (n_windows, n_channels, n_channels) V², the latest covariances; seen: () int32, how many came;
    prior, source: as in MeanMemory; prior_weight: () float32, slots the prior fills until windows do."""

    buffer: Array
    seen: Array
    prior: Array
    source: Array
    prior_weight: Array


@component
class SlidingAlignment:
    """Euclidean alignment by the mean over the last ``n_windows`` windows, equally weighted.

    Until the buffer is full the calibration's mean stands in for the missing windows; after an announced
    session end for ``session_weight`` of them at most. 32 windows: the shorter of the two buffer lengths in
    use (64 and 32), since a session here has about a hundred trials.
    """

    n_windows: int = static(default=32)
    session_weight: float = SESSION_WEIGHT

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> SlidingMemory:
        prior = calibration_mean(calibration)
        return SlidingMemory(
            buffer=jnp.zeros((self.n_windows, *prior.shape), prior.dtype),
            seen=jnp.zeros((), jnp.int32),
            prior=prior,
            source=variables.align @ sqrtm(prior),
            prior_weight=jnp.minimum(calibration.weight.sum(), float(self.n_windows)),
        )

    def observe(
        self, memory: SlidingMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[SlidingMemory, Variables]:
        buffer = memory.buffer.at[memory.seen % self.n_windows].set(regularised(covariance(x)))
        seen = memory.seen + 1
        filled = jnp.minimum(seen, self.n_windows)
        prior_weight = jnp.maximum(memory.prior_weight - filled, 0.0)
        recent = jnp.where(jnp.arange(self.n_windows) < filled, 1.0, 0.0)
        mean = prior_weight * memory.prior + jnp.tensordot(recent, buffer, axes=1)
        mean = mean / (prior_weight + filled)
        return memory._replace(buffer=buffer, seen=seen), variables._replace(align=memory.source @ inv_sqrtm(mean))

    def learn(
        self, memory: SlidingMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[SlidingMemory, Variables, Array]:
        weight = jnp.minimum(memory.prior_weight, self.session_weight)
        again = memory._replace(seen=jnp.zeros_like(memory.seen), prior_weight=weight)
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)


class GeodesicMemory(NamedTuple):
    """root, inv_root: (n_channels, n_channels), square root and inverse root of the running mean M;
    prior_root, prior_inv_root: the same of the calibration; source, n_windows: as in MeanMemory."""

    root: Array
    inv_root: Array
    prior_root: Array
    prior_inv_root: Array
    source: Array
    n_windows: Array


@component
class RiemannianRecentering:
    """align <- source · M^-½ with M <- G(M, C, a), the affine-invariant geodesic mean (Zanini 2018).

    Rate, start and announced sessions as in EuclideanAlignment. The memory is M's roots, so that a window costs
    two eigendecompositions (of each of the ``n_blocks`` blocks of a filter bank's covariance).
    """

    floor: float = 0.05
    session_weight: float = SESSION_WEIGHT
    n_blocks: int = static(default=1)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> GeodesicMemory:
        root, inv_root = self._roots(calibration_mean(calibration, "riemannian", self.n_blocks))
        source = variables.align @ root
        return GeodesicMemory(root, inv_root, root, inv_root, source, calibration.weight.sum())

    def observe(
        self, memory: GeodesicMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[GeodesicMemory, Variables]:
        a = _rate(memory.n_windows, self.floor)
        towards = by_block(lambda root, inv_root, cov: geodesic_from(root, inv_root, cov, a), self.n_blocks)
        root, inv_root = self._roots(towards(memory.root, memory.inv_root, regularised(covariance(x))))
        memory = memory._replace(root=root, inv_root=inv_root, n_windows=memory.n_windows + 1.0)
        return memory, variables._replace(align=memory.source @ inv_root)

    def learn(
        self, memory: GeodesicMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[GeodesicMemory, Variables, Array]:
        again = memory._replace(
            root=memory.prior_root,
            inv_root=memory.prior_inv_root,
            n_windows=jnp.minimum(memory.n_windows, self.session_weight),
        )
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)

    def _roots(self, mean: Array) -> tuple[Array, Array]:
        if self.n_blocks == 1:
            return sqrtm_pair(mean)
        root, inv_root = jax.vmap(sqrtm_pair)(diagonal_blocks(mean, self.n_blocks))
        return block_diagonal(root), block_diagonal(inv_root)
