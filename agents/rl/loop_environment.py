"""A closed loop as an environment to train in."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.envs.engine import depends_on_input
from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.loop import Loop, LoopState
from ...sim.pytree import component, static
from .environment import Transition

Draw = Callable[[Loop, Array], Loop]
"""A traceable function of (loop, key) that replaces leaves: the person, and what drifts how."""


class LoopEnvironmentState(NamedTuple):
    own: tuple[Array, ...]  # the leaves of this episode's loop that are drawn
    loop: LoopState
    n: Array  # () int32 windows since the episode began


@component
class LoopEnvironment:
    """Control windows of a loop as steps; made by :meth:`create`.

    The observation is the loop's own (the features of its sensing, or the window as it arrived, flattened), never
    ground truth. Actions in [-1, 1] span what the loop takes: [-1, 1] itself where it is bipolar, else [0, 1] with -1
    for nothing. ``draw`` gives each episode its own person and drift; the first window of an episode is without
    stimulation. ``info``: ``applied_action`` (n_actions,) as delivered, in the unit of the action; ``applied``
    (n_stim,) relative to the largest current; ``marker``, ``vetoes``, ``seconds`` (); ``usable`` () bool, False where
    the packet was lost or nothing of it but blanked samples.
    """

    loop: Loop
    n_windows: Array
    n_observations: int = static()
    n_actions: int = static()
    draw: Draw | None = static(default=None)
    varies: tuple[bool, ...] = static(default=())

    @classmethod
    def create(cls, loop: Loop, n_windows: int, draw: Draw | None = None) -> "LoopEnvironment":
        """``n_windows`` windows an episode, the first included. InputError for fewer than two, and for a ``draw`` that
        changes more than leaves."""
        if n_windows < 2:
            raise InputError(f"n_windows is {n_windows}; an episode wants 2 or more, the first is without stimulation")
        example, varies = jax.random.key(0), ()
        if draw is not None:
            structure = jax.tree.structure(loop)
            shapes = [(jnp.shape(leaf), jnp.result_type(leaf)) for leaf in jax.tree.leaves(loop)]
            closed, drawn = jax.make_jaxpr(lambda key: draw(loop, key), return_shape=True)(example)
            leaves = jax.tree.leaves(drawn)
            if jax.tree.structure(drawn) != structure or [(x.shape, x.dtype) for x in leaves] != shapes:
                raise InputError(
                    "draw changes the structure, a shape or a type of the loop; wanted other numbers alone"
                )
            varies = depends_on_input(closed.jaxpr)
        observation = jax.eval_shape(lambda key: loop.begin(key)[1].observation, example)
        return cls(
            loop=loop, n_windows=jnp.int32(n_windows), n_observations=observation.size, n_actions=loop.n_stim,
            draw=draw, varies=varies,
        )  # fmt: skip

    def reset(self, key: Array) -> tuple[LoopEnvironmentState, Array]:
        """(state, observation (n_observations,)) after the first window of a new episode."""
        loop, own = self.loop, ()
        if self.draw is not None:
            loop = self.draw(loop, stream_key(key, "person"))
            own = tuple(jnp.asarray(leaf) for leaf, mine in zip(jax.tree.leaves(loop), self.varies) if mine)
        state, outcome = loop.begin(stream_key(key, "loop"))
        return LoopEnvironmentState(own, state, jnp.int32(1)), jnp.ravel(outcome.observation)

    def step(self, state: LoopEnvironmentState, action: Array) -> tuple[LoopEnvironmentState, Transition]:
        """One control window with action (n_actions,)."""
        loop = self.episode(state)
        after, outcome = loop.step(state.loop, to_loop(action, loop.bipolar))
        reading, n = outcome.reading, state.n + 1
        info = {
            "applied_action": from_loop(outcome.applied, loop.bipolar), "applied": outcome.applied,
            "marker": outcome.marker, "vetoes": outcome.vetoes, "seconds": outcome.window.clock.seconds,
            "usable": reading.fresh & ~jnp.all(reading.blanked),
        }  # fmt: skip
        terminated = jnp.asarray(outcome.terminated, bool)
        truncated = (n >= self.n_windows) & ~terminated
        transition = Transition(
            jnp.ravel(outcome.observation), outcome.reward, outcome.cost, terminated, truncated, info
        )
        return LoopEnvironmentState(state.own, after, n), transition

    def episode(self, state: LoopEnvironmentState) -> Loop:
        """The loop of the episode that ``state`` is of."""
        if self.draw is None:
            return self.loop
        leaves, structure = jax.tree.flatten(self.loop)
        own = iter(state.own)
        return jax.tree.unflatten(structure, [next(own) if mine else x for x, mine in zip(leaves, self.varies)])


def to_loop(action: Array, bipolar: bool) -> Array:
    """An action in [-1, 1] as the loop takes it. What is not a number stays so, for the shield to refuse."""
    return action if bipolar else 0.5 * (action + 1.0)


def from_loop(applied: Array, bipolar: bool) -> Array:
    """What was applied, relative to the largest current, as an action in [-1, 1]."""
    return applied if bipolar else 2.0 * applied - 1.0
