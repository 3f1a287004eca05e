"""The stabiliser: factor analysis of new, unlabelled bins, turned so that its latents are those of the calibration."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..linalg import eigh
from ..methods.gate import select, when
from .contract import Feedback, Session
from .factor_analysis import FactorModel, fit_factors, mean_covariance, readout
from .kalman import LinearDecoder, fit_kalman, steady


def polar(m: Array) -> Array:
    """The orthogonal matrix (k, k) nearest to m (k, k), u v' of m = u s v'.

    From the eigenvectors of [[0, m], [m', 0]], which keeps the digits that squaring m would lose.
    """
    k = m.shape[0]
    zero = jnp.zeros_like(m)
    _, vectors = eigh(jnp.block([[zero, m], [m.T, zero]]))
    top = vectors[:, k:]
    return 2.0 * top[:k] @ top[k:].T


class Alignment(NamedTuple):
    """turn (n_latents, n_latents): new loadings @ turn are the old ones, as far as units are stable; stable (n_units,)
    bool: the units that it rests on."""

    turn: Array
    stable: Array


def align_loadings(old: Array, new: Array, n_stable: int, threshold: float = 0.01) -> Alignment:
    """The rotation of ``new`` onto ``old`` loadings (n_units, n_latents) by Procrustes over the most stable rows.

    Rows whose norm is below ``threshold`` in either are left out; of the rest the one that fits worst is dropped, and
    all is fitted again, until ``n_stable`` are left (Degenhart et al. 2020, Nat. Biomed. Eng. 4:672).
    """

    def norm(rows: Array) -> Array:
        return jnp.sqrt((rows**2).sum(1))

    kept = (norm(old) >= threshold) & (norm(new) >= threshold)

    def turn(kept: Array) -> Array:
        return polar((new * kept[:, None]).T @ old)

    def drop(_: int, kept: Array) -> Array:
        misfit = jnp.where(kept, norm(old - new @ turn(kept)), -1.0)
        worst = jnp.arange(kept.shape[0]) == jnp.argmax(misfit)
        return kept & ~(worst & (kept.sum() > n_stable))

    kept = jax.lax.fori_loop(0, max(old.shape[0] - n_stable, 0), drop, kept)
    return Alignment(turn(kept), kept)


class Stabilised(NamedTuple):
    """reference: the factors of the calibration, which the latents are measured in; decoder: from those latents to
    velocity; factors, turn: of the latest fit and how it is turned onto the reference."""

    reference: FactorModel
    decoder: LinearDecoder
    factors: FactorModel
    turn: Array

    def flat(self) -> LinearDecoder:
        """The same as a decoder of counts."""
        to_latents = self.turn.T @ readout(self.factors)
        weights = self.decoder.weights @ to_latents
        return LinearDecoder(self.decoder.keep, weights, self.decoder.offset - weights @ self.factors.mean)


def realign(
    stabilised: Stabilised,
    mean: Array,
    covariance: Array,
    n_stable: int,
    threshold: float = 0.01,
    n_iterations: int = 300,
    chained: bool = False,
    recentred: bool = True,
) -> Stabilised:
    """``stabilised`` on bins with this mean (n_units,) and covariance (n_units, n_units), whose movements nobody knows.

    chained: turned onto the latest factors instead of the calibration's, for units that are replaced little by little.
    recentred: the mean is followed as well, as published; without, that of the calibration stays. In a closed loop the
    mean holds the constant push by which the user makes up for a decoder that pulls aside: taking it off takes the
    correction off, and the pull grows from one re-alignment to the next.
    """
    n_latents = stabilised.reference.loadings.shape[1]
    new = fit_factors(mean, covariance, n_latents, n_iterations)
    before = stabilised.factors.loadings @ stabilised.turn if chained else stabilised.reference.loadings
    aligned = align_loadings(before, new.loadings, n_stable, threshold)
    new = new if recentred else new._replace(mean=stabilised.factors.mean)
    return stabilised._replace(factors=new, turn=aligned.turn)


def stabilise(session: Session, n_latents: int, n_iterations: int = 300) -> Stabilised:
    """Factors of a labelled session's counts, and a Kalman filter of settled gain on their latents."""
    factors = fit_factors(*mean_covariance(session.counts, session.weight), n_latents, n_iterations)
    latents = jnp.where(session.weight[:, None] > 0, session.counts - factors.mean, 0.0) @ readout(factors).T
    decoder = steady(fit_kalman(session._replace(counts=latents)))
    return Stabilised(factors, decoder, factors, jnp.eye(n_latents, dtype=latents.dtype))


class StabiliserState(NamedTuple):
    """fitted: factors and decoder; flat: the decoder of counts that they are; velocity (2,); counts (n_bins, n_units),
    seen () int32: the latest bins, and how many there were."""

    fitted: Stabilised
    flat: LinearDecoder
    velocity: Array
    counts: Array
    seen: Array


@component
class Stabiliser:
    """Every ``every`` bins, and at the end of a session, the factors of the latest ``n_bins`` bins are turned onto
    those of the calibration, and the decoder reads them instead. No labels.

    10 latents and a threshold of .01 as published; n_stable: on how many units the turn rests (three in four by
    default). It fails where fewer units than that, or than latents, have stayed the same.
    """

    n_latents: int = static(default=10)
    n_stable: int | None = static(default=None)
    threshold: float = 0.01
    n_bins: int = static(default=2000)
    every: int = static(default=1000)
    n_iterations: int = static(default=100)
    chained: bool = static(default=False)
    recentred: bool = static(default=True)

    def init(self, calibration: Session, key: Array) -> StabiliserState:
        """InputError where there are not more units than latents."""
        n_units = calibration.counts.shape[1]
        if not 1 <= self.n_latents < n_units:
            raise InputError(
                f"n_latents = {self.n_latents} of {n_units} units; wanted 1 or more, and fewer than there are units"
            )
        fitted = stabilise(calibration, self.n_latents, 3 * self.n_iterations)
        dtype = fitted.factors.mean.dtype
        buffer = jnp.zeros((self.n_bins, n_units), dtype)
        return StabiliserState(fitted, fitted.flat(), jnp.zeros(2, dtype), buffer, jnp.zeros((), jnp.int32))

    def predict(self, state: StabiliserState, counts: Array) -> Array:
        return state.flat(state.velocity, counts)

    def update(self, state: StabiliserState, counts: Array, feedback: Feedback) -> StabiliserState:
        finite = jnp.isfinite(counts).all()
        place = state.seen % self.n_bins
        buffer = state.counts.at[place].set(jnp.where(finite, counts, state.counts[place]))
        seen = state.seen + finite.astype(jnp.int32)
        due = (finite & (seen % self.every == 0)) | feedback.session_end
        due = due & (seen >= 2 * self.n_latents)
        fitted, flat = when(due, self._realigned, (state.fitted, state.flat), buffer, seen)
        velocity = state.flat(state.velocity, counts)
        return StabiliserState(fitted, flat, velocity, buffer, select(finite, seen, state.seen))

    def _realigned(
        self, before: tuple[Stabilised, LinearDecoder], buffer: Array, seen: Array
    ) -> tuple[Stabilised, LinearDecoder]:
        weight = (jnp.arange(self.n_bins) < seen).astype(buffer.dtype)
        n_stable = (3 * buffer.shape[1]) // 4 if self.n_stable is None else self.n_stable
        moments = mean_covariance(buffer, weight)
        how = (n_stable, self.threshold, self.n_iterations, self.chained, self.recentred)
        fitted = realign(before[0], *moments, *how)
        return fitted, fitted.flat()
