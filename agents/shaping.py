"""What devices do to any law's request and decisions: ramps, and how long a decision must hold before it counts."""

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..sim.errors import InputError
from ..sim.pytree import component

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading


@component
class Ramp:
    """The amplitude moves towards its target at most by ``up`` () and ``down`` () per second, relative to the largest
    current: ``up`` where it grows, ``down`` where it falls. Without numbers it jumps."""

    up: Array | float = jnp.inf
    down: Array | float = jnp.inf

    @classmethod
    def amperes(cls, up: float, down: float, max_current: float) -> "Ramp":
        """``up``, ``down`` A/s of a stimulator of ``max_current`` A; adaptive deep brain stimulators ship with .03 and
        .12 mA/s."""
        if not (up > 0 and down > 0 and max_current > 0):
            raise InputError(
                f"ramp of {up:g} and {down:g} A/s at a largest current of {max_current:g} A; wanted all above 0"
            )
        return cls(up=jnp.float32(up / max_current), down=jnp.float32(down / max_current))

    @classmethod
    def seconds(cls, full: float) -> "Ramp":
        """``full`` s from nothing to the largest current, and back."""
        if not full > 0:
            raise InputError(f"a ramp of {full:g} s; wanted more than 0 s from nothing to the largest current")
        return cls(up=jnp.float32(1.0 / full), down=jnp.float32(1.0 / full))

    def step(self, level: Array, target: Array, seconds: Array | float) -> Array:
        """level and target (n_stim,) relative -> the level ``seconds`` later."""
        return level + jnp.clip(target - level, -self.down * seconds, self.up * seconds)


class RampedMemory(NamedTuple):
    policy: Any
    level: Array  # (n_stim,) given out last


@component
class Ramped:
    """Any policy behind a :class:`Ramp`; ``window_s`` () s of a control window. (A :class:`Controller` has its own.)"""

    policy: Any
    ramp: Ramp
    window_s: Array | float

    def init(self) -> RampedMemory:
        memory = self.policy.init()
        return RampedMemory(memory, jnp.zeros(self.n_stim))

    @property
    def n_stim(self) -> int:
        return self.policy.n_stim

    def act(self, memory: RampedMemory, reading: "Reading", key: Array) -> tuple[RampedMemory, Array]:
        """(memory, request (n_stim,)): on the way to what the policy asks for."""
        policy, target = self.policy.act(memory.policy, reading, key)
        level = self.ramp.step(memory.level, target, self.window_s)
        return RampedMemory(policy, level), level


class PersistenceMemory(NamedTuple):
    """The state and for how many updates in a row each of the others has been called for; all (n_stim,) int32."""

    zone: Array  # 1 above, -1 below, 0 between
    above: Array
    below: Array


@component
class Persistence:
    """How many updates in a row a feature must be above (``onset`` ()) or below (``termination`` ()) before the
    controller follows; until then it stays as it is. Devices call it onset and termination counts (4 are usual)."""

    onset: Array | float = 1.0
    termination: Array | float = 1.0

    @classmethod
    def seconds(cls, onset_s: float, termination_s: float, period_s: float) -> "Persistence":
        """Durations in s, of a controller that looks every ``period_s`` s."""
        if not (onset_s >= 0 and termination_s >= 0 and period_s > 0):
            raise InputError(
                f"onset {onset_s:g} s and termination {termination_s:g} s every {period_s:g} s; wanted 0 or more, and a"
                " period above 0"
            )
        return cls(onset=jnp.float32(onset_s / period_s), termination=jnp.float32(termination_s / period_s))

    def init(self, n_stim: int) -> PersistenceMemory:
        zero = jnp.zeros(n_stim, jnp.int32)
        return PersistenceMemory(zero - 1, zero, zero)

    def step(self, memory: PersistenceMemory, above: Array, below: Array) -> PersistenceMemory:
        """above, below (n_stim,) bool -> the zone (n_stim,): 1, -1, or 0 where it is neither."""
        n_above = jnp.where(above, jnp.minimum(memory.above, 2**20) + 1, 0)
        n_below = jnp.where(below, jnp.minimum(memory.below, 2**20) + 1, 0)
        # half a count of slack: a duration divided by a period is not a whole number in binary
        rise = above & (n_above > self.onset - 0.5)
        fall = below & (n_below > self.termination - 0.5)
        between = ~above & ~below
        zone = jnp.where(rise, 1, jnp.where(fall, -1, jnp.where(between, 0, memory.zone)))
        return PersistenceMemory(zone, n_above, n_below)
