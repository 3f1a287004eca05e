"""What a drift process is."""

from typing import Protocol, TypeVar

from jax import Array

from ..clock import Clock
from ..conditions import Conditions

S = TypeVar("S")


class Drift(Protocol[S]):
    """Something that changes the conditions over simulated time.

    Every window starts again from the nominal conditions and passes them through each process in turn, so
    processes compose, and leaving one out gives the paired counterfactual. What must be remembered (a random walk,
    a Markov chain) lives in the process's own state. Times are seconds of simulated time, never counts of resets.
    """

    def init(self, key: Array) -> S: ...

    def step(self, state: S, conditions: Conditions, clock: Clock, key: Array) -> tuple[S, Conditions]: ...
