"""What estimators of phase have in common: the past of one signal, and the step from its newest sample into the future.

The phase is that of a cosine: 0 at the peak, pi at the trough. What an estimator gives is the phase at the moment at
which a command that answers the reading takes effect, ``reading.age`` after its newest sample: without that step the
phase is wrong by 360 degrees x frequency x delay.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ..errors import InputError, check_window
from ..loop.reading import Reading
from .compose import mix
from .iir import check_band, check_order

N_FEATURES = 4
"""Cosine and sine of the phase at the effect, amplitude V, frequency Hz."""
LONGEST_S = 60.0


def phase_of(features: Array) -> Array:
    """() rad in (-pi, pi]: the phase at the effect, from the features (4,) of an estimator."""
    return jnp.arctan2(features[..., 1], features[..., 0])


def predicted(phase: Array, amplitude: Array, frequency: Array, age: Array) -> Array:
    """Features (4,) ``age`` s after a sample of ``phase`` rad, turning on at ``frequency`` Hz."""
    then = phase + 2 * jnp.pi * frequency * age
    return jnp.stack([jnp.cos(then), jnp.sin(then), amplitude, frequency])


class Arrival(NamedTuple):
    """A signal's newest samples as they lie in time: v (n_times,) V, good (n_times,) bool, n_new () int32 samples
    since the newest one known before: less than n_times where windows overlap, more where something was lost; age () s
    of the newest one known now (jitter can bring samples that are older than those known: they are left out)."""

    v: Array
    good: Array
    n_new: Array
    age: Array


class Lateness(NamedTuple):
    """n_late: () int32, samples between the newest sample and its effect at the last reading; seen: () bool."""

    n_late: Array
    seen: Array


def on_time() -> Lateness:
    return Lateness(jnp.int32(0), jnp.asarray(False))


def arrive(late: Lateness, reading: Reading, weights: Array, sfreq: float) -> tuple[Lateness, Arrival]:
    """The weighted sum of channels in a reading, and how much of it is new, from how its age has changed."""
    v = mix(weights, reading.v)
    n_times = v.shape[-1]
    age = jnp.clip(jnp.where(jnp.isfinite(reading.age), reading.age, LONGEST_S), 0.0, LONGEST_S)
    n_late = jnp.round(age * sfreq).astype(jnp.int32)
    moved = jnp.where(late.seen, n_times - (n_late - late.n_late), n_times)
    moved = jnp.where(reading.fresh, moved, 0)
    older = jnp.maximum(-moved, 0)
    good = jnp.isfinite(v) & ~reading.blanked & (moved > 0)
    arrival = Arrival(jnp.where(good, v, 0.0), good, jnp.maximum(moved, 0), age - older / sfreq)
    return Lateness(n_late - older, late.seen | reading.fresh), arrival


class Rhythm(NamedTuple):
    """What is known of a rhythm at the newest sample: phase () rad, amplitude () V, frequency () Hz."""

    phase: Array
    amplitude: Array
    frequency: Array


def push(past: Array, arrival: Arrival, rhythm: Rhythm, sfreq: float) -> Array:
    """past (n,) V, moved on by what has arrived. Where samples are unusable or lost stands what ``rhythm``, known
    at the end of ``past``, foretells, so that no artefact and no gap enters a filter."""
    n, n_times = past.shape[0], arrival.v.shape[0]
    since = jnp.arange(n) - (n - 1) + arrival.n_new  # samples after the end of the past, below 1 before it
    turn = 2 * jnp.pi * rhythm.frequency / sfreq * since
    foretold = jnp.mean(past) + rhythm.amplitude * jnp.cos(rhythm.phase + turn)
    before = jnp.take(past, jnp.clip(n - 1 + since, 0, n - 1))
    known = jnp.where(since <= 0, before, foretold)
    k = min(n, n_times)
    return known.at[n - k :].set(jnp.where(arrival.good[n_times - k :], arrival.v[n_times - k :], known[n - k :]))


def first_value(arrival: Arrival) -> Array:
    """() V: the oldest usable sample, 0 where there is none."""
    return arrival.v[jnp.argmax(arrival.good)]


def angle(z: tuple[Array, Array]) -> Array:
    """() rad of a complex number (real, imaginary); 0 of 0."""
    return jnp.arctan2(z[1], jnp.where((z[0] == 0) & (z[1] == 0), 1.0, z[0]))


def averaged_turn(turn: Array, z: Array, then: Array, n_new: Array, keep: Array) -> Array:
    """turn (2,): running mean of z times the conjugate of an earlier z, each (2,), real and imaginary; its angle is how
    far the rhythm turned between. ``keep`` (): what a sample leaves of it."""
    product = jnp.stack([z[0] * then[0] + z[1] * then[1], z[1] * then[0] - z[0] * then[1]])
    left = keep**n_new
    return left * turn + (1 - left) * product


def turning(turn: Array, lag_s: float, band: Array, otherwise: Array) -> Array:
    """() Hz of a rhythm that turns by the angle of ``turn`` in ``lag_s`` s, within ``band`` (2,) Hz; ``otherwise``
    where nothing is known."""
    found = angle((turn[0], turn[1])) / (2 * jnp.pi * lag_s)
    return jnp.where(jnp.any(turn != 0), jnp.clip(found, band[0], band[1]), otherwise)


def zero_phase(band: tuple[float, float], sfreq: float, n: int, n_taps: int) -> np.ndarray:
    """(n, n) float64: the band-pass of :func:`short_filter` forth and back over ``n`` samples, as one matrix; ends are
    extended by reflection about the last sample."""
    from scipy.signal import filtfilt

    taps = short_filter(band, sfreq, n_taps)
    if not len(taps) < n / 3:
        raise InputError(f"a filter of {len(taps)} samples for a past of {n}; wanted a past of more than three filters")
    return filtfilt(taps, [1.0], np.eye(n), axis=0)


def short_filter(band: tuple[float, float], sfreq: float, n_taps: int) -> np.ndarray:
    """A finite band-pass of about ``n_taps`` samples, 1 at the centre and 0 at 0 Hz.

    One that is shorter than two cycles spoils less than one at the ends of the past, recursive ones spoil several.
    """
    from scipy.signal import firwin

    n_taps = max(2 * (n_taps // 2) + 1, 3)
    taps = np.asarray(firwin(n_taps, band, pass_zero=False, scale=False, fs=sfreq))
    hamming = np.hamming(n_taps)
    taps = taps - hamming * taps.sum() / hamming.sum()
    turn = np.pi * sum(band) / sfreq * (np.arange(n_taps) - n_taps // 2)
    return taps / (taps @ np.cos(turn))


def check_estimator(
    band: tuple[float, float], sfreq: float, n_times: int, weights: ArrayLike, order: int = 2
) -> tuple[tuple[float, float], np.ndarray]:
    """(band, weights (n_channels,)); InputError for a band, order or weights that cannot be."""
    check_window("estimator of phase", sfreq, n_times)
    check_order(order)
    found = np.atleast_1d(np.asarray(weights, np.float32))
    if found.ndim != 1 or not np.isfinite(found).all() or not found.any():
        raise InputError(f"weights of the channels are {np.shape(weights)}; wanted (n_channels,), finite, not all 0")
    return check_band(band, sfreq), found
