"""Maximum mean discrepancy against a reference sample, with a permutation p-value (Gretton 2012)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..methods.gate import when
from .contract import restart, skip

#: Widths of the mixture's kernels, as multiples of the median squared distance (Long 2015).
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)


def squared_distances(points: Array) -> Array:
    """(n, n) squared Euclidean distances between points (n, n_features)."""
    return ((points[:, None] - points[None]) ** 2).sum(-1)


def kernel_matrix(points: Array, scales: tuple[float, ...] = SCALES, width: Array | None = None) -> Array:
    """(n, n) mean of Gaussian kernels exp(-d²/(s·width)) over ``scales``, of points (n, n_features).

    width: () squared distance, by default the median of d²."""
    squares = squared_distances(points)
    if width is None:
        rows, columns = jnp.triu_indices(points.shape[0], 1)
        width = jnp.maximum(jnp.median(squares[rows, columns]), jnp.finfo(points.dtype).tiny)
    return jnp.mean(jnp.stack([jnp.exp(-squares / (s * width)) for s in scales]), axis=0)


def mmd_squared(kernel: Array, first: Array) -> Array:
    """Squared discrepancy () (biased, V-statistic) between the points where ``first`` (n,) is 1 and the others."""
    weight = first / first.sum() - (1 - first) / (1 - first).sum()
    return weight @ kernel @ weight


def permutation_p_value(a: Array, b: Array, key: Array, n_permutations: int = 200) -> Array:
    """Share () of groupings at random, the observed one included, that differ as much as samples a (n, n_features)
    and b (m, n_features) do. At the least 1/(n_permutations + 1)."""
    kernel = kernel_matrix(jnp.concatenate([a, b]))
    observed = (jnp.arange(a.shape[0] + b.shape[0]) < a.shape[0]).astype(kernel.dtype)
    shuffled = jax.vmap(lambda k: jax.random.permutation(k, observed))(jax.random.split(key, n_permutations))
    found = jax.vmap(mmd_squared, in_axes=(None, 0))(kernel, jnp.concatenate([observed[None], shuffled]))
    # The same grouping met again may round below the observed one.
    return (found >= found[0] * (1 - 1e-5)).mean()


class MMDState(NamedTuple):
    """recent: (n_recent, n_features), the latest values, a ring; n: () int32, values since the start; tick: () int32,
    all values, for the permutations; alarm: () bool."""

    recent: Array
    n: Array
    tick: Array
    alarm: Array


@component
class MMDTest:
    """Alarm when the last ``n_recent`` values differ from ``reference`` (n_reference, n_features): p ≤ ``alpha``.

    Tested every ``every`` values. Values that follow each other in time are not exchangeable with the reference where
    the signal wanders slowly: tune ``alpha`` on recordings without drift.
    """

    reference: Array
    key: Array
    alpha: float = 0.01
    n_recent: int = static(default=20)
    every: int = static(default=5)
    n_permutations: int = static(default=200)

    @classmethod
    def create(
        cls, reference: Array, key: Array, alpha: float = 0.01, n_recent: int = 20, every: int = 5,
        n_permutations: int = 200,
    ) -> "MMDTest":  # fmt: skip
        """The monitor; InputError for a reference that is no sample."""
        if reference.ndim != 2 or reference.shape[0] < 2:
            raise InputError(f"the reference has shape {reference.shape}; wanted (n_reference, n_features), 2 or more")
        return cls(
            reference=reference, key=key, alpha=alpha, n_recent=n_recent, every=every, n_permutations=n_permutations
        )

    @property
    def tuned_by(self) -> str:
        return "alpha"

    @property
    def rises(self) -> bool:
        return True

    def init(self) -> MMDState:
        zero = jnp.zeros((), jnp.int32)
        recent = jnp.zeros((self.n_recent, self.reference.shape[-1]), self.reference.dtype)
        return MMDState(recent, zero, zero, jnp.zeros((), bool))

    def update(self, state: MMDState, value: Array) -> tuple[MMDState, Array]:
        """Add ``value`` (n_features,) and test when it is time: (state, alarm () bool)."""
        tick = state.tick + 1
        old = restart(state.alarm, self.init(), state)
        recent = old.recent.at[old.n % self.n_recent].set(value)
        n = old.n + 1
        due = (n >= self.n_recent) & (n % self.every == 0)
        alarm = when(due, _differs, jnp.zeros((), bool), self, recent, tick)
        return skip(value, (MMDState(recent, n, tick, alarm), alarm), state)


def _differs(_: Array, monitor: MMDTest, recent: Array, tick: Array) -> Array:
    key = stream_key(monitor.key, "permutations", tick)
    return permutation_p_value(monitor.reference, recent, key, monitor.n_permutations) <= monitor.alpha
