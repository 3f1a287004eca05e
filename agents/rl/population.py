"""Environments, one for all or drawn per lane; initial states from a bank; lanes that go on where an episode ends."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.envs.engine import depends_on_input
from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from .environment import Environment, Transition, rekey
from .shuffle import mix

Maker = Callable[[Array], Environment]
"""A key -> an environment drawn with it: domain randomisation."""


@component
class Population:
    """Environments that are drawn with a key; what all of them share is kept once.

    shared: the leaves that do not depend on the key; ``varies`` says which leaves do. Made by :func:`population`.
    ``classes`` names the classes in ``treedef``: JAX 0.10 takes the structures of two dataclasses for equal where only
    the class differs, and would run the one's compiled program for the other.
    """

    shared: tuple[Any, ...]
    treedef: Any = static()
    classes: str = static()
    varies: tuple[bool, ...] = static()
    make: Maker | None = static()

    def draw(self, key: Array) -> tuple[Array, ...]:
        """The leaves that belong to the one environment which ``key`` draws."""
        if self.make is None:
            return ()
        return tuple(leaf for leaf, own in zip(_leaves(self.make(key)), self.varies) if own)

    def environment(self, own: tuple[Array, ...]) -> Any:
        """The environment of the leaves that :meth:`draw` gave."""
        mine, ours = iter(own), iter(self.shared)
        return jax.tree.unflatten(self.treedef, [next(mine if v else ours) for v in self.varies])

    @property
    def sizes(self) -> tuple[int, int]:
        """(n_observations, n_actions)."""
        own = jax.eval_shape(self.draw, jax.random.key(0))
        found: list[tuple[int, int]] = []

        def look(own: tuple[Array, ...]) -> int:
            environment = self.environment(own)
            found.append((int(environment.n_observations), int(environment.n_actions)))
            return 0

        jax.eval_shape(look, own)
        return found[0]


def population(environment: "Environment | Maker | Population") -> Population:
    """One environment, or a traceable function of a key that draws one, as a population.

    All environments that a function draws have the same structure. InputError for anything else.
    """
    if isinstance(environment, Population):
        return environment
    if hasattr(environment, "reset") and hasattr(environment, "step"):
        leaves, treedef = jax.tree.flatten(environment)
        return Population(
            shared=tuple(map(jnp.asarray, leaves)), treedef=treedef, classes=str(treedef),
            varies=(False,) * len(leaves), make=None,
        )  # fmt: skip
    if not callable(environment):
        raise InputError(f"got {type(environment).__name__}; wanted an environment or a function key -> environment")
    example = jax.random.key(0)
    closed = jax.make_jaxpr(lambda key: _leaves(environment(key)))(example)
    varies = depends_on_input(closed.jaxpr)
    made: Any = environment(example)
    shared = tuple(leaf for leaf, own in zip(_leaves(made), varies) if not own)
    treedef = jax.tree.structure(made)
    return Population(shared=shared, treedef=treedef, classes=str(treedef), varies=varies, make=environment)


class Bank(NamedTuple):
    """Initial states, each with the environment that it belongs to: leaves (n_bank, ...)."""

    own: tuple[Array, ...]
    state: Any
    observation: Array


class Lanes(NamedTuple):
    """Environments side by side, leaves (n_envs, ...); total and cost (n_envs,) since the episode began, length int32.

    first: the observation begins an episode. ``until`` (n_envs,) int32: steps until an episode is cut short once, so
    that lanes which all began together do not stay in step. serial () uint32: of the futures given out.
    """

    own: tuple[Array, ...]
    state: Any
    observation: Array
    first: Array
    total: Array
    cost: Array
    length: Array
    until: Array
    serial: Array


class Ended(NamedTuple):
    """Of the episodes that ended in this step, (n_envs,): done, and what had come together; 0 where none ended."""

    done: Array
    total: Array
    cost: Array
    length: Array


NEVER = 2**30


def fill_bank(worlds: Population, key: Array, n_bank: int) -> Bank:
    """``n_bank`` environments drawn and reset, side by side."""

    def one(key: Array) -> Bank:
        own = worlds.draw(stream_key(key, "environment"))
        state, observation = worlds.environment(own).reset(stream_key(key, "reset"))
        return Bank(own, strong(state), jnp.asarray(observation, jnp.float32))

    return jax.vmap(one)(jax.random.split(key, n_bank))


def begin_lanes(bank: Bank, n_envs: int, key: Array, stagger: int) -> Lanes:
    """Lanes at states of the bank; the first episode of each is cut within ``stagger`` steps, 0 for not at all."""
    index = jnp.arange(n_envs) % bank.observation.shape[0]
    own, state, observation = jax.tree.map(lambda leaf: leaf[index], tuple(bank))
    state = jax.vmap(rekey)(state, jnp.arange(n_envs, dtype=jnp.uint32))
    until = jnp.full(n_envs, NEVER)
    if stagger > 0:
        until = jax.random.randint(stream_key(key, "stagger"), (n_envs,), 1, stagger + 1)
    zero = jnp.zeros(n_envs)
    return Lanes(
        own, state, observation, jnp.ones(n_envs, bool), zero, zero, jnp.zeros(n_envs, jnp.int32), until,
        jnp.uint32(n_envs),
    )  # fmt: skip


def advance(worlds: Population, bank: Bank, lanes: Lanes, actions: Array) -> tuple[Lanes, Transition, Ended]:
    """One step of every lane with actions (n_envs, n_actions); ended lanes go on from a state of the bank.

    The transition's observation is that of the ended episode, so that a truncated one can be bootstrapped; the lanes'
    observation is what the next action answers. A reset costs a copy, and only in steps in which an episode ends.
    """

    def one(own: tuple[Array, ...], state: Any, action: Array) -> tuple[Any, Transition]:
        state, transition = worlds.environment(own).step(state, action)
        # episodes that ended elsewhere must not be replaced by states of another precision
        return strong(state), _tidy(transition)

    state, transition = jax.vmap(one)(lanes.own, lanes.state, actions)
    until = jnp.where(lanes.until == NEVER, NEVER, lanes.until - 1)
    cut = until == 0
    transition = transition._replace(truncated=transition.truncated | (cut & ~transition.terminated))
    done = transition.terminated | transition.truncated
    total = lanes.total + jnp.where(jnp.isfinite(transition.reward), transition.reward, 0.0)
    cost = lanes.cost + jnp.where(jnp.isfinite(transition.cost), transition.cost, 0.0)
    length = lanes.length + 1
    # what was cut short says nothing of an episode
    counted = done & ~cut
    ended = Ended(counted, jnp.where(counted, total, 0.0), jnp.where(counted, cost, 0.0), jnp.where(counted, length, 0))
    n_bank, n_envs = bank.observation.shape[0], done.shape[0]

    def renew(now: tuple[Any, ...]) -> tuple[Any, ...]:
        number = lanes.serial + jnp.arange(n_envs, dtype=jnp.uint32)
        index = (mix(number) % jnp.uint32(n_bank)).astype(jnp.int32)
        own, state, observation = jax.tree.map(lambda leaf: leaf[index], tuple(bank))
        return jax.tree.map(
            lambda new, old: _select(done, new, old), (own, jax.vmap(rekey)(state, number), observation), now
        )

    own, state, observation = jax.lax.cond(
        jnp.any(done), renew, lambda now: now, (lanes.own, state, transition.observation)
    )
    lanes = Lanes(
        own, state, observation, done, jnp.where(done, 0.0, total), jnp.where(done, 0.0, cost),
        jnp.where(done, 0, length), jnp.where(cut, NEVER, until),
        lanes.serial + jnp.where(jnp.any(done), n_envs, 0).astype(jnp.uint32),
    )  # fmt: skip
    return lanes, transition, ended


def _select(done: Array, new: Array, old: Array) -> Array:
    mask = done.reshape(done.shape + (1,) * (old.ndim - 1))
    return jnp.where(mask, new, old)


def _leaves(environment: Any) -> list[Array]:
    return [jnp.asarray(leaf) for leaf in jax.tree.leaves(environment)]


def strong(tree: Any) -> Any:
    """Arrays whose type no later operation changes (JAX's numbers from Python are weakly typed)."""

    def one(leaf: Any) -> Any:
        leaf = jnp.asarray(leaf)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return leaf
        return jax.lax.convert_element_type(leaf, leaf.dtype)

    return jax.tree.map(one, tree)


def _tidy(transition: Transition) -> Transition:
    observation, reward, cost = (jnp.asarray(x, jnp.float32) for x in transition[:3])
    terminated, truncated = (jnp.asarray(x, bool) for x in transition[3:5])
    return Transition(observation, reward, cost, terminated, truncated & ~terminated, transition.info)
