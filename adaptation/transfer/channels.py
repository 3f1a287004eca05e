"""Channel sets mapped by electrode position, so that a checkpoint trained under one cap runs under another."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from ...sim.errors import InputError
from ...sim.head.montage import make_montage
from ...sim.pytree import component, static

STIFFNESS, N_TERMS, SMOOTHING = 4, 50, 1e-5
FARTHEST = 50.0  # degrees; two electrodes of the 10-20 system that are neighbours in a row are 46 apart


@component
class ChannelMap:
    """matrix (n_wanted, n_given): potentials at the wanted electrodes from those that were recorded.

    ``farthest``: degrees from a wanted electrode to the nearest recorded one, at the most.
    """

    matrix: Array
    given: tuple[str, ...] = static()
    wanted: tuple[str, ...] = static()
    farthest: float = static(default=0.0)

    def apply(self, x: Array) -> Array:
        """Windows (..., n_wanted, n_times) of windows x (..., n_given, n_times), same unit."""
        if x.shape[-2] != len(self.given):
            raise InputError(f"a window has {x.shape[-2]} channels but this map was made for {len(self.given)}")
        return jnp.einsum("ij,...jt->...it", self.matrix, x)


def map_channels(given: Sequence[str], wanted: Sequence[str], farthest: float = FARTHEST) -> ChannelMap:
    """The map from recorded channels to those that a checkpoint wants, by name where they share a site (its potential
    is taken as it is), by spherical splines elsewhere.

    InputError for names without a 10-05 position, or where a wanted electrode is more than ``farthest`` degrees from
    all the recorded ones: what is not recorded there cannot be interpolated.
    """
    given, wanted = tuple(given), tuple(wanted)
    here, there = _directions(given), _directions(wanted)
    apart = np.degrees(np.arccos(np.clip(there @ here.T, -1.0, 1.0)))
    nearest = apart.min(axis=1)
    if nearest.max() > farthest:
        worst = int(nearest.argmax())
        best = given[int(apart[worst].argmin())]
        raise InputError(
            f"the checkpoint wants {wanted[worst]} but the nearest channel given is {best}, "
            f"{nearest[worst]:.0f} degrees away (more than {farthest:g}): use a checkpoint of a cap more like this one"
        )
    at = {name.lower(): i for i, name in enumerate(given)}
    missing = interpolated(given, wanted)
    matrix = np.zeros((len(wanted), len(given)))
    for row, name in enumerate(wanted):
        if name not in missing:
            matrix[row, at[name.lower()]] = 1.0
    between = [row for row, name in enumerate(wanted) if name in missing]
    if between:
        if len(given) < 4:
            raise InputError(f"{len(given)} channels are too few to interpolate from: wanted 4 or more")
        matrix[between] = spline_matrix(here, there[between])
    return ChannelMap(
        matrix=jnp.asarray(matrix, jnp.float32), given=given, wanted=wanted, farthest=float(nearest.max())
    )


def interpolated(given: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Those wanted of which no recorded channel has the site: they are made of others."""
    recorded = {name.lower() for name in given}
    return tuple(name for name in wanted if name.lower() not in recorded)


def spline_matrix(given: ArrayLike, wanted: ArrayLike, smoothing: float = SMOOTHING) -> np.ndarray:
    """(n_wanted, n_given) spherical-spline interpolation between directions (n, 3) (Perrin 1989), float64.

    g(cos) = 1/4pi sum (2n + 1) / (n (n + 1))^m P_n(cos), m 4, 50 terms; potentials are sum c_j g + c_0 with sum c_j 0.
    """
    here, there = (_unit(points) for points in (given, wanted))
    n = len(here)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = _spline(here @ here.T) + smoothing * np.eye(n)
    system[n, n] = 0.0
    values = np.c_[_spline(there @ here.T), np.ones(len(there))]
    return (values @ np.linalg.pinv(system))[:, :n]


def _spline(cosine: np.ndarray) -> np.ndarray:
    n = np.arange(1, N_TERMS + 1)
    factors = (2 * n + 1) / ((n * (n + 1.0)) ** STIFFNESS * 4 * np.pi)
    return np.polynomial.legendre.legval(cosine, np.r_[0.0, factors])


def _unit(points: ArrayLike) -> np.ndarray:
    points = np.asarray(points, np.float64)
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def _directions(names: tuple[str, ...]) -> np.ndarray:
    if not names:
        raise InputError("no channel is named: give the names of the channels, as in 'C3', 'Cz'")
    montage = make_montage(names)
    return _unit(np.asarray(montage.positions[: montage.n_channels]))
