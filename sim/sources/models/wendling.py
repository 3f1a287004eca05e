"""Wendling: the hippocampus between interictal and ictal activity, with slow (dendritic) and fast (somatic) inhibition.

Wendling et al. (2002), Eur. J. Neurosci. 15:1499, and (2005), J. Clin. Neurophysiol. 22:343; equations and the 2005
constants as in the authors' code (ModelDB 97983). With v = y1 - y2 - y3 and S as in Jansen & Rit (1995):
y0'' = A a S(v) - 2a y0' - a^2 y0
y1'' = A a (p + C2 S(C1 y0) + u) - 2a y1' - a^2 y1,  noise A a sigma dW in y1'
y2'' = B b C4 S(C3 y0) - 2b y2' - b^2 y2
y3'' = G g C7 S(C5 y0 - C6 y4) - 2g y3' - g^2 y3
y4'' = B b S(C3 y0) - 2b y4' - b^2 y4;  the observable is v.
The rate constants of the two papers belong to their own gains (2002: b 50, g 500; 2005: b 30, g 350): every preset is
one paper's whole set.
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as _preset


@component
class Wendling(Model):
    """Stimulation and wiring add to p: u in 1/s; a transcranial field shifts v inside the pyramidal sigmoid."""

    A: Array  # mV, 5 (2002) or 3.5 (2005): excitatory synaptic gain
    B: Array  # mV, 50 to 0: slow inhibitory gain, dendritic GABA-A
    G: Array  # mV, 15: fast inhibitory gain, somatic GABA-A
    a: Array  # 1/s, 100: excitatory rate constant
    b: Array  # 1/s, 50 (2002) or 30 (2005): rate constant of slow inhibition
    g: Array  # 1/s, 500 (2002) or 350 (2005): rate constant of fast inhibition
    e0: Array  # 1/s, 2.5: half of the maximal firing rate
    v0: Array  # mV, 6: potential at half of it
    r: Array  # 1/mV, 0.56: slope of the sigmoid
    C1: Array  # 135: pyramidal cells to excitatory interneurons
    C2: Array  # 0.8 x 135: excitatory interneurons to pyramidal cells
    C3: Array  # 0.25 x 135: pyramidal cells to slow inhibitory interneurons
    C4: Array  # 0.25 x 135: slow inhibitory interneurons to pyramidal cells
    C5: Array  # 0.3 x 135: pyramidal cells to fast inhibitory interneurons
    C6: Array  # 0.1 x 135: slow to fast inhibitory interneurons
    C7: Array  # 0.8 x 135: fast inhibitory interneurons to pyramidal cells
    p: Array  # 1/s, 90: mean of the input
    sigma: Array  # s^-1/2, noise of the input: the authors' 30 N(0, 1) every 1/512 s is a density of 30 / sqrt(512)

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("y0", "mV", -1.0, 2.0), Variable("y1", "mV", -200.0, 400.0), Variable("y2", "mV", -100.0, 400.0),
        Variable("y3", "mV", -100.0, 300.0), Variable("y4", "mV", -5.0, 15.0), Variable("y5", "mV/s", -1e3, 1e3),
        Variable("y6", "mV/s", -5e4, 5e4), Variable("y7", "mV/s", -5e4, 5e4), Variable("y8", "mV/s", -5e4, 5e4),
        Variable("y9", "mV/s", -1e3, 1e3),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 5.0
    # background has an sd of 0.34 mV: 10 nA·m, the least of a cortical patch, as sustained spikes are 16 times that
    MOMENT: ClassVar[float] = 30e-9
    MEAN: ClassVar[float] = -0.56  # mV, of v in the background regime; PRESETS' others in MEANS
    # 2 mA, the usual ceiling of transcranial current, moves p by as much as its mean
    STIM_PER_AMPERE: ClassVar[float] = 4.5e4

    @classmethod
    def create(cls, preset: str = "background", **letters: ArrayLike) -> "Wendling":
        """One of PRESETS; letters are overridden by keyword, () or (n_nodes,). InputError for unknown names."""
        return cls(**leaves(cls, _preset(cls, preset, PRESETS), letters))

    def start(self) -> tuple[ArrayLike, ...]:
        """Rest without input."""
        return (0.0,) * 10

    def largest_step(self) -> float:
        """0.5 ms at g = 500/s: beyond it Heun's error of amplitude or frequency passes 0.3 %."""
        return 0.25 / float(max(jnp.max(self.a), jnp.max(self.b), jnp.max(self.g)))

    def noise(self) -> tuple[Array | None, ...]:
        return (*(None,) * 6, self.A * self.a * self.sigma, *(None,) * 3)

    def drifted(self, conditions: Conditions) -> "Wendling":
        """Reads slow_inhibition (B), fast_inhibition (G), gaba_rate (b and g, both GABA-A) and excitability (mean
        input: p times 1 + excitability)."""
        return dataclasses.replace(
            self,
            B=self.B * conditions.slow_inhibition.astype(self.B.dtype),
            G=self.G * conditions.fast_inhibition.astype(self.G.dtype),
            b=self.b * conditions.gaba_rate.astype(self.b.dtype),
            g=self.g * conditions.gaba_rate.astype(self.g.dtype),
            p=self.p * (1.0 + conditions.excitability).astype(self.p.dtype),
        )

    def output(self, y: Values) -> Array:
        return y[1] - y[2] - y[3]

    def sent(self, y: Values) -> Values:
        """The pyramidal cells' firing rate, 1/s."""
        return (self.rate(self.output(y)),)

    def slope(self, y: Values, inputs: Inputs) -> Values:
        y0, y1, y2, y3, y4, y5, y6, y7, y8, y9 = y
        a, b, g = self.a, self.b, self.g
        p = self.p + inputs.stim
        if inputs.coupled:
            p = p + inputs.coupled[0]
        slow = self.rate(self.C3 * y0)
        return (
            y5,
            y6,
            y7,
            y8,
            y9,
            self.A * a * self.rate(y1 - y2 - y3 + inputs.field) - 2 * a * y5 - a * a * y0,
            self.A * a * (p + self.C2 * self.rate(self.C1 * y0)) - 2 * a * y6 - a * a * y1,
            self.B * b * self.C4 * slow - 2 * b * y7 - b * b * y2,
            self.G * g * self.C7 * self.rate(self.C5 * y0 - self.C6 * y4) - 2 * g * y8 - g * g * y3,
            self.B * b * slow - 2 * b * y9 - b * b * y4,
        )

    def rate(self, v: Array) -> Array:
        """S(v) in 1/s."""
        return self.e0 * (1.0 + jnp.tanh(0.5 * self.r * (v - self.v0)))

    def truth(self, y: Values) -> dict[str, Array]:
        """``slow_gain`` and ``fast_gain`` (n_nodes,) mV: B and G as they are now, which make the regime."""
        return {"slow_gain": jnp.broadcast_to(self.B, y[0].shape), "fast_gain": jnp.broadcast_to(self.G, y[0].shape)}


_C = 135.0
_COMMON: dict[str, float] = {
    "a": 100.0, "e0": 2.5, "v0": 6.0, "r": 0.56, "C1": _C, "C2": 0.8 * _C, "C3": 0.25 * _C, "C4": 0.25 * _C,
    "C5": 0.3 * _C, "C6": 0.1 * _C, "C7": 0.8 * _C, "p": 90.0, "sigma": 30.0 / 512**0.5,
}  # fmt: skip


def _2002(B: float, G: float) -> dict[str, float]:
    return {**_COMMON, "A": 5.0, "B": B, "G": G, "b": 50.0, "g": 500.0}


PRESETS: dict[str, dict[str, float]] = {
    "background": _2002(50.0, 15.0),
    "sporadic_spikes": _2002(40.0, 15.0),
    "spike_wave": _2002(25.0, 15.0),
    "slow_rhythmic": _2002(10.0, 15.0),
    "low_voltage_fast": _2002(5.0, 25.0),
    "quasi_sine": _2002(15.0, 0.0),
    "2005": {**_COMMON, "A": 3.5, "B": 20.0, "G": 15.0, "b": 30.0, "g": 350.0},
}
"""The six types of activity of 2002, and the set of 2005 with its own rates."""

MEANS: dict[str, float] = {
    "background": -0.56, "sporadic_spikes": 0.63, "spike_wave": 1.55, "slow_rhythmic": 9.04,
    "low_voltage_fast": 10.88, "quasi_sine": 8.25, "2005": -0.41,
}  # fmt: skip
"""mV, mean of v in each preset (computed)."""
