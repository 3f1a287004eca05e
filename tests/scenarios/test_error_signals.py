"""Signs of errors: what a user's brain says of a prediction, with a detector's mistakes."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from neurodrift.adaptation.contract import Trials
from neurodrift.scenarios.decoding import Stream, decode_host, decode_stream, error_signals, reveal

N = 4000


class State(NamedTuple):
    """labels_used () int32: 10 for every sign that was seen and 1 for each time that somebody looked."""

    labels_used: jax.Array


class Listener:
    """Always says class 0 and counts what it is told."""

    def init(self, decoder, variables, calibration, key):
        return State(jnp.zeros((), jnp.int32))

    def predict(self, state, x):
        return jnp.array([1.0, 0.0])

    def update(self, state, x, feedback):
        looked = jnp.asarray(feedback.error) >= 0
        return State(state.labels_used + jnp.where(looked, 1 + 10 * feedback.error, 0))


def _stream(errors, n=6):
    y = jnp.asarray([0, 1] * (n // 2), jnp.int32)
    labels = reveal(jax.random.key(0), y, 2, missing=1.0)
    return y, Stream(jnp.ones((n, 2, 3)), labels, jnp.zeros(n, bool), errors)


def test_a_detector_makes_as_many_mistakes_of_each_kind_as_it_is_said_to():
    y = jnp.zeros(N, jnp.int32)
    signals = error_signals(jax.random.key(1), y, false_positive=0.2, miss=0.35)
    seen_if_right = np.asarray(signals.after(jnp.zeros(N, jnp.int32)))
    seen_if_wrong = np.asarray(signals.after(jnp.ones(N, jnp.int32)))
    # three standard errors of a proportion
    assert abs(seen_if_right.mean() - 0.2) < 3 * np.sqrt(0.2 * 0.8 / N)
    assert abs(seen_if_wrong.mean() - 0.65) < 3 * np.sqrt(0.65 * 0.35 / N)


def test_a_perfect_detector_tells_a_method_which_of_its_own_predictions_were_wrong():
    y = jnp.asarray([0, 1] * 3, jnp.int32)
    _, stream = _stream(error_signals(jax.random.key(2), y, 0.0, 0.0))
    none = Trials(jnp.zeros((1, 2, 3)), jnp.zeros(1, jnp.int32), jnp.ones(1))
    for decode in (decode_stream, decode_host):
        _, told = decode(Listener(), None, None, none, stream, jax.random.key(3))
        assert np.asarray(told).tolist() == [1, 12, 13, 24, 25, 36]
    assert np.asarray(stream.errors.after(jnp.zeros(6, jnp.int32))).tolist() == [0, 1] * 3


def test_without_a_detector_a_method_is_told_that_nobody_looked():
    _, stream = _stream(None)
    none = Trials(jnp.zeros((1, 2, 3)), jnp.zeros(1, jnp.int32), jnp.ones(1))
    _, told = decode_stream(Listener(), None, None, none, stream, jax.random.key(3))
    assert np.asarray(told).tolist() == [0] * 6
