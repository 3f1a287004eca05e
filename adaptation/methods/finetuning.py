"""Continual fine-tuning: gradient steps on every labelled trial, replaying old ones. Labels: all that come."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from .gate import when
from .layers import AllLayers, Params
from .objectives import Anchored, Problem
from .replay import Replay


class FineTuningMemory(NamedTuple):
    """replay: of the buffer; objective: what its rule knows of the calibration; own: of the reach;
    base: params before the stream; optimizer: Adam's moments."""

    replay: Any
    objective: Any
    own: Any
    base: Params
    optimizer: Any


@component
class ContinualFineTuning:
    """``n_steps`` Adam steps per label, dropout off and feature statistics as stored.

    Three choices make a method of it: ``replay``, the trials a step is made on (a Buffer); ``reach``, the parameters
    that move (a Reach); ``objective``, what is descended (an Objective). The first ``warm_up`` labels of a session are
    only collected. The default ``learning_rate``, relative to the size of a layer's parameters (AllLayers), was chosen
    on the synthetic streams of tests/adaptation/streams.py, other seeds than the tests'.
    """

    learning_rate: float = 5e-3
    n_steps: int = static(default=4)
    warm_up: int = static(default=10)
    replay: Any = Replay()
    reach: Any = AllLayers()
    objective: Any = Anchored()

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> FineTuningMemory:
        own = self.reach.start(decoder, variables.params, key)
        return FineTuningMemory(
            replay=self.replay.start(variables, calibration, decoder.n_classes, key),
            objective=self.objective.start(decoder, variables, calibration),
            own=own,
            base=variables.params,
            optimizer=optax.scale_by_adam().init(self.reach.theta(decoder, own, variables.params)),
        )

    def observe(
        self, memory: FineTuningMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[FineTuningMemory, Variables]:
        return memory, variables

    def learn(
        self, memory: FineTuningMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[FineTuningMemory, Variables, Array]:
        used = feedback.available
        replay = self.replay.store(memory.replay, variables.align @ feedback.window, feedback.label, used)
        ready = used & (replay.n_new >= self.warm_up)
        moved = (variables.params, memory.own, memory.optimizer)
        rest = (variables._replace(params={}), replay, memory.objective, memory.base)
        params, own, optimizer = when(ready, _train, moved, self, decoder, *rest)
        memory = memory._replace(
            replay=self.replay.end_session(replay, feedback.session_end), own=own, optimizer=optimizer
        )
        return memory, variables._replace(params=params), used


def _train(
    moved: tuple[Params, Any, Any],
    method: ContinualFineTuning,
    decoder: Any,
    variables: Variables,
    replay: Any,
    known: Any,
    base: Params,
) -> tuple[Params, Any, Any]:
    """``method.n_steps`` Adam steps on (params, own, optimizer state)."""
    now, own, optimizer = moved
    reach = method.reach
    # Stored windows are aligned already, which a decoder of a converter's integers cannot be given.
    identity = jnp.eye(variables.align.shape[-1], dtype=variables.align.dtype)
    decoder = getattr(decoder, "in_floats", decoder)
    problem = Problem(decoder, variables._replace(align=identity), base, lambda theta: reach.params(base, now, theta))
    rates = reach.rates(decoder, base, method.learning_rate)

    def step(carry: tuple[Any, Any], row: Any) -> tuple[tuple[Any, Any], None]:
        theta, optimizer = carry
        old, new = method.replay.batch(replay, row)
        gradient = method.objective.gradient(known, problem, theta, old, new)
        steps, optimizer = optax.scale_by_adam().update(gradient, optimizer)
        theta = jax.tree.map(
            lambda rate, part, by: jax.tree.map(lambda p, u: p - rate * u, part, by), rates, theta, steps
        )
        return (theta, optimizer), None

    rows = method.replay.draw(replay, method.n_steps)
    (theta, optimizer), _ = jax.lax.scan(step, (reach.theta(decoder, own, now), optimizer), rows)
    return reach.params(base, now, theta), reach.keep(own, theta), optimizer
