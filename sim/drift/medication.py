"""Levodopa doses, and the time of day."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Stateless


@component
class Levodopa(Stateless):
    """Doses of levodopa: absorbed and eliminated at first order, their effects added up and capped at 1.

    effect () of one dose at its peak, 1 for full; doses_s (n_doses,) s; absorption_s, elimination_s () s, constants
    (onset within half an hour, half-life 90 min: usual clinical figures, assumed). ``medication`` is the truth.
    """

    effect: Array
    doses_s: Array
    absorption_s: Array
    elimination_s: Array

    @classmethod
    def create(
        cls, effect: float | Array = 0.9, onset_s: float | Array = 0.0, every_s: float = 4 * 3600.0, n_doses: int = 42,
        absorption_s: float = 900.0, elimination_s: float = 7800.0,
    ) -> "Levodopa":  # fmt: skip
        """A dose at ``onset_s`` s and every four hours from then on, for a week by default."""
        return cls(
            effect=jnp.asarray(effect, jnp.float32),
            doses_s=jnp.asarray(onset_s, jnp.float32) + every_s * jnp.arange(n_doses, dtype=jnp.float32),
            absorption_s=jnp.float32(absorption_s), elimination_s=jnp.float32(elimination_s),
        )  # fmt: skip

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        since = jnp.maximum(clock.seconds - self.doses_s, 0.0)
        level = jnp.sum(self._bateman(since)) / self._bateman(self._peak())
        return state, dataclasses.replace(
            conditions, medication=jnp.clip(conditions.medication + self.effect * level, 0.0, 1.0)
        )

    def _bateman(self, since: Array) -> Array:
        return jnp.exp(-since / self.elimination_s) - jnp.exp(-since / self.absorption_s)

    def _peak(self) -> Array:
        """s after a dose, when its effect is greatest."""
        a, e = self.absorption_s, self.elimination_s
        return jnp.log(e / a) * a * e / (e - a)


@component
class Circadian:
    """The time of day in a rhythm's power: a sinusoid of 24 h, lowest at night, and slow fluctuation beside it.

    amplitude () of log power; peak_s () s after the start when it is greatest; wander () sd of the log power's slow
    fluctuation; tau_s () s its correlation time; onset_s () s: nothing before. The rhythm's amplitude gets
    exp(log power / 2).
    """

    amplitude: Array
    onset_s: Array
    peak_s: Array
    wander: Array
    tau_s: Array
    DAY_S = 86400.0

    @classmethod
    def beta(
        cls, amplitude: float | Array = 0.3, onset_s: float | Array = 0.0, peak_s: float = 0.0, explained: float = 0.41,
        tau_s: float = 3600.0,
    ) -> "Circadian":  # fmt: skip
        """Beta power in the subthalamic nucleus: the time of day explains 41 +- 9 % of its variance (chronic
        recordings); ``amplitude`` and ``tau_s`` are assumed, the fluctuation follows from the share."""
        a = jnp.asarray(amplitude, jnp.float32)
        return cls(
            amplitude=a, onset_s=jnp.asarray(onset_s, jnp.float32), peak_s=jnp.float32(peak_s),
            wander=jnp.abs(a) * jnp.sqrt((1.0 - explained) / explained / 2.0), tau_s=jnp.float32(tau_s),
        )  # fmt: skip

    def init(self, key: Array) -> Array:
        return self.wander * jax.random.normal(key)

    def step(self, state: Array, conditions: Conditions, clock: Clock, key: Array) -> tuple[Array, Conditions]:
        # an Ornstein-Uhlenbeck process sampled exactly, whatever the window's length
        keep = jnp.exp(-clock.window_s / self.tau_s)
        state = keep * state + self.wander * jnp.sqrt(1.0 - keep**2) * jax.random.normal(key)
        wave = self.amplitude * jnp.cos(2 * jnp.pi * (clock.seconds - self.peak_s) / self.DAY_S)
        log_power = jnp.where(clock.seconds >= self.onset_s, wave + state, 0.0)
        gain = conditions.rhythm_gain * jnp.exp(0.5 * log_power)
        return state, dataclasses.replace(conditions, rhythm_gain=gain)
