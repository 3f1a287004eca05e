"""Proximal policy optimisation (Schulman et al 2017) in one compiled program; recurrent and constrained on demand."""

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
from .networks import ActorCritic, Head, entropy, log_prob, look, unroll
from .optimise import adam, descend
from .population import Bank, Lanes, Population, advance, begin_lanes, fill_bank
from .shuffle import order
from .trained import Trained


class PPOState(NamedTuple):
    """Everything that training goes on from."""

    params: Any
    optimiser: Any
    moments: Moments
    scale: Scale
    multiplier: Array
    lanes: Lanes
    memory: Array  # (n_envs, recurrent)
    bank: Bank
    key: Array
    n_updates: Array  # () int32


class Batch(NamedTuple):
    """A rollout, leaves (n_steps, n_envs, ...); memory (n_envs, recurrent) before it."""

    x: Array  # (.., n_observations) normalised
    first: Array
    action: Array  # (.., n_actions) as requested, before clipping
    log_prob: Array
    values: Array  # (.., n_values)
    following: Array  # (.., n_values) of what followed, with the cut ends of truncated episodes
    reward: Array
    cost: Array
    terminated: Array
    done: Array
    weight: Array  # 0 where nothing may be learnt


class Lesson(NamedTuple):
    """What is learnt from, leaves (n_steps, n_envs, ...) or flat: see :class:`Batch`; targets of the values."""

    x: Array
    first: Array
    action: Array
    log_prob: Array
    advantage: Array
    targets: Array
    weight: Array


@component
class PPO:
    """Clipped PPO with generalised advantage estimation, all lanes in one scan.

    One update is ``n_steps`` steps in ``n_envs`` lanes, then ``n_epochs`` passes in ``n_minibatches`` shuffled parts
    (of lanes where ``recurrent`` units remember, otherwise of single steps). ``limit`` makes it constrained. ``anneal``
    () updates over which the learning rate falls to a twentieth, 0 for never. ``n_bank`` initial states are computed
    anew at each :meth:`refresh` (once per chunk of :func:`~neurodrift.agents.rl.training.train`), never in a rollout;
    the first episode of every lane is cut within ``stagger`` steps. The Gaussian begins with deviation ``std`` and
    keeps ``min_std``: one that collapsed could no longer follow a multiplier, or drift.

    The Gaussian's sample is the *requested* action; [-1, 1] of it reaches the environment, whose shield may deliver
    less. The ratio is of requested actions, because only their density is the policy's; what followed, reward and
    observation, is of the delivered one, so the policy learns what its requests lead to.
    """

    n_envs: int = static(default=1024)
    n_steps: int = static(default=32)
    n_epochs: int = static(default=4)
    n_minibatches: int = static(default=4)
    hidden: tuple[int, ...] = static(default=(64, 64))
    recurrent: int = static(default=0)
    state_std: bool = static(default=False)
    n_history: int = static(default=0)
    n_bank: int = static(default=256)
    stagger: int = static(default=0)
    std: float = static(default=0.6)
    min_std: float = static(default=0.02)
    normalise: bool = static(default=True)
    learning_rate: Array | float = 3e-4
    anneal: Array | float = 0.0
    discount: Array | float = 0.99
    gae: Array | float = 0.95
    clip: Array | float = 0.2
    entropy: Array | float = 0.0
    value_weight: Array | float = 0.5
    max_norm: Array | float = 0.5
    limit: Limit | None = None

    def __post_init__(self) -> None:
        parts = self.n_envs if self.recurrent else self.n_envs * self.n_steps
        if min(self.n_envs, self.n_steps, self.n_epochs, self.n_minibatches, self.n_bank) < 1:
            raise InputError("n_envs, n_steps, n_epochs, n_minibatches and n_bank of PPO must be 1 or more")
        if parts % self.n_minibatches:
            what = "lanes" if self.recurrent else "steps"
            raise InputError(f"{parts} {what} do not divide into {self.n_minibatches} minibatches; choose a divisor")

    @property
    def steps_per_update(self) -> int:
        return self.n_envs * self.n_steps

    def net(self, worlds: Population) -> ActorCritic:
        return ActorCritic(
            n_actions=worlds.sizes[1], hidden=self.hidden, recurrent=self.recurrent,
            n_values=1 if self.limit is None else 2, state_std=self.state_std, std=self.std, min_std=self.min_std,
            n_history=self.n_history,
        )  # fmt: skip

    def init(self, worlds: Population, key: Array) -> PPOState:
        """The state before the first update; everything random derives from ``key``."""
        n_observations, _ = worlds.sizes
        if self.n_history >= n_observations > 0 and self.n_history:
            raise InputError(f"n_history is {self.n_history} of {n_observations} observations; wanted fewer")
        params = self.net(worlds).init(
            stream_key(key, "parameters"), jnp.zeros(self.recurrent), jnp.zeros(n_observations)
        )
        bank = fill_bank(worlds, stream_key(key, "bank"), self.n_bank)
        return PPOState(
            params=params,
            optimiser=self.optimiser().init(params),
            moments=no_moments(n_observations),
            scale=no_scale(self.n_envs),
            multiplier=jnp.asarray(0.0 if self.limit is None else self.limit.start, jnp.float32),
            lanes=begin_lanes(bank, self.n_envs, stream_key(key, "lanes"), self.stagger),
            memory=jnp.zeros((self.n_envs, self.recurrent)),
            bank=bank,
            key=key,
            n_updates=jnp.int32(0),
        )

    def refresh(self, worlds: Population, state: PPOState) -> PPOState:
        """The state with a bank of new initial states (and environments, where they are drawn)."""
        return state._replace(bank=fill_bank(worlds, stream_key(state.key, "refresh", state.n_updates), self.n_bank))

    def update(self, worlds: Population, state: PPOState) -> tuple[PPOState, dict[str, Array]]:
        """One rollout and what is learnt from it; metrics are numbers ()."""
        net = self.net(worlds)
        state, batch, memory, metrics = self.rollout(worlds, net, state)
        rate = self.learning_rate * jnp.where(
            self.anneal > 0, jnp.clip(1 - state.n_updates / jnp.maximum(self.anneal, 1.0), 0.05, 1.0), 1.0
        )
        key = stream_key(state.key, "epochs", state.n_updates)
        lesson = self.lesson(batch, state)
        params, optimiser, losses = self.learn(net, state.params, state.optimiser, lesson, memory, rate, key)
        multiplier = state.multiplier
        if self.limit is not None:
            multiplier = self.limit.moved(multiplier, metrics["constrained_cost"])
            metrics["multiplier"] = multiplier
        moments = state.moments
        if self.normalise:
            # after learning: the densities of the rollout hold only under the moments that it was made with
            moments = seen(moments, metrics.pop("observations"), batch.weight.reshape(-1))
        metrics.pop("observations", None)
        state = state._replace(
            params=params, optimiser=optimiser, multiplier=multiplier, moments=moments, n_updates=state.n_updates + 1
        )
        return state, metrics | losses

    def rollout(
        self, worlds: Population, net: ActorCritic, state: PPOState
    ) -> tuple[PPOState, Batch, Array, dict[str, Array]]:
        """(state, batch, memory before it, metrics) of ``n_steps`` steps in every lane."""
        moments, params = state.moments, state.params
        noise = normal(stream_key(state.key, "actions", state.n_updates), (self.n_steps, self.n_envs, worlds.sizes[1]))

        def head(memory: Array, observation: Array) -> tuple[Array, Array, Head]:
            x = normalise(moments, observation)
            return x, *look(net, params, memory, x)

        def step(carry: tuple[Lanes, Array, Array], noise: Array) -> Any:
            lanes, memory, running = carry
            observation, first = lanes.observation, lanes.first
            memory = jnp.where(first[:, None], 0.0, memory)
            x, memory, now = head(memory, observation)
            action = now.mean + jnp.exp(now.log_std) * noise
            lanes, transition, ended = advance(worlds, state.bank, lanes, jnp.clip(action, -1.0, 1.0))
            weight = jax.vmap(usable)(transition) & jnp.all(jnp.isfinite(observation), axis=-1)
            reward, cost = (jnp.where(weight, part, 0.0) for part in (transition.reward, transition.cost))
            done = transition.terminated | transition.truncated
            following = jax.lax.cond(
                jnp.any(transition.truncated),
                lambda: head(memory, transition.observation)[2].values,
                lambda: jnp.zeros_like(now.values),
            )
            running, returned = accumulate(running, reward, done, self.discount)
            kept = Batch(
                x, first, action, log_prob(now, action), now.values, following, reward, cost, transition.terminated,
                done, weight.astype(jnp.float32),
            )  # fmt: skip
            delivered = jax.vmap(applied)(transition, jnp.clip(action, -1.0, 1.0))
            return (lanes, memory, running), (kept, observation, ended, returned, delivered)

        start = (state.lanes, state.memory, state.scale.running)
        (lanes, memory, running), (batch, observations, ended, returned, delivered) = jax.lax.scan(step, start, noise)
        last = head(jnp.where(lanes.first[:, None], 0.0, memory), lanes.observation)[2].values
        values = jnp.concatenate([batch.values[1:], last[None]])
        batch = batch._replace(following=jnp.where(batch.done[..., None], batch.following, values))
        metrics = told(batch.reward, batch.cost, batch.weight, delivered, ended)
        metrics["observations"] = observations.reshape(-1, observations.shape[-1])
        if self.limit is not None:
            metrics["constrained_cost"] = metrics["episode_cost" if self.limit.per_episode else "cost"]
        before = state.memory
        state = state._replace(lanes=lanes, memory=memory, scale=grown(state.scale, returned, running))
        return state, batch, before, metrics

    def learn(
        self,
        net: ActorCritic,
        params: Any,
        optimiser: Any,
        lesson: Lesson,
        memory: Array,
        rate: Array | float,
        key: Array,
    ) -> tuple[Any, Any, dict[str, Array]]:
        """(params, optimiser's state, losses) after all epochs over the lesson, leaves (n_steps, n_envs, ...); memory
        (n_envs, recurrent) before it."""
        method = self.optimiser()
        if not net.recurrent:
            lesson = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), lesson)
        n = lesson.weight.shape[-1]
        axis = 1 if net.recurrent else 0

        def minibatch(carry: tuple[Any, Any], index: Array) -> Any:
            params, optimiser = carry
            part = jax.tree.map(lambda a: jnp.take(a, index, axis=axis), lesson)
            start = memory[index] if net.recurrent else jnp.zeros((index.shape[0], 0))
            gradient, losses = jax.grad(self.loss, argnums=1, has_aux=True)(net, params, start, part)
            return descend(method, gradient, optimiser, params, rate), losses

        orders = jax.vmap(lambda k: order(k, n))(jax.random.split(key, self.n_epochs))
        orders = orders.reshape(self.n_epochs * self.n_minibatches, -1)
        (params, optimiser), losses = jax.lax.scan(minibatch, (params, optimiser), orders)
        return params, optimiser, jax.tree.map(jnp.mean, losses)

    def lesson(self, batch: Batch, state: PPOState) -> Lesson:
        """The batch with the advantages of the Lagrangian, and targets for the values.

        Values of the return are in units of :func:`~.moments.unit`, those of the cost in its own. A terminated episode
        has nothing to follow; a truncated one has the value of where it was left.
        """
        scale = unit(state.scale)
        rewards = (batch.reward / scale)[..., None]
        if self.limit is not None:
            rewards = jnp.concatenate([rewards, batch.cost[..., None]], axis=-1)
        advantage = gae(batch, rewards, self.discount, self.gae)
        targets = advantage + batch.values
        total = advantage[..., 0]
        if self.limit is not None:
            cost = jnp.sum(batch.cost) / jnp.maximum(jnp.sum(batch.weight), 1.0)
            weight = self.limit.weight(state.multiplier, jnp.nan if self.limit.per_episode else cost)
            total = scale * total - weight * advantage[..., 1]
        return Lesson(batch.x, batch.first, batch.action, batch.log_prob, total, targets, batch.weight)

    def loss(self, net: ActorCritic, params: Any, memory: Array, part: Lesson) -> tuple[Array, dict[str, Array]]:
        """The clipped objective, the values' squared error and the entropy, over what may be learnt from."""
        x, first, action, before, advantage, targets, weight = part
        head = unroll(net, params, memory, x, first)
        count = jnp.maximum(jnp.sum(weight), 1.0)

        def mean(a: Array) -> Array:
            return jnp.sum(weight * a) / count

        middle = mean(advantage)
        advantage = (advantage - middle) / (jnp.sqrt(mean((advantage - middle) ** 2)) + 1e-8)
        change = log_prob(head, action) - before
        ratio = jnp.exp(change)
        clipped = jnp.clip(ratio, 1 - self.clip, 1 + self.clip)
        policy = -mean(jnp.minimum(ratio * advantage, clipped * advantage))
        value = mean(jnp.sum((head.values - targets) ** 2, axis=-1))
        spread = mean(entropy(head))
        losses = {
            "policy_loss": policy, "value_loss": value, "entropy": spread, "kl": mean(ratio - 1 - change),
            "clipped": mean((jnp.abs(ratio - 1) > self.clip).astype(jnp.float32)),
        }  # fmt: skip
        return policy + self.value_weight * value - self.entropy * spread, losses

    def optimiser(self) -> optax.GradientTransformation:
        return adam(self.max_norm)

    def policy(self, worlds: Population, state: PPOState) -> Trained:
        """The policy as it stands."""
        return Trained(params=state.params, moments=state.moments, unit=unit(state.scale), net=self.net(worlds))


def gae(batch: Batch, rewards: Array, discount: Array | float, decay: Array | float) -> Array:
    """Generalised advantages (n_steps, n_envs, n_values) of rewards of that shape (Schulman et al 2016); a step that
    nothing may be learnt from is no surprise, so that none before it is blamed."""
    alive = 1.0 - batch.terminated.astype(jnp.float32)[..., None]
    going = 1.0 - batch.done.astype(jnp.float32)[..., None]
    error = batch.weight[..., None] * (rewards + discount * alive * batch.following - batch.values)

    def back(later: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        error, going = now
        later = error + discount * decay * going * later
        return later, later

    _, advantage = jax.lax.scan(back, jnp.zeros_like(error[0]), (error, going), reverse=True)
    return advantage
