"""A policy that goes on learning during a session: on a shadow copy, promoted after a canary, taken back if it fails.

Only the live parameters act, and what they ask for passes through the environment's own shield. An update that is not
finite, too far from the live policy, or worse on windows it has not learnt from, is never live (I17); one that turns
out worse in the windows after it went live is taken back, and the parameters before it are in force again. Windows that
were blanked, missing or not finite are never learnt from (I16).
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from .environment import Environment
from .networks import ActorCritic, log_prob, unroll
from .population import Population, population
from .ppo import PPO, Lesson, PPOState
from .trained import Trained


class Reference(NamedTuple):
    """Rewards of the windows that an update is held against: mean, variance and number of usable ones, ()."""

    mean: Array
    var: Array
    n: Array


class ContinualState(NamedTuple):
    """learner: the live parameters and the environment; before: the live ones that they replaced; probation () bool,
    whether the live ones are still on trial against ``reference``."""

    learner: PPOState
    before: Any
    probation: Array
    reference: Reference


class Block(NamedTuple):
    """What happened in one block of windows.

    reward, cost (): means of usable windows, usable () their share; kl () nats between live policy and shadow, gain ()
    the advantage of the shadow on the windows kept back, in standard deviations; promoted, rejected, rolled_back ()
    bool.
    """

    reward: Array
    cost: Array
    usable: Array
    kl: Array
    gain: Array
    promoted: Array
    rejected: Array
    rolled_back: Array


@component
class Continual:
    """Every ``n_windows`` windows of one environment: learn, test, promote.

    The last ``n_kept`` windows of a block are kept back: there, the shadow's weighted advantage must be at least
    ``-tolerance`` standard deviations and its divergence at most ``max_kl`` nats, and at least half of the block must
    have been usable. The block after a promotion is a trial: where its mean reward is more than ``drop`` standard
    errors below that of the block before, the update is taken back. Under drift that may also take back what was
    innocent, which costs a block. ``std`` (): the least deviation with which the policy explores at the start.
    """

    n_windows: int = static(default=64)
    n_kept: int = static(default=16)
    n_epochs: int = static(default=8)
    learning_rate: Array | float = 1e-3
    discount: Array | float = 0.95
    gae: Array | float = 0.9
    clip: Array | float = 0.2
    entropy: Array | float = 0.0
    tolerance: Array | float = 0.1
    max_kl: Array | float = 0.1
    drop: Array | float = 3.0
    std: Array | float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.n_kept < self.n_windows or self.n_epochs < 1:
            raise InputError(
                f"n_windows {self.n_windows}, n_kept {self.n_kept}, n_epochs {self.n_epochs}; wanted one or more of "
                "each, and fewer windows kept back than there are"
            )

    def learner(self, net: ActorCritic) -> PPO:
        """What collects and learns: PPO in one lane."""
        return PPO(
            n_envs=1, n_steps=self.n_windows, n_epochs=self.n_epochs, n_minibatches=1, hidden=net.hidden,
            recurrent=net.recurrent, n_history=net.n_history, n_bank=1, learning_rate=self.learning_rate,
            discount=self.discount, gae=self.gae, clip=self.clip, entropy=self.entropy,
        )  # fmt: skip

    def init(self, trained: Trained, environment: Environment | Population, key: Array) -> ContinualState:
        """The session before its first window, the trained policy live. InputError for a policy of another kind, or one
        for other observations or actions."""
        worlds, net = population(environment), trained.net
        if trained.squashed or net.n_values != 1 or net.state_std:
            raise InputError("continual learning takes a policy of unconstrained PPO without state_std; train one")
        if worlds.sizes != (trained.n_observations, net.n_actions):
            raise InputError(
                f"the policy has {trained.n_observations} observations and {net.n_actions} actions, the environment "
                f"{worlds.sizes[0]} and {worlds.sizes[1]}; train one for it"
            )
        params: Any = jax.tree.map(jnp.asarray, trained.params)
        floor = jnp.log(jnp.asarray(self.std, jnp.float32))
        inner = {**params["params"], "log_std": jnp.maximum(params["params"]["log_std"], floor)}
        params = {**params, "params": inner}
        learner = self.learner(net)
        state = learner.init(worlds, key)
        scale = state.scale._replace(square=jnp.asarray(trained.unit) ** 2)
        state = state._replace(
            params=params, optimiser=learner.optimiser().init(params), moments=trained.moments, scale=scale
        )
        unknown = Reference(jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))
        return ContinualState(state, params, jnp.asarray(False), unknown)

    def block(
        self, net: ActorCritic, worlds: Population, state: ContinualState
    ) -> tuple[ContinualState, Block, dict[str, Array]]:
        """``n_windows`` windows and what is learnt from them; also what happened in each, leaves (n_windows,)."""
        learner, live = self.learner(net), state.learner
        scale, params = live.scale, live.params
        after, batch, memory, metrics = learner.rollout(worlds, net, live)
        weight, rewards = batch.weight[:, 0], batch.reward[:, 0]
        found = _reference(rewards, weight)

        # the trial of the last promotion comes first: what disappointed is no ground to learn on
        error = jnp.sqrt(found.var / jnp.maximum(found.n, 1) + state.reference.var / jnp.maximum(state.reference.n, 1))
        worse = found.mean < state.reference.mean - self.drop * error
        back = state.probation & (found.n > 1) & (worse | ~jnp.isfinite(found.mean))

        lesson = learner.lesson(batch, live)
        fresh = self.n_windows - self.n_kept
        part = jax.tree.map(lambda leaf: leaf[:fresh], lesson)
        key = jax.random.fold_in(live.key, live.n_updates)
        shadow, optimiser, _ = learner.learn(net, params, live.optimiser, part, memory, self.learning_rate, key)
        kl, gain = self._canary(net, shadow, lesson, memory, fresh)
        fine = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(shadow)]))
        passed = fine & (kl <= self.max_kl) & (gain >= -self.tolerance) & (jnp.mean(weight) >= 0.5)
        promoted = passed & ~back

        def choose(new: Any, old: Any) -> Any:
            return jax.tree.map(lambda a, b: jnp.where(promoted, a, b), new, old)

        kept: Any = jax.tree.map(lambda a, b: jnp.where(back, a, b), state.before, params)
        forgotten = learner.optimiser().init(params)
        memory_kept: Any = jax.tree.map(lambda a, b: jnp.where(back, a, b), forgotten, live.optimiser)
        live = after._replace(
            params=choose(shadow, kept), optimiser=choose(optimiser, memory_kept), moments=live.moments,
            # the unit stays that of training: the critic is in it
            scale=after.scale._replace(square=scale.square, count=scale.count), n_updates=live.n_updates + 1,
        )  # fmt: skip
        reference = jax.tree.map(lambda a, b: jnp.where(promoted, a, b), found, state.reference)
        told = Block(found.mean, metrics["cost"], metrics["usable"], kl, gain, promoted, ~passed & ~back, back)
        windows = {"reward": rewards, "cost": batch.cost[:, 0], "weight": weight, "action": batch.action[:, 0]}
        before = jax.tree.map(lambda a, b: jnp.where(promoted, a, b), kept, state.before)
        return ContinualState(live, before, promoted, reference), told, windows

    def _canary(self, net: ActorCritic, shadow: Any, lesson: Lesson, memory: Array, fresh: int) -> tuple[Array, Array]:
        """(divergence from the live policy, weighted advantage) of the shadow on the windows that it has not seen."""
        head = unroll(net, shadow, memory, lesson.x, lesson.first)
        change = (log_prob(head, lesson.action) - lesson.log_prob)[fresh:]
        weight, advantage = lesson.weight[fresh:], lesson.advantage[fresh:]
        count = jnp.maximum(jnp.sum(weight), 1.0)

        def mean(a: Array) -> Array:
            return jnp.sum(weight * a) / count

        ratio = jnp.exp(change)
        centred = advantage - mean(advantage)
        spread = jnp.sqrt(mean(centred**2)) + 1e-8
        return mean(ratio - 1 - change), mean(ratio * centred) / spread

    def run(
        self, trained: Trained, environment: Environment | Population, state: ContinualState, n_blocks: int
    ) -> tuple[ContinualState, Block, dict[str, Array]]:
        """``n_blocks`` blocks: (state, Block with leaves (n_blocks,), each window's reward, cost, weight and requested
        action (n_blocks * n_windows, ...))."""
        state, blocks, windows = _run(self, trained.net, population(environment), state, n_blocks)
        return state, blocks, jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), windows)

    def policy(self, trained: Trained, state: ContinualState) -> Trained:
        """The live policy."""
        return Trained(
            params=state.learner.params, moments=trained.moments, unit=trained.unit, net=trained.net, squashed=False
        )


@functools.partial(jax.jit, static_argnums=(1, 4))
def _run(continual: Continual, net: ActorCritic, worlds: Population, state: ContinualState, n_blocks: int) -> Any:
    def step(state: ContinualState, _: None) -> Any:
        state, *told = continual.block(net, worlds, state)
        return state, told

    state, (blocks, windows) = jax.lax.scan(step, state, None, length=n_blocks)
    return state, blocks, windows


def _reference(rewards: Array, weight: Array) -> Reference:
    n = jnp.sum(weight)
    mean = jnp.sum(weight * rewards) / jnp.maximum(n, 1.0)
    return Reference(mean, jnp.sum(weight * (rewards - mean) ** 2) / jnp.maximum(n - 1.0, 1.0), n)
