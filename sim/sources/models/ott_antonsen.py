"""The Ott-Antonsen reduction: the order parameter of infinitely many Kuramoto oscillators, exactly, as one node.

Ott & Antonsen (2008), Chaos 18:037113. For Lorentzian frequencies (centre f, half-width g) and the phase response
Z(th) = -sin(th - phi), z = r e^(i psi) obeys z' = (i 2 pi f - g) z + (H - conj(H) z^2) / 2 with H = K z + u e^(i phi).
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
class OttAntonsen(Model):
    """Stimulation u in rad/s as for :class:`Kuramoto`; wiring adds weights times z_j to H."""

    f: Array  # Hz, centre of the frequencies
    g: Array  # 1/s, their half-width
    K: Array  # 1/s, coupling within the ensemble
    phi: Array  # rad, phase at which a kick advances nobody
    s: Array  # s^-1/2, noise of real and imaginary part: fluctuations of a finite ensemble (assumed)

    VARIABLES: ClassVar[tuple[Variable, ...]] = (Variable("x", "1", -2.0, 2.0), Variable("y", "1", -2.0, 2.0))
    BURN_IN_S: ClassVar[float] = 3.0
    OUTPUT_UNIT: ClassVar[str] = "1"
    MOMENT: ClassVar[float] = 40e-9
    STIM_UNIT: ClassVar[str] = "rad/s"
    STIM_PER_AMPERE: ClassVar[float] = 6000.0

    @classmethod
    def create(cls, preset: str = "beta", **letters: ArrayLike) -> "OttAntonsen":
        """One of PRESETS; letters are overridden by keyword, () or (n_nodes,). InputError for unknown names."""
        return cls(**leaves(cls, _preset(cls, preset, PRESETS), letters))

    def start(self) -> tuple[ArrayLike, ...]:
        return 0.5, 0.0

    def largest_step(self) -> float:
        """As for :class:`StuartLandau`, with K - 2 g or 2 g, the smaller, as the rate at which r returns: the error of
        r^2 stays below 0.5 %. w h stays below 0.2; the frequency is then up to 0.7 % off, 0.03 Hz in the presets."""
        w = 2 * np.pi * np.abs(np.asarray(self.f, float)) + np.asarray(self.K, float)
        g = np.asarray(self.g, float)
        rate = np.maximum(np.minimum(np.abs(np.asarray(self.K, float) - 2 * g), 2 * g), 0.1)
        w = np.maximum(w, rate)
        return float(np.min(np.minimum((0.04 * rate / w**4) ** (1 / 3), 0.2 / w)))

    def noise(self) -> tuple[Array | None, ...]:
        return self.s, self.s

    def drifted(self, conditions: Conditions) -> "OttAntonsen":
        """Reads frequency_shift (f), coupling_gain (K) and stim_phase (phi)."""
        dtype = self.f.dtype
        return dataclasses.replace(
            self,
            f=self.f + conditions.frequency_shift.astype(dtype),
            K=self.K * conditions.coupling_gain.astype(dtype),
            phi=self.phi + conditions.stim_phase.astype(dtype),
        )

    def output(self, y: Values) -> Array:
        return y[0]

    def sent(self, y: Values) -> Values:
        """Real and imaginary part of z."""
        return y

    def slope(self, y: Values, inputs: Inputs) -> Values:
        x, z = y
        w = 2 * jnp.pi * self.f
        h, k = self.K * x + inputs.stim * jnp.cos(self.phi), self.K * z + inputs.stim * jnp.sin(self.phi)
        if inputs.coupled:
            h, k = h + inputs.coupled[0], k + inputs.coupled[1]
        # conj(H) z^2 with z^2 = (x^2 - z^2) + i 2 x z
        re, im = x * x - z * z, 2 * x * z
        return (
            -self.g * x - w * z + 0.5 * (h - (h * re + k * im)),
            -self.g * z + w * x + 0.5 * (k - (h * im - k * re)),
        )

    def truth(self, y: Values) -> dict[str, Array]:
        """Order parameter r, (n_nodes,)."""
        return {"order": jnp.sqrt(y[0] ** 2 + y[1] ** 2)}


def kick_response(rho: ArrayLike, psi: ArrayLike, e: ArrayLike) -> tuple[Array, Array]:
    """(change of rho, change of psi) by a kick th -> th - e sin(th) of every oscillator, to first order in e.

    The amplitude and the phase response of a population on the Ott-Antonsen manifold (Weerasinghe et al. 2019, PLoS
    Comput. Biol. 15:e1006575): (e/2) (1 - rho^2) cos psi and -(e/2) (1 + rho^2) / rho sin psi.
    """
    rho, psi, e = jnp.asarray(rho), jnp.asarray(psi), jnp.asarray(e)
    return 0.5 * e * (1 - rho**2) * jnp.cos(psi), -0.5 * e * (1 + rho**2) / rho * jnp.sin(psi)


PRESETS: dict[str, dict[str, float]] = {
    "beta": {"f": 20.0, "g": np.pi, "K": 4 * np.pi, "phi": 0.0, "s": 0.2},
    "tremor": {"f": 5.0, "g": 0.2 * np.pi, "K": 0.8 * np.pi, "phi": 0.0, "s": 0.1},
}
"""The ensembles of :class:`Kuramoto`, with the noise of some hundred oscillators."""
