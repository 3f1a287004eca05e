"""Jansen-Rit: a cortical column as three populations.

Jansen & Rit (1995), Biol. Cybern. 73:357. With S(v) = 2 e0 / (1 + exp(r (v0 - v))):
y0'' = A a S(y1 - y2) - 2a y0' - a^2 y0
y1'' = A a (p + C2 S(C1 y0) + u) - 2a y1' - a^2 y1,  noise A a sigma dW in y1'
y2'' = B b C4 S(C3 y0) - 2b y2' - b^2 y2;  the observable is v = y1 - y2.
Euler is wrong here (at 1 ms it doubles the amplitude and oscillates beyond the true Hopf point): Heun with a step
of at most 1 ms is within 0.1 % of the limit cycle.
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as chosen

SPIKE_BASIN = (0.0,) * 6
"""Start that leads to the spike cycle (p between 114 and 137) or to rest; the default start leads to alpha."""


@component
class JansenRit(Model):
    """Stimulation and wiring add to p: u in 1/s; a transcranial field shifts v inside the pyramidal sigmoid."""

    A: Array  # mV, 3.25: excitatory synaptic gain (Jansen & Rit 1995, as all letters here)
    B: Array  # mV, 22: inhibitory synaptic gain
    a: Array  # 1/s, 100: excitatory rate constant
    b: Array  # 1/s, 50: inhibitory rate constant
    e0: Array  # 1/s, 2.5: half of the maximal firing rate
    v0: Array  # mV, 6: potential at half of it (5.52, a default elsewhere, is not the alpha regime)
    r: Array  # 1/mV, 0.56: slope of the sigmoid
    C1: Array  # 135: pyramidal cells to excitatory interneurons
    C2: Array  # 0.8 x 135: excitatory interneurons to pyramidal cells
    C3: Array  # 0.25 x 135: pyramidal cells to inhibitory interneurons
    C4: Array  # 0.25 x 135: inhibitory interneurons to pyramidal cells
    p: Array  # 1/s, 220: mean of the input, 120-320
    sigma: Array  # s^-1/2, noise of the input as a density, so that it does not depend on the step

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("y0", "mV", -1.0, 2.0), Variable("y1", "mV", -100.0, 200.0), Variable("y2", "mV", -50.0, 100.0),
        Variable("y3", "mV/s", -1e3, 1e3), Variable("y4", "mV/s", -1e5, 1e5), Variable("y5", "mV/s", -1e4, 1e4),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 2.5
    # the noisy alpha cycle has an sd of 1.23 mV: 20 nA·m, the middle of the 10-30 of a cortical patch
    MOMENT: ClassVar[float] = 16e-9
    MEAN: ClassVar[float] = 7.57  # mV, of v on the alpha cycle at p = 220/s with sigma = 2 (computed)
    # 2 mA, the usual ceiling of transcranial current, moves p over its published range of 120-320
    STIM_PER_AMPERE: ClassVar[float] = 5e4

    @classmethod
    def create(cls, preset: str = "alpha", **letters: ArrayLike) -> "JansenRit":
        """presets: "alpha"; letters are overridden by keyword, () or (n_nodes,)."""
        return cls(**leaves(cls, _PARAMETERS | chosen(cls, preset, PRESETS), letters))

    def person(self, key: Array) -> "JansenRit":
        """Draw one person: the time constants are scaled so that the alpha frequency is 10.0 +- 0.5 Hz.

        Multiplying a and b by k and sigma by 1/sqrt(k) is a change of the unit of time, so the regime stays. k
        is cut at 3 sd, inside the default safe step.
        """
        k = (10.0 + 0.5 * jax.random.truncated_normal(key, -3.0, 3.0)) / 10.74
        return dataclasses.replace(self, a=self.a * k, b=self.b * k, sigma=self.sigma / jnp.sqrt(k))

    def start(self) -> tuple[ArrayLike, ...]:
        """The alpha basin; from zeros a column below p = 137 falls into the spike cycle instead."""
        return 0.1, 18.0, 15.0, 0.0, 0.0, 0.0

    def largest_step(self) -> float:
        """1 ms at a = 100/s: beyond it Heun's error of the amplitude passes 0.1 %."""
        return 0.1 / float(max(jnp.max(self.a), jnp.max(self.b)))

    def noise(self) -> tuple[Array | None, ...]:
        return None, None, None, None, self.A * self.a * self.sigma, None

    def drifted(self, conditions: Conditions) -> "JansenRit":
        """Reads slow_inhibition (B), gaba_rate (b) and excitability (mean input: p times 1 + excitability)."""
        return dataclasses.replace(
            self,
            B=self.B * conditions.slow_inhibition.astype(self.B.dtype),
            b=self.b * conditions.gaba_rate.astype(self.b.dtype),
            p=self.p * (1.0 + conditions.excitability).astype(self.p.dtype),
        )

    def output(self, y: Values) -> Array:
        return y[1] - y[2]

    def sent(self, y: Values) -> Values:
        """The pyramidal cells' firing rate, 1/s."""
        return (self.rate(y[1] - y[2]),)

    def slope(self, y: Values, inputs: Inputs) -> Values:
        y0, y1, y2, y3, y4, y5 = y
        a, b = self.a, self.b
        p = self.p + inputs.stim
        if inputs.coupled:
            p = p + inputs.coupled[0]
        return (
            y3,
            y4,
            y5,
            self.A * a * self.rate(y1 - y2 + inputs.field) - 2 * a * y3 - a * a * y0,
            self.A * a * (p + self.C2 * self.rate(self.C1 * y0)) - 2 * a * y4 - a * a * y1,
            self.B * b * self.C4 * self.rate(self.C3 * y0) - 2 * b * y5 - b * b * y2,
        )

    def rate(self, v: Array) -> Array:
        """S(v) in 1/s; written with tanh, which XLA evaluates twice as fast as exp and without overflow."""
        return self.e0 * (1.0 + jnp.tanh(0.5 * self.r * (v - self.v0)))


_C = 135.0
_PARAMETERS: dict[str, float] = {
    "A": 3.25, "B": 22.0, "a": 100.0, "b": 50.0, "e0": 2.5, "v0": 6.0, "r": 0.56,
    "C1": _C, "C2": 0.8 * _C, "C3": 0.25 * _C, "C4": 0.25 * _C, "p": 220.0, "sigma": 2.0,
}  # fmt: skip
PRESETS: dict[str, dict[str, float]] = {"alpha": {}}
