"""Intracortical units: how long they stay, how their rates walk, and what that does to a decoder."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.clock import Clock
from ...sim.conditions import Conditions
from ...sim.drift.units import CHANGE, DAY_S, WALKING, RateWalk, UnitTurnover, survival
from ...sim.sources.intracortical import Intracortical
from .row import Row, row

VAIDYA = "Vaidya et al. 2014, EMBC 4872"
PERGE = "Perge et al. 2013, J. Neural Eng. 10:036004"
DAYS = {15: 67.0, 47: 31.0, 106: 21.0, 270: 8.0}
"""days -> % of units that were still the same neuron."""


def rows(fast: bool) -> list[Row]:
    """``fast``: one person and two later days instead of four and four under the decoder."""
    return [*_survival(), *_walk(), *_decoder(1 if fast else 4)]


def _units(n: int) -> Conditions:
    """Nominal conditions of ``n`` units, without the square matrices of as many channels."""
    return dataclasses.replace(Conditions.nominal(1), unit_rate=jnp.ones(n), unit_identity=jnp.zeros(n))


def _survival() -> list[Row]:
    table, n = [], 20000
    process = UnitTurnover.create(n)

    @jax.jit
    def kept(days: jax.Array) -> jax.Array:
        state = process.init(jax.random.key(0))

        def one(day: jax.Array) -> jax.Array:
            _, conditions = process.step(state, _units(n), Clock(jnp.int32(1), day * DAY_S), jax.random.key(0))
            return jnp.mean(conditions.unit_identity == 0)

        return jax.lax.map(one, days)

    shares = np.asarray(kept(jnp.asarray(list(DAYS), jnp.float32)))
    fit = "the two exponentials are a fit of these four values, 2.6 points off at most"
    for (day, expected), share in zip(DAYS.items(), shares):
        law = 100 * float(survival(jnp.float32(day * DAY_S)))
        table.append(row(f"Units that stay {day} days, law: %", expected, law, 2.7, f"{VAIDYA}; {fit}"))
        error = 3 * np.sqrt(law * (100 - law) / n)
        name = f"Units that stay {day} days, simulated: %"
        table.append(row(name, law, 100 * float(share), error, "law; 3 standard errors"))
    return table


def _walk() -> list[Row]:
    n, hours = 20000, 12
    process, nominal = RateWalk.create(n), _units(n)

    def window(state: Any, tick: jax.Array) -> Any:
        clock = Clock(tick, jnp.float32(600.0))
        state, conditions = process.step(state, nominal, clock, jax.random.fold_in(jax.random.key(1), tick))
        return state, conditions.unit_rate

    ticks = jnp.arange(hours * 6)
    _, rate = jax.jit(lambda s: jax.lax.scan(window, s, ticks))(process.init(jax.random.key(0)))
    early, late = np.asarray(rate[36]), np.asarray(rate[-1])
    moved = np.abs(late - early) > 1e-6
    change = np.abs(late - early)[moved].mean() / early[moved].mean()
    return [
        row("Units whose rate walks within a day: %", 100 * WALKING, 100 * moved.mean(), 1.0, PERGE),
        row("Change of their rate between epochs: % of the mean", 100 * CHANGE, 100 * change, 1.5, PERGE),
        row(
            "Mean rate of all units after 12 h of walking: relative",
            1.0,
            float(late.mean()),
            0.01,
            "a walk without bias",
        ),
    ]


# --- what a decoder sees ----------------------------------------------------------------------------------


class Day(NamedTuple):
    """counts (n_units, n) smoothed over 0.1 s, intention (2, n), and averages (n_units, n_classes * n_reach) of the
    counts over the reaches to each target."""

    counts: np.ndarray
    intention: np.ndarray
    averages: np.ndarray


def recorded(source: Intracortical, identity: np.ndarray, key: jax.Array, n_blocks: int = 12) -> Day:
    """A session of ``n_blocks`` reaches to every target while the neurons ``identity`` (n_units,) are seen."""
    nominal = Conditions.nominal(source.n_units)
    conditions = dataclasses.replace(nominal, unit_identity=jnp.asarray(identity, jnp.float32))
    counts, intention, label = (np.asarray(v) for v in _session(source, conditions, key, n_blocks * source.n_classes))
    smooth = np.ones(5) / 5
    counts = np.apply_along_axis(lambda v: np.convolve(v, smooth, "same"), 1, np.sqrt(counts))
    first, stop = source.epoch
    length = source.trial_windows * source.n_times
    trials = counts.reshape(source.n_units, -1, length)[..., first * source.n_times : stop * source.n_times]
    targets = label.reshape(-1, source.trial_windows)[:, 0]
    averages = np.stack([trials[:, targets == k].mean(axis=1) for k in range(source.n_classes)], axis=1)
    return Day(counts, intention, averages.reshape(source.n_units, -1))


@functools.partial(jax.jit, static_argnums=3)
def _session(source: Intracortical, conditions: Conditions, key: jax.Array, n_trials: int) -> tuple:
    silence = jnp.zeros((source.n_stim, source.n_times))

    def window(state: Any, key: jax.Array) -> Any:
        state, counts, truth = source.step(state, silence, conditions, key)
        return state, (counts, truth["intention"], truth["label"])

    keys = jax.random.split(key, n_trials * source.trial_windows)
    _, (counts, intention, label) = jax.lax.scan(window, source.init(key, conditions), keys)
    flat = lambda v: jnp.moveaxis(v, 1, 0).reshape(v.shape[1], -1)  # noqa: E731
    return flat(counts), flat(intention), label


def ridge(x: np.ndarray, y: np.ndarray, strength: float = 1e-2) -> np.ndarray:
    """(2, n + 1) linear map with offset from x (n, n_times) to y (2, n_times)."""
    x = np.concatenate([x, np.ones((1, x.shape[1]))])
    gram = x @ x.T
    return np.linalg.solve(gram + strength * np.trace(gram) / len(gram) * np.eye(len(gram)), x @ y.T).T


def r2(decoder: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Variance explained, both axes together, of y (2, n_times) by the decoder's reading of x (n, n_times)."""
    error = y - decoder @ np.concatenate([x, np.ones((1, x.shape[1]))])
    return float(1 - (error**2).sum() / ((y - y.mean(axis=1, keepdims=True)) ** 2).sum())


def manifold(day: Day, n_dimensions: int = 3) -> np.ndarray:
    """(n_dimensions, n_units) principal directions of the averages over reaches."""
    centred = day.averages - day.averages.mean(axis=1, keepdims=True)
    return np.linalg.svd(centred, full_matrices=False)[0][:, :n_dimensions].T


class Scores(NamedTuple):
    """R^2 of a decoder kept as trained on day 0, of one whose input, the state on the manifold, is aligned by the
    average reaches of the day, and of one trained anew that day."""

    fixed: float
    aligned: float
    fresh: float


def decay(
    source: Intracortical, days: list[float], key: jax.Array, speed: float = 1.0, n_blocks: int = 12
) -> list[Scores]:
    """Scores on each of ``days``, from sessions of ``n_blocks`` reaches to every target, while units are lost ``speed``
    times as fast as published."""
    process = UnitTurnover.create(source.n_units, speed)
    state = process.init(jax.random.fold_in(key, 1))
    nominal = Conditions.nominal(source.n_units)
    first = recorded(source, np.zeros(source.n_units), jax.random.fold_in(key, 2), n_blocks)
    plain = ridge(first.counts, first.intention)
    axes = manifold(first)
    centre = first.averages.mean(axis=1, keepdims=True)
    latent = ridge(axes @ (first.counts - centre), first.intention)
    template = axes @ (first.averages - centre)
    scores = []
    for n, day in enumerate(days):
        clock = Clock(jnp.int32(1), jnp.float32(day * DAY_S))
        _, conditions = process.step(state, nominal, clock, key)
        identity = np.asarray(conditions.unit_identity)
        fit, test = (recorded(source, identity, jax.random.fold_in(key, 10 + 2 * n + k), n_blocks) for k in (0, 1))
        now, middle = manifold(fit), fit.averages.mean(axis=1, keepdims=True)
        seen = now @ (fit.averages - middle)
        turn = template @ seen.T @ np.linalg.inv(seen @ seen.T)
        scores.append(
            Scores(
                r2(plain, test.counts, test.intention),
                r2(latent, turn @ now @ (test.counts - middle), test.intention),
                r2(ridge(fit.counts, fit.intention), test.counts, test.intention),
            )
        )
    return scores


def _decoder(n_people: int) -> list[Row]:
    days = [0.0, 47.0, 270.0] if n_people == 1 else [0.0, 15.0, 47.0, 106.0, 270.0]
    runs = []
    for person in range(n_people):
        key = jax.random.key(person)
        runs.append(np.array(decay(Intracortical.sample(key), days, key)))
    fixed, aligned, fresh = np.mean(runs, axis=0).T
    own = "consequence of stable latent dynamics, Gallego et al. 2020, Nat. Neurosci. 23:260"
    return [
        row("Decoder on the day it is trained: R^2", (0.5, 0.95), fixed[0], 0.0, "arrays in motor cortex"),
        *(
            row(f"Fixed decoder after {day:g} days: R^2 over that of a fresh decoder", (-5.0, 0.5), a / f, 0.0, own)
            for day, a, f in zip(days, fixed, fresh)
            if day > 30
        ),
        *(
            row(f"Aligned manifold after {day:g} days: R^2 over that of a fresh decoder", (0.8, 1.1), a / f, 0.0, own)
            for day, a, f in zip(days[1:], aligned[1:], fresh[1:])
        ),
    ]
