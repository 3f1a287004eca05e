"""The stimulator: what was requested, what is delivered, and what it costs."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from ..conditions import Conditions
from ..errors import InputError, check_window
from ..pytree import component, static
from .cycles import cycle_at
from .pulses import PulseTrain

CONTROLS = ("current", "voltage")


class Delivered(NamedTuple):
    requested: Array  # (n_stim,) A
    applied: Array  # (n_stim,) A, amplitude that flowed
    charge: Array  # () C, sum over contacts of |current| x time; of pulses, the leading phases alone
    cost: Array  # () number of contacts whose request broke a bound or was not finite
    charge_per_phase: Array  # (n_stim,) C of one pulse, one half cycle, or the window where the current is direct
    energy: Array  # () J that this put into the contacts' impedance (of pulses, the leading phases: TEED)


@component
class Stimulator:
    """Contacts, bounded. max_current () A per contact; frequency () Hz of alternating current, 0 for direct current.

    With ``waveform`` the contacts give its pulses, and ``frequency`` is not used. ``control``: "current" holds the
    commanded current as long as the voltage over the contact's impedance stays within ``compliance`` () V (with the
    default, infinity, ``contact_impedance`` of the conditions changes the energy and no current); "voltage"
    holds the voltage that drives the commanded current through ``nominal_impedance`` () ohm, so that the current
    follows the impedance. Commands are in A either way.
    """

    max_current: Array
    frequency: Array
    compliance: Array
    nominal_impedance: Array
    waveform: PulseTrain | None = None
    n_stim: int = static()
    n_times: int = static()
    sfreq: float = static()
    control: str = static(default="current")

    @classmethod
    def create(
        cls,
        n_stim: int,
        sfreq: float,
        n_times: int,
        max_current: float = 2e-3,
        frequency: float = 0.0,
        *,
        waveform: PulseTrain | None = None,
        control: str = "current",
        compliance: float = jnp.inf,
        nominal_impedance: float = 1e3,
    ) -> "Stimulator":
        """Default ceiling 2 mA a contact, the usual dose of transcranial stimulation.

        InputError for sizes, bounds and frequencies that cannot be.
        """
        if n_stim < 1:
            raise InputError(f"n_stim is {n_stim}; a stimulator wants 1 contact or more")
        check_window("stimulator", sfreq, n_times)
        for name, value, unit in (("max_current", max_current, "A"), ("frequency", frequency, "Hz")):
            if not isinstance(value, Tracer) and not (np.isfinite(value).all() and np.min(value) >= 0):
                raise InputError(f"{name} of the stimulator is {value} {unit}; wanted a finite number, 0 or more")
        if control not in CONTROLS:
            raise InputError(f"unknown control {control!r} of the stimulator; use one of {', '.join(CONTROLS)}")
        if waveform is not None and waveform.sfreq != sfreq:
            raise InputError(f"the pulse train is made for {waveform.sfreq:g} Hz, the stimulator for {sfreq:g} Hz")
        if not (compliance > 0 and 0 < nominal_impedance < math.inf):
            raise InputError(
                f"compliance {compliance:g} V and nominal_impedance {nominal_impedance:g} ohm; wanted both above 0, and"
                " a finite impedance"
            )
        return cls(
            max_current=jnp.float32(max_current), frequency=jnp.float32(frequency), compliance=jnp.float32(compliance),
            nominal_impedance=jnp.float32(nominal_impedance), waveform=waveform,
            n_stim=n_stim, n_times=n_times, sfreq=sfreq, control=control,
        )  # fmt: skip

    @property
    def largest_charge(self) -> Array:
        """() C: what all contacts give in one window at the largest current (of pulses, the leading phases)."""
        charge = self.n_stim * self.max_current * (self.n_times / self.sfreq)
        return charge if self.waveform is None else charge * self.waveform.width * self.waveform.frequency

    def step(self, action: Array, clock_tick: Array, conditions: Conditions | None = None) -> tuple[Array, Delivered]:
        """action (n_stim,) A, held for one window -> current (n_stim, n_times) A and its account.

        A request beyond the bound is clipped, one that is not finite delivers nothing; both count as cost. What the
        contact's impedance in ``conditions`` (None: the nominal one) then lets through is no one's fault and does not.
        InputError for an action of another shape.
        """
        check_action(action, self.n_stim)
        finite = jnp.isfinite(action)
        allowed = jnp.clip(jnp.where(finite, action, 0.0), -self.max_current, self.max_current)
        broken = ~finite | (jnp.abs(action) > self.max_current)
        impedance = self.nominal_impedance if conditions is None else conditions.contact_impedance
        applied = self._through(allowed, impedance)
        shape = self.shape(clock_tick)
        current = applied[:, None] * shape
        seconds = self.n_times / self.sfreq
        charge = jnp.sum(jnp.abs(current)) / self.sfreq
        if self.waveform is None:
            half = jnp.where(
                self.frequency > 0, 1 / (jnp.pi * jnp.where(self.frequency > 0, self.frequency, 1.0)), seconds
            )
            per_phase = jnp.abs(applied) * jnp.minimum(half, seconds)
            squared = jnp.sum(current**2) / self.sfreq
        else:
            per_phase = self.waveform.charge_per_phase(applied)
            squared = jnp.sum(jnp.abs(current) * jnp.abs(applied)[:, None]) / self.sfreq
        cost = jnp.sum(broken).astype(jnp.float32)
        return current, Delivered(action, applied, charge, cost, per_phase, impedance * squared)

    def shape(self, clock_tick: Array) -> Array:
        """(n_times,) mean current of each sample of the window, relative to the amplitude."""
        if self.waveform is not None:
            return self.waveform.share(clock_tick, self.n_times)
        # alternating current keeps its phase across windows
        return jnp.cos(2 * jnp.pi * cycle_at(self.frequency, self.sfreq, clock_tick, self.n_times).fraction)

    def since_pulse(self, clock_tick: Array, delivered: Delivered) -> Array:
        """(n_times,) s since the last pulse at each sampling instant; infinite where nothing was pulsed."""
        if self.waveform is None:
            return jnp.full(self.n_times, jnp.inf)
        on = jnp.any(delivered.applied != 0)
        return jnp.where(on, self.waveform.since_pulse(clock_tick, self.n_times), jnp.inf)

    def _through(self, current: Array, impedance: Array) -> Array:
        """(n_stim,) A: what flows through contacts of ``impedance`` ohm."""
        if self.control == "voltage":
            # the programmed voltage is current x nominal impedance, at most the compliance
            voltage = jnp.clip(current * self.nominal_impedance, -self.compliance, self.compliance)
            return jnp.clip(voltage / impedance, -self.max_current, self.max_current)
        return jnp.clip(current, -self.compliance / impedance, self.compliance / impedance)


def check_action(action: Array, n_stim: int) -> None:
    """InputError unless the action has one current per contact. Shapes are known also while tracing."""
    if np.shape(action) != (n_stim,):
        raise InputError(
            f"the action has shape {np.shape(action)}; wanted ({n_stim},), one current in A for each contact"
        )
