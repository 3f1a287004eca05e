"""What a sensing is: from the readings of a loop to the numbers that a controller decides on."""

from typing import Protocol, TypeVar

from jax import Array

from ..loop.reading import Reading

S = TypeVar("S")


class Sensing(Protocol[S]):
    """Features of readings: causal, compiled, its memory apart. It is stepped once per control window.

    Samples that are blanked, clipped or not finite never enter a feature: filters are given what :mod:`.gaps` puts in
    their place, averages leave them out. Where the packet was lost (``reading.fresh`` is False) the features are held.
    Readings are taken to follow each other without gap or overlap; estimators of phase, for which a millisecond counts,
    go by ``reading.age`` instead.
    """

    @property
    def n_features(self) -> int: ...

    def init(self) -> S:
        """The memory before the first window."""
        ...

    def step(self, state: S, reading: Reading) -> tuple[S, Array]:
        """(memory, features (n_features,)) at the end of a control window."""
        ...
