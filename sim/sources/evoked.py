"""Evoked responses: rare pictures that matter among frequent ones (P300), and flicker at two rates (SSVEP).

Polich (2007), Clin. Neurophysiol. 118:2128: the P3b of targets peaks 250 to 500 ms after the stimulus and grows from
the frontal over the central to the parietal midline; the larger, the rarer the target. Regan (1989), Human Brain
Electrophysiology: flicker drives the visual cortex at its own rate.
"""

from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..pytree import component, static
from .base import Truth
from .trial_labels import next_label

PARIETAL = ((-0.6, -0.65, 0.35), (0.6, -0.65, 0.35))
VISUAL = ((-0.5, -0.85, -0.1), (0.5, -0.85, -0.1))
"""Directions from the head's centre: the temporo-parietal junctions, and the visual cortex of either side."""
P3B_S, P3B_SPREAD_S, P3B_WIDTH_S = 0.36, 0.03, 0.07
P3B_MOMENT = 110e-9  # A·m each: 14 uV at Pz in the four-layer sphere; 10 to 20 are usual
N1_S, P2_S, VISUAL_WIDTH_S = 0.17, 0.24, 0.025
VISUAL_MOMENT = 20e-9
FLICKER_MOMENT = 15e-9  # 3 uV at Oz
RATES = (30.0, 20.0)
"""Hz of flicker, those of the headband's recordings."""


class EvokedState(NamedTuple):
    previous: Array  # () int32 class of the trial before, for balanced pairs


class OneWindow:
    """Trials of two classes that are one control window each, of somebody who is not stimulated."""

    sfreq: float
    window_s: float
    positions: Array

    jittable: ClassVar[bool] = True
    responds_to_stim: ClassVar[bool] = False
    n_stim: ClassVar[int] = 1
    n_classes: ClassVar[int] = 2
    trial_windows: ClassVar[int] = 1
    epoch: ClassVar[tuple[int, int]] = (0, 1)

    @property
    def n_times(self) -> int:
        return round(self.window_s * self.sfreq)

    @property
    def n_sources(self) -> int:
        return self.positions.shape[0]

    @property
    def seconds(self) -> Array:
        """(n_times,) after the stimulus, which comes as the window begins."""
        return jnp.arange(self.n_times) / self.sfreq

    def init(self, key: Array, conditions: Conditions) -> EvokedState:
        return EvokedState(jnp.int32(-1))


@component
class Oddball(OneWindow):
    """A picture every window: of class 1, the target, a P3b, and of both a visual response (N1, then P2).

    positions (4, 3) m and orientations (4, 3): left and right of the P3b's, and of the visual; moment () A·m of each of
    the former at its peak and visual () of N1 and P2; latency () s of the P3b, which varies by ``jitter`` () s from
    trial to trial, and its size by ``trial_sd`` (), log-sd (70 ms wide, N1 at 170 ms and P2 at 240 ms, all assumed).
    How rare targets are is ``conditions.class_prior``; rhythm_gain scales all responses.
    """

    positions: Array
    orientations: Array
    moment: Array
    visual: Array
    latency: Array
    jitter: Array
    trial_sd: Array
    sfreq: float = static(default=256.0)
    window_s: float = static(default=1.0)

    @classmethod
    def sample(cls, key: Array, radius: float = 0.09, **static_fields: float) -> "Oddball":
        """Draw one person: latency 360 ms with sd 30 ms, sizes lognormal with sd .3, sources 5 mm from where they are
        in the mean, in a head of ``radius`` m."""
        k = jax.random.split(key, 4)
        direction = _unit(jnp.asarray([*PARIETAL, *VISUAL]))
        place = direction * jnp.asarray([[_PARIETAL_AT]] * 2 + [[_VISUAL_AT]] * 2) * radius
        return cls(
            positions=place + 0.005 * jax.random.normal(k[0], (4, 3)),
            orientations=direction,
            moment=P3B_MOMENT * jnp.exp(0.3 * jax.random.normal(k[1])),
            visual=VISUAL_MOMENT * jnp.exp(0.3 * jax.random.normal(k[2])),
            latency=P3B_S + P3B_SPREAD_S * jax.random.normal(k[3]),
            jitter=jnp.float32(0.03),
            trial_sd=jnp.float32(0.3),
            **static_fields,  # type: ignore[arg-type]
        )

    def step(
        self, state: EvokedState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[EvokedState, Array, Truth]:
        """One trial: moments (4, n_times) A·m; truth: ``label``, and ``latency`` () s of this trial's P3b."""
        k_label, k_time, k_size = jax.random.split(key, 3)
        label, previous = next_label(k_label, state.previous, conditions.class_prior)
        latency = self.latency + self.jitter * jax.random.normal(k_time)
        size = _size(k_size, self.trial_sd)
        p3b = label * self.moment * size * _bump(self.seconds, latency, P3B_WIDTH_S)
        seen = _bump(self.seconds, P2_S, VISUAL_WIDTH_S) - _bump(self.seconds, N1_S, VISUAL_WIDTH_S)
        moments = conditions.rhythm_gain * jnp.stack([p3b, p3b, self.visual * seen, self.visual * seen])
        return EvokedState(previous), moments, {"label": label, "latency": latency}


@component
class Flicker(OneWindow):
    """Flicker at one of two rates in every window: the visual cortex follows it, beginning 100 ms after it began.

    positions (2, 3) m and orientations (2, 3): left and right visual; moments (2,) A·m, the amplitude at each rate;
    rates (2,) Hz of the classes; phase (2,) rad at each rate; the size varies by ``trial_sd`` (), log-sd, from trial to
    trial. rhythm_gain scales the response.
    """

    positions: Array
    orientations: Array
    moments: Array
    rates: Array
    phase: Array
    trial_sd: Array
    sfreq: float = static(default=256.0)
    window_s: float = static(default=3.0)

    @classmethod
    def sample(cls, key: Array, radius: float = 0.09, **static_fields: float) -> "Flicker":
        """Draw one person: response to 20 Hz 1.5 times that to 30 (assumed), sizes lognormal with sd .3, any phase."""
        k = jax.random.split(key, 3)
        direction = _unit(jnp.asarray(VISUAL))
        return cls(
            positions=direction * _VISUAL_AT * radius + 0.005 * jax.random.normal(k[0], (2, 3)),
            orientations=direction,
            moments=FLICKER_MOMENT * jnp.asarray([1.0, 1.5]) * jnp.exp(0.3 * jax.random.normal(k[1], (2,))),
            rates=jnp.asarray(RATES),
            phase=jax.random.uniform(k[2], (2,), maxval=2 * np.pi),
            trial_sd=jnp.float32(0.3),
            **static_fields,  # type: ignore[arg-type]
        )

    def step(
        self, state: EvokedState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[EvokedState, Array, Truth]:
        """One trial: moments (2, n_times) A·m; truth: ``label``."""
        k_label, k_size = jax.random.split(key)
        label, previous = next_label(k_label, state.previous, conditions.class_prior)
        size = _size(k_size, self.trial_sd)
        wave = jnp.sin(2 * np.pi * self.rates[label] * self.seconds + self.phase[label])
        wave = conditions.rhythm_gain * self.moments[label] * size * jnp.where(self.seconds >= 0.1, wave, 0.0)
        return EvokedState(previous), jnp.stack([wave, wave]), {"label": label}


_PARIETAL_AT, _VISUAL_AT = 0.4, 0.6  # of the radius: deep, as wide generators look, so that the maximum is broad


def _unit(direction: Array) -> Array:
    return direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)


def _size(key: Array, sd: Array) -> Array:
    """Of one trial, lognormal with mean 1."""
    return jnp.exp(sd * jax.random.normal(key) - 0.5 * sd**2)


def _bump(t: Array, centre: Array | float, width: float) -> Array:
    return jnp.exp(-0.5 * ((t - centre) / width) ** 2)
