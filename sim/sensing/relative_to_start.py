"""Features relative to the person's own at the beginning, such as awake before an infusion acts."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..errors import InputError
from ..loop.reading import Reading
from ..pytree import component, static


class StartState(NamedTuple):
    sensing: Any
    total: Array  # (n_features,) sum over the windows of the beginning
    tick: Array  # () int32 fresh readings so far


@component
class RelativeToStart:
    """Every feature over its mean in the ``length`` windows that follow the first ``skip``, in which filters settle;
    1 until then. A feature whose mean there is 0 stays 1. Windows without a fresh reading do not count."""

    sensing: Any
    skip: int = static(default=5)
    length: int = static(default=10)

    @classmethod
    def create(cls, sensing: Any, *, skip: int = 5, length: int = 10) -> "RelativeToStart":
        """InputError unless skip is 0 or more and length 1 or more."""
        if skip < 0 or length < 1:
            raise InputError(f"skip {skip}, length {length} windows; wanted 0 or more, and 1 or more")
        return cls(sensing=sensing, skip=skip, length=length)

    @property
    def n_features(self) -> int:
        return self.sensing.n_features

    def init(self) -> StartState:
        return StartState(self.sensing.init(), jnp.zeros(self.n_features), jnp.int32(0))

    def step(self, state: StartState, reading: Reading) -> tuple[StartState, Array]:
        """(n_features,)."""
        inner, x = self.sensing.step(state.sensing, reading)
        last = self.skip + self.length
        tick = jnp.minimum(state.tick + reading.fresh, last + 1)
        inside = reading.fresh & (tick > self.skip) & (tick <= last)
        total = state.total + jnp.where(inside, x, 0.0)
        known = (tick >= last) & (total != 0)
        ratio = jnp.where(known, x * self.length / jnp.where(total != 0, total, 1.0), 1.0)
        return StartState(inner, total, tick), ratio
