"""What a drift process is."""

from typing import Any, Protocol, TypeVar

import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..keys import stream_key

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


def begin(processes: tuple[Any, ...], key: Array) -> tuple[Any, ...]:
    """The first state of every process; the same key gives the same drift for ever."""
    return tuple(process.init(stream_key(key, f"drift.init.{i}")) for i, process in enumerate(processes))


def evolve(
    processes: tuple[Any, ...], states: tuple[Any, ...], nominal: Conditions, clock: Clock, key: Array
) -> tuple[tuple[Any, ...], Conditions]:
    """Let every process act on the nominal conditions in turn: their new states, and the conditions now."""
    conditions, after = nominal, []
    for i, (process, state) in enumerate(zip(processes, states)):
        state, conditions = process.step(state, conditions, clock, stream_key(key, f"drift.{i}", clock.tick))
        after.append(state)
    return tuple(after), conditions


class Stateless:
    """For processes that remember nothing."""

    def init(self, key: Array) -> tuple[()]:
        return ()
