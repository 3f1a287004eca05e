"""The layered-sphere head: dipole moments to scalp potentials in closed form, differentiable in every position.

A dipole in a homogeneous sphere has a closed-form potential (Brody 1973; Yao 2000); Berg & Scherg (1994) write
the layered sphere as three such dipoles at eccentricities ``mu`` and weights ``lambda``. Against the exact
300-term Legendre series the approximation is within 2.8e-3 (MNE's head, dipoles 15 mm below the scalp).
"""

import dataclasses

import jax.numpy as jnp
from jax import Array

from ..conditions import Conditions
from ..errors import InputError
from ..pytree import component
from .skull import COEFFICIENTS, change

# (mu, lambda, sigma_scalp S/m, radius m); rows of the Berg-Scherg table for four-shell and three-shell heads.
PRESETS = {
    # MNE's make_sphere_model() default: radii .90/.92/.97/1, conductivities .33/1/.004/.33 S/m
    "mne": ((0.94483715, 0.6677453, -0.29201162), (0.13686483, 0.68369406, -0.01018948), 0.33, 0.09),
    # three shells 80/85/92 mm with skull conductivity 1/80, 1/25, 1/15 of the brain's
    "skull-1/80": ((0.9585, 0.5824, -0.0069), (0.1187, 0.4984, 0.0444), 0.33, 0.092),
    "skull-1/25": ((0.984, 0.722, -0.489), (0.225, 0.696, -0.009), 0.33, 0.092),
    "skull-1/15": ((0.994, 0.786, -0.176), (0.282, 0.727, -0.029), 0.33, 0.092),
}


def homogeneous_gain(electrodes: Array, positions: Array, sigma: Array | float) -> Array:
    """Potential of unit dipoles in a homogeneous sphere.

    electrodes (n_channels, 3) m on the surface, positions (n_sources, 3) m inside, sigma S/m.
    Returns (n_channels, n_sources, 3) V/(A·m). Finite and smooth at the centre.
    """
    along_electrode, along_dipole = _factors(electrodes, positions)
    gain = along_electrode[..., None] * electrodes[:, None, :] + along_dipole[..., None] * positions
    return gain / (4.0 * jnp.pi * sigma)


def _factors(electrodes: Array, positions: Array) -> tuple[Array, Array]:
    """How much of the electrode's and of the dipole's position vector is in the gain, each (n_channels, n_sources).

    Written out per coordinate: a last axis of length three would keep a batch of heads from being vectorised.
    """
    r = jnp.sqrt(sum(electrodes[:, k] ** 2 for k in range(3)))[:, None]
    d = jnp.sqrt(sum((electrodes[:, k, None] - positions[None, :, k]) ** 2 for k in range(3)))
    f = d * (r * d + r * r - sum(electrodes[:, k, None] * positions[None, :, k] for k in range(3)))
    # The textbook form divides by |rq|^2, 0/0 at the centre. With c2 = 2/d^3 + (d + r)/(r F) the factor of rq is
    # (2 d.rq/d^3 + 1/d - 1/r - c2 re.rq)/|rq|^2, and |rq|^2 = d^2 - r^2 + 2 re.rq makes it -(2/d^3 + 1/F) exactly.
    return 2.0 / d**3 + (d + r) / (r * f), -(2.0 / d**3 + 1.0 / f)


@component
class SphereHead:
    """A layered sphere. mu (3,), weight (3,), sigma () S/m of the scalp, radius () m; skull (n, 2, 3) coefficients of
    how mu and weight follow the skull's conductivity, None where they do not."""

    mu: Array
    weight: Array
    sigma: Array
    radius: Array
    skull: Array | None = None

    @classmethod
    def preset(cls, name: str = "mne") -> "SphereHead":
        """One of "mne", "skull-1/80", "skull-1/25", "skull-1/15": the conductivity is a 3x uncertainty."""
        if name not in PRESETS:
            raise InputError(f"unknown head {name!r}; known: {', '.join(PRESETS)}")
        mu, weight, sigma, radius = PRESETS[name]
        return cls(
            mu=jnp.asarray(mu, float), weight=jnp.asarray(weight, float),
            sigma=jnp.asarray(sigma, float), radius=jnp.asarray(radius, float),
            skull=jnp.asarray(COEFFICIENTS[name], float),
        )  # fmt: skip

    def under(self, conditions: Conditions) -> "SphereHead":
        """The head with the skull's conductivity of ``conditions`` (relative; a third to three times)."""
        if self.skull is None:
            return self
        mu, weight = change(self.skull, conditions.skull_conductivity)
        return dataclasses.replace(self, mu=self.mu + mu, weight=self.weight + weight)

    def gain(self, electrodes: Array, positions: Array) -> Array:
        """(n_channels, n_sources, 3) V/(A·m) for electrodes (n_channels, 3) m and dipoles at (n_sources, 3) m."""
        gain = jnp.zeros((electrodes.shape[0], *positions.shape))
        for mu, weight in zip(self.mu, self.weight):
            gain = gain + weight * homogeneous_gain(electrodes, mu * positions, self.sigma)
        return gain

    def leadfield(self, electrodes: Array, positions: Array, orientations: Array) -> Array:
        """(n_channels, n_sources) V/(A·m) for dipoles of fixed orientation (n_sources, 3)."""
        # the same as gain times orientation, without the (n_channels, n_sources, 3) array in between
        facing = sum(electrodes[:, k, None] * orientations[None, :, k] for k in range(3))
        radial = sum(positions[:, k] * orientations[:, k] for k in range(3))
        total = jnp.zeros((electrodes.shape[0], positions.shape[0]))
        for mu, weight in zip(self.mu, self.weight):
            along_electrode, along_dipole = _factors(electrodes, mu * positions)
            total = total + weight * (along_electrode * facing + along_dipole * mu * radial)
        return total / (4.0 * jnp.pi * self.sigma)
