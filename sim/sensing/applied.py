"""What the stimulator did."""

from jax import Array

from ..loop.reading import Reading
from ..pytree import component, static


@component
class Applied:
    """The amplitude delivered in the last window, relative to the largest: (n_stim,)."""

    n_stim: int = static(default=1)

    @property
    def n_features(self) -> int:
        return self.n_stim

    def init(self) -> tuple[()]:
        return ()

    def step(self, state: tuple[()], reading: Reading) -> tuple[tuple[()], Array]:
        return state, reading.applied
