"""Motor imagery: how much of the rhythms is lost, on which side, when, and the rebound of beta."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import butter, sosfiltfilt

from ...sim.conditions import Conditions
from ...sim.sources.motor_imagery import MotorImagery
from .row import Row, row

MODEL = "what the simulated people were drawn with, on average"
PFURTSCHELLER = "Pfurtscheller et al. 1997"
SFREQ = 250.0
REST_S = 2.0


def rows(fast: bool) -> list[Row]:
    """128 people, 40 trials each; ``fast``: 96 of 24."""
    people, moments, label = sessions(*((96, 24) if fast else (128, 40)))
    return [*_desynchronisation(people, moments, label), *_course(moments, label), *_rebound(moments, label)]


def sessions(n_people: int, n_trials: int) -> tuple[MotorImagery, np.ndarray, np.ndarray]:
    """The people, stacked; moments (n_people, n_trials, 2, n) A·m of the left and the right hand area from rest to
    recovery; label (n_people, n_trials) 0 left or 1 right hand."""
    people = jax.vmap(MotorImagery.sample)(jax.random.split(jax.random.key(0), n_people))
    conditions = Conditions.nominal(1)

    def record(source: MotorImagery, key: jax.Array) -> tuple[jax.Array, jax.Array]:
        silence = jnp.zeros((2, source.n_times))

        def window(state, tick):
            state, moments, truth = source.step(state, silence, conditions, jax.random.fold_in(key, tick))
            return state, (moments[:2], truth["label"])

        n = n_trials * source.trial_windows
        _, (moments, label) = jax.lax.scan(window, source.init(key, conditions), jnp.arange(n))
        moments = jnp.moveaxis(moments.reshape(n_trials, source.trial_windows, 2, -1), 2, 1)
        return moments.reshape(n_trials, 2, -1), label[:: source.trial_windows]

    moments, label = jax.jit(jax.vmap(record))(people, jax.random.split(jax.random.key(1), n_people))
    return people, np.asarray(moments, float), np.asarray(label)


def _between(x: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Mean of the last axis from ``start`` to ``stop`` s after the cue."""
    return x[..., round((start + REST_S) * SFREQ) : round((stop + REST_S) * SFREQ)].mean(axis=-1)


def _sides(power: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the trials and both areas of power (n_people, n_trials, 2, ...) on the side opposite to the imagined
    hand, and on its own: each (n_people, ...)."""
    contra = np.stack([label == 1, label == 0], axis=2)  # the left area is opposite to the right hand

    def mean(chosen: np.ndarray) -> np.ndarray:
        weight = chosen.reshape(chosen.shape + (1,) * (power.ndim - 3))
        return ((power * weight).sum(axis=1) / weight.sum(axis=1)).mean(axis=1)

    return mean(contra), mean(~contra)


def _desynchronisation(people: MotorImagery, moments: np.ndarray, label: np.ndarray) -> list[Row]:
    # all of the power: a desynchronised rhythm is a broader one, and a narrow band would lose more of it
    rest = _between(moments**2, -1.0, 0.0).mean(axis=1)  # (n_people, 2)
    task = _between(moments**2, 1.75, 4.0) / rest[:, None]
    contra, ipsi = (100 * (1 - side) for side in _sides(task, label))
    drawn = [100 * float(jnp.mean(x)) for x in (people.erd_contra, people.erd_ipsi)]
    higher = 100 * float(np.mean(contra > ipsi))
    name = "Motor imagery, power lost"
    return [
        row(f"{name} on the opposite side, points of %", drawn[0], float(contra.mean()), 5.0, MODEL),
        row(f"{name} on the same side, points of %", drawn[1], float(ipsi.mean()), 5.0, MODEL),
        row(f"{name} on the opposite side, mean over people, %", (30.0, 60.0), float(contra.mean()), 0.0,
            "45 +- 15 %, literature"),
        row(f"{name} is more on the opposite side: % of people", (90.0, 100.0), higher, 0.0, "motor imagery"),
    ]  # fmt: skip


def _filtered(moments: np.ndarray, low: float, high: float) -> np.ndarray:
    """Power of the band over time, smoothed over a quarter of a second."""
    x = sosfiltfilt(butter(4, [low, high], "bandpass", fs=SFREQ, output="sos"), moments, axis=-1)
    smooth = butter(2, 2.0, fs=SFREQ, output="sos")
    return sosfiltfilt(smooth, x**2, axis=-1)


def _course(moments: np.ndarray, label: np.ndarray) -> list[Row]:
    """When, after the cue, half of the steady loss of the opposite side is reached."""
    half = {}
    for name, band in (("mu", (8.0, 14.0)), ("beta", (16.0, 28.0))):
        contra = _sides(_filtered(moments, *band), label)[0].mean(axis=0)
        rest, task = _between(contra, -1.0, 0.0), _between(contra, 2.25, 3.75)
        late = contra[round(REST_S * SFREQ) :]
        half[name] = float(np.argmax(late < 0.5 * (rest + task)) / SFREQ)
    source = f"{PFURTSCHELLER}: the second beta desynchronises a second after mu"
    return [
        row("Motor imagery, half of the loss of mu: s after the cue", (0.0, 1.0), half["mu"], 0.0, source),
        row("Motor imagery, beta desynchronises after mu by, s", 1.0, half["beta"] - half["mu"], 0.3, source),
    ]


def _rebound(moments: np.ndarray, label: np.ndarray) -> list[Row]:
    power = _filtered(moments, 14.0, 29.0)
    rest = _between(power, -1.0, 0.0).mean(axis=1)
    sides = _sides(power / rest[:, None, :, None], label)
    course = [100 * (side.mean(axis=0) - 1.0) for side in sides]
    end = round((REST_S + 4.0) * SFREQ)
    at = end + int(course[0][end:].argmax())
    return [
        row("Motor imagery, rebound of beta on the opposite side, %", 232.0, float(course[0][at]), 82.0, PFURTSCHELLER),
        row("Motor imagery, rebound: s after the end", (0.0, 2.0), (at - end) / SFREQ, 0.0, PFURTSCHELLER),
    ]  # fmt: skip
