"""Months of reaching while neurons are lost and rates walk: how much of the intended velocity each decoder explains."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...adaptation.intracortical.contract import Session
from ...adaptation.intracortical.factor_analysis import mean_covariance
from ...adaptation.intracortical.kalman import LinearDecoder, fit_kalman, steady
from ...adaptation.intracortical.stabiliser import Stabilised, realign, stabilise
from ...sim.clock import Clock
from ...sim.conditions import Conditions
from ...sim.drift.units import DAY_S, RateWalk, UnitTurnover
from ...sim.keys import stream_key
from ...sim.sources.intracortical import Intracortical
from ..contract import Notify

METHODS = ("frozen", "stabiliser", "supervised", "oracle")
SFREQ = 20.0  # bins of 50 ms
WINDOW_S = 0.5


@dataclasses.dataclass(frozen=True)
class Months:
    """days: on which there is a session; n_trials: reaches of a session that decoders are scored on, and of the longer
    ones that they are made on; n_labels: reaches with labels that a supervised refit gets. Latents and stable units of
    the stabiliser, which turns onto the session before."""

    days: tuple[float, ...] = tuple(float(d) for d in range(0, 121, 4))
    n_units: int = 96
    n_trials: int = 64
    n_training: int = 160
    n_labels: int = 24
    n_latents: int = 4
    n_stable: int = 60
    n_iterations: int = 60


class Held(NamedTuple):
    """frozen, stabilised: what of the first day is carried from session to session."""

    frozen: LinearDecoder
    stabilised: Stabilised


def sessions(source: Intracortical, conditions: Conditions, key: Array, n_trials: int) -> Session:
    """``n_trials`` reaches, every target as often, as bins."""
    silence = jnp.zeros((source.n_stim, source.n_times))

    def window(state: Any, key: Array) -> Any:
        state, counts, truth = source.step(state, silence, conditions, key)
        return state, (counts.T, truth["intention"].T)

    keys = jax.random.split(key, n_trials * source.trial_windows)
    _, (counts, intention) = jax.lax.scan(window, source.init(key, conditions), keys)
    counts, intention = counts.reshape(-1, source.n_units), intention.reshape(-1, 2)
    # the square root makes a count's variance the same at every rate
    return Session(jnp.sqrt(counts), intention, jnp.ones(counts.shape[0]))


def decoded(decoder: LinearDecoder, session: Session) -> Array:
    """R² () of the intended velocity, both axes together."""

    def step(velocity: Array, counts: Array) -> tuple[Array, Array]:
        velocity = decoder(velocity, counts)
        return velocity, velocity

    _, found = jax.lax.scan(step, jnp.zeros(2), session.counts)
    left = ((session.velocity - found) ** 2).sum()
    return 1.0 - left / ((session.velocity - session.velocity.mean(0)) ** 2).sum()


def conditions_on(source: Intracortical, speed: Array, key: Array, day: Array) -> Conditions:
    """Who is seen on a day (of the person of this key), and how their rates have walked by then."""
    n = source.n_units
    nominal = Conditions.nominal(n)
    turnover, walk = UnitTurnover.create(n, speed), RateWalk.create(n, speed)
    clock = Clock(jnp.int32(1), day * DAY_S)
    _, now = turnover.step(turnover.init(stream_key(key, "turnover")), nominal, clock, key)
    # a window of days is many times the walk's correlation time: each session's rates are drawn anew
    _, now = walk.step(walk.init(stream_key(key, "walk")), now, clock, stream_key(key, "rates", jnp.int32(day)))
    return jax.tree.map(lambda late, early: jnp.where(day > 0, late, early), now, nominal)


@functools.partial(jax.jit, static_argnums=0)
def first_day(months: Months, source: Intracortical, key: Array) -> Held:
    nominal = Conditions.nominal(source.n_units)
    training = sessions(source, nominal, stream_key(key, "first"), months.n_training)
    stabilised = stabilise(training, months.n_latents, months.n_iterations)
    return Held(steady(fit_kalman(training)), stabilised)


@functools.partial(jax.jit, static_argnums=0)
def a_day(
    months: Months, source: Intracortical, speed: Array, key: Array, day: Array, held: Held
) -> tuple[Held, Array]:
    """R² (4,) of METHODS on one day, and what is carried on."""
    now = conditions_on(source, speed, key, day)
    today = stream_key(key, "day", jnp.int32(day))
    unlabelled = sessions(source, now, stream_key(today, "use"), months.n_training)
    test = sessions(source, now, stream_key(today, "test"), months.n_trials)
    aligned = realign(
        held.stabilised, *mean_covariance(unlabelled.counts, unlabelled.weight), months.n_stable, 0.01,
        months.n_iterations, chained=True,
    )  # fmt: skip
    n = months.n_labels * source.trial_windows * source.n_times
    few = jax.tree.map(lambda leaf: leaf[:n], unlabelled)
    decoders = (held.frozen, aligned.flat(), steady(fit_kalman(few)), steady(fit_kalman(unlabelled)))
    return Held(held.frozen, aligned), jnp.stack([decoded(decoder, test) for decoder in decoders])


def run_months(months: Months, speed: float, key: Array, notify: Notify) -> np.ndarray:
    """R² (n_methods, n_days) of one person."""
    source = Intracortical.sample(stream_key(key, "person"), months.n_units, sfreq=SFREQ, window_s=WINDOW_S)
    held = first_day(months, source, key)
    scores = []
    for day in months.days:
        notify(f"day {day:g}")
        held, score = a_day(months, source, jnp.float32(speed), key, jnp.float32(day), held)
        scores.append(np.asarray(score))
    return np.array(scores).T
