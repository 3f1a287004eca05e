"""Patients with seizures, recorded: seconds of an intracranial lead as features, and when they seize."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ...sim.keys import stream_key
from ...sim.tasks.seizures import draw_plant, make_plant

WINDOW_S, SFREQ = 0.25, 256.0
PER_SECOND = 4  # windows
PER_HOUR = 20.0  # seizures: of a cluster rather than of a usual day, so that an hour has some
BANDS = ((1.0, 4.0), (4.0, 8.0), (8.0, 13.0), (13.0, 30.0), (30.0, 60.0))
FLOOR = 1e-14  # V²: below any amplifier's noise
N_FEATURES = len(BANDS) + 2


class Recorded(NamedTuple):
    """x (n_patients, n_seconds, n_features); seizing, impending (n_patients, n_seconds) bool: in most of the second, in
    any of it."""

    x: np.ndarray
    seizing: np.ndarray
    impending: np.ndarray


def record_patients(model: str, numbers: np.ndarray, seed: int, minutes: float, held_out: bool) -> Recorded:
    """The patients of these numbers; who they are depends on the number alone."""
    v, seizing, impending = _record(model, int(minutes * 60 * PER_SECOND), held_out, jnp.asarray(numbers), seed)
    v, seizing, impending = (np.asarray(a) for a in (v, seizing, impending))
    n, n_windows = seizing.shape
    seconds = v.reshape(n, n_windows // PER_SECOND, -1)
    by_second = (a.reshape(n, -1, PER_SECOND) for a in (seizing, impending))
    return Recorded(
        features(seconds, SFREQ), *(a.mean(-1) >= 0.5 if i == 0 else a.any(-1) for i, a in enumerate(by_second))
    )


def features(x: np.ndarray, sfreq: float) -> np.ndarray:
    """Logarithms of the power in ``BANDS``, V², of the line length, V/s, and of the variance, V², of windows x
    (..., n_times) V: (..., n_features)."""
    centred = x - x.mean(-1, keepdims=True)
    taper = np.hanning(x.shape[-1])
    power = np.abs(np.fft.rfft(centred * taper)) ** 2 / (taper**2).sum() / x.shape[-1] * 2
    freqs = np.fft.rfftfreq(x.shape[-1], 1 / sfreq)
    bands = [power[..., (freqs >= lo) & (freqs < hi)].sum(-1) for lo, hi in BANDS]
    length = np.abs(np.diff(x, axis=-1)).mean(-1) * sfreq
    rows = [*(np.log(b + FLOOR) for b in bands), np.log(length + 1e-6), np.log(centred.var(-1) + FLOOR)]
    return np.stack(rows, -1).astype(np.float32)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _record(model: str, n_windows: int, held_out: bool, numbers: Array, seed: Any) -> tuple[Array, Array, Array]:
    """v (n_patients, n_windows, n_times) V, seizing and impending (n_patients, n_windows)."""
    with jax.ensure_compile_time_eval():
        template = make_plant(model, WINDOW_S, SFREQ, True, PER_HOUR, 0.0)
    root = stream_key(jax.random.key(0), f"transfer.{model}.{'new' if held_out else 'known'}")

    def one(number: Array) -> tuple[Array, Array, Array]:
        key = stream_key(root, "patient", number)
        plant = draw_plant(template, key, held_out)
        state = plant.init(stream_key(key, "run", seed))

        def window(state: Any, _: None) -> Any:
            state, seen = plant.step(state, jnp.zeros(plant.source.n_stim))
            return state, (seen.v[0], seen.truth["seizing"], seen.truth["impending"])

        return jax.lax.scan(window, state, None, length=n_windows)[1]

    return jax.vmap(one)(numbers)
