"""Soft actor-critic (Haarnoja et al 2018, automatic temperature) in one compiled program, constrained on demand."""

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
from .networks import ActorCritic, Critics, judge, look, squash
from .optimise import adam, descend
from .population import Bank, Lanes, Population, advance, begin_lanes, fill_bank
from .replay import Replay, Steps, no_replay, remember, sample
from .trained import Trained


class Learning(NamedTuple):
    """What gradient steps move."""

    actor: Any
    critics: Any
    targets: Any
    log_temperature: Array
    actor_memory: Any
    critics_memory: Any
    temperature_memory: Any


class SACState(NamedTuple):
    """Everything that training goes on from."""

    learning: Learning
    moments: Moments
    scale: Scale
    multiplier: Array
    lanes: Lanes
    replay: Replay
    bank: Bank
    key: Array
    n_updates: Array  # () int32


@component
class SAC:
    """Twin critics and a squashed Gaussian actor whose entropy is held at ``target_entropy`` nats (None: -n_actions).

    One update is ``n_steps`` steps in ``n_envs`` lanes and ``n_gradients`` gradient steps on ``batch`` steps of the
    last ``capacity``. In the first ``n_random`` updates actions are uniform and nothing is learnt. The critics learn
    the *delivered* action, not the requested one (I18). ``limit`` makes it constrained: a third critic learns the cost.
    Banks and ``stagger`` are as in :class:`~neurodrift.agents.rl.ppo.PPO`.
    """

    n_envs: int = static(default=64)
    n_steps: int = static(default=8)
    n_gradients: int = static(default=64)
    batch: int = static(default=256)
    capacity: int = static(default=100_000)
    n_random: int = static(default=4)
    hidden: tuple[int, ...] = static(default=(64, 64))
    n_history: int = static(default=0)
    n_bank: int = static(default=64)
    stagger: int = static(default=0)
    normalise: bool = static(default=True)
    learning_rate: Array | float = 1e-3
    discount: Array | float = 0.99
    averaging: Array | float = 0.01
    target_entropy: Array | float | None = None
    temperature: Array | float = 0.2
    max_norm: Array | float = 10.0
    limit: Limit | None = None

    def __post_init__(self) -> None:
        if min(self.n_envs, self.n_steps, self.n_gradients, self.batch, self.n_bank) < 1:
            raise InputError("n_envs, n_steps, n_gradients, batch and n_bank of SAC must be 1 or more")
        if self.capacity < self.n_envs * self.n_steps:
            raise InputError(
                f"capacity is {self.capacity}; wanted room for the {self.n_envs * self.n_steps} of an update"
            )
        if self.n_random < 1:
            raise InputError(f"n_random is {self.n_random}; wanted 1 or more: learning needs steps to look back on")

    @property
    def steps_per_update(self) -> int:
        return self.n_envs * self.n_steps

    def net(self, worlds: Population) -> ActorCritic:
        return ActorCritic(
            n_actions=worlds.sizes[1], hidden=self.hidden, n_values=0, state_std=True, n_history=self.n_history
        )

    def critics(self) -> Critics:
        return Critics(n=2 if self.limit is None else 3, hidden=self.hidden)

    def init(self, worlds: Population, key: Array) -> SACState:
        """The state before the first update; everything random derives from ``key``."""
        n_observations, n_actions = worlds.sizes
        x, method = jnp.zeros(n_observations), adam(self.max_norm)
        actor = self.net(worlds).init(stream_key(key, "actor"), jnp.zeros(0), x)
        critics = self.critics().init(stream_key(key, "critics"), x, jnp.zeros(n_actions))
        bank = fill_bank(worlds, stream_key(key, "bank"), self.n_bank)
        log_temperature = jnp.log(jnp.asarray(self.temperature, jnp.float32))
        return SACState(
            learning=Learning(
                actor, critics, jax.tree.map(jnp.copy, critics), log_temperature, method.init(actor),
                method.init(critics), method.init(log_temperature),
            ),
            moments=no_moments(n_observations),
            scale=no_scale(self.n_envs),
            multiplier=jnp.asarray(0.0 if self.limit is None else self.limit.start, jnp.float32),
            lanes=begin_lanes(bank, self.n_envs, stream_key(key, "lanes"), self.stagger),
            replay=no_replay(n_observations, n_actions, self.capacity),
            bank=bank,
            key=key,
            n_updates=jnp.int32(0),
        )  # fmt: skip

    def refresh(self, worlds: Population, state: SACState) -> SACState:
        """The state with a bank of new initial states (and environments, where they are drawn)."""
        return state._replace(bank=fill_bank(worlds, stream_key(state.key, "refresh", state.n_updates), self.n_bank))

    def update(self, worlds: Population, state: SACState) -> tuple[SACState, dict[str, Array]]:
        """Some steps in every lane and what is learnt; metrics are numbers ()."""
        state, metrics = self.collect(worlds, state)
        multiplier = state.multiplier
        learns = state.n_updates >= self.n_random
        if self.limit is not None:
            cost = metrics["episode_cost" if self.limit.per_episode else "cost"]
            multiplier = jnp.where(learns, self.limit.moved(multiplier, cost), multiplier)
            metrics["multiplier"] = multiplier
            weight = self.limit.weight(multiplier, cost)
        else:
            weight = multiplier
        net, critics, key = self.net(worlds), self.critics(), stream_key(state.key, "gradients", state.n_updates)

        def step(learning: Learning, i: Array) -> tuple[Learning, dict[str, Array]]:
            return self.gradient_step(net, critics, learning, state, weight, stream_key(key, "step", i))

        learnt, losses = jax.lax.scan(step, state.learning, jnp.arange(self.n_gradients))
        learning: Any = jax.tree.map(lambda new, old: jnp.where(learns, new, old), learnt, state.learning)
        state = state._replace(learning=learning, multiplier=multiplier, n_updates=state.n_updates + 1)
        return state, metrics | {name: jnp.where(learns, jnp.mean(v), jnp.nan) for name, v in losses.items()}

    def collect(self, worlds: Population, state: SACState) -> tuple[SACState, dict[str, Array]]:
        """``n_steps`` steps in every lane, into the replay."""
        net, moments = self.net(worlds), state.moments
        shape = (self.n_steps, self.n_envs, worlds.sizes[1])
        noise = normal(stream_key(state.key, "actions", state.n_updates), shape)
        uniform = jax.random.uniform(stream_key(state.key, "random", state.n_updates), shape, minval=-1.0, maxval=1.0)

        def step(carry: tuple[Lanes, Array], drawn: tuple[Array, Array]) -> Any:
            lanes, running = carry
            noise, uniform = drawn
            observation = lanes.observation
            _, head = look(net, state.learning.actor, jnp.zeros((self.n_envs, 0)), normalise(moments, observation))
            action = jnp.where(state.n_updates < self.n_random, uniform, squash(head, noise)[0])
            lanes, transition, ended = advance(worlds, state.bank, lanes, action)
            delivered = jax.vmap(applied)(transition, action)
            weight = jax.vmap(usable)(transition) & jnp.all(jnp.isfinite(observation), axis=-1)
            weight &= jnp.all(jnp.isfinite(delivered), axis=-1)
            reward, cost = (jnp.where(weight, part, 0.0) for part in (transition.reward, transition.cost))
            done = transition.terminated | transition.truncated
            running, returned = accumulate(running, reward, done, self.discount)
            kept = Steps(
                observation, delivered, reward, cost, transition.observation, transition.terminated,
                weight.astype(jnp.float32),
            )  # fmt: skip
            return (lanes, running), (kept, ended, returned)

        (lanes, running), (steps, ended, returned) = jax.lax.scan(
            step, (state.lanes, state.scale.running), (noise, uniform)
        )
        steps: Steps = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), steps)
        if self.normalise:
            moments = seen(moments, steps.observation, steps.weight)
        state = state._replace(
            lanes=lanes,
            moments=moments,
            scale=grown(state.scale, returned, running),
            replay=remember(state.replay, steps),
        )
        return state, told(steps.reward, steps.cost, steps.weight, steps.action, ended)

    def gradient_step(
        self, net: ActorCritic, critics: Critics, learning: Learning, state: SACState, weight: Array, key: Array
    ) -> tuple[Learning, dict[str, Array]]:
        """One step of critics, actor and temperature; ``weight`` () is what cost counts against reward."""
        steps = sample(state.replay, stream_key(key, "sample"), self.batch)
        now, later = normalise(state.moments, steps.observation), normalise(state.moments, steps.following)
        n_actions, scale = steps.action.shape[-1], unit(state.scale)
        count = jnp.maximum(jnp.sum(steps.weight), 1.0)
        method, memory = adam(self.max_norm), jnp.zeros((self.batch, 0))
        noise = normal(stream_key(key, "noise"), (2, self.batch, n_actions))
        temperature = jnp.exp(learning.log_temperature)
        alive = self.discount * (1.0 - steps.terminated.astype(jnp.float32))

        def act(actor: Any, x: Array, noise: Array) -> tuple[Array, Array]:
            return squash(look(net, actor, memory, x)[1], noise)

        def mean(a: Array) -> Array:
            return jnp.sum(steps.weight * a, axis=-1) / count

        action, density = act(learning.actor, later, noise[0])
        values = judge(critics, learning.targets, later, action)
        soft = jnp.min(values[:2], axis=0) - temperature * density
        targets = [steps.reward / scale + alive * soft] * 2
        if self.limit is not None:
            targets.append(steps.cost + alive * values[2])
        target = jnp.stack(targets)

        def critic_loss(params: Any) -> Array:
            values = judge(critics, params, now, steps.action)
            return jnp.sum(mean((values - target) ** 2))

        def actor_loss(actor: Any, critic: Any) -> tuple[Array, Array]:
            action, density = act(actor, now, noise[1])
            values = judge(critics, critic, now, action)
            loss = temperature * density - jnp.min(values[:2], axis=0)
            if self.limit is not None:
                # the multiplier is in rewards per cost, the critics in units of reward; the sum keeps its size
                loss = (loss + weight / scale * values[2]) / (1.0 + weight / scale)
            return mean(loss), mean(density)

        loss, gradient = jax.value_and_grad(critic_loss)(learning.critics)
        critic, critics_memory = descend(
            method, gradient, learning.critics_memory, learning.critics, self.learning_rate
        )
        (actor_value, density), gradient = jax.value_and_grad(actor_loss, has_aux=True)(learning.actor, critic)
        actor, actor_memory = descend(method, gradient, learning.actor_memory, learning.actor, self.learning_rate)
        wanted = -float(n_actions) if self.target_entropy is None else self.target_entropy
        gradient = -temperature * (density + wanted)
        log_temperature, temperature_memory = descend(
            method, gradient, learning.temperature_memory, learning.log_temperature, self.learning_rate
        )
        targets = optax.incremental_update(critic, learning.targets, self.averaging)  # type: ignore[arg-type]
        after = Learning(actor, critic, targets, log_temperature, actor_memory, critics_memory, temperature_memory)
        return after, {
            "value_loss": loss, "policy_loss": actor_value, "entropy": -density, "temperature": temperature,
        }  # fmt: skip

    def policy(self, worlds: Population, state: SACState) -> Trained:
        """The policy as it stands."""
        return Trained(
            params=state.learning.actor,
            moments=state.moments,
            unit=unit(state.scale),
            net=self.net(worlds),
            squashed=True,
        )

    def values(self, state: SACState, observation: Array, action: Array) -> Array:
        """(2 or 3,) what the critics expect of ``action`` (n_actions,): the return in rewards, entropy bonus included,
        twice, then the cost."""
        x = normalise(state.moments, observation)
        values = judge(self.critics(), state.learning.critics, x, action)
        return values * jnp.concatenate([jnp.full(2, unit(state.scale)), jnp.ones(values.shape[0] - 2)])
