"""What a drift process is."""

from typing import Protocol, TypeVar

import jax.numpy as jnp
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


def ramp(clock: Clock, onset_s: Array, duration_s: Array) -> Array:
    """() 0 before ``onset_s``, rising linearly to 1 over ``duration_s``; a step at the onset where that is 0."""
    since = clock.seconds - onset_s
    rise = jnp.where(duration_s > 0, since / jnp.where(duration_s > 0, duration_s, 1.0), 1.0)
    return jnp.where(since >= 0, jnp.clip(rise, 0.0, 1.0), 0.0)


class Stateless:
    """For processes that remember nothing."""

    def init(self, key: Array) -> tuple[()]:
        return ()
