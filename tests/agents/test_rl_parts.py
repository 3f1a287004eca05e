"""The parts that algorithms share: lanes and banks, moments, orders, replay, networks, trained policies."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.agents.rl import (
    PPO,
    SAC,
    FeedbackSensing,
    HistorySensing,
    Learned,
    ShortHorizon,
    Trained,
    Transition,
    WithFeedback,
    WithHistory,
    load_trained,
    probes,
    save_trained,
)  # fmt: skip
from neurodrift.agents.rl.environment import applied, usable
from neurodrift.agents.rl.moments import no_moments, normalise, seen
from neurodrift.agents.rl.networks import ActorCritic, log_prob, look, orthogonal, squash, unroll
from neurodrift.agents.rl.population import Population, advance, begin_lanes, fill_bank, population
from neurodrift.agents.rl.ppo import Batch, gae
from neurodrift.agents.rl.replay import Steps, no_replay, remember, sample
from neurodrift.agents.rl.shuffle import order
from neurodrift.sim.errors import InputError
from neurodrift.sim.loop import Reading
from neurodrift.sim.pytree import component, static


def test_what_every_environment_shares_is_kept_once():
    def make(key):
        return probes.Linear(b=jax.random.uniform(key), noise=0.25)

    worlds = population(make)
    assert sum(worlds.varies) == 1
    (b,) = worlds.draw(jax.random.key(1))
    assert float(b) == float(make(jax.random.key(1)).b)
    assert float(worlds.environment((b,)).noise) == 0.25
    assert worlds.sizes == (1, 1)
    assert population(worlds) is worlds


def test_populations_of_different_classes_are_not_mistaken_for_each_other():
    # JAX finds the structures of these two equal, and would reuse the program compiled for the first
    one, other = population(probes.ConstantValue()), population(probes.ObservedValue())
    assert jax.tree.structure(one) != jax.tree.structure(other)
    reward = jax.jit(
        lambda worlds: worlds.environment(()).step(probes._begin(jax.random.key(0)), jnp.zeros(1))[1].reward
    )
    assert float(reward(one)) == 1.0
    assert float(reward(other)) == float(probes._begin(jax.random.key(0)).drawn)


def test_what_is_no_environment_is_refused():
    with pytest.raises(InputError, match="wanted an environment"):
        population(3.0)  # type: ignore[arg-type]


def _roll(worlds: Population, n_envs: int, n_bank: int, n_steps: int, stagger: int = 0) -> Any:
    bank = fill_bank(worlds, jax.random.key(0), n_bank)
    lanes = begin_lanes(bank, n_envs, jax.random.key(1), stagger)

    def step(lanes, _):
        seen = lanes.observation
        lanes, transition, ended = advance(worlds, bank, lanes, jnp.zeros((n_envs, 1)))
        return lanes, (seen, transition, ended, lanes.observation, lanes.first)

    return jax.jit(lambda lanes: jax.lax.scan(step, lanes, None, length=n_steps))(lanes)


def test_an_episode_that_ends_goes_on_from_the_bank_with_a_future_of_its_own():
    worlds = population(probes.Linear(n_steps=3, noise=1.0))
    _, (before, transition, ended, after, first) = _roll(worlds, 8, 2, 9)
    np.testing.assert_array_equal(ended.done, np.arange(9)[:, None] % 3 == 2 * np.ones((9, 8)))
    np.testing.assert_array_equal(first, ended.done)
    assert not transition.terminated.any()
    starts = np.unique(np.asarray(after)[np.asarray(ended.done)])
    assert len(starts) <= 2
    # two initial states, but eight lanes that all went on differently
    assert len(np.unique(np.asarray(before)[4])) == 8
    assert len(np.unique(np.asarray(before)[1])) == 8
    # the transition shows where the episode was left, not where the next one begins
    assert (np.asarray(transition.observation)[2] != np.asarray(after)[2]).all()
    np.testing.assert_array_equal(ended.length[2], 3)
    np.testing.assert_allclose(ended.total[2], np.asarray(transition.reward)[:3].sum(0), rtol=1e-5)


def test_staggered_lanes_do_not_stay_in_step_and_their_first_episode_does_not_count():
    worlds = population(probes.Linear(n_steps=8))
    _, (_, _, ended, _, first) = _roll(worlds, 64, 4, 24, stagger=8)
    phases = np.argmax(np.asarray(first), axis=0)
    assert len(np.unique(phases)) == 8
    lengths = np.asarray(ended.length)[np.asarray(ended.done)]
    assert (lengths == 8).all()


def test_moments_equal_those_of_all_observations_at_once():
    rng = np.random.default_rng(0)
    x = rng.normal(3.0, 2.0, (5, 40, 3))
    weight = rng.integers(0, 2, (5, 40)).astype(float)
    broken = x.copy()
    broken[0, 0] = np.nan
    weight[0, 0] = 1.0
    moments = no_moments(3)
    np.testing.assert_array_equal(normalise(moments, jnp.ones(3)), np.ones(3, np.float32))
    for part, w in zip(broken, weight):
        moments = seen(moments, jnp.asarray(part, jnp.float32), jnp.asarray(w, jnp.float32))
    weight[0, 0] = 0.0
    kept = x[weight > 0]
    np.testing.assert_allclose(moments.mean, kept.mean(0), rtol=1e-4)
    np.testing.assert_allclose(moments.var, kept.var(0), rtol=1e-3)
    assert float(moments.count) == len(kept)
    z = normalise(moments, jnp.array([jnp.nan, 1e9, jnp.inf]))
    np.testing.assert_array_equal(z, [0.0, 10.0, 0.0])


@pytest.mark.parametrize("n", [1, 2, 8, 96, 1024, 3000])
def test_an_order_holds_everything_once_and_differs_with_the_key(n):
    orders = np.asarray(jax.vmap(lambda key: order(key, n))(jax.random.split(jax.random.key(0), 200)))
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(n), (200, 1)))
    if n >= 96:
        assert len(np.unique(orders, axis=0)) == 200
        # each place holds each thing alike: the mean of 200 uniform draws, 5 standard errors
        error = (n / np.sqrt(12)) / np.sqrt(200)
        assert np.abs(orders.mean(0) - (n - 1) / 2).max() < 5 * error
        # neighbours do not stay neighbours
        assert (np.abs(np.diff(orders, axis=1)) == 1).mean() < 0.1


def test_the_replay_is_a_ring_of_the_newest_steps():
    replay = no_replay(1, 1, 6)
    for i in range(4):
        value = jnp.arange(2.0) + 2 * i
        steps = Steps(value[:, None], value[:, None], value, value, value[:, None], value > 0, jnp.ones(2))
        replay = remember(replay, steps)
    assert int(replay.size) == 6
    np.testing.assert_array_equal(np.sort(replay.steps.reward), np.arange(2.0, 8.0))
    drawn = sample(replay, jax.random.key(0), 6000)
    counts = np.bincount(np.asarray(drawn.reward).astype(int), minlength=8)[2:]
    assert abs(counts - 1000).max() < 5 * np.sqrt(1000 * 5 / 6)
    np.testing.assert_array_equal(drawn.reward, drawn.action[:, 0])


def test_generalised_advantages_equal_their_definition():
    rng = np.random.default_rng(1)
    n, gamma, decay = 7, 0.9, 0.8
    reward, values, following = rng.normal(size=(3, n, 1, 1))
    terminated = np.array([0, 0, 1, 0, 0, 0, 0], bool)[:, None]
    done = np.array([0, 0, 1, 0, 1, 0, 0], bool)[:, None]
    blank, one = np.zeros((n, 1, 1)), np.ones((n, 1))
    batch = Batch(blank, done, blank, one, values, following, reward[..., 0], one, terminated, done, one)
    found = gae(jax.tree.map(jnp.asarray, batch), jnp.asarray(reward), gamma, decay)[:, 0, 0]
    error = reward + gamma * np.where(terminated[..., None], 0, following) - values
    for t in range(n):
        total = 0.0
        for k in range(t, n):
            total += (gamma * decay) ** (k - t) * error[k, 0, 0]
            if done[k, 0]:
                break
        assert abs(found[t] - total) < 1e-5


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (1, 5)])
def test_weights_begin_orthonormal_and_point_anywhere(shape):
    make = jax.jit(jax.vmap(lambda key: orthogonal(2.0)(key, shape)))
    many = np.asarray(make(jax.random.split(jax.random.key(0), 4000)))
    wide = many if shape[0] <= shape[1] else many.transpose(0, 2, 1)
    gram = wide @ wide.transpose(0, 2, 1)
    np.testing.assert_allclose(gram, np.tile(4 * np.eye(min(shape)), (4000, 1, 1)), atol=2e-5)
    # uniform on the sphere: mean 0, mean square 4 / n in every entry; 5 standard errors
    n = max(shape)
    assert np.abs(many.mean(0)).max() < 5 * 2 / np.sqrt(n * 4000)
    assert np.abs((many**2).mean(0) * n / 4 - 1).max() < 5 * np.sqrt(2 / 4000)


def test_a_squashed_density_integrates_to_one():
    net = ActorCritic(n_actions=1, state_std=True, n_values=0)

    @jax.jit
    def heads_of(key):
        _, head = look(net, net.init(key, jnp.zeros(0), jnp.zeros(2)), jnp.zeros(0), jnp.ones(2))
        return jax.tree.map(lambda a: jnp.broadcast_to(a, (20001, *a.shape)), head)

    heads = heads_of(jax.random.key(0))
    noise = jnp.linspace(-8, 8, 20001)[:, None]
    action, density = squash(heads, noise)
    area = np.trapezoid(np.exp(np.asarray(density, float)), np.asarray(action, float)[:, 0])
    assert abs(area - 1) < 1e-3
    free = np.linspace(-9, 9, 20001)[:, None]
    area = np.trapezoid(np.exp(np.asarray(log_prob(heads, jnp.asarray(free, jnp.float32)), float)), free[:, 0])
    assert abs(area - 1) < 1e-3


def test_unrolling_equals_stepping_and_forgets_where_an_episode_begins():
    net = ActorCritic(n_actions=2, hidden=(8,), recurrent=5, n_history=4, context=3)
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros(5), jnp.zeros(6))
    x = jax.random.normal(jax.random.key(1), (4, 3, 6))
    first = jnp.zeros((4, 3), bool).at[2, 1].set(True)
    memory = jax.random.normal(jax.random.key(2), (3, 5))
    whole = jax.jit(unroll, static_argnums=0)(net, params, memory, x, first)
    step = jax.jit(look, static_argnums=0)
    for t in range(4):
        memory, head = step(net, params, jnp.where(first[t][:, None], 0.0, memory), x[t])
        for one, other in zip(head, whole):
            np.testing.assert_allclose(one, other[t], atol=1e-6)


@component
class Shielded:
    """A shield that lets through half of the request; every second window is lost, and lies."""

    n_observations: int = static(default=1)
    n_actions: int = static(default=1)

    def reset(self, key):
        return (key, jnp.int32(0)), jnp.zeros(1)

    def step(self, state, action):
        key, tick = state
        lost = tick % 2 == 1
        reward = jnp.where(lost, jnp.nan, 0.0)
        observation = jnp.where(lost, jnp.inf, tick.astype(jnp.float32))[None]
        info = {"applied_action": 0.5 * action, "usable": ~lost}
        no = jnp.asarray(False)
        return (key, tick + 1), Transition(observation, reward, jnp.zeros(()), no, no, info)


def test_off_policy_learning_stores_what_was_delivered_and_gives_lost_windows_no_weight():
    algorithm = SAC(n_envs=2, n_steps=6, n_gradients=1, batch=4, capacity=24, hidden=(4,), n_bank=1, n_random=1)
    worlds = population(Shielded())
    state, _ = jax.jit(lambda key: algorithm.collect(worlds, algorithm.init(worlds, key)))(jax.random.key(0))
    steps = jax.tree.map(lambda leaf: np.asarray(leaf)[:12], state.replay.steps)
    # uniform in [-1, 1] as asked for, so half of that as delivered
    assert 0.2 < np.abs(steps.action).max() <= 0.5
    # each second reading is lost: neither what led to it nor what followed it counts
    np.testing.assert_array_equal(steps.weight.reshape(6, 2), np.array([1, 0, 0, 0, 0, 0])[:, None] * np.ones(2))
    assert np.isfinite(steps.reward).all()
    assert np.isfinite(state.moments.mean).all()


def test_the_defaults_of_a_transition_are_that_everything_was_delivered_and_is_sound():
    no = jnp.asarray(False)
    made = Transition(jnp.zeros(1), jnp.zeros(()), jnp.zeros(()), no, no, {})
    np.testing.assert_array_equal(applied(made, jnp.array([0.3])), np.float32([0.3]))
    assert usable(made)
    assert not usable(made._replace(cost=jnp.float32(jnp.nan)))
    assert not usable(made._replace(info={"usable": no}))


@component
class Direct:
    """The first sample of each channel."""

    n_features: int = static(default=2)

    def init(self):
        return ()

    def step(self, state, reading):
        return (), reading.v[:, 0]


def _trained(n_observations: int, recurrent: int = 0, **kwargs) -> Trained:
    net = ActorCritic(n_actions=1, hidden=(8,), recurrent=recurrent, **kwargs)
    params = jax.jit(net.init)(jax.random.key(0), jnp.zeros(recurrent), jnp.zeros(n_observations))
    # an actor whose answers are far from zero
    params = jax.tree.map(lambda leaf: leaf + 0.3, params)
    return Trained(params=params, moments=no_moments(n_observations), unit=jnp.float32(2.0), net=net, squashed=False)


def _reading(v, applied=0.0) -> Reading:
    v = jnp.asarray(v, jnp.float32)
    return Reading(v[:, None], jnp.zeros(1, bool), jnp.zeros(()), jnp.asarray(True), jnp.full(1, applied))


def test_a_learned_policy_answers_as_in_training_and_is_repeatable_where_wanted():
    trained = _trained(2, recurrent=3)
    policy = Learned.of(trained, Direct())
    act = jax.jit(lambda policy, memory, reading, key: policy.act(memory, reading, key))
    alone = jax.jit(lambda memory, observation: trained.act(memory, observation))
    memory, inner = policy.init(), trained.init()
    for v in ([0.1, -0.2], [np.nan, 0.4]):
        memory, action = act(policy, memory, _reading(v), jax.random.key(1))
        inner, expected = alone(inner, jnp.asarray(v, jnp.float32))
        np.testing.assert_allclose(action, expected, rtol=1e-6)
        assert np.isfinite(action).all()
    drawn = Learned.of(trained, Direct(), deterministic=False)
    actions = [act(drawn, drawn.init(), _reading([0.1, -0.2]), jax.random.key(i))[1] for i in range(4)]
    assert len(np.unique(np.asarray(actions))) > 1
    one_sided = Learned.of(trained, Direct(), bipolar=False)
    _, share = act(one_sided, one_sided.init(), _reading([0.1, -0.2]), jax.random.key(0))
    _, action = alone(trained.init(), jnp.array([0.1, -0.2]))
    np.testing.assert_allclose(share, 0.5 * (action + 1.0), rtol=1e-6)


def test_a_learned_policy_with_another_sensing_is_refused():
    with pytest.raises(InputError, match="2 features but the policy observes 3"):
        Learned.of(_trained(3), Direct())


def test_a_policy_comes_back_from_its_file_and_foreign_files_are_refused(tmp_path):
    trained = dataclasses.replace(_trained(3, recurrent=4, n_values=2, min_std=0.1, n_history=1), squashed=True)
    save_trained(tmp_path / "policy.safetensors", trained, {"task": "t"})
    back, meta = load_trained(tmp_path / "policy.safetensors")
    assert meta == {"task": "t"}
    assert back.net == trained.net
    assert back.squashed
    assert jax.tree.structure(back) == jax.tree.structure(trained)
    for one, other in zip(jax.tree.leaves(back), jax.tree.leaves(trained)):
        np.testing.assert_array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["policy.safetensors"]
    data = (tmp_path / "policy.safetensors").read_bytes()
    for _ in range(6):
        save_trained(tmp_path / "policy.safetensors", trained, {"task": "t"})
        assert (tmp_path / "policy.safetensors").read_bytes() == data, "the same policy is the same file"
    (tmp_path / "wide").write_bytes(data.replace(b'hidden\\": [8]', b'hidden\\": [9]'))
    with pytest.raises(InputError, match="wanted is"):
        load_trained(tmp_path / "wide")
    for name, content in (("text", b"{}"), ("cut", data[:-7]), ("marked", data.replace(b"policy 1", b"policy 9"))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be read|is marked"):
            load_trained(tmp_path / name)


@component
class Echo:
    """Observes two channels that the last action moves; what was delivered is half of what was asked for."""

    n_observations: int = static(default=2)
    n_actions: int = static(default=1)

    def reset(self, key):
        return jnp.float32(0.0), jnp.array([0.5, 0.0])

    def step(self, state, action):
        x = state + 0.5 * action[0]
        no = jnp.asarray(False)
        made = Transition(jnp.stack([x, -x]), x, jnp.zeros(()), no, no, {"applied_action": 0.5 * action})
        return x, made


@pytest.mark.parametrize("kind", ["feedback", "history"])
def test_a_context_of_readings_equals_the_context_of_training(kind):
    environment, sensing = {
        "feedback": (
            WithFeedback(environment=Echo(), rewards=False), FeedbackSensing(sensing=Direct(), n_stim=1),
        ),
        "history": (
            WithHistory(environment=Echo(), n_past=2, rewards=False),
            HistorySensing(sensing=Direct(), n_stim=1, n_past=2),
        ),
    }[kind]  # fmt: skip
    assert sensing.n_features == environment.n_observations
    state, observation = environment.reset(jax.random.key(0))
    memory, features = sensing.step(sensing.init(), _reading(observation[:2]))
    np.testing.assert_array_equal(features, observation)
    for request in (0.8, -0.4, 0.2):
        state, made = environment.step(state, jnp.array([request]))
        memory, features = sensing.step(memory, _reading(made.observation[:2], 0.5 * request))
        np.testing.assert_array_equal(features, made.observation)


def test_a_context_holds_rewards_where_wanted():
    environment = WithHistory(environment=Echo(), n_past=2)
    state, _ = environment.reset(jax.random.key(0))
    _, made = environment.step(state, jnp.array([0.8]))
    # now; two steps ago nothing; then (what was seen, delivered 0.4, reward 0.4)
    np.testing.assert_allclose(made.observation, [0.4, -0.4, 0, 0, 0, 0, 0.5, 0.0, 0.4, 0.4], rtol=1e-6)
    assert environment.n_history == 8


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: PPO(n_envs=10, n_steps=3, n_minibatches=4), "30 steps do not divide into 4"),
        (lambda: PPO(n_envs=6, n_minibatches=4, recurrent=8), "6 lanes do not divide"),
        (lambda: PPO(n_envs=0), "1 or more"),
        (lambda: SAC(capacity=10), "capacity is 10"),
        (lambda: SAC(n_random=0), "n_random is 0"),
        (lambda: ShortHorizon(n_steps=0), "1 or more"),
        (lambda: PPO(n_history=1).init(population(probes.ConstantValue()), jax.random.key(0)), "n_history is 1 of 1"),
    ],
)
def test_settings_that_cannot_be_are_refused_in_one_line(make, match):
    with pytest.raises(InputError, match=match):
        make()
