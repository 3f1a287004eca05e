"""Random stimulation at another controller's dose: what is left of a benefit that timing has no part in."""

import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..sim.errors import InputError
from ..sim.pytree import component, static


class RandomMatchedMemory(NamedTuple):
    left: Array  # () int32 windows of the present run; -1 before the first
    level: Array  # () of the present run; 0 in a pause


@component
class RandomMatched:
    """On and off in turn, for durations and with amplitudes drawn from another controller's.

    ``on``, ``off`` (n,) are durations in windows, ``levels`` (n,) the amplitude that goes with each duration of ``on``;
    draws are independent, and all contacts do the same. Time on, the law of the durations and the mean square of the
    amplitude are those of the controller, and nothing is known of the brain.
    """

    on: Array
    off: Array
    levels: Array
    n_stim: int = static(default=1)

    @classmethod
    def like(cls, applied: ArrayLike, n_stim: int | None = None, size: int = 512) -> "RandomMatched":
        """From what a controller gave: applied (n_windows,), (n_windows, n_stim) or (n_runs, n_windows, n_stim),
        relative; n_stim of this policy, by default the same. ``size`` durations of each kind are kept, evenly over
        their quantiles, so that the policy's arrays do not grow with the recording.

        A run's amplitude is its root mean square over windows and contacts. InputError where nothing was ever on, or
        never off.
        """
        u = np.asarray(applied, float)
        u = u[None, :, None] if u.ndim == 1 else u[None] if u.ndim == 2 else u
        if u.ndim != 3 or not np.isfinite(u).all():
            raise InputError(
                f"applied has shape {np.shape(applied)}; wanted finite (n_windows,), (n_windows, n_stim) or"
                " (n_runs, n_windows, n_stim)"
            )
        on, off, square = [], [], []
        for run in u:
            power = np.mean(run**2, axis=-1)
            edges = np.flatnonzero(np.diff(power > 0)) + 1
            # the first and the last stretch are cut off by the recording, and so are left out
            for first, last in itertools.pairwise(edges):
                if power[first] > 0:
                    on.append(last - first)
                    square.append(power[first:last].mean())
                else:
                    off.append(last - first)
        if not on or not off:
            raise InputError(
                "the controller was never switched on and off in between; match one that was, or use Constant or Off"
            )
        order = np.argsort(on, kind="stable")
        return cls(
            on=_spread(np.asarray(on)[order], size),
            off=_spread(np.sort(off), size),
            levels=_spread(np.sqrt(np.asarray(square)[order]), size),
            n_stim=u.shape[-1] if n_stim is None else n_stim,
        )

    @property
    def time_on(self) -> Array:
        """() share of the windows that are on, in the long run."""
        return jnp.mean(self.on) / (jnp.mean(self.on) + jnp.mean(self.off))

    @property
    def mean_square(self) -> Array:
        """() of the amplitude, over all windows in the long run."""
        return self.time_on * jnp.sum(self.on * self.levels**2) / jnp.sum(self.on)

    def init(self) -> RandomMatchedMemory:
        return RandomMatchedMemory(jnp.int32(-1), jnp.zeros(()))

    def act(self, memory: RandomMatchedMemory, reading: Any, key: Array) -> tuple[RandomMatchedMemory, Array]:
        """(memory, request (n_stim,)), drawn from ``key``; nothing is read."""
        k_which, k_on, k_off = jax.random.split(key, 3)
        starts = jax.random.bernoulli(k_which, self.time_on)
        begins_on = jnp.where(memory.left < 0, starts, memory.level == 0)
        n = jax.random.randint(k_on, (), 0, self.on.shape[0])
        pause = self.off[jax.random.randint(k_off, (), 0, self.off.shape[0])]
        over = memory.left <= 0
        left = jnp.where(over, jnp.where(begins_on, self.on[n], pause).astype(jnp.int32), memory.left)
        level = jnp.where(over, jnp.where(begins_on, self.levels[n], 0.0), memory.level)
        return RandomMatchedMemory(left - 1, level), jnp.full(self.n_stim, level)


def _spread(ordered: np.ndarray, size: int) -> Array:
    """At most ``size`` of the values, evenly over their order; a whole set is kept as it is."""
    n = len(ordered)
    pick = np.arange(n) if n <= size else ((np.arange(size) + 0.5) * n / size).astype(int)
    return jnp.asarray(ordered[pick], jnp.float32)
