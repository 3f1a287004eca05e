"""Synthetic motor-imagery streams with known answers: a mixture of sources, two of whose powers tell the class."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from neurodrift.adaptation.contract import Decoder, Feedback, Trials, Variables
from neurodrift.adaptation.methods.alignment import with_alignment


class Stream(NamedTuple):
    calibration: Trials
    x: Array  # (n_trials, n_channels, n_times) V
    y: Array  # (n_trials,)
    session_end: Array  # (n_trials,) bool, on the last window before the drift


def rotation(key: Array, n: int, angle: float) -> Array:
    """A random rotation (n, n) by about ``angle`` rad (Cayley's form): no recentering can undo it."""
    half = 0.5 * angle * jax.random.normal(key, (n, n)) / jnp.sqrt(2.0 * n)
    return jnp.linalg.solve(jnp.eye(n) - (half - half.T), jnp.eye(n) + (half - half.T))


def stretch(key: Array, n: int, strength: float) -> Array:
    """A random SPD matrix (n, n) whose logarithm has entries of about ``strength``: recentering undoes it."""
    half = jax.random.normal(key, (n, n)) / jnp.sqrt(2.0)
    values, vectors = jnp.linalg.eigh(half + half.T)
    return (vectors * jnp.exp(strength * values / jnp.sqrt(1.0 * n))) @ vectors.T


def windows(key: Array, mixing: Array, y: Array, n_times: int, effect: float) -> Array:
    """Windows (n_trials, n_channels, n_times) of white sources; source y is e^effect times its resting power.

    mixing (n_trials, n_channels, n_channels). Amplitudes vary from window to window by a quarter.
    """
    n_channels = mixing.shape[-1]
    noise = jax.random.normal(key, (y.shape[0], n_channels, n_times + 1))
    amplitude = 0.25 * noise[..., 0] + 0.5 * effect * jax.nn.one_hot(y, n_channels)
    return 1e-5 * mixing @ (jnp.exp(amplitude)[..., None] * noise[..., 1:])


def drifting(
    key: Array,
    angle: float = 0.0,
    strength: float = 0.0,
    gain: float = 1.0,
    n_channels: int = 8,
    n_times: int = 64,
    n_calibration: int = 80,
    before: int = 40,
    after: int = 100,
    announced: bool = True,
    effect: float = 0.7,
) -> Stream:
    """Calibration and ``before`` trials of one mixture, ``after`` trials of it turned, stretched and scaled."""
    k = jax.random.split(key, 5)
    mixing = jnp.eye(n_channels) + 0.3 * jax.random.normal(k[0], (n_channels, n_channels)) / jnp.sqrt(n_channels)
    moved = gain * rotation(k[1], n_channels, angle) @ stretch(k[2], n_channels, strength) @ mixing
    n = n_calibration + before + after
    # One of each class in every pair, in random order: balanced in every stretch, yet not predictable.
    y = (jnp.arange(n) + jnp.repeat(jax.random.bernoulli(k[3], 0.5, (n // 2 + 1,)), 2)[:n]) % 2
    trial = jnp.arange(n)[:, None, None]
    x = windows(k[4], jnp.where(trial < n_calibration + before, mixing, moved), y, n_times, effect)
    calibration = Trials(x[:n_calibration], y[:n_calibration], jnp.ones(n_calibration))
    session_end = (jnp.arange(before + after) == before - 1) & announced
    return Stream(calibration, x[n_calibration:], y[n_calibration:], session_end)


def trained(decoder: Decoder, calibration: Trials, key: Array, mean: str = "euclidean") -> Variables:
    """The decoder's variables after calibration, aligned to it."""
    return decoder.fit(with_alignment(decoder.init(key), calibration, mean), calibration, key)


def run(adapter, decoder, variables, stream: Stream, key: Array, labels=None, available=None):
    """(final state, predicted classes) of the stream, predict before update, in one scan."""
    labels = stream.y if labels is None else labels
    available = jnp.ones(stream.y.shape, bool) if available is None else available
    state = adapter.init(decoder, variables, stream.calibration, key)

    def step(state, trial):
        x, label, there, end = trial
        logits = adapter.predict(state, x)
        return adapter.update(state, x, Feedback(label, there, x, end)), logits.argmax()

    return jax.lax.scan(step, state, (stream.x, labels, available, stream.session_end))
