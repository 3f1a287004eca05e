"""The exact potential of a dipole in a layered sphere: the Legendre series, in float64 with NumPy.

It is the yardstick of the closed forms in :mod:`sphere`: far too slow for a simulation, and good to 1e-13 with 300
terms for dipoles up to .9 of the radius.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

Floats = NDArray[np.float64]

# (outer radii relative to the scalp's, conductivities S/m, which shell is the skull), from the inside outwards
SHELLS: dict[str, tuple[tuple[float, ...], tuple[float, ...], int]] = {
    "mne": ((0.90, 0.92, 0.97, 1.0), (0.33, 1.0, 0.004, 0.33), 2),
    "skull-1/80": ((80 / 92, 85 / 92, 1.0), (0.33, 0.0042, 0.33), 1),
    "skull-1/25": ((80 / 92, 85 / 92, 1.0), (0.33, 0.0132, 0.33), 1),
    "skull-1/15": ((80 / 92, 85 / 92, 1.0), (0.33, 0.022, 0.33), 1),
}


def layer_factors(n: ArrayLike, radii: Sequence[float], conductivities: Sequence[float]) -> Floats:
    """What the layers do to the n-th term: surface potential relative to a sphere that is scalp throughout.

    n (n_terms,) 1, 2, ...; radii and conductivities S/m of the shells from the inside outwards, the last radius 1.
    From V and sigma dV/dr continuous at every boundary and no current out of the scalp (as in Zhang 1995).
    """
    if len(radii) != len(conductivities) or list(radii) != sorted(radii) or radii[-1] != 1:
        raise InputError(f"radii {tuple(radii)} of the shells; wanted one per conductivity, rising to 1")
    n = np.asarray(n, float)
    # V = growing r^n + falling r^-(n+1) in each shell, from the outside, where dV/dr = 0, inwards
    growing, falling = np.ones_like(n), n / (n + 1)
    for i in range(len(radii) - 2, -1, -1):
        r, ratio = radii[i], conductivities[i + 1] / conductivities[i]
        up, down = growing * r**n, falling * r ** (-n - 1)
        inner = (n * (up + down) - ratio * (n * up - (n + 1) * down)) / (2 * n + 1)
        growing, falling = (up + down - inner) * r**-n, inner * r ** (n + 1)
    return conductivities[-1] / conductivities[0] * n / (n + 1) / falling


def series_gain(
    electrodes: ArrayLike, positions: ArrayLike, sigma: float, factors: ArrayLike | None = None, n_terms: int = 300
) -> Floats:
    """(n_channels, n_sources, 3) V/(A·m) on a sphere by the Legendre series.

    electrodes (n_channels, 3) m on the surface, positions (n_sources, 3) m inside, off the centre; sigma S/m of the
    scalp; factors (n_terms,) of :func:`layer_factors`, None for a homogeneous sphere.
    """
    electrodes, positions = np.asarray(electrodes, float), np.asarray(positions, float)
    radius = np.linalg.norm(electrodes, axis=-1)[:, None]
    depth = np.linalg.norm(positions, axis=-1)[None, :]
    toward, radial = electrodes / radius, positions / depth.T
    x = toward @ radial.T
    weight = np.ones(n_terms) if factors is None else np.asarray(factors, float)
    along = np.zeros_like(x)
    across = np.zeros_like(x)
    older, old = np.ones_like(x), x  # P_0, P_1
    slope_older, slope = np.zeros_like(x), np.ones_like(x)  # P_0', P_1'
    for n in range(1, len(weight) + 1):
        scale = weight[n - 1] * (2 * n + 1) / n * (depth / radius) ** (n - 1)
        along += scale * n * old
        across += scale * slope
        older, old = old, ((2 * n + 1) * x * old - n * older) / (n + 1)
        slope_older, slope = slope, slope_older + (2 * n + 1) * older
    tangent = toward[:, None, :] - x[..., None] * radial[None]
    gain = along[..., None] * radial[None] + across[..., None] * tangent
    return gain / (4 * np.pi * sigma * radius**2)[..., None]


def shell_gain(electrodes: ArrayLike, positions: ArrayLike, head: str = "mne", skull: float = 1.0) -> Floats:
    """(n_channels, n_sources, 3) V/(A·m): the exact gain of the preset ``head`` with its skull's conductivity times
    ``skull``."""
    radii, conductivities, which = SHELLS[head]
    changed = [sigma * (skull if i == which else 1.0) for i, sigma in enumerate(conductivities)]
    return series_gain(electrodes, positions, changed[-1], layer_factors(np.arange(1, 301), radii, changed))
