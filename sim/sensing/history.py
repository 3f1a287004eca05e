"""The last few values of features, for what has no memory of its own."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..loop.reading import Reading
from ..pytree import component, static


class HistoryState(NamedTuple):
    sensing: Any
    past: Array  # (length, n_features), the newest last
    begun: Array  # () bool


@component
class History:
    """The features of ``sensing`` in the last ``length`` windows, oldest first: (length n_features,). Before there are
    as many, the first repeats."""

    sensing: Any
    length: int = static()

    @property
    def n_features(self) -> int:
        return self.length * self.sensing.n_features

    def init(self) -> HistoryState:
        past = jnp.zeros((self.length, self.sensing.n_features))
        return HistoryState(self.sensing.init(), past, jnp.asarray(False))

    def step(self, state: HistoryState, reading: Reading) -> tuple[HistoryState, Array]:
        inner, x = self.sensing.step(state.sensing, reading)
        past = jnp.where(state.begun, jnp.concatenate([state.past[1:], x[None]]), x[None])
        return HistoryState(inner, past, jnp.asarray(True)), past.ravel()
