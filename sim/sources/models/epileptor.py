"""Epileptor: seizures that begin and end by themselves.

Jirsa et al. (2014), Brain 137:2210; coupled by permittivity as in Proix et al. (2014), J. Neurosci. 34:15009.
x1' = y1 - f1 - z + I1 + u,  f1 = x1^3 - 3 x1^2 for x1 < 0, (x2 - 0.6 (z - 4)^2) x1 otherwise
y1' = 1 - 5 x1^2 - y1
z'  = r (4 (x1 - x0) - z - [0.1 z^7 for z < 0] - Ks sum_j W_ij (x1_j - x1_i))
x2' = -y2 + x2 - x2^3 + I2 + 2 g - 0.3 (z - 3.5) + noise
y2' = (-y2 + [6 (x2 + 0.25) for x2 >= -0.25]) / 10 + noise
g'  = -0.01 (g - 0.1 x1);  the observable is x2 - x1.
The z^7 that keeps z from running away belongs to z < 0, not to x1 < 0 as a widespread docstring has it, and 2 g with
this g' is the 0.002-kernel of the paper.
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...errors import InputError
from ...pytree import component, static
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as chosen

ICTAL = -1.0  # x1 stays above it throughout a seizure, and below between seizures but for the ringing that ends one


@component
class Epileptor(Model):
    """Stimulation adds to I1: an offset of -0.6 leaves a few percent of the seizures, one of -1 none. With x0 = -1.6
    the model bears -0.6 for as long as one likes; stronger offsets, and -0.5 from x0 = -1.4 on, let z fall below 1.5,
    where discharges of their own grow within a minute or two until the run is reported as out of bounds, with any
    step. For high-frequency stimulation give an :class:`InformationalLesion` a negative coupling. A transcranial field
    does not act: there is no firing-rate function for it to act in.

    Wiring is by permittivity: a Connectome's weights are W, and a seizing neighbour lowers z.
    """

    x0: Array  # 1, -1.6: epileptogenicity; seizures where it is above ``threshold``
    r: Array  # per unit of time, 0.00035: rate of the permittivity z; the period goes nearly as 1/r
    I1: Array  # 1, 3.1: input of the fast subsystem (Jirsa et al. 2014, as all letters here)
    I2: Array  # 1, 0.45: input of the second subsystem
    Ks: Array  # 1, 1: strength of the permittivity coupling (Proix et al. 2014)
    sigma: Array  # (unit of time)^-1/2, sqrt(2e-3): noise of x2 and y2 as a density
    unit: float = static(default=0.01)  # s; a choice: with 10 ms a seizure lasts 10 s and its spikes come at 20 to 7 Hz

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("x1", "1", -10.0, 10.0), Variable("y1", "1", -300.0, 5.0), Variable("z", "1", -5.0, 15.0),
        Variable("x2", "1", -5.0, 5.0), Variable("y2", "1", -10.0, 20.0), Variable("g", "1", -2.0, 2.0),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 1.0  # the fast variables are at rest; the first seizure comes five seconds later
    OUTPUT_UNIT: ClassVar[str] = "1"
    # sd .96 over seizures and pauses: 20 nA·m
    MOMENT: ClassVar[float] = 21e-9
    STIM_UNIT: ClassVar[str] = "1"
    STIM_PER_AMPERE: ClassVar[float] = 300.0  # 2 mA of either sign is what the model bears, see above

    @classmethod
    def create(cls, preset: str = "epileptogenic", unit: float = 0.01, **letters: ArrayLike) -> "Epileptor":
        """presets: "epileptogenic" (x0 -1.6), "propagation" (-2.2: seizes when recruited by neighbours), "healthy"
        (-3). Letters are overridden by keyword, () or (n_nodes,): a patient is an x0 per node. ``unit`` s per unit of
        time."""
        if not 0.0 < unit < float("inf"):
            raise InputError(f"unit = {unit:g} s; wanted above 0, 0.01 s by default")
        return cls(**leaves(cls, _PARAMETERS | chosen(cls, preset, PRESETS), letters), unit=unit)

    @property
    def time_unit(self) -> float:
        return self.unit

    @property
    def threshold(self) -> Array:
        """x0 above which a node alone seizes, -2.062 for I1 = 3.1: there the resting state meets the fold of the
        nullcline of x1 at x1 = -4/3 and vanishes."""
        x1 = -4.0 / 3.0
        return x1 - (1.0 + self.I1 - 2.0 * x1**2 - x1**3) / 4.0

    def start(self) -> tuple[ArrayLike, ...]:
        return -1.5, -10.0, 3.5, -1.0, 0.0, 0.0

    def largest_step(self) -> float:
        """0.05 units: the period of seizures is within 0.1 % of that of a step ten times shorter."""
        return 0.05 * self.unit

    def noise(self) -> tuple[Array | None, ...]:
        return None, None, None, self.sigma, self.sigma, None

    def drifted(self, conditions: Conditions) -> "Epileptor":
        """Reads excitability: a shift of x0, in its own unit."""
        return dataclasses.replace(self, x0=self.x0 + conditions.excitability.astype(self.x0.dtype))

    def output(self, y: Values) -> Array:
        return y[3] - y[0]

    def sent(self, y: Values) -> Values:
        return (y[0],)

    def truth(self, y: Values) -> dict[str, Array]:
        """permittivity z (n_nodes,), seizing (n_nodes,) bool."""
        return {"permittivity": y[2], "seizing": y[0] > ICTAL}

    def slope(self, y: Values, inputs: Inputs) -> Values:
        x1, y1, z, x2, y2, g = y
        f1 = jnp.where(x1 < 0.0, x1 * x1 * (x1 - 3.0), (x2 - 0.6 * (z - 4.0) ** 2) * x1)
        pull = 4.0 * (x1 - self.x0) - z - jnp.where(z < 0.0, 0.1 * z**7, 0.0)
        if inputs.coupled:
            pull = pull - self.Ks * (inputs.coupled[0] - inputs.row * x1)
        f2 = jnp.where(x2 >= -0.25, 6.0 * (x2 + 0.25), 0.0)
        return (
            y1 - f1 - z + self.I1 + inputs.stim,
            1.0 - 5.0 * x1 * x1 - y1,
            self.r * pull,
            -y2 + x2 - x2**3 + self.I2 + 2.0 * g - 0.3 * (z - 3.5),
            0.1 * (f2 - y2),
            -0.01 * (g - 0.1 * x1),
        )


_PARAMETERS: dict[str, float] = {"r": 0.00035, "I1": 3.1, "I2": 0.45, "Ks": 1.0, "sigma": 2e-3**0.5}
PRESETS: dict[str, dict[str, float]] = {
    "epileptogenic": {"x0": -1.6},
    "propagation": {"x0": -2.2},
    "healthy": {"x0": -3.0},
}
