"""KSWIN: the newest values against a sample of the older ones by Kolmogorov and Smirnov's test (Raab 2020)."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from .contract import restart, skip


def p_values(n: int) -> np.ndarray:
    """(n + 1,) exact two-sided p-value of the two-sample statistic h/n of two samples of n, h = 0 … n.

    P(D ≥ h/n) = 2 Σ_j (-1)^(j-1) C(2n, n - jh) / C(2n, n) (Gnedenko & Korolyuk 1951).
    """
    whole = math.comb(2 * n, n)
    p = [2 * sum((-1) ** (j - 1) * math.comb(2 * n, n - j * h) for j in range(1, n // h + 1)) for h in range(1, n + 1)]
    return np.array([1.0, *(min(value / whole, 1.0) for value in p)])


class KSWINState(NamedTuple):
    """window: (n_window,), the latest values, the newest last; n: () int32, how many of them are there; tick: () int32,
    values since the start, for the draws; alarm: () bool."""

    window: Array
    n: Array
    tick: Array
    alarm: Array


@component
class KSWIN:
    """Alarm when the last ``n_stat`` of ``n_window`` values differ from as many drawn of the others: p ≤ ``alpha`` and
    a distance above ``least``.

    Two samples of 30 have 31 distances, so rates of false alarms come in steps. Each value draws from ``key`` and its
    number. Alarms are those of river when ``update`` is given river's draws, which come of Python's generator.
    """

    key: Array
    alpha: float = 0.005
    least: float = 0.1
    n_window: int = static(default=100)
    n_stat: int = static(default=30)

    @classmethod
    def create(
        cls, key: Array, alpha: float = 0.005, least: float = 0.1, n_window: int = 100, n_stat: int = 30
    ) -> "KSWIN":
        """The monitor, its lengths checked."""
        if not 0 < 2 * n_stat <= n_window:
            raise InputError(f"n_stat is {n_stat} of a window of {n_window}; wanted 1 to half of it")
        return cls(key=key, alpha=alpha, least=least, n_window=n_window, n_stat=n_stat)

    @property
    def tuned_by(self) -> str:
        return "alpha"

    @property
    def rises(self) -> bool:
        return True

    def init(self) -> KSWINState:
        zero = jnp.zeros((), jnp.int32)
        return KSWINState(jnp.zeros(self.n_window), zero, zero, jnp.zeros((), bool))

    def draw(self, tick: Array) -> Array:
        """(n_stat,) int32, places in the older part of the window, without repetition."""
        n_old = self.n_window - self.n_stat
        # Ranks of uniform numbers: a permutation, of which the first few are a sample.
        return jnp.argsort(jax.random.uniform(stream_key(self.key, "sample", tick), (n_old,)))[: self.n_stat]

    def update(self, state: KSWINState, value: Array, drawn: Array | None = None) -> tuple[KSWINState, Array]:
        """Add ``value`` () and test: (state, alarm () bool). ``drawn`` (n_stat,) int replaces the random places."""
        tick = state.tick + 1
        old = restart(state.alarm, self.init(), state)
        window = jnp.append(old.window[1:], value)
        n = jnp.minimum(old.n + 1, self.n_window)
        drawn = self.draw(tick) if drawn is None else drawn
        steps = _steps(window[drawn], window[-self.n_stat :])
        p = jnp.asarray(p_values(self.n_stat), window.dtype)[steps]
        # In whole steps: a distance of exactly ``least`` must not round above it.
        alarm = (n == self.n_window) & (p <= self.alpha) & (steps > jnp.round(self.least * self.n_stat * 1e4) / 1e4)
        return skip(value, (KSWINState(window, n, tick, alarm), alarm), state)


def _steps(a: Array, b: Array) -> Array:
    """n times the greatest difference () int32 of the two samples' (n,) distribution functions."""
    at = jnp.concatenate([a, b])
    below = [(sample <= at[:, None]).sum(-1) for sample in (a, b)]
    return jnp.abs(below[0] - below[1]).max()
