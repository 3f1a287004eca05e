"""Environments of a few steps whose values and best actions are known: every algorithm is held to them first."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.noise import normal
from ...sim.pytree import component, static
from .environment import Transition

BEST = 0.5  # of every probe in which the action matters


class ProbeState(NamedTuple):
    """Where an episode stands: its random key, the number of steps made, and what was drawn, ()."""

    key: Array
    tick: Array
    drawn: Array


def _begin(key: Array) -> ProbeState:
    sign = jnp.where(jax.random.bernoulli(stream_key(key, "sign")), 1.0, -1.0)
    return ProbeState(key, jnp.int32(0), sign)


def _end(observation: Any, reward: Any, terminated: Any = True, truncated: Any = False, cost: Any = 0.0) -> Transition:
    observation = jnp.reshape(jnp.asarray(observation, jnp.float32), (-1,))
    return Transition(
        observation, jnp.asarray(reward, jnp.float32), jnp.asarray(cost, jnp.float32), jnp.asarray(terminated, bool),
        jnp.asarray(truncated, bool), {},
    )  # fmt: skip


@component
class _Probe:
    n_observations: int = static(default=1)
    n_actions: int = static(default=1)


@component
class ConstantValue(_Probe):
    """One step, observation 0, reward 1: the value is 1."""

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        return _begin(key), jnp.zeros(1)

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        return state, _end(0.0, 1.0)


@component
class ObservedValue(_Probe):
    """One step, observation -1 or 1, which is the reward: the value is the observation."""

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        state = _begin(key)
        return state, state.drawn[None]

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        return state, _end(state.drawn, state.drawn)


@component
class DiscountedValue(_Probe):
    """Two steps, observations 0 and 1, reward 1 at the end: the values are the discount and 1."""

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        return _begin(key), jnp.zeros(1)

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        last = state.tick == 1
        return state._replace(tick=state.tick + 1), _end(1.0, last, terminated=last)


@component
class TruncatedValue(_Probe):
    """Reward 1 in each step, for ever, but watched for ``n_steps``: the value is 1 / (1 - discount).

    Whoever takes a truncated episode for a terminated one finds less.
    """

    n_steps: int = static(default=4)

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        return _begin(key), jnp.zeros(1)

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        tick = state.tick + 1
        return state._replace(tick=tick), _end(0.0, 1.0, terminated=False, truncated=tick >= self.n_steps)


@component
class ActionMatters(_Probe):
    """One step, reward -(action - 0.5)^2: the best action is 0.5, its value 0."""

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        return _begin(key), jnp.zeros(1)

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        return state, _end(0.0, -((action[0] - BEST) ** 2))


@component
class ActionAndObservation(_Probe):
    """One step, reward -(action - 0.5 observation)^2 for an observation of -1 or 1: the best action is half of it."""

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        state = _begin(key)
        return state, state.drawn[None]

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        return state, _end(state.drawn, -((action[0] - BEST * state.drawn) ** 2))


@component
class Memory(_Probe):
    """A cue of -1 or 1, ``n_blank`` empty observations, then reward -(action - 0.5 cue)^2 for the answer.

    The second observation is 1 when the answer is due. Whoever remembers gets 0; without a memory the best is 0 for an
    action, and -0.25.
    """

    n_observations: int = static(default=2)
    n_blank: int = static(default=2)

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        state = _begin(key)
        return state, jnp.stack([state.drawn, jnp.float32(0.0)])

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        tick = state.tick + 1
        due, over = tick == self.n_blank + 1, tick > self.n_blank + 1
        reward = jnp.where(over, -((action[0] - BEST * state.drawn) ** 2), 0.0)
        return state._replace(tick=tick), _end([0.0, due], reward, terminated=over)


@component
class Constrained(_Probe):
    """One step, reward -(action - 1)^2, cost (action + 1) / 2.

    With a mean cost of at most 0.75 the best action is 0.5, and the multiplier there 2, by 2 (1 - action) =
    multiplier / 2. Without a limit it is 1.
    """

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        return _begin(key), jnp.zeros(1)

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        return state, _end(0.0, -((action[0] - 1.0) ** 2), cost=(action[0] + 1.0) / 2.0)


CONSTRAINED_LIMIT, CONSTRAINED_MULTIPLIER = 0.75, 2.0


@component
class HiddenSign(_Probe):
    """A response of unknown sign that may flip: reward sign * action, observation always 0, ``n_steps`` steps.

    Every step the sign flips with probability ``flip`` (). Only who sees what it did and what came of it (see
    :mod:`.context`) can do better than 0: at best (n_steps - 1) of n_steps without flips. A ``sign`` of 0 is drawn.
    """

    flip: Array | float = 0.0
    sign: Array | float = 0.0
    n_steps: int = static(default=8)

    def reset(self, key: Array) -> tuple[ProbeState, Array]:
        state = _begin(key)
        return state._replace(drawn=jnp.where(self.sign == 0.0, state.drawn, self.sign)), jnp.zeros(1)

    def step(self, state: ProbeState, action: Array) -> tuple[ProbeState, Transition]:
        reward = state.drawn * action[0]
        tick = state.tick + 1
        flips = jax.random.bernoulli(stream_key(state.key, "flip", tick), self.flip)
        drawn = jnp.where(flips, -state.drawn, state.drawn)
        return ProbeState(state.key, tick, drawn), _end(0.0, reward, terminated=False, truncated=tick >= self.n_steps)


@component
class Mixed:
    """One of several probes of one observation in each episode, at random; which one is told in as many observations
    before the probe's own. All of them are learnt in one training."""

    probes: tuple[Any, ...] = (
        ConstantValue(), ObservedValue(), DiscountedValue(), TruncatedValue(), ActionMatters(), ActionAndObservation(),
        Constrained(),
    )  # fmt: skip
    n_actions: int = static(default=1)

    @property
    def n_observations(self) -> int:
        return len(self.probes) + 1

    def seen(self, which: Array | int, observation: Any) -> Array:
        """The observation () of probe number ``which`` as this environment shows it."""
        return jnp.concatenate([jax.nn.one_hot(which, len(self.probes)), jnp.reshape(observation, (1,))])

    def reset(self, key: Array) -> tuple[tuple[ProbeState, Array], Array]:
        which = jax.random.randint(stream_key(key, "probe"), (), 0, len(self.probes))
        state, observation = jax.lax.switch(which, [probe.reset for probe in self.probes], key)
        return (state, which), self.seen(which, observation)

    def step(self, state: tuple[ProbeState, Array], action: Array) -> tuple[tuple[ProbeState, Array], Transition]:
        inner, which = state
        inner, transition = jax.lax.switch(which, [probe.step for probe in self.probes], inner, action)
        return (inner, which), transition._replace(observation=self.seen(which, transition.observation))


class LinearState(NamedTuple):
    key: Array
    tick: Array
    x: Array


@component
class Linear:
    """x' = a x + b action + noise, reward -(x^2 + effort action^2), watched for ``n_steps``: the linear regulator.

    With discount 1 the best action is -gain x, see :meth:`gain`. Differentiable. cost is the action's square.
    """

    a: Array | float = 1.0
    b: Array | float = 0.5
    effort: Array | float = 0.1
    noise: Array | float = 0.1
    n_steps: int = static(default=50)
    n_observations: int = static(default=1)
    n_actions: int = static(default=1)

    def reset(self, key: Array) -> tuple[LinearState, Array]:
        x = jax.random.uniform(stream_key(key, "start"), (), minval=-1.0, maxval=1.0)
        return LinearState(key, jnp.int32(0), x), x[None]

    def step(self, state: LinearState, action: Array) -> tuple[LinearState, Transition]:
        action = action[0]
        reward = -(state.x**2 + self.effort * action**2)
        tick = state.tick + 1
        x = self.a * state.x + self.b * action + self.noise * normal(stream_key(state.key, "noise", tick), ())
        made = _end(x, reward, terminated=False, truncated=tick >= self.n_steps, cost=action**2)
        return LinearState(state.key, tick, x), made

    def gain(self, discount: float = 1.0) -> float:
        """Of the best action -gain x, by the scalar Riccati equation (Bertsekas, Dynamic Programming, 3.1)."""
        # discounting a regulator is scaling its dynamics
        root = discount**0.5
        a, b, effort = root * float(self.a), root * float(self.b), float(self.effort)
        p = 1.0
        for _ in range(1000):
            p = 1.0 + a * a * p - (a * b * p) ** 2 / (effort + b * b * p)
        return a * b * p / (effort + b * b * p)
