"""What happens to the contacts and the amplifier's channels: drying gel, gain, lost channels."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Stateless, ramp


class GelState(NamedTuple):
    spread: Array  # (n_channels,) how much faster than the mean each contact dries
    lost: Array  # (n_channels,) 1 while a contact has dropped out


@component
class GelDrying:
    """Drying electrode gel: impedance rises as Z0 + rise (1 - exp(-t/tau)), and dry contacts drop out for a while.

    rise () ohm, mean final rise (wet caps reach about 10 kOhm after 5 h; dry contacts 50-100 kOhm); tau_s () s
    (3-5 h, assumed); onset_s () s; spread () log-sd of the rise over channels; dropout_rate () 1/s per channel at
    100 kOhm, growing in proportion to impedance (so that 10 kOhm gives the 1-5 % of channels per session);
    dwell_s () s, mean length of a dropout (5-60 s). ``n_channels`` is read from the conditions.
    """

    rise: Array
    tau_s: Array
    onset_s: Array
    spread: Array
    dropout_rate: Array
    dwell_s: Array
    template: Array  # (n_channels,) zeros: gives the state its shape

    @classmethod
    def create(
        cls,
        n_channels: int,
        rise: float | Array,
        onset_s: float | Array = 0.0,
        tau_s: float = 4 * 3600.0,
        spread: float = 0.5,
        dropout_rate: float = 1 / 3600.0,
        dwell_s: float = 30.0,
    ) -> "GelDrying":
        return cls(
            rise=jnp.asarray(rise, jnp.float32), tau_s=jnp.float32(tau_s), onset_s=jnp.asarray(onset_s, jnp.float32),
            spread=jnp.float32(spread), dropout_rate=jnp.float32(dropout_rate), dwell_s=jnp.float32(dwell_s),
            template=jnp.zeros(n_channels),
        )  # fmt: skip

    def init(self, key: Array) -> GelState:
        normal = jax.random.normal(key, self.template.shape)
        return GelState(jnp.exp(self.spread * normal - 0.5 * self.spread**2), self.template)

    def step(self, state: GelState, conditions: Conditions, clock: Clock, key: Array) -> tuple[GelState, Conditions]:
        since = jnp.maximum(clock.seconds - self.onset_s, 0.0)
        risen = self.rise * (1.0 - jnp.exp(-since / self.tau_s)) * state.spread
        rate = self.dropout_rate * risen / 1e5
        # two-state Markov chain sampled at the window: exact transition probabilities for any window length
        mixing = 1.0 - jnp.exp(-(rate + 1.0 / self.dwell_s) * clock.window_s)
        occupied = rate / (rate + 1.0 / self.dwell_s)
        chance = jnp.where(state.lost > 0, 1.0 - mixing * (1.0 - occupied), mixing * occupied)
        lost = (jax.random.uniform(key, chance.shape) < chance).astype(jnp.float32)
        new = dataclasses.replace(
            conditions,
            impedance=conditions.impedance + risen,
            connected=conditions.connected * (1.0 - lost),
        )
        return GelState(state.spread, lost), new


class WalkState(NamedTuple):
    log_gain: Array  # (n_channels,)


@component
class GainDrift:
    """Amplifier gains wander from ``onset_s`` () s on: log gain walks by ``rate`` () per sqrt(hour) (1-2 %)."""

    rate: Array
    onset_s: Array
    template: Array  # (n_channels,) zeros: gives the state its shape

    @classmethod
    def create(cls, n_channels: int, rate: float | Array = 0.02, onset_s: float | Array = 0.0) -> "GainDrift":
        onset = jnp.asarray(onset_s, jnp.float32)
        return cls(rate=jnp.asarray(rate, jnp.float32), onset_s=onset, template=jnp.zeros(n_channels))

    def init(self, key: Array) -> WalkState:
        return WalkState(self.template)

    def step(self, state: WalkState, conditions: Conditions, clock: Clock, key: Array) -> tuple[WalkState, Conditions]:
        sd = self.rate * jnp.sqrt(clock.window_s / 3600.0) * (clock.seconds >= self.onset_s)
        walk = state.log_gain + sd * jax.random.normal(key, state.log_gain.shape)
        return WalkState(walk), dataclasses.replace(conditions, gain=conditions.gain * jnp.exp(walk))


class LossState(NamedTuple):
    order: Array  # (n_channels,) rank in which channels are lost


@component
class ChannelLoss:
    """Electrodes fall off for good: ``n_lost`` () random channels are open leads from ``onset_s`` () s on."""

    n_lost: Array
    onset_s: Array
    template: Array  # (n_channels,) zeros: gives the state its shape

    @classmethod
    def create(cls, n_channels: int, n_lost: int | Array, onset_s: float | Array) -> "ChannelLoss":
        return cls(
            n_lost=jnp.asarray(n_lost, jnp.float32),
            onset_s=jnp.asarray(onset_s, jnp.float32),
            template=jnp.zeros(n_channels),
        )

    def init(self, key: Array) -> LossState:
        order = jax.random.permutation(key, self.template.shape[0])
        return LossState(order.astype(jnp.float32) + self.template)

    def step(self, state: LossState, conditions: Conditions, clock: Clock, key: Array) -> tuple[LossState, Conditions]:
        lost = (state.order < self.n_lost) & (clock.seconds >= self.onset_s)
        return state, dataclasses.replace(conditions, connected=jnp.where(lost, 0.0, conditions.connected))


@component
class ReferenceSwitch(Stateless):
    """The reference changes: to ``weights`` (n_sensors,) at ``onset_s`` () s."""

    weights: Array
    onset_s: Array

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        after = ramp(clock, self.onset_s, jnp.zeros(()))
        return state, dataclasses.replace(
            conditions, reference=jnp.where(after > 0, self.weights, conditions.reference)
        )
