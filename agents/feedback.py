"""Continuous control: an amplitude in proportion to the biomarker's error, and to its integral."""

import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component, static


@component
class Proportional:
    """target = offset + gain (feature - setpoint) / scale, kept between ``low`` and ``high``; all () or (n_stim,).

    A feature that can be of either sign and a ``low`` below 0 make it the proportional control of a mean field.
    """

    gain: Array | float
    setpoint: Array | float = 0.0
    scale: Array | float = 1.0
    high: Array | float = 1.0
    low: Array | float = 0.0
    offset: Array | float = 0.0
    n_stim: int = static(default=1)

    def init(self) -> tuple[()]:
        return ()

    def step(self, memory: tuple[()], features: Array, level: Array, seconds: Array) -> tuple[tuple[()], Array]:
        """features (1,) or (n_stim,) -> target (n_stim,)."""
        error = (features - self.setpoint) / self.scale
        return memory, jnp.clip(self.offset + self.gain * error, self.low, self.high) + jnp.zeros(self.n_stim)


@component
class PI:
    """target = gain (e + integral of e / integral_s), e = (feature - setpoint) / scale, kept between ``low`` and
    ``high``; all () or (n_stim,).

    Anti-windup: the integral stands still while the target is at a bound and the error pushes further against it, so
    that the controller answers at once when the error turns.
    """

    gain: Array | float
    setpoint: Array | float
    integral_s: Array | float
    scale: Array | float = 1.0
    high: Array | float = 1.0
    low: Array | float = 0.0
    n_stim: int = static(default=1)

    @classmethod
    def amplitude(cls, setpoint: float, max_current: float, n_stim: int = 1) -> "PI":
        """Amplitude modulation of Fleming 2020: .23 mA per relative error of the biomarker, .2 s, 0 to 3 mA, made for
        a look every 20 ms. ``setpoint`` in the feature's unit, ``max_current`` A of the stimulator."""
        _positive(setpoint=setpoint, max_current=max_current)
        return cls(
            gain=jnp.float32(0.23e-3 / max_current), setpoint=jnp.float32(setpoint), integral_s=jnp.float32(0.2),
            scale=jnp.float32(setpoint), high=jnp.float32(min(3e-3 / max_current, 1.0)), low=jnp.float32(0.0),
            n_stim=n_stim,
        )  # fmt: skip

    @classmethod
    def rate(cls, setpoint: float, max_frequency: float, n_stim: int = 1) -> "PI":
        """Frequency modulation of Fleming 2020: 19.3 Hz per relative error, .2 s, as a share of ``max_frequency`` Hz,
        the stimulator's own pulse rate. For :class:`~neurodrift.agents.PulseSkipping`, which turns shares of the rate
        into pulses given and left out."""
        _positive(setpoint=setpoint, max_frequency=max_frequency)
        return cls(
            gain=jnp.float32(19.3 / max_frequency), setpoint=jnp.float32(setpoint), integral_s=jnp.float32(0.2),
            scale=jnp.float32(setpoint), n_stim=n_stim,
        )  # fmt: skip

    def init(self) -> Array:
        """The integral of the error, (n_stim,) s."""
        return jnp.zeros(self.n_stim)

    def step(self, memory: Array, features: Array, level: Array, seconds: Array) -> tuple[Array, Array]:
        """features (1,) or (n_stim,); ``seconds`` () since the last look -> target (n_stim,)."""
        error = jnp.broadcast_to((features - self.setpoint) / self.scale, (self.n_stim,))
        integral = memory + error * seconds
        wanted = self.gain * (error + integral / self.integral_s)
        target = jnp.clip(wanted, self.low, self.high)
        winding = (wanted - target) * self.gain * error > 0
        return jnp.where(winding, memory, integral), target


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not value > 0:
            raise InputError(f"{name} is {value:g}; wanted a number above 0")
