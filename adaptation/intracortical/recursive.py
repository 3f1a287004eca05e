"""Kalman filters that are refitted while they run: recursive maximum likelihood, and smoothed batches."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..methods.gate import select, when
from .contract import Feedback, Session
from .intention import TowardsTarget
from .kalman import Information, KalmanModel, Moments, fit_kalman, information, moments, observation, regressors, step


class FilterState(NamedTuple):
    """model, info: the filter as adapted so far; velocity (2,), variance (2, 2): where it stands; sums: what it learns
    from; bins: () int32, how many it has learnt from since the model was last changed."""

    model: KalmanModel
    info: Information
    velocity: Array
    variance: Array
    sums: Moments
    bins: Array


def start(session: Session, sums: Moments) -> FilterState:
    """A filter fitted on ``session``, at rest."""
    model = fit_kalman(session)
    zeros = jnp.zeros(2, model.a.dtype)
    return FilterState(model, information(model), zeros, model.w, sums, jnp.zeros((), jnp.int32))


def moved(state: FilterState, counts: Array) -> FilterState:
    """``state`` past the counts (n_units,) of a bin, nothing learnt."""
    velocity, variance = step(state.model, state.info, state.velocity, state.variance, counts)
    return state._replace(velocity=velocity, variance=variance)


def meant(intention: Any, state: FilterState, counts: Array, feedback: Feedback) -> tuple[FilterState, Array, Array]:
    """(``state`` past the counts, the velocity (2,) that was meant, () bool whether anything is known of it)."""
    state = moved(state, counts)
    intent, known = intention(feedback, state.velocity)
    return state, intent, known & jnp.isfinite(counts).all() & jnp.isfinite(intent).all()


def add(sums: Moments, intent: Array, counts: Array, keep: Array | float) -> Moments:
    """``sums`` decayed by ``keep``, with one bin more."""
    x = regressors(intent)
    new = Moments(jnp.outer(x, x), jnp.outer(counts, x), jnp.outer(counts, counts), jnp.ones((), x.dtype))
    return jax.tree.map(lambda old, one: keep * old + one, sums, new)


@component
class FixedKalman:
    """The filter of the calibration, for ever: what the others are compared with."""

    def init(self, calibration: Session, key: Array) -> FilterState:
        return start(calibration, Moments.zeros(0))

    def predict(self, state: FilterState, counts: Array) -> Array:
        return moved(state, counts).velocity

    def update(self, state: FilterState, counts: Array, feedback: Feedback) -> FilterState:
        return moved(state, counts)


@component
class RecursiveKalman:
    """Recursive maximum likelihood (Dangi et al. 2014, Neural Comput. 26:1811): R <- rR + xx', S <- rS + yx',
    T <- rT + yy', E <- rE + 1, then (c, d) = S R^-1 and q = (T - S (c, d)') / E, with r = 2^(-bin / half-life).

    half_life_s, bin_s in s. x is (v, 1) with v what ``intention`` says was meant; bins of which it says nothing leave
    everything as it is. The model follows every ``every`` bins: a refit costs a solve of n_units. While nothing is
    moved, what is known of the tuning fades with r and the next movements weigh too much (wind-up).
    """

    half_life_s: float = 450.0
    bin_s: float = 0.05
    intention: Any = TowardsTarget()
    every: int = static(default=1)

    def init(self, calibration: Session, key: Array) -> FilterState:
        return start(calibration, moments(calibration))

    def predict(self, state: FilterState, counts: Array) -> Array:
        return moved(state, counts).velocity

    def update(self, state: FilterState, counts: Array, feedback: Feedback) -> FilterState:
        state, intent, known = meant(self.intention, state, counts, feedback)
        keep = 0.5 ** (self.bin_s / self.half_life_s)
        sums = select(known, add(state.sums, intent, counts, keep), state.sums)
        bins = state.bins + known.astype(jnp.int32)
        due = known & (bins >= self.every)
        model, info = when(due, _refit, (state.model, state.info), sums)
        return state._replace(model=model, info=info, sums=sums, bins=jnp.where(due, 0, bins))


def _refit(filter_: tuple[KalmanModel, Information], sums: Moments) -> tuple[KalmanModel, Information]:
    c, d, q = observation(sums)
    model = filter_[0]._replace(c=c, d=d, q=q)
    return model, information(model)


@component
class SmoothBatch:
    """Every ``n_bins`` bins (c, d, q) <- (1 - rho) of the batch's own + rho of the old, rho = 2^(-batch / half-life)
    (Orsborn et al. 2012, IEEE Trans. Neural Syst. Rehabil. Eng. 20:468; batches of 80 s, a half-life of 2 min).

    half_life_s, bin_s in s. A batch counts its known bins only, and is as long as these are. After a jump of the tuning
    it takes half-lives to arrive.
    """

    half_life_s: float = 120.0
    bin_s: float = 0.05
    intention: Any = TowardsTarget()
    n_bins: int = static(default=1600)

    def init(self, calibration: Session, key: Array) -> FilterState:
        return start(calibration, Moments.zeros(calibration.counts.shape[1], calibration.counts.dtype))

    def predict(self, state: FilterState, counts: Array) -> Array:
        return moved(state, counts).velocity

    def update(self, state: FilterState, counts: Array, feedback: Feedback) -> FilterState:
        state, intent, known = meant(self.intention, state, counts, feedback)
        sums = select(known, add(state.sums, intent, counts, 1.0), state.sums)
        bins = state.bins + known.astype(jnp.int32)
        due = known & (bins >= self.n_bins)
        rho = 0.5 ** (self.n_bins * self.bin_s / self.half_life_s)
        model, info = when(due, _smooth, (state.model, state.info), sums, jnp.asarray(rho, sums.n.dtype))
        sums = select(due, jax.tree.map(jnp.zeros_like, sums), sums)
        return state._replace(model=model, info=info, sums=sums, bins=jnp.where(due, 0, bins))


def _smooth(
    filter_: tuple[KalmanModel, Information], sums: Moments, rho: Array
) -> tuple[KalmanModel, Information]:  # fmt: skip
    old = filter_[0]
    c, d, q = (rho * before + (1 - rho) * now for before, now in zip((old.c, old.d, old.q), observation(sums)))
    model = old._replace(c=c, d=d, q=q)
    return model, information(model)
