"""STN-GPe: beta oscillations of the subthalamic nucleus and external pallidum, a delayed loop. Time in ms.

Nevado-Holgado, Terry & Bogacz (2010), J. Neurosci. 30:12340. Rates S (subthalamic) and G (pallidal) in spikes/s:
tau_S S' = F_S(-w_GS G(t - d) + w_CS Ctx + u) - S
tau_G G' = F_G(w_SG S(t - d) - w_GG G(t - d_GG) - w_XG Str) - G
F(x) = M / (1 + (M - B) / B exp(-4 x / M)).
Every weight is interpolated between its healthy and its Parkinsonian value: w = (1 - K) w_healthy + K w_pd. Beta is
born at K = 0.305 (27.4 Hz) and slows and grows to 20.6 Hz at K = 1; its period goes with the delay d.
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...errors import InputError
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as _preset

PER_AMPERE_OF_PULSES = -200.0 / (3e-3 * 60e-6 * 130.0)
"""Spikes/s per A of mean current in the leading phases of a pulse train: 3 mA, 60 us, 130 Hz, the usual therapeutic
setting, bring about -200, which abolishes beta; a current that is held needs StnGpe.STIM_PER_AMPERE."""


@component
class StnGpe(Model):
    """Stimulation and wiring add to the input of the subthalamic nucleus, u in spikes/s: negative is suppression, as
    by deep brain stimulation (an informational lesion), positive is added drive. A transcranial field is not read:
    it does not reach these nuclei.

    The dipole of a node lies, like every neural mass's, in the upper cortex: it stands for the beta that the loop
    entrains there, which scalp electrodes see, and not for the nuclei (:data:`neurodrift.sim.anatomy.SUBTHALAMIC`),
    whose own field is far below scalp noise.
    """

    K: Array  # 1, 0 healthy to 1 Parkinsonian, off medication
    w_SG: Array  # 1, 19.0: subthalamic nucleus to pallidum, healthy
    w_GS: Array  # 1, 1.12: pallidum to subthalamic nucleus, healthy
    w_GG: Array  # 1, 6.60: pallidum to itself, healthy
    w_CS: Array  # 1, 2.42: cortex to subthalamic nucleus, healthy
    w_XG: Array  # 1, 15.1: striatum to pallidum, healthy
    pd_SG: Array  # 1, 20.0: the same five weights in Parkinson's disease
    pd_GS: Array  # 1, 10.7
    pd_GG: Array  # 1, 12.3
    pd_CS: Array  # 1, 9.2
    pd_XG: Array  # 1, 139.4
    tau_S: Array  # ms, 6: time constant of the subthalamic nucleus
    tau_G: Array  # ms, 14: time constant of the pallidum
    d: Array  # ms, 6: delay between the nuclei, either way, ()
    d_GG: Array  # ms, 4: delay within the pallidum, ()
    M_S: Array  # 1/s, 300: greatest rate of the subthalamic nucleus
    B_S: Array  # 1/s, 17: its rate without input
    M_G: Array  # 1/s, 400: greatest rate of the pallidum
    B_G: Array  # 1/s, 75: its rate without input
    Ctx: Array  # 1/s, 27: cortical rate
    Str: Array  # 1/s, 2: striatal rate
    sigma: Array  # (spikes/s) ms^1/2, density of the noise of either population

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("S", "1/s", -150.0, 450.0), Variable("G", "1/s", -150.0, 550.0),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 1.0
    OUTPUT_UNIT: ClassVar[str] = "1/s"
    # the Parkinsonian cycle has an sd of 21 spikes/s: 20 nA·m
    MOMENT: ClassVar[float] = 1e-9
    MEAN: ClassVar[float] = 22.0
    STIM_UNIT: ClassVar[str] = "1/s"
    # -200 spikes/s, which abolishes beta, at 2 mA
    STIM_PER_AMPERE: ClassVar[float] = -1e5

    @classmethod
    def create(cls, preset: str = "parkinsonian", **letters: ArrayLike) -> "StnGpe":
        """One of PRESETS; letters are overridden by keyword, () or (n_nodes,), the delays (). InputError for unknown
        names and for delays per node."""
        for name in ("d", "d_GG"):
            if np.ndim(letters.get(name, 0.0)):
                raise InputError(f"StnGpe parameter {name} has shape {np.shape(letters[name])}; wanted one number")
        return cls(**leaves(cls, {**_LETTERS, **_preset(cls, preset, PRESETS)}, letters))

    @property
    def time_unit(self) -> float:
        return 1e-3

    def start(self) -> tuple[ArrayLike, ...]:
        """The healthy fixed point."""
        return 18.0, 54.0

    def largest_step(self) -> float:
        """0.1 ms at tau_S = 6 ms: Heun's error is 0.05 % there, and delays of 4 ms are rounded to whole steps by 1.3 %
        at most."""
        return float(min(jnp.min(self.tau_S), jnp.min(self.tau_G))) / 60.0 * self.time_unit

    def noise(self) -> tuple[Array | None, ...]:
        return self.sigma / self.tau_S, self.sigma / self.tau_G

    def remembered(self, y: Values) -> Values:
        """S and G for d, G for d_GG."""
        return y[0], y[1], y[1]

    def lags(self) -> tuple[Array, ...]:
        return self.d, self.d, self.d_GG

    def drifted(self, conditions: Conditions) -> "StnGpe":
        """Reads medication: K times 1 - medication."""
        return dataclasses.replace(self, K=self.K * (1.0 - conditions.medication).astype(self.K.dtype))

    def output(self, y: Values) -> Array:
        return y[0]

    def slope(self, y: Values, inputs: Inputs) -> Values:
        S, G = y
        S_d, G_d, G_dd = inputs.past
        K = self.K

        def w(healthy: Array, pd: Array) -> Array:
            return (1.0 - K) * healthy + K * pd

        into_S = -w(self.w_GS, self.pd_GS) * G_d + w(self.w_CS, self.pd_CS) * self.Ctx + inputs.stim
        if inputs.coupled:
            into_S = into_S + inputs.coupled[0]
        into_G = w(self.w_SG, self.pd_SG) * S_d - w(self.w_GG, self.pd_GG) * G_dd - w(self.w_XG, self.pd_XG) * self.Str
        return (
            (_rate(into_S, self.M_S, self.B_S) - S) / self.tau_S,
            (_rate(into_G, self.M_G, self.B_G) - G) / self.tau_G,
        )

    def truth(self, y: Values) -> dict[str, Array]:
        """``K`` (n_nodes,), medication taken into account."""
        return {"K": jnp.broadcast_to(self.K, y[0].shape)}


def _rate(x: Array, M: Array, B: Array) -> Array:
    """F(x), with tanh for exp's overflow: M / (1 + exp(-z)), z = 4 x / M - log((M - B) / B)."""
    return 0.5 * M * (1.0 + jnp.tanh(0.5 * (4.0 * x / M - jnp.log((M - B) / B))))


_LETTERS: dict[str, float] = {
    "K": 1.0, "w_SG": 19.0, "w_GS": 1.12, "w_GG": 6.60, "w_CS": 2.42, "w_XG": 15.1,
    "pd_SG": 20.0, "pd_GS": 10.7, "pd_GG": 12.3, "pd_CS": 9.2, "pd_XG": 139.4,
    "tau_S": 6.0, "tau_G": 14.0, "d": 6.0, "d_GG": 4.0, "M_S": 300.0, "B_S": 17.0, "M_G": 400.0, "B_G": 75.0,
    "Ctx": 27.0, "Str": 2.0, "sigma": 5.0,
}  # fmt: skip
PRESETS: dict[str, dict[str, float]] = {
    "parkinsonian": {},
    "healthy": {"K": 0.0},
    "human": {},
    "rat": {"d": 2.0},
    "macaque": {"d": 10.0},
}
"""Species differ in the delay between the nuclei alone: rat 31.7 Hz (beta of the lesioned rat is at 25 to 40), human
20.6 (13 to 30), macaque 13.6 (8 to 20); kinetics stay. human is parkinsonian."""

MEANS: dict[str, float] = {"parkinsonian": 22.0, "healthy": 18.1, "human": 22.0, "rat": 14.6, "macaque": 26.8}
"""Spikes/s, mean of S in each preset (computed)."""
