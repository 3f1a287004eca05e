"""What is the same for every source that wraps another."""

from typing import Any, ClassVar

from jax import Array

from .base import WithoutTrials


class Wrapping(WithoutTrials):
    """A source whose ``source`` has the dipoles and the contacts; final subclasses say what is done to it."""

    source: Any

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = True

    @property
    def sfreq(self) -> float:
        return self.source.sfreq

    @property
    def n_times(self) -> int:
        return self.source.n_times

    @property
    def n_sources(self) -> int:
        return self.source.n_sources

    @property
    def n_stim(self) -> int:
        return self.source.n_stim

    @property
    def positions(self) -> Array:
        return self.source.positions

    @property
    def orientations(self) -> Array:
        return self.source.orientations

    @property
    def window_s(self) -> float:
        """s, of one window."""
        return self.n_times / self.sfreq
