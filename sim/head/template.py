"""A head of anatomical shape: the layered sphere plus what a boundary-element model of a template head adds to it.

The leadfield between 72 sites of the 10-10 system and 240 points of the cortex is stored (``data/template.npz``, made
by ``tools/make_template_leadfield.py`` from the surfaces of fsaverage). Its difference from the sphere's is smooth over
scalp and cortex, so that difference is what is interpolated: at a site and a point of the table the template's own gain
comes out, in between a blend, and far from the cortex (eyes, muscles, deep nuclei) the sphere's.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..conditions import Conditions
from ..pytree import component
from .sphere import SphereHead

_ORDER, _TERMS = 2, 20  # of the spherical splines (Perrin 1989); 4 would be too ill-conditioned for float32
_NEAR, _FAR = 2e-3, 20e-3  # m: within which a point of the table alone counts, beyond which the sphere does


@component
class TemplateHead:
    """sphere; sites (n_sites, 3) directions; sources (n, 3) m; correction (n_sites, n, 3) V/(A·m), the spline weights
    of the template's gain less the sphere's. Skull conductivity changes the sphere's share."""

    sphere: SphereHead
    sites: Array
    sources: Array
    correction: Array

    @classmethod
    def load(cls) -> "TemplateHead":
        """The template that ships with the package, on a scalp of 90 mm."""
        table = _table()
        sphere = SphereHead.preset("mne")
        return cls(
            sphere=sphere,
            sites=jnp.asarray(table["sites"], float),
            sources=jnp.asarray(table["sources"], float),
            correction=jnp.asarray(table["correction"], float),
        )

    @property
    def radius(self) -> Array:
        return self.sphere.radius

    def under(self, conditions: Conditions) -> "TemplateHead":
        """The head with the skull's conductivity of ``conditions``."""
        return dataclasses.replace(self, sphere=self.sphere.under(conditions))

    def gain(self, electrodes: Array, positions: Array) -> Array:
        """(n_channels, n_sources, 3) V/(A·m) for electrodes (n_channels, 3) m and dipoles at (n_sources, 3) m."""
        over_scalp, over_cortex = self._weights(electrodes, positions)
        added = jnp.einsum("cs,snk,pn->cpk", over_scalp, self.correction, over_cortex)
        return self.sphere.gain(electrodes, positions) + added

    def leadfield(self, electrodes: Array, positions: Array, orientations: Array) -> Array:
        """(n_channels, n_sources) V/(A·m) for dipoles of fixed orientation (n_sources, 3)."""
        over_scalp, over_cortex = self._weights(electrodes, positions)
        added = sum((self.correction[..., k] @ over_cortex.T) * orientations[:, k] for k in range(3))
        return self.sphere.leadfield(electrodes, positions, orientations) + over_scalp @ added

    def _weights(self, electrodes: Array, positions: Array) -> tuple[Array, Array]:
        """Of sites for each electrode (n_channels, n_sites), of the table's points for each dipole (n_sources, n)."""
        toward = electrodes / jnp.linalg.norm(electrodes, axis=-1, keepdims=True)
        over_scalp = _spline(jnp.clip(toward @ self.sites.T, -1.0, 1.0))
        square = sum((positions[:, k, None] - self.sources[None, :, k]) ** 2 for k in range(3))
        # inverse distance to the sixth power, against a rival that stands for the sphere; relative, for float32
        weight = (_FAR**2 / (square + _NEAR**2)) ** 3
        over_cortex = weight / (jnp.sum(weight, axis=-1, keepdims=True) + 1.0)
        return over_scalp, over_cortex


@functools.cache
def _table() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).parent / "data/template.npz") as file:
        arrays = dict(file)
    left, gain = arrays["sources"].astype(float), arrays["gain"].astype(float)
    sites, names = arrays["directions"].astype(float), [str(name) for name in arrays["sites"]]
    # the right half is the mirror image of the left
    mirror = [int(np.argmin(np.linalg.norm(sites - site * [-1, 1, 1], axis=1))) for site in sites]
    sources = np.concatenate([left, left * [-1, 1, 1]])
    gain = np.concatenate([gain, gain[mirror] * [-1, 1, 1]], axis=1)
    with jax.ensure_compile_time_eval():  # also where a person is drawn inside a compiled function
        sphere = np.asarray(SphereHead.preset("mne").gain(jnp.asarray(sites * 0.09), jnp.asarray(sources)), float)
    difference = gain - sphere
    matrix = _spline(np.clip(sites @ sites.T, -1.0, 1.0))
    weights = np.linalg.solve(np.asarray(matrix, float), difference.reshape(len(names), -1))
    return {"sites": sites, "sources": sources, "gain": gain, "correction": weights.reshape(difference.shape)}


def _spline(cosine: Any) -> Any:
    """Spherical spline kernel plus a constant, sum_n (2 n + 1) / (n (n + 1))^order P_n(cosine) / 4 pi, by recursion."""
    older, old = 1.0, cosine
    total = 1.0
    for n in range(1, _TERMS + 1):
        total = total + (2 * n + 1) / (n * (n + 1)) ** _ORDER * old
        older, old = old, ((2 * n + 1) * cosine * old - n * older) / (n + 1)
    return total / (4 * np.pi)
