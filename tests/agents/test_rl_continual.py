"""A policy that learns during a session: on a shadow, behind a canary, with a way back."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents.rl import PPO, Continual, train
from neurodrift.agents.rl.continual import Reference
from neurodrift.agents.rl.environment import Transition
from neurodrift.agents.rl.probes import ProbeState
from neurodrift.sim.errors import InputError
from neurodrift.sim.keys import stream_key
from neurodrift.sim.pytree import component, static


@component
class Moving:
    """reward -(action - target)^2; the target steps from ``before`` to ``after`` at ``onset``. Windows are lost with
    probability ``lost``: the observation is NaN, and the reward a lie."""

    before: Any = 0.4
    after: Any = 0.4
    onset: Any = 0
    lost: Any = 0.0
    n_observations: int = static(default=1)
    n_actions: int = static(default=1)

    def reset(self, key):
        return ProbeState(key, jnp.int32(0), jnp.zeros(())), jnp.zeros(1)

    def step(self, state, action):
        target = jnp.where(state.tick < self.onset, self.before, self.after)
        lost = jax.random.bernoulli(stream_key(state.key, "lost", state.tick), self.lost)
        reward = jnp.where(lost, 1e6 * action[0], -((action[0] - target) ** 2))
        observation = jnp.where(lost, jnp.nan, 0.0)[None]
        false = jnp.asarray(False)
        made = Transition(observation, reward, jnp.zeros(()), false, false, {})
        return state._replace(tick=state.tick + 1), made


CONTINUAL = Continual(n_windows=32, n_kept=8, n_epochs=4, learning_rate=1e-2, discount=0.0, std=0.15)


@pytest.fixture(scope="module")
def trained():
    algorithm = PPO(n_envs=32, n_steps=8, hidden=(8,), n_bank=1, learning_rate=1e-2, discount=0.0, min_std=0.05)
    return train(algorithm, Moving(), 60, jax.random.key(0), chunk=60).policy()


def _action(policy) -> float:
    return float(policy.act(policy.init(), jnp.zeros(1))[1][0])


def _same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


def test_a_policy_follows_a_target_that_moved_in_the_session(trained):
    session = Moving(before=0.4, after=-0.2, onset=64)
    state = CONTINUAL.init(trained, session, jax.random.key(1))
    state, blocks, windows = CONTINUAL.run(trained, session, state, 120)
    assert abs(_action(trained) - 0.4) < 0.05
    assert abs(_action(CONTINUAL.policy(trained, state)) + 0.2) < 0.1
    assert blocks.promoted.sum() > 20
    rewards = windows["reward"].reshape(120, 32).mean(1)
    assert rewards[2:6].mean() < -0.3
    assert rewards[-20:].mean() > -0.06


def test_lost_windows_are_never_learnt_from(trained):
    # half of the rewards are absurd, and all of those come with a window that was lost
    session = Moving(lost=0.4)
    state = CONTINUAL.init(trained, session, jax.random.key(2))
    state, blocks, windows = CONTINUAL.run(trained, session, state, 120)
    assert 1 - windows["weight"].mean() > 0.2
    assert abs(_action(CONTINUAL.policy(trained, state)) - 0.4) < 0.1
    assert np.isfinite(blocks.reward).all()
    # where most of a block is lost nothing is promoted at all
    bad = Moving(lost=0.95)
    start = CONTINUAL.init(trained, bad, jax.random.key(3))
    state, blocks, _ = CONTINUAL.run(trained, bad, start, 120)
    assert blocks.rejected.all()
    assert _same(state.learner.params, start.learner.params)


def test_an_update_that_goes_too_far_is_never_live(trained):
    wild = dataclasses.replace(CONTINUAL, learning_rate=3.0)
    start = wild.init(trained, Moving(), jax.random.key(4))
    state, blocks, _ = wild.run(trained, Moving(), start, 120)
    assert blocks.rejected.all()
    assert _same(state.learner.params, start.learner.params)


def test_an_update_that_is_not_finite_is_never_live(trained):
    broken = dataclasses.replace(CONTINUAL, learning_rate=float("nan"))
    start = broken.init(trained, Moving(), jax.random.key(5))
    state, blocks, _ = broken.run(trained, Moving(), start, 120)
    assert blocks.rejected.all()
    assert _same(state.learner.params, start.learner.params)


def test_an_update_that_disappoints_is_taken_back_within_a_block(trained):
    start = CONTINUAL.init(trained, Moving(), jax.random.key(6))
    good = start.learner.params
    bad = jax.tree.map(lambda leaf: leaf, good)
    bad["params"]["actor"]["last"]["bias"] = good["params"]["actor"]["last"]["bias"] - 1.2
    live = start._replace(
        learner=start.learner._replace(params=bad), before=good, probation=jnp.asarray(True),
        reference=Reference(jnp.float32(-0.02), jnp.float32(0.01), jnp.float32(32)),
    )  # fmt: skip
    # without a learning rate nothing else changes the parameters afterwards
    still = dataclasses.replace(CONTINUAL, learning_rate=float("nan"))
    state, blocks, windows = still.run(trained, Moving(), live, 120)
    assert blocks.rolled_back[0]
    assert not blocks.promoted.any()
    assert not blocks.rolled_back[1:].any()
    assert _same(state.learner.params, good)
    rewards = windows["reward"].reshape(120, 32).mean(1)
    assert rewards[0] < -0.5
    assert rewards[1:].min() > -0.1


def test_a_policy_for_another_environment_is_refused(trained):
    with pytest.raises(InputError, match="the environment 2 and 1"):
        CONTINUAL.init(trained, dataclasses.replace(Moving(), n_observations=2), jax.random.key(0))
    with pytest.raises(InputError, match="kept back"):
        Continual(n_windows=8, n_kept=8)
