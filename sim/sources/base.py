"""What a source of brain activity is."""

from typing import Any, ClassVar, Protocol, TypeVar

from jax import Array

from ..conditions import Conditions

S = TypeVar("S")
Truth = dict[str, Any]
"""Ground truth of one window, by name; logged in ``info`` and results, never part of an observation."""


class Source(Protocol[S]):
    """Brain activity as current dipoles: stimulation current in (A), dipole moments out (A·m).

    ``positions`` (n_sources, 3) m and ``orientations`` (n_sources, 3) unit vectors, in head coordinates
    (x right, y front, z up, origin at the centre of the head). ``trial_windows`` control windows make a trial,
    of which ``epoch`` = (first, last + 1) are what a decoder is given.
    """

    jittable: ClassVar[bool]
    responds_to_stim: ClassVar[bool]

    @property
    def sfreq(self) -> float: ...
    @property
    def n_times(self) -> int: ...
    @property
    def n_sources(self) -> int: ...
    @property
    def n_stim(self) -> int: ...
    @property
    def n_classes(self) -> int: ...
    @property
    def trial_windows(self) -> int: ...
    @property
    def epoch(self) -> tuple[int, int]: ...
    @property
    def positions(self) -> Array: ...
    @property
    def orientations(self) -> Array: ...

    def init(self, key: Array, conditions: Conditions) -> S: ...

    def step(self, state: S, stim: Array, conditions: Conditions, key: Array) -> tuple[S, Array, Truth]:
        """One control window: stim (n_stim, n_times) A -> moments (n_sources, n_times) A·m.

        ``truth`` holds at least ``label`` () int32, the class of the running trial (-1 where there is none).
        """
        ...


class WithoutTrials:
    """For sources of ongoing activity: one class, one window, nothing to classify."""

    @property
    def n_classes(self) -> int:
        return 1

    @property
    def trial_windows(self) -> int:
        return 1

    @property
    def epoch(self) -> tuple[int, int]:
        return 0, 1
