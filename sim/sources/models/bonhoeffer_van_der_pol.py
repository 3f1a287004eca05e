"""Bonhoeffer-van der Pol: relaxation oscillators coupled through their mean, a test bed for desynchronisation.

Krylov, Dylov & Rosenblum (2020), Chaos 30:033126:
x' = x - x^3/3 - y + I + eps X + u,  y' = c (x + a - b y),
X the mean of x, eps the gain of a :class:`MeanField`; I differs between oscillators. Time has no unit in the paper;
here one unit is 1.5 ms, which makes the period of 32 units a beta rhythm of 21 Hz (a choice).
"""

import dataclasses
from typing import ClassVar

import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as _preset
from .spread import spread


@component
class BonhoefferVanDerPol(Model):
    """Stimulation and wiring add to x'."""

    I: Array  # 1, 0.6 +- 0.1: drive, () or (n_nodes,)  # noqa: E741
    a: Array  # 1, 0.7
    b: Array  # 1, 0.8
    c: Array  # 1, 0.1: ratio of the time scales
    sigma: Array  # noise density of x, 0

    VARIABLES: ClassVar[tuple[Variable, ...]] = (Variable("x", "1", -20.0, 20.0), Variable("y", "1", -20.0, 20.0))
    BURN_IN_S: ClassVar[float] = 3.0
    OUTPUT_UNIT: ClassVar[str] = "1"
    # the mean of a synchronous ensemble (eps = .03) has an sd of 1.1
    MOMENT: ClassVar[float] = 18e-9
    MEAN: ClassVar[float] = -0.25  # computed
    STIM_UNIT: ClassVar[str] = "1/unit of time"
    # the paper bounds kicks of x at 0.5 per 0.2 units: 2 mA are the same per unit of time
    STIM_PER_AMPERE: ClassVar[float] = 1250.0

    @classmethod
    def create(
        cls, preset: str = "synchronous", n: int = 1, key: Array | None = None, width: float = 0.1, **letters: ArrayLike
    ) -> "BonhoefferVanDerPol":
        """``n`` oscillators with I of sd ``width``, drawn with ``key`` or as quantiles; letters by keyword (``I`` then
        as the mean). InputError for unknown names."""
        found = leaves(cls, _parameters(_preset(cls, preset, PRESETS)), letters)
        if n > 1:
            found["I"] = found["I"] + width * spread("gaussian", n, key)
        return cls(**found)

    @property
    def time_unit(self) -> float:
        return 1.5e-3

    def start(self) -> tuple[ArrayLike, ...]:
        return 0.0, 0.0

    def largest_step(self) -> float:
        """0.2 units at c = 0.1: beyond it Heun's error of the amplitude passes 0.1 % (of the period, 0.05 %)."""
        return 0.2 * min(1.0, 0.1 / float(np.max(np.asarray(self.c, float)))) * self.time_unit

    def noise(self) -> tuple[Array | None, ...]:
        return self.sigma, None

    def drifted(self, conditions: Conditions) -> "BonhoefferVanDerPol":
        """Reads excitability (I times 1 + excitability); coupling_gain acts on the wiring."""
        return dataclasses.replace(self, I=self.I * (1.0 + conditions.excitability).astype(self.I.dtype))

    def output(self, y: Values) -> Array:
        return y[0]

    def slope(self, y: Values, inputs: Inputs) -> Values:
        x, z = y
        d = x - x * x * x / 3 - z + self.I + inputs.stim
        if inputs.coupled:
            d = d + inputs.coupled[0]
        return d, self.c * (x + self.a - self.b * z)


PRESETS: dict[str, dict[str, float]] = {
    "synchronous": {"I": 0.6, "a": 0.7, "b": 0.8, "c": 0.1, "sigma": 0.0, "eps": 0.03},
    "incoherent": {"I": 0.6, "a": 0.7, "b": 0.8, "c": 0.1, "sigma": 0.0, "eps": 0.0},
}
"""eps is the coupling that an ensemble of this preset is wired with."""


def _parameters(chosen: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in chosen.items() if name != "eps"}
