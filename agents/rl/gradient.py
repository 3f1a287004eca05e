"""Policies learnt through a differentiable environment: the gradient of what comes, over a short horizon.

Short-horizon actor-critic (Xu et al 2022): the objective is differentiated through ``n_steps`` steps of the dynamics
and closed by a critic, because a gradient through many steps of a brain, which is chaotic or nearly so, grows without
bound (see :mod:`neurodrift.sim.gradient`).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.noise import normal
from ...sim.pytree import component, static
from .constraint import Limit
from .environment import applied, usable
from .metrics import told
from .moments import Moments, Scale, accumulate, grown, no_moments, no_scale, normalise, seen, unit
from .networks import ActorCritic, entropy, look, squash
from .optimise import adam, descend, norm
from .population import Bank, Lanes, Population, advance, begin_lanes, fill_bank
from .trained import Trained


class GradientState(NamedTuple):
    """Everything that training goes on from."""

    params: Any
    critic: Any  # a slowly following copy, that targets rest on
    actor_memory: Any
    critic_memory: Any
    moments: Moments
    scale: Scale
    multiplier: Array
    lanes: Lanes
    bank: Bank
    key: Array
    n_updates: Array  # () int32


class Seen(NamedTuple):
    """A rollout, leaves (n_steps, n_envs, ...)."""

    observation: Array
    following: Array  # (.., n_values) value of what follows: 0 where terminated
    reward: Array
    cost: Array
    done: Array
    weight: Array


@component
class ShortHorizon:
    """Gradient ascent on the reward through ``n_steps`` steps of ``n_envs`` differentiable environments.

    With ``horizon_value`` False the end of the horizon counts for nothing: plain truncated backpropagation through
    time. ``limit`` subtracts the cost, weighted by its multiplier. The critic takes ``n_critic`` steps an update on
    targets of TD(``gae``). Gradients reach the policy through what the environment does with the *requested* action, so
    that a clipped or refused request has none. A gradient that is not finite moves nothing.
    """

    n_envs: int = static(default=64)
    n_steps: int = static(default=16)
    n_critic: int = static(default=8)
    hidden: tuple[int, ...] = static(default=(64, 64))
    n_history: int = static(default=0)
    n_bank: int = static(default=64)
    stagger: int = static(default=0)
    std: float = static(default=0.3)
    horizon_value: bool = static(default=True)
    normalise: bool = static(default=True)
    learning_rate: Array | float = 2e-3
    critic_rate: Array | float = 2e-3
    discount: Array | float = 0.99
    gae: Array | float = 0.95
    averaging: Array | float = 0.2
    entropy: Array | float = 0.0
    max_norm: Array | float = 1.0
    limit: Limit | None = None

    def __post_init__(self) -> None:
        if min(self.n_envs, self.n_steps, self.n_critic, self.n_bank) < 1:
            raise InputError("n_envs, n_steps, n_critic and n_bank of ShortHorizon must be 1 or more")

    @property
    def steps_per_update(self) -> int:
        return self.n_envs * self.n_steps

    def net(self, worlds: Population) -> ActorCritic:
        return ActorCritic(
            n_actions=worlds.sizes[1], hidden=self.hidden, n_values=1 if self.limit is None else 2, std=self.std,
            n_history=self.n_history,
        )  # fmt: skip

    def init(self, worlds: Population, key: Array) -> GradientState:
        """The state before the first update; everything random derives from ``key``."""
        n_observations, _ = worlds.sizes
        params = self.net(worlds).init(stream_key(key, "parameters"), jnp.zeros(0), jnp.zeros(n_observations))
        bank, method = fill_bank(worlds, stream_key(key, "bank"), self.n_bank), adam(self.max_norm)
        return GradientState(
            params=params,
            critic=jax.tree.map(jnp.copy, params),
            actor_memory=method.init(params),
            critic_memory=method.init(params),
            moments=no_moments(n_observations),
            scale=no_scale(self.n_envs),
            multiplier=jnp.asarray(0.0 if self.limit is None else self.limit.start, jnp.float32),
            lanes=begin_lanes(bank, self.n_envs, stream_key(key, "lanes"), self.stagger),
            bank=bank,
            key=key,
            n_updates=jnp.int32(0),
        )

    def refresh(self, worlds: Population, state: GradientState) -> GradientState:
        """The state with a bank of new initial states (and environments, where they are drawn)."""
        return state._replace(bank=fill_bank(worlds, stream_key(state.key, "refresh", state.n_updates), self.n_bank))

    def update(self, worlds: Population, state: GradientState) -> tuple[GradientState, dict[str, Array]]:
        """One horizon in every lane, one step of the policy, ``n_critic`` of the critic; metrics are numbers ()."""
        net, method = self.net(worlds), adam(self.max_norm)
        objective = jax.value_and_grad(self.objective, argnums=2, has_aux=True)
        (value, (rollout, lanes, running, returned, metrics)), gradient = objective(worlds, net, state.params, state)
        params, actor_memory = descend(method, gradient, state.actor_memory, state.params, self.learning_rate)
        x, targets = self.targets(net, rollout, state)
        weight = rollout.weight[..., None]

        def loss(params: Any) -> Array:
            values = look(net, params, jnp.zeros((*x.shape[:-1], 0)), x)[1].values
            return jnp.sum(weight * (values - targets) ** 2) / jnp.maximum(jnp.sum(weight), 1.0)

        def step(carry: tuple[Any, Any], _: None) -> Any:
            params, memory = carry
            value, gradient = jax.value_and_grad(loss)(params)
            return descend(method, gradient, memory, params, self.critic_rate), value

        (params, critic_memory), errors = jax.lax.scan(step, (params, state.critic_memory), None, length=self.n_critic)
        multiplier = state.multiplier
        if self.limit is not None:
            multiplier = self.limit.moved(multiplier, metrics["episode_cost" if self.limit.per_episode else "cost"])
            metrics["multiplier"] = multiplier
        moments = state.moments
        if self.normalise:
            flat = rollout.observation.reshape(-1, rollout.observation.shape[-1])
            moments = seen(moments, flat, rollout.weight.reshape(-1))
        state = GradientState(
            params=params, critic=optax.incremental_update(params, state.critic, self.averaging),
            actor_memory=actor_memory, critic_memory=critic_memory, moments=moments,
            scale=grown(state.scale, returned, running), multiplier=multiplier, lanes=lanes, bank=state.bank,
            key=state.key, n_updates=state.n_updates + 1,
        )  # fmt: skip
        return state, metrics | {"policy_loss": value, "value_loss": errors[-1], "gradient": norm(gradient)}

    def objective(self, worlds: Population, net: ActorCritic, params: Any, state: GradientState) -> tuple[Array, Any]:
        """(minus what a lane expects per step, what was seen): differentiable by ``params``."""
        noise = normal(stream_key(state.key, "actions", state.n_updates), (self.n_steps, self.n_envs, worlds.sizes[1]))
        scale, nothing = unit(state.scale), jnp.zeros((self.n_envs, 0))
        weights = jnp.ones(1)
        if self.limit is not None:
            weights = jnp.stack([1.0, -self.limit.weight(state.multiplier, jnp.nan) / scale])

        def step(carry: tuple[Lanes, Array, Array, Array], noise: Array) -> Any:
            lanes, running, factor, total = carry
            observation = lanes.observation
            _, head = look(net, params, nothing, normalise(state.moments, observation))
            action = squash(head, noise)[0]
            lanes, transition, ended = advance(worlds, state.bank, lanes, action)
            fine = jax.vmap(usable)(transition) & jnp.all(jnp.isfinite(observation), axis=-1)
            reward, cost = (jnp.where(fine, part, 0.0) for part in (transition.reward, transition.cost))
            done = transition.terminated | transition.truncated
            x = normalise(state.moments, transition.observation)
            following: Array = look(net, state.critic, nothing, x)[1].values
            following = jnp.where(transition.terminated[:, None], 0.0, following)
            both = jnp.stack([reward / scale, cost], axis=-1)[:, : net.n_values]
            total = total + factor * (both @ weights)
            if self.horizon_value:
                # what is left at the end of an episode that was only cut short
                total = total + jnp.where(transition.truncated, factor * self.discount * (following @ weights), 0.0)
            total = total + self.entropy * entropy(head)
            factor = jnp.where(done, 1.0, factor * self.discount)
            running, returned = accumulate(running, reward, done, self.discount)
            kept = Seen(observation, following, reward, cost, done, fine.astype(jnp.float32))
            return (lanes, running, factor, total), (kept, ended, returned, jax.vmap(applied)(transition, action))

        start = (state.lanes, state.scale.running, jnp.ones(self.n_envs), jnp.zeros(self.n_envs))
        # the dynamics are computed again on the way back: kept, a plant's inner steps would not fit into memory
        (lanes, running, factor, total), (rollout, ended, returned, delivered) = jax.lax.scan(
            jax.checkpoint(step), start, noise
        )
        if self.horizon_value:
            total = total + jnp.where(rollout.done[-1], 0.0, factor * (rollout.following[-1] @ weights))
        metrics = told(rollout.reward, rollout.cost, rollout.weight, delivered, ended)
        return -jnp.mean(total) / self.n_steps, (rollout, lanes, running, returned, metrics)

    def targets(self, net: ActorCritic, rollout: Seen, state: GradientState) -> tuple[Array, Array]:
        """(normalised observations, TD(lambda) targets (n_steps, n_envs, n_values))."""
        both = jnp.stack([rollout.reward / unit(state.scale), rollout.cost], axis=-1)[..., : net.n_values]
        x = normalise(state.moments, rollout.observation)

        def back(later: Array, now: tuple[Array, Array, Array]) -> tuple[Array, Array]:
            reward, following, done = now
            mixed = jnp.where(done[:, None], following, self.gae * later + (1 - self.gae) * following)
            target = reward + self.discount * mixed
            return target, target

        _, targets = jax.lax.scan(back, rollout.following[-1], (both, rollout.following, rollout.done), reverse=True)
        return x, jax.lax.stop_gradient(targets)

    def policy(self, worlds: Population, state: GradientState) -> Trained:
        """The policy as it stands."""
        return Trained(
            params=state.params, moments=state.moments, unit=unit(state.scale), net=self.net(worlds), squashed=True
        )
