"""The brain itself changes state."""

import dataclasses

import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Stateless, ramp


@component
class Fatigue(Stateless):
    """Mental fatigue: theta and alpha power ramp up and alpha slows down.

    Trejo (2015): theta power +29 %, alpha power +44 % over up to 3 h, onset after 15-30 min, lower alpha frequency.
    theta, alpha () relative power in the end; slowing () Hz; attention () loss of task modulation (fraction);
    onset_s, duration_s () s.
    """

    theta: Array
    alpha: Array
    slowing: Array
    attention: Array
    onset_s: Array
    duration_s: Array

    @classmethod
    def trejo(
        cls, onset_s: float | Array = 1200.0, duration_s: float = 3 * 3600.0, severity: float | Array = 1.0,
        attention: float = 0.1,
    ) -> "Fatigue":  # fmt: skip
        """The published sizes times ``severity``; the loss of task modulation is an assumption."""
        s = jnp.asarray(severity, jnp.float32)
        return cls(
            theta=0.29 * s, alpha=0.44 * s, slowing=0.5 * s, attention=attention * s,
            onset_s=jnp.asarray(onset_s, jnp.float32), duration_s=jnp.float32(duration_s),
        )  # fmt: skip

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        level = ramp(clock, self.onset_s, self.duration_s)
        return state, dataclasses.replace(
            conditions,
            theta_gain=conditions.theta_gain * jnp.sqrt(1.0 + self.theta * level),
            alpha_gain=conditions.alpha_gain * jnp.sqrt(1.0 + self.alpha * level),
            alpha_shift=conditions.alpha_shift - self.slowing * level,
            modulation_gain=conditions.modulation_gain * (1.0 - self.attention * level),
        )


@component
class StateSwitch(Stateless):
    """A brain-state switch that comes and goes: A until ``onset_s``, B until ``return_s``, then A again.

    In B the background alpha has ``alpha`` () times its amplitude, the source's rhythms ``rhythm`` () times, and the
    task modulation ``modulation`` () times. Set ``return_s`` to infinity for a switch that stays.
    """

    alpha: Array
    rhythm: Array
    modulation: Array
    onset_s: Array
    return_s: Array

    @classmethod
    def drowsy(
        cls, onset_s: float | Array, return_s: float | Array = jnp.inf, depth: float | Array = 1.0
    ) -> "StateSwitch":
        """Relaxed drowsiness (assumed sizes): alpha doubled, mu 30 % stronger, modulation 40 % weaker at depth 1."""
        d = jnp.asarray(depth, jnp.float32)
        return cls(
            alpha=1.0 + d, rhythm=1.0 + 0.3 * d, modulation=1.0 - 0.4 * d,
            onset_s=jnp.asarray(onset_s, jnp.float32), return_s=jnp.asarray(return_s, jnp.float32),
        )  # fmt: skip

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        inside = (clock.seconds >= self.onset_s) & (clock.seconds < self.return_s)
        return state, dataclasses.replace(
            conditions,
            alpha_gain=conditions.alpha_gain * jnp.where(inside, self.alpha, 1.0),
            rhythm_gain=conditions.rhythm_gain * jnp.where(inside, self.rhythm, 1.0),
            modulation_gain=conditions.modulation_gain * jnp.where(inside, self.modulation, 1.0),
        )
