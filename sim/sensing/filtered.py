"""A sensing of a band: what looks at samples, behind a filter."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..loop.reading import Reading
from ..pytree import component, static
from .gaps import hold, usable
from .iir import Filter, FilterState


class FilteredState(NamedTuple):
    filter: FilterState
    last: Array  # (n_channels,) V
    sensing: Any


@component
class Filtered:
    """``sensing`` of the channels after a causal ``filter``, whose group delay it adds. Unusable samples enter the
    filter as the last usable one; the sensing does not see that they were any."""

    filter: Filter
    sensing: Any
    n_channels: int = static(default=1)

    @property
    def n_features(self) -> int:
        return self.sensing.n_features

    def init(self) -> FilteredState:
        return FilteredState(self.filter.init(self.n_channels), jnp.zeros(self.n_channels), self.sensing.init())

    def step(self, state: FilteredState, reading: Reading) -> tuple[FilteredState, Array]:
        good = usable(reading)
        filled, last = hold(reading.v, good, state.last)
        seen = state.filter.started | jnp.any(good, axis=1)
        moved, v = self.filter.step(state.filter, filled)
        memory = FilterState(jnp.where(seen[:, None], moved.memory, state.filter.memory), seen)
        v = jnp.where(seen[:, None], v, 0.0)
        inner, features = self.sensing.step(
            state.sensing, reading._replace(v=v, blanked=jnp.zeros_like(reading.blanked))
        )
        return FilteredState(memory, last, inner), features
