"""Drift of intracortical recordings: neurons come and go, and the rates of those that stay walk."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component, static

DAY_S = 86400.0
SHARE = 0.71
TAU_S = (24 * DAY_S, 225 * DAY_S)
"""Fraction of units that are lost fast, and the mean lifetimes of both kinds: S(t) = .71 exp(-t/24 d) +
.29 exp(-t/225 d), a fit of how long units stay the same neuron in macaque motor cortex (67, 31, 21 and 8 % after 15,
47, 106 days and 9 months; Vaidya et al. 2014, EMBC 4872). It gives 65, 34, 19 and 9 %."""


def survival(seconds: Array) -> Array:
    """Fraction of units that are still the same neuron after ``seconds``."""
    return SHARE * jnp.exp(-seconds / TAU_S[0]) + (1 - SHARE) * jnp.exp(-seconds / TAU_S[1])


class TurnoverState(NamedTuple):
    ends: Array  # (n_channels, n_neurons) s after the onset at which each neuron of a channel is lost
    silent: Array  # (n_channels, n_neurons + 1) 1 where no neuron is seen


@component
class UnitTurnover:
    """From ``onset_s`` () s on, neurons are lost and others appear: ``unit_identity`` counts them.

    speed () multiplies the published rate of loss; silent () is the share of losses after which the channel sees nobody
    until the next one (assumed; 0 by default). Lifetimes follow S(t): a neuron is of the fast kind with probability
    .71. All are drawn at the start, so that who is seen is a function of time, and not of how often one looks; after
    ``n_neurons`` losses a channel keeps its last neuron.
    """

    speed: Array
    silent: Array
    onset_s: Array
    template: Array  # (n_channels,) zeros: gives the state its shape
    n_neurons: int = static(default=32)

    @classmethod
    def create(
        cls, n_channels: int, speed: float | Array = 1.0, onset_s: float | Array = 0.0, silent: float | Array = 0.0
    ) -> "UnitTurnover":
        return cls(
            speed=jnp.asarray(speed, jnp.float32), silent=jnp.asarray(silent, jnp.float32),
            onset_s=jnp.asarray(onset_s, jnp.float32), template=jnp.zeros(n_channels),
        )  # fmt: skip

    def init(self, key: Array) -> TurnoverState:
        k_kind, k_life, k_silent = jax.random.split(key, 3)
        shape = (self.template.shape[0], self.n_neurons)
        fast = jax.random.uniform(k_kind, shape) < SHARE
        life = jax.random.exponential(k_life, shape) * jnp.where(fast, *TAU_S)
        silent = jax.random.uniform(k_silent, (shape[0], self.n_neurons)) < self.silent
        silent = jnp.pad(silent, ((0, 0), (1, 0)))  # who is there in the beginning is seen
        return TurnoverState(jnp.cumsum(life, axis=1), silent.astype(jnp.float32))

    def step(
        self, state: TurnoverState, conditions: Conditions, clock: Clock, key: Array
    ) -> tuple[TurnoverState, Conditions]:
        since = jnp.maximum(clock.seconds - self.onset_s, 0.0) * self.speed
        lost = jnp.sum(state.ends <= since, axis=1)
        seen = 1.0 - jnp.take_along_axis(state.silent, lost[:, None], axis=1)[:, 0]
        return state, dataclasses.replace(
            conditions,
            unit_identity=conditions.unit_identity + lost.astype(jnp.float32),
            unit_rate=conditions.unit_rate * seen,
        )


WALKING = 0.84
CHANGE = 0.49
LOG_SD = 0.4415
"""Of the units in human motor cortex 84 % change their rate between epochs of one session, by 49 % of the mean rate
(Perge et al. 2013, J. Neural Eng. 10:036004). Two independent values of a lognormal rate of log-sd s differ by
2 erf(s/2) of the mean, which is .49 at s = .4415."""


class RateState(NamedTuple):
    log_rate: Array  # (n_channels,)
    walks: Array  # (n_channels,) 1 for units whose rate changes


@component
class RateWalk:
    """From ``onset_s`` () s on, rates walk within the day: an Ornstein-Uhlenbeck walk of the log rate of a share
    ``walking`` () of the channels, in the long run of sd ``log_sd`` (), with a correlation time of ``tau_s`` () s (an
    hour by default, assumed)."""

    log_sd: Array
    walking: Array
    tau_s: Array
    onset_s: Array
    template: Array  # (n_channels,) zeros: gives the state its shape

    @classmethod
    def create(
        cls, n_channels: int, severity: float | Array = 1.0, onset_s: float | Array = 0.0, tau_s: float = 3600.0
    ) -> "RateWalk":
        """severity 1: the published size."""
        return cls(
            log_sd=LOG_SD * jnp.asarray(severity, jnp.float32), walking=jnp.float32(WALKING), tau_s=jnp.float32(tau_s),
            onset_s=jnp.asarray(onset_s, jnp.float32), template=jnp.zeros(n_channels),
        )  # fmt: skip

    def init(self, key: Array) -> RateState:
        walks = jax.random.uniform(key, self.template.shape) < self.walking
        return RateState(self.template, walks.astype(jnp.float32))

    def step(self, state: RateState, conditions: Conditions, clock: Clock, key: Array) -> tuple[RateState, Conditions]:
        keep = jnp.exp(-clock.window_s / self.tau_s)
        noise = self.log_sd * jnp.sqrt(1 - keep**2) * jax.random.normal(key, state.log_rate.shape)
        log_rate = jnp.where(clock.seconds >= self.onset_s, keep * state.log_rate + noise, state.log_rate)
        # the variance that the walk has reached by now is taken off, so that the mean rate of a unit stays what it was
        since = jnp.maximum(clock.seconds - self.onset_s + clock.window_s, 0.0)
        variance = self.log_sd**2 * (1 - jnp.exp(-2 * since / self.tau_s))
        gain = jnp.exp(state.walks * (log_rate - 0.5 * variance))
        return RateState(log_rate, state.walks), dataclasses.replace(conditions, unit_rate=conditions.unit_rate * gain)
