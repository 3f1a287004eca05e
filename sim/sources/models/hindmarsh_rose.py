"""Hindmarsh-Rose: bursting neurons coupled through their mean.

Hindmarsh & Rose (1984), Proc. R. Soc. B 221:87, coupled as by Krylov, Dylov & Rosenblum (2020), Chaos 30:033126:
x' = y - x^3 + 3 x^2 - z + I + eps X + u,  y' = 1 - 5 x^2 - y,  z' = r (s (x - x1) - z),
X the mean of x, eps the gain of a :class:`MeanField`; I differs between neurons. Time has no unit in the paper; here
one unit is 1 ms, bursts of some four spikes then come at 7 Hz (a choice).
"""

import dataclasses
from typing import ClassVar

from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as _preset
from .spread import spread


@component
class HindmarshRose(Model):
    """Stimulation and wiring add to x'."""

    I: Array  # 1, 3 +- 0.02: drive, () or (n_nodes,)  # noqa: E741
    r: Array  # 1, 0.006: rate of the slow current
    s: Array  # 1, 4
    x1: Array  # 1, -1.56 (Krylov et al. 2020)
    sigma: Array  # noise density of x, 0

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("x", "1", -10.0, 10.0), Variable("y", "1", -100.0, 100.0), Variable("z", "1", -20.0, 50.0),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 1.0
    OUTPUT_UNIT: ClassVar[str] = "1"
    # the mean of a synchronous ensemble (eps = .1) has an sd of .36
    MOMENT: ClassVar[float] = 50e-9
    MEAN: ClassVar[float] = -0.83  # computed
    STIM_UNIT: ClassVar[str] = "1/unit of time"
    # 2 mA move I by 1, from bursting to silence or to tonic firing
    STIM_PER_AMPERE: ClassVar[float] = 500.0

    @classmethod
    def create(
        cls, preset: str = "synchronous", n: int = 1, key: Array | None = None, width: float = 0.02,
        **letters: ArrayLike,
    ) -> "HindmarshRose":  # fmt: skip
        """``n`` neurons with I of sd ``width``, drawn with ``key`` or as quantiles; letters by keyword (``I`` then
        as the mean). InputError for unknown names."""
        chosen = {name: value for name, value in _preset(cls, preset, PRESETS).items() if name != "eps"}
        found = leaves(cls, chosen, letters)
        if n > 1:
            found["I"] = found["I"] + width * spread("gaussian", n, key)
        return cls(**found)

    @property
    def time_unit(self) -> float:
        return 1e-3

    def start(self) -> tuple[ArrayLike, ...]:
        return -1.0, -3.0, 3.0

    def largest_step(self) -> float:
        """0.02 units. With 0.05 the sd of x is 1 % off and synchrony appears at eps = .03 instead of .02; with Euler at
        0.05, or Runge-Kutta at 0.2, only above .05."""
        return 0.02 * self.time_unit

    def noise(self) -> tuple[Array | None, ...]:
        return self.sigma, None, None

    def drifted(self, conditions: Conditions) -> "HindmarshRose":
        """Reads excitability (I times 1 + excitability); coupling_gain acts on the wiring."""
        return dataclasses.replace(self, I=self.I * (1.0 + conditions.excitability).astype(self.I.dtype))

    def output(self, y: Values) -> Array:
        return y[0]

    def slope(self, y: Values, inputs: Inputs) -> Values:
        x, v, z = y
        square = x * x
        d = v - square * x + 3 * square - z + self.I + inputs.stim
        if inputs.coupled:
            d = d + inputs.coupled[0]
        return d, 1 - 5 * square - v, self.r * (self.s * (x - self.x1) - z)


PRESETS: dict[str, dict[str, float]] = {
    "synchronous": {"I": 3.0, "r": 0.006, "s": 4.0, "x1": -1.56, "sigma": 0.0, "eps": 0.1},
    "incoherent": {"I": 3.0, "r": 0.006, "s": 4.0, "x1": -1.56, "sigma": 0.0, "eps": 0.0},
}
"""eps is the coupling that an ensemble of this preset is wired with."""
