"""What lets a policy adapt while it acts: observations that say what it did and what came of it.

A plant that drifts is one of many whose parameters are hidden. A policy trained over all of them (domain randomisation)
that also observes its own recent actions and their consequences can tell which one it faces, and so adapts within the
session without learning anything: with a recurrent policy on :class:`WithFeedback` this is RL^2 (Duan et al 2016),
with an encoder over :class:`WithHistory` (``n_history`` of the algorithms) a context-conditioned one.

Each wrapper has a twin for a deployed policy, which knows no reward (``rewards`` False): :class:`FeedbackSensing`,
:class:`HistorySensing`.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from .environment import Transition, applied
from .loop_environment import from_loop


@component
class WithFeedback:
    """The observation, then the last delivered action (n_actions,), its reward (where ``rewards``), and 1 where an
    episode begins."""

    environment: Any
    rewards: bool = static(default=True)

    @property
    def n_observations(self) -> int:
        return self.environment.n_observations + self.environment.n_actions + self.rewards + 1

    @property
    def n_actions(self) -> int:
        return self.environment.n_actions

    def reset(self, key: Array) -> tuple[Any, Array]:
        """(state, observation (n_observations,)) of a new episode."""
        state, observation = self.environment.reset(key)
        return state, jnp.concatenate([observation, jnp.zeros(self.n_actions + self.rewards), jnp.ones(1)])

    def step(self, state: Any, action: Array) -> tuple[Any, Transition]:
        """One step with action (n_actions,)."""
        state, transition = self.environment.step(state, action)
        item = _item(transition, action, self.rewards)
        observation = jnp.concatenate([transition.observation, item, jnp.zeros(1)])
        return state, transition._replace(observation=observation)


class HistoryState(NamedTuple):
    inner: Any
    past: Array  # (n_past, n_item), the newest last
    observation: Array  # (n_inner,), what the next action answers


@component
class WithHistory:
    """The observation, then the last ``n_past`` items (observation, action delivered in answer, reward where
    ``rewards``), flattened, zeros before the episode began. ``n_history`` is their number, for the algorithms."""

    environment: Any
    n_past: int = static(default=8)
    rewards: bool = static(default=True)

    @property
    def n_item(self) -> int:
        return self.environment.n_observations + self.environment.n_actions + self.rewards

    @property
    def n_history(self) -> int:
        return self.n_past * self.n_item

    @property
    def n_observations(self) -> int:
        return self.environment.n_observations + self.n_history

    @property
    def n_actions(self) -> int:
        return self.environment.n_actions

    def reset(self, key: Array) -> tuple[HistoryState, Array]:
        """(state, observation (n_observations,)) of a new episode."""
        inner, observation = self.environment.reset(key)
        past = jnp.zeros((self.n_past, self.n_item))
        return HistoryState(inner, past, observation), jnp.concatenate([observation, past.ravel()])

    def step(self, state: HistoryState, action: Array) -> tuple[HistoryState, Transition]:
        """One step with action (n_actions,)."""
        inner, transition = self.environment.step(state.inner, action)
        item = jnp.concatenate([state.observation, _item(transition, action, self.rewards)])
        past = jnp.concatenate([state.past[1:], item[None]])
        observation = jnp.concatenate([transition.observation, past.ravel()])
        return HistoryState(inner, past, transition.observation), transition._replace(observation=observation)


def _item(transition: Transition, action: Array, rewards: bool) -> Array:
    parts = [applied(transition, action)]
    if rewards:
        parts.append(jnp.reshape(transition.reward, (1,)))
    return jnp.concatenate(parts)


@component
class FeedbackSensing:
    """Of a loop, what ``WithFeedback(..., rewards=False)`` adds to an environment of it; wraps its ``sensing``."""

    sensing: Any
    n_stim: int = static()
    bipolar: bool = static(default=True)

    @property
    def n_features(self) -> int:
        return self.sensing.n_features + self.n_stim + 1

    def init(self) -> tuple[Any, Array]:
        return self.sensing.init(), jnp.asarray(True)

    def step(self, state: tuple[Any, Array], reading: Any) -> tuple[tuple[Any, Array], Array]:
        """(state, features (n_features,))."""
        inner, first = state
        inner, features = self.sensing.step(inner, reading)
        action = jnp.where(first, 0.0, from_loop(reading.applied, self.bipolar))
        flag = jnp.where(first, 1.0, 0.0)[None]
        return (inner, jnp.asarray(False)), jnp.concatenate([jnp.ravel(features), action, flag])


class PastSensed(NamedTuple):
    inner: Any
    past: Array  # (n_past, n_item)
    features: Array  # (n_inner,) of the window before
    first: Array  # () bool


@component
class HistorySensing:
    """Of a loop, what ``WithHistory(..., rewards=False)`` adds to an environment of it; wraps its ``sensing``."""

    sensing: Any
    n_stim: int = static()
    n_past: int = static(default=8)
    bipolar: bool = static(default=True)

    @property
    def n_item(self) -> int:
        return self.sensing.n_features + self.n_stim

    @property
    def n_features(self) -> int:
        return self.sensing.n_features + self.n_past * self.n_item

    def init(self) -> PastSensed:
        past = jnp.zeros((self.n_past, self.n_item))
        return PastSensed(self.sensing.init(), past, jnp.zeros(self.sensing.n_features), jnp.asarray(True))

    def step(self, state: PastSensed, reading: Any) -> tuple[PastSensed, Array]:
        """(state, features (n_features,))."""
        inner, features = self.sensing.step(state.inner, reading)
        features = jnp.ravel(features)
        item = jnp.concatenate([state.features, from_loop(reading.applied, self.bipolar)])
        past = jnp.where(state.first, state.past, jnp.concatenate([state.past[1:], item[None]]))
        after = PastSensed(inner, past, features, jnp.asarray(False))
        return after, jnp.concatenate([features, past.ravel()])
