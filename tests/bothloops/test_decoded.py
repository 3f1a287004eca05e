"""A loop seen through a decoder: what the policy sees, when labels arrive, and what reaches adaptation."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Trials, Variables
from neurodrift.adaptation.preprocessing import Preprocessing
from neurodrift.scenarios.bothloops.beta import BAND, band_basis
from neurodrift.scenarios.bothloops.decoded import DecodedLoop, DecodedState
from neurodrift.scenarios.bothloops.policies import Following, policy, stacked
from neurodrift.sim.loop import Outcome, Reading, run_loop
from neurodrift.sim.pytree import component, static

N_CHANNELS, N_TIMES, SFREQ = 2, 125, 250.0


class StandInState(NamedTuple):
    plant: "StandInPlantState"


class StandInPlantState(NamedTuple):
    tick: jax.Array
    key: jax.Array


class StandInWindow(NamedTuple):
    truth: dict
    beta: jax.Array


@component
class StandInTask:
    def amplitude(self, window):
        return window.beta


@component
class StandInSource:
    n_times: int = static(default=N_TIMES)


@component
class StandInAmplifier:
    clip: float = 1e-3
    n_channels: int = static(default=N_CHANNELS)


@component
class StandInPlant:
    source: StandInSource = StandInSource()
    amplifier: StandInAmplifier = StandInAmplifier()


@component
class StandInLoop:
    """Beta is 1 in the first 20 windows and 9 from then on; v is a 20 Hz rhythm as large; ``lost`` is a lost packet,
    and in window ``loud`` everything is clipped."""

    plant: StandInPlant = StandInPlant()
    task: StandInTask = StandInTask()
    lost: int = -1
    loud: int = -1
    n_stim: int = static(default=1)
    bipolar: bool = static(default=False)

    def init(self, key):
        return StandInState(StandInPlantState(jnp.int32(0), key))

    def step(self, state, action):
        tick = state.plant.tick
        beta = jnp.where(tick < 20, 1.0, 9.0)
        t = (tick * N_TIMES + jnp.arange(N_TIMES)) / SFREQ
        v = 1e-6 * beta * jnp.stack([jnp.cos(2 * jnp.pi * 20 * t), jnp.sin(2 * jnp.pi * 20 * t)])
        v = jnp.where(tick == self.loud, 1.0, v)
        zero, false = jnp.zeros(()), jnp.asarray(False)
        reading = Reading(v, jnp.zeros(N_TIMES, bool), zero, tick != self.lost, action)
        outcome = Outcome(
            observation=v, reading=reading, window=StandInWindow({}, beta), requested=action, applied=action,
            vetoes=jnp.uint32(0), mode=jnp.int32(0), reward=-beta, cost=zero, terminated=false, marker=beta,
        )  # fmt: skip
        return StandInState(StandInPlantState(tick + 1, state.plant.key)), outcome


@component
class PowerDecoder:
    """Log-odds: 1 per unit of log mean power above (3 uV)^2."""

    @property
    def n_classes(self):
        return 2

    def apply(self, variables, x, *, key=None):
        odds = jnp.log(jnp.mean(x**2) / 9e-12)
        return jnp.stack([jnp.zeros(()), odds])


class LogState(NamedTuple):
    labels_used: jax.Array
    seen: jax.Array  # finite windows observed
    labels: jax.Array  # (100,) label that arrived at each window, -1 for none
    powers: jax.Array  # (100,) power of the window that it belongs to
    tick: jax.Array


@component
class LogAdapter:
    """Writes down what it is told."""

    def init(self, decoder, variables, calibration, key):
        zero = jnp.int32(0)
        return LogState(zero, zero, -jnp.ones(100), jnp.zeros(100), zero)

    def predict(self, state, x):
        logits = PowerDecoder().apply(None, x)
        return jnp.where(jnp.isfinite(logits).all(), logits, 0.0)

    def update(self, state, x, feedback):
        came = feedback.available & jnp.isfinite(feedback.window).all()
        label = jnp.where(came, feedback.label, -1.0)
        power = jnp.where(came, jnp.mean(feedback.window**2), 0.0)
        return LogState(
            state.labels_used + came, state.seen + jnp.isfinite(x).all(), state.labels.at[state.tick].set(label),
            state.powers.at[state.tick].set(power), state.tick + 1,
        )  # fmt: skip


def decoded_loop(truth=0.0, loop=None, **options):
    preprocessing = Preprocessing.create(SFREQ, 2 * N_TIMES, *BAND, sfreq_out=125.0)
    trials = Trials(jnp.zeros((1, N_CHANNELS, 125)), jnp.zeros(1, jnp.int32), jnp.ones(1))
    fitted = DecodedState(
        variables=Variables(jnp.eye(N_CHANNELS), {}, {}), calibration=trials, threshold=jnp.float32(3.0),
        truth=jnp.float32(truth),
    )  # fmt: skip
    return DecodedLoop(
        loop=StandInLoop() if loop is None else loop, fitted=fitted, preprocessing=preprocessing,
        decoder=PowerDecoder(), adapter=LogAdapter(), compress=False, **({"every": 10, "delay": 3} | options),
    )  # fmt: skip


def run(loop, n_windows=60):
    """Every window's outcome, and the state in the end."""

    def step(state, _):
        state, outcome = loop.step(state, jnp.zeros(1))
        return state, outcome

    return jax.jit(lambda: jax.lax.scan(step, loop.init(jax.random.key(0)), None, length=n_windows))()


@pytest.fixture(scope="module")
def ran():
    return run(decoded_loop())


def test_the_policy_sees_what_was_decoded_and_nothing_else(ran):
    _, outcome = ran
    assert outcome.reading.v.shape == (60, 1, 1)
    np.testing.assert_array_equal(outcome.reading.v[:, 0, 0], outcome.window.truth["evidence"])
    # two rhythms a quarter turn apart of amplitude 9 uV: mean power 40.5 uV^2
    assert float(outcome.reading.v[-1, 0, 0]) == pytest.approx(np.log(40.5 / 9), abs=0.05)


def test_a_label_arrives_late_and_belongs_to_the_window_that_was_rated(ran):
    (_, decoder), outcome = ran
    arrived = np.flatnonzero(np.asarray(decoder.adapter.labels) >= 0)
    np.testing.assert_array_equal(arrived, [12, 22, 32, 42, 52])
    np.testing.assert_array_equal(np.asarray(decoder.adapter.labels)[arrived], [0, 0, 1, 1, 1])
    # the one that arrives at 22 is of window 19, the last one of low beta
    assert decoder.adapter.powers[22] < 2e-12
    assert int(outcome.window.truth["labels"][-1]) == 5


def test_the_state_is_that_of_all_windows_decoded_together(ran):
    high = np.asarray(ran[1].window.truth["high"])
    # sqrt((1 + 81) / 2) is above 3: high from the first window with beta
    assert not high[:20].any()
    assert high[20:].all()


def test_the_oracle_decoder_gives_the_state_itself_whatever_was_recorded():
    _, outcome = run(decoded_loop(truth=1.0))
    np.testing.assert_array_equal(outcome.reading.v[:, 0, 0] > 0, outcome.window.truth["high"])


def test_windows_that_were_clipped_reach_neither_decoding_nor_learning(ran):
    (_, plain), _ = ran
    # two windows are decoded together: one that is clipped spoils two, and the first has nothing before it
    (_, strict), seen = run(decoded_loop(loop=StandInLoop(loud=39), most_unusable=0.4))
    evidence = np.asarray(seen.window.truth["evidence"])
    assert evidence[39] == evidence[38]
    assert evidence[40] == evidence[38]
    assert int(strict.adapter.seen) == int(plain.adapter.seen) - 3
    # the rating of window 39 belongs to nothing that can be learnt from
    assert int(strict.adapter.labels_used) == 4
    assert int(plain.adapter.labels_used) == 5


def test_a_lost_packet_leaves_the_evidence_as_it_was():
    _, outcome = run(decoded_loop(loop=StandInLoop(lost=20)))
    evidence = np.asarray(outcome.window.truth["evidence"])
    assert evidence[20] == evidence[19]


def test_ratings_that_never_come_and_ratings_that_are_wrong():
    (_, none), _ = run(decoded_loop(missing=1.0))
    assert int(none.adapter.labels_used) == 0
    (_, wrong), _ = run(decoded_loop(noise=1.0))
    labels = np.asarray(wrong.adapter.labels)
    np.testing.assert_array_equal(labels[labels >= 0], [1, 1, 0, 0, 0])


def test_controllers_of_agents_run_on_it_unchanged():
    on_off = policy(0.0, 1.0, 0.0, 0.5, n_blocks=1, average=1)
    keep = jax.jit(lambda: run_loop(decoded_loop(), on_off, 40, jax.random.key(1), lambda o: o.applied))
    applied = np.asarray(keep())[:, 0]
    # 9 uV against 1: decoded in the first window that holds it, answered in the next
    np.testing.assert_array_equal(np.flatnonzero(applied), np.arange(21, 40))


def follow(law, features):
    def step(memory, x):
        memory, target = law.step(memory, x[None], jnp.zeros(1), jnp.float32(0.5))
        return memory, target[0]

    return np.asarray(jax.lax.scan(step, law.init(), jnp.asarray(features, jnp.float32))[1])


def test_a_threshold_that_follows_is_high_in_its_share_of_the_time():
    features = 40 + 3 * np.random.default_rng(0).normal(size=8000)
    law = Following(threshold=jnp.zeros(1), high=jnp.ones(1), low=jnp.zeros(1), rate=0.2, share=0.3)
    # Robbins-Monro finds the quantile of a distribution that it was never told, after a run-up of 40 / (.2 x .7)
    assert follow(law, features)[2000:].mean() == pytest.approx(0.3, abs=0.02)


def test_a_fixed_threshold_stays_where_it_is():
    law = Following(threshold=jnp.asarray([2.0]), high=jnp.ones(1), low=jnp.full(1, 0.25))
    np.testing.assert_allclose(follow(law, [1.0, 3.0, 2.0, 2.1]), [0.25, 1.0, 0.25, 1.0])


def test_a_schedule_is_in_force_stretch_by_stretch():
    law = Following(threshold=jnp.asarray([0.0, 5.0]), high=jnp.asarray([1.0, 0.5]), low=jnp.zeros(2), block=3.0)
    np.testing.assert_allclose(follow(law, [1, 1, 1, 1, 6, 1, 6]), [1, 1, 1, 0, 0.5, 0, 0.5])


def test_policies_of_all_kinds_have_one_structure():
    kinds = [policy(0.0, 1.0, 0.0, 0.5, n_blocks=4), policy(0.0, 1.0, 0.2, 0.5, rate=0.1, share=0.3, n_blocks=4)]
    many = stacked(kinds)
    np.testing.assert_allclose(many.law.rate, [0.0, 0.1])
    assert many.law.low.shape == (2, 4)


def test_the_band_holds_what_is_in_it_and_nothing_else():
    t = np.arange(N_TIMES) / SFREQ
    basis = band_basis(SFREQ, N_TIMES)

    def power(frequency):
        return float((((3.0 * np.cos(2 * np.pi * frequency * t + 0.4)) @ basis) ** 2).sum())

    assert power(20.0) == pytest.approx(4.5, rel=1e-5)
    assert power(10.0) < 1e-6
    assert power(40.0) < 1e-6


def test_components_keep_their_leaves():
    loop = decoded_loop()
    louder = dataclasses.replace(loop, missing=0.5)
    assert jax.tree.structure(louder) == jax.tree.structure(loop)
