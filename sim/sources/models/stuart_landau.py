"""Stuart-Landau: the normal form of every rhythm near its Hopf bifurcation.

z' = (a - q u + i 2 pi f) z - |z|^2 z + c u e^(i phi) + s (dW1 + i dW2),
with z = x + i y. For a < 0 the rhythm is filtered noise: |z|^2 follows a normal law of mean a and sd s, cut off
below 0, which for weak noise (s << |a|) gives E|z|^2 = s^2/|a| and a Lorentzian peak of full width |a|/pi Hz; for
a > 0 it is a limit cycle of radius sqrt(a).
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as _preset


@component
class StuartLandau(Model):
    """Stimulation u acts as a force (``c`` > 0), as damping (``q`` > 0, such as the lesion of deep brain stimulation),
    or both; wiring is diffusive: weights times (z_j - z_i)."""

    a: Array  # 1/s, growth rate; below 0 a damped rhythm
    f: Array  # Hz, frequency
    s: Array  # s^-1/2, noise density of the real and of the imaginary part
    c: Array  # 1, force per unit of u
    q: Array  # 1/s, damping per unit of u
    phi: Array  # rad, direction of the force

    VARIABLES: ClassVar[tuple[Variable, ...]] = (Variable("x", "1", -20.0, 20.0), Variable("y", "1", -20.0, 20.0))
    BURN_IN_S: ClassVar[float] = 2.0
    OUTPUT_UNIT: ClassVar[str] = "1"
    # "alpha" has E|z|^2 = .02, a real part of .1 rms
    MOMENT: ClassVar[float] = 200e-9
    # as the rhythms of motor imagery: 2 mA in resonance triple the resting power
    STIM_PER_AMPERE: ClassVar[float] = 1200.0

    @classmethod
    def create(cls, preset: str = "alpha", **letters: ArrayLike) -> "StuartLandau":
        """One of PRESETS; letters are overridden by keyword, () or (n_nodes,). InputError for unknown names."""
        return cls(**leaves(cls, _preset(cls, preset, PRESETS), letters))

    def start(self) -> tuple[ArrayLike, ...]:
        """A tenth of the unit circle's radius; the noise takes over within 1/|a|."""
        return 0.1, 0.0

    def largest_step(self) -> float:
        """Heun lets a rotation at w = 2 pi f grow by w^4 h^3 / 8 per second; the step keeps this below 0.5 % of |a|
        (of s, where the noise is faster), which is the error of the power, and 2 pi f h below 0.2."""
        w = 2 * np.pi * np.abs(np.asarray(self.f, float))
        rate = np.maximum(np.maximum(np.abs(np.asarray(self.a, float)), np.asarray(self.s, float)), 0.1)
        w = np.maximum(w, rate)
        return float(np.min(np.minimum((0.04 * rate / w**4) ** (1 / 3), 0.2 / w)))

    def noise(self) -> tuple[Array | None, ...]:
        return self.s, self.s

    def drifted(self, conditions: Conditions) -> "StuartLandau":
        """Reads frequency_shift (f) and stim_phase (phi)."""
        return dataclasses.replace(
            self,
            f=self.f + conditions.frequency_shift.astype(self.f.dtype),
            phi=self.phi + conditions.stim_phase.astype(self.phi.dtype),
        )

    def output(self, y: Values) -> Array:
        return y[0]

    def sent(self, y: Values) -> Values:
        """Real and imaginary part."""
        return y

    def slope(self, y: Values, inputs: Inputs) -> Values:
        x, z = y
        growth = self.a - self.q * inputs.stim - (x * x + z * z)
        w = 2 * jnp.pi * self.f
        force = self.c * inputs.stim
        dx = growth * x - w * z + force * jnp.cos(self.phi)
        dz = growth * z + w * x + force * jnp.sin(self.phi)
        if inputs.coupled:
            dx = dx + inputs.coupled[0] - inputs.row * x
            dz = dz + inputs.coupled[1] - inputs.row * z
        return dx, dz

    def truth(self, y: Values) -> dict[str, Array]:
        """Amplitude |z|, (n_nodes,)."""
        return {"amplitude": jnp.sqrt(y[0] ** 2 + y[1] ** 2)}


def mean_power(a: float, s: float) -> float:
    """E|z|^2 without stimulation: the mean of a normal law (a, s) cut off below 0, exact for any noise."""
    from scipy.special import log_ndtr

    t = a / s
    return float(a + s * np.exp(-0.5 * t * t - 0.5 * np.log(2 * np.pi) - log_ndtr(t)))


PRESETS: dict[str, dict[str, float]] = {
    "alpha": {"a": -6.0, "f": 10.0, "s": 0.12**0.5, "c": 1.0, "q": 0.0, "phi": 0.0},
    "beta": {"a": -1.5, "f": 20.0, "s": 1.0, "c": 0.0, "q": 8.0, "phi": 0.0},
    "cycle": {"a": 1.0, "f": 5.0, "s": 0.2, "c": 1.0, "q": 0.0, "phi": 0.0},
}
"""alpha: a resting rhythm; beta: bursting beta that stimulation damps, the plant of the adaptive-DBS test; cycle: a
self-sustained rhythm of 5 Hz such as tremor."""

MOMENTS: dict[str, float] = {"alpha": 200e-9, "beta": 42e-9, "cycle": 28e-9}
"""A·m per unit, for some 20 nA·m rms."""
