"""ADWIN: a window that grows until its older and newer parts differ in mean (Bifet & Gavaldà 2007)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from .contract import restart, skip


class ADWINState(NamedTuple):
    """The exponential histogram: row r holds buckets of 2^r values, the oldest in column 0.

    totals, spreads: (n_rows, max_buckets + 1), sum and sum of squared deviations of each bucket; counts: (n_rows,)
    int32, buckets in use; width, tick: () int32; total, spread: (), of the whole window; alarm: () bool, the last value
    gave one.
    """

    totals: Array
    spreads: Array
    counts: Array
    width: Array
    tick: Array
    total: Array
    spread: Array
    alarm: Array


@component
class ADWIN:
    """Alarm when two parts of the window differ by more than
    √(2/m · var · ln(2 ln n/δ)) + 2/(3m) · ln(2 ln n/δ), m their harmonic length.

    ``delta`` is the confidence; every ``clock`` values the window (longer than ``grace_period``) is cut at the buckets'
    borders, parts shorter than ``min_length`` left alone. ``clock`` is 1 here, for values that come once a trial; river
    has 32. The window holds ``n_rows`` rows of ``max_buckets`` buckets: 5·2^17 values, then it forgets the oldest.
    Alarms are those of river, which starts a new window after an alarm instead of dropping the older part.
    """

    delta: float = 0.002
    clock: int = 1
    min_length: int = 5
    grace_period: int = 10
    max_buckets: int = static(default=5)
    n_rows: int = static(default=18)

    @property
    def tuned_by(self) -> str:
        return "delta"

    @property
    def rises(self) -> bool:
        return True

    def init(self) -> ADWINState:
        zero, integer = jnp.zeros(()), jnp.zeros((), jnp.int32)
        buckets = jnp.zeros((self.n_rows, self.max_buckets + 1))
        counts = jnp.zeros(self.n_rows, jnp.int32)
        return ADWINState(buckets, buckets, counts, integer, integer, zero, zero, jnp.zeros((), bool))

    def update(self, state: ADWINState, value: Array) -> tuple[ADWINState, Array]:
        """Insert ``value`` () and look for a cut: (state, alarm () bool)."""
        started = self._insert(restart(state.alarm, self.init(), state), jnp.asarray(value, state.total.dtype))
        due = (started.tick % self.clock == 0) & (started.width > self.grace_period)
        alarm = due & self._cut(started)
        return skip(value, (started._replace(alarm=alarm), alarm), state)

    def _insert(self, state: ADWINState, value: Array) -> ADWINState:
        n = state.width.astype(value.dtype)
        deviation = value - state.total / jnp.maximum(n, 1.0)
        added = jnp.where(n > 0, n * deviation**2 / (n + 1.0), 0.0)
        slot = jnp.arange(self.max_buckets + 1)

        def row(
            carried: tuple[Array, Array, Array], buckets: tuple[Array, Array, Array, Array]
        ) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
            """Put what is carried up into the row; a full row passes its two oldest on as one."""
            there, total, spread = carried
            totals, spreads, count, size = buckets
            here = there & (slot == count)
            totals, spreads = jnp.where(here, total, totals), jnp.where(here, spread, spreads)
            count = count + there
            full = count == self.max_buckets + 1
            between = (totals[0] - totals[1]) ** 2 / (2.0 * size)
            merged = (full, totals[0] + totals[1], spreads[0] + spreads[1] + between)
            totals, spreads = (jnp.where(full, jnp.roll(a, -2), a) for a in (totals, spreads))
            return merged, (totals, spreads, count - 2 * full)

        carried = (jnp.ones((), bool), value, jnp.zeros_like(value))
        sizes = 2.0 ** jnp.arange(self.n_rows, dtype=value.dtype)
        rows = (state.totals, state.spreads, state.counts, sizes)
        (lost, total, _), (totals, spreads, counts) = jax.lax.scan(row, carried, rows)
        # What no row holds any more leaves the sums as well; it takes millions of values to get there.
        return ADWINState(
            totals=totals,
            spreads=spreads,
            counts=counts,
            width=state.width + 1 - jnp.where(lost, 2**self.n_rows, 0),
            tick=state.tick + 1,
            total=state.total + value - jnp.where(lost, total, 0.0),
            spread=state.spread + added,
            alarm=state.alarm,
        )

    def _cut(self, state: ADWINState) -> Array:
        """Whether the window falls into two parts that differ."""
        slot = jnp.arange(self.max_buckets + 1)
        used = (slot < state.counts[:, None])[::-1]
        sizes = 2.0 ** jnp.arange(self.n_rows, dtype=state.total.dtype)[::-1, None]
        width = state.width.astype(state.total.dtype)
        n_old = jnp.cumsum(jnp.where(used, sizes, 0.0).ravel())
        sum_old = jnp.cumsum(jnp.where(used, state.totals[::-1], 0.0).ravel())
        n_new = width - n_old
        difference = sum_old / jnp.maximum(n_old, 1.0) - (state.total - sum_old) / jnp.maximum(n_new, 1.0)
        long_enough = used.ravel() & (n_old >= self.min_length) & (n_new >= self.min_length)
        n_old, n_new = (jnp.maximum(n - self.min_length + 1.0, 1.0) for n in (n_old, n_new))
        inverse = 1.0 / n_old + 1.0 / n_new
        # 0 at the least, so that more ``delta`` never means fewer alarms
        confidence = jnp.maximum(jnp.log(2.0 * jnp.log(jnp.maximum(width, 2.0)) / self.delta), 0.0)
        bound = jnp.sqrt(2.0 * inverse * state.spread / width * confidence) + 2.0 / 3.0 * inverse * confidence
        return (long_enough & (jnp.abs(difference) > bound)).any()
