"""What stimulation reaches changes: the contact is encapsulated, its effect wanes, the best phase wanders."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component
from .base import Stateless

YEAR = 365.25 * 86400.0
SMALLEST_IMPEDANCE = 200.0  # ohm


class EncapsulationState(NamedTuple):
    fluctuation: Array  # () ohm


@component
class Encapsulation:
    """The impedance of an implanted contact: it fluctuates for months while tissue closes around it, then falls.

    About 1 kOhm, fluctuating up to 6 months after implantation (at ``onset_s`` () s), then falling by ``slope`` () ohm
    a year: 73 on average, 163 for contacts that stimulate. fluctuation () ohm, standard deviation at first (150,
    assumed), fading linearly to nothing at ``settled_s`` () s; memory_s () s, its correlation time (two weeks,
    assumed). It never falls below 200 ohm. These are years: give the plant a ``drift_window_s`` of an hour or a day.

    The delivered current follows it only under ``control="voltage"`` or with a finite ``compliance``: a stimulator
    that holds its current and has no limit (the default) delivers the same, for more or less energy.
    """

    slope: Array
    onset_s: Array
    fluctuation: Array
    settled_s: Array
    memory_s: Array

    @classmethod
    def create(
        cls,
        slope: float | Array = 163.0,
        onset_s: float | Array = 0.0,
        fluctuation: float | Array = 150.0,
        settled_s: float = YEAR / 2,
        memory_s: float = 14 * 86400.0,
    ) -> "Encapsulation":
        return cls(
            slope=jnp.asarray(slope, jnp.float32), onset_s=jnp.asarray(onset_s, jnp.float32),
            fluctuation=jnp.asarray(fluctuation, jnp.float32), settled_s=jnp.float32(settled_s),
            memory_s=jnp.float32(memory_s),
        )  # fmt: skip

    def init(self, key: Array) -> EncapsulationState:
        return EncapsulationState(jax.random.normal(key, ()))

    def step(
        self, state: EncapsulationState, conditions: Conditions, clock: Clock, key: Array
    ) -> tuple[EncapsulationState, Conditions]:
        # Ornstein-Uhlenbeck of unit variance, exact for any length of the window
        kept = jnp.exp(-clock.window_s / self.memory_s)
        walk = kept * state.fluctuation + jnp.sqrt(1.0 - kept**2) * jax.random.normal(key, ())
        since = clock.seconds - self.onset_s
        unsettled = jnp.clip(1.0 - since / self.settled_s, 0.0, 1.0) * (since >= 0)
        fallen = self.slope * jnp.maximum(since - self.settled_s, 0.0) / YEAR
        impedance = conditions.contact_impedance + self.fluctuation * unsettled * walk - fallen
        return EncapsulationState(walk), dataclasses.replace(
            conditions, contact_impedance=jnp.maximum(impedance, SMALLEST_IMPEDANCE)
        )


@component
class EfficacyLoss(Stateless):
    """Habituation: stimulation loses the fraction ``loss`` () of its effect, as 1 - exp(-t/tau) from ``onset_s`` () s.

    tau_s () s (half an hour, assumed). A negative loss is a gain.
    """

    loss: Array
    onset_s: Array
    tau_s: Array

    @classmethod
    def create(
        cls, loss: float | Array = 0.3, onset_s: float | Array = 0.0, tau_s: float = 1800.0
    ) -> "EfficacyLoss":  # fmt: skip
        return cls(
            loss=jnp.asarray(loss, jnp.float32), onset_s=jnp.asarray(onset_s, jnp.float32), tau_s=jnp.float32(tau_s)
        )

    def step(self, state: tuple[()], conditions: Conditions, clock: Clock, key: Array) -> tuple[tuple[()], Conditions]:
        since = jnp.maximum(clock.seconds - self.onset_s, 0.0)
        left = 1.0 - self.loss * (1.0 - jnp.exp(-since / self.tau_s))
        return state, dataclasses.replace(conditions, stim_efficacy=conditions.stim_efficacy * left)


class PhaseState(NamedTuple):
    phase: Array  # () rad


@component
class PhaseWalk:
    """The phase at which stimulation acts best wanders: a random walk of ``rate`` () rad per sqrt(hour) from
    ``onset_s`` () s on (assumed; the response curve of a person differs from one day to another).

    Only Stuart-Landau, Kuramoto and Ott-Antonsen sources have such a phase; no other source reads ``stim_phase``.
    """

    rate: Array
    onset_s: Array

    @classmethod
    def create(cls, rate: float | Array = 0.5, onset_s: float | Array = 0.0) -> "PhaseWalk":
        return cls(rate=jnp.asarray(rate, jnp.float32), onset_s=jnp.asarray(onset_s, jnp.float32))

    def init(self, key: Array) -> PhaseState:
        return PhaseState(jnp.zeros(()))

    def step(
        self, state: PhaseState, conditions: Conditions, clock: Clock, key: Array
    ) -> tuple[PhaseState, Conditions]:  # fmt: skip
        sd = self.rate * jnp.sqrt(clock.window_s / 3600.0) * (clock.seconds >= self.onset_s)
        phase = state.phase + sd * jax.random.normal(key, ())
        return PhaseState(phase), dataclasses.replace(conditions, stim_phase=conditions.stim_phase + phase)
