"""Kuramoto: phase oscillators that pull each other, and what stimulation does to their phases.

Kuramoto (1975): th_i' = 2 pi f_i + K r sin(psi - th_i) + u Z(th_i) + sigma dW,
with r e^(i psi) the mean of e^(i th) over the ensemble and the phase response Z(th) = -sin(th - phi): type II, as of
a kick along the axis phi, or with ``advance`` A, A - (1 - A) sin(th - phi): at A = 1 every phase is advanced alike. K
is the gain of a :class:`MeanField`. With Lorentzian frequencies of half-width g, synchrony sets in at K = 2 g and
r = sqrt(1 - 2 g / K).
"""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..angles import sin_cos
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as _preset
from .spread import spread


@component
class Kuramoto(Model):
    """Stimulation u in rad/s times Z; wiring carries cos and sin of the phases."""

    f: Array  # Hz, natural frequencies, () or (n_nodes,)
    phi: Array  # rad, phase at which a kick advances nobody: Z(th) = -sin(th - phi)
    sigma: Array  # rad s^-1/2, phase noise
    advance: Array  # 1, share of the phase response that is the same at every phase, 0

    VARIABLES: ClassVar[tuple[Variable, ...]] = (Variable("theta", "rad", -0.001, 6.284),)
    BURN_IN_S: ClassVar[float] = 4.0
    OUTPUT_UNIT: ClassVar[str] = "1"
    # the mean cosine of an ensemble with r = .7 is .5 rms
    MOMENT: ClassVar[float] = 40e-9
    STIM_UNIT: ClassVar[str] = "rad/s"
    # 2 mA pull as strongly as the ensemble of the preset "beta" itself
    STIM_PER_AMPERE: ClassVar[float] = 6000.0

    @classmethod
    def create(
        cls, preset: str = "beta", n: int = 1, key: Array | None = None, distribution: str = "lorentzian",
        width: float | None = None, **letters: ArrayLike,
    ) -> "Kuramoto":  # fmt: skip
        """``n`` oscillators around the preset's frequency.

        width Hz, half-width (lorentzian) or sd (gaussian), by default the preset's; key draws the frequencies, without
        it they are evenly spaced quantiles; letters are overridden by keyword (``f`` then as the centre).
        InputError for unknown names.
        """
        chosen = dict(_preset(cls, preset, PRESETS))
        usual = chosen.pop("width")
        scale = usual if width is None else width
        del chosen["K"]
        found = leaves(cls, chosen, letters)
        if n > 1:
            found["f"] = found["f"] + scale * spread(distribution, n, key)
        return cls(**found)

    def start(self) -> tuple[ArrayLike, ...]:
        """Everybody in phase."""
        return (0.0,)

    def largest_step(self) -> float:
        """2 pi |f| h = 0.25 for all but the fastest twentieth, whose phases average out."""
        return float(0.25 / (2 * np.pi * max(np.quantile(np.abs(np.asarray(self.f, float)), 0.95), 1e-3)))

    def noise(self) -> tuple[Array | None, ...]:
        return (self.sigma,)

    def wrapped(self, y: Values) -> Values:
        """theta within 0 to 2 pi."""
        return (y[0] - 2 * jnp.pi * jnp.floor(y[0] / (2 * jnp.pi)),)

    def drifted(self, conditions: Conditions) -> "Kuramoto":
        """Reads frequency_shift (f) and stim_phase (phi); coupling_gain acts on the wiring."""
        return dataclasses.replace(
            self,
            f=self.f + conditions.frequency_shift.astype(self.f.dtype),
            phi=self.phi + conditions.stim_phase.astype(self.phi.dtype),
        )

    def output(self, y: Values) -> Array:
        return sin_cos(y[0])[1]

    def sent(self, y: Values) -> Values:
        sine, cosine = sin_cos(y[0])
        return cosine, sine

    def slope(self, y: Values, inputs: Inputs) -> Values:
        (theta,) = y
        sine, cosine = sin_cos(theta)
        # sin(th - phi), from what the coupling needs as well
        lagging = sine * jnp.cos(self.phi) - cosine * jnp.sin(self.phi)
        d = 2 * jnp.pi * self.f + inputs.stim * (self.advance - (1.0 - self.advance) * lagging)
        if inputs.coupled:
            d = d + inputs.coupled[1] * cosine - inputs.coupled[0] * sine
        return (jnp.broadcast_to(d, theta.shape),)

    def truth(self, y: Values) -> dict[str, Array]:
        """Order parameter r, () over all oscillators."""
        return {"order": jnp.sqrt(jnp.mean(jnp.cos(y[0])) ** 2 + jnp.mean(jnp.sin(y[0])) ** 2)}


PRESETS: dict[str, dict[str, float]] = {
    "beta": {"f": 20.0, "phi": 0.0, "sigma": 0.0, "advance": 0.0, "width": 0.5, "K": 4 * np.pi},
    "tremor": {"f": 5.0, "phi": 0.0, "sigma": 0.0, "advance": 0.0, "width": 0.1, "K": 0.8 * np.pi},
    "incoherent": {"f": 20.0, "phi": 0.0, "sigma": 0.0, "advance": 0.0, "width": 0.5, "K": np.pi},
}
"""Centre f and half-width in Hz, K in 1/s: four half-widths (r = .707), or one (no synchrony). Assumed values."""
