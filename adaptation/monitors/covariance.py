"""A control chart of how far each window's covariance lies from that of the calibration."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component
from ..spd import eigh_floored, inv_sqrtm, riemannian_mean
from .contract import restart, skip


def log_distance(whitening: Array, cov: Array) -> Array:
    """log of the affine-invariant distance () of cov (n, n) from the matrix whose inverse root is ``whitening``."""
    values = eigh_floored(whitening @ cov @ whitening.T)[0]
    return 0.5 * jnp.log((jnp.log(values) ** 2).sum() + jnp.finfo(values.dtype).tiny)


class ChartState(NamedTuple):
    """level: (), the moving average of standardised distances; n: () int32, windows in it; alarm: () bool."""

    level: Array
    n: Array
    alarm: Array


@component
class CovarianceChart:
    """Alarm when the moving average of the distance leaves ``limit`` standard errors (EWMA chart, Roberts 1959).

    whitening (n, n): inverse root of the calibration's Riemannian mean; centre, scale: mean and standard deviation of
    the log distance in the calibration. ``rate`` 1 is a Shewhart chart, which looks at one window at a time. Only
    distances that grow give an alarm. No labels and no decoder are needed (Barachant 2013 finds artefacts so).
    """

    whitening: Array
    centre: Array
    scale: Array
    limit: float = 3.0
    rate: float = 0.2

    @classmethod
    def create(
        cls, covs: Array, limit: float = 3.0, rate: float = 0.2, weight: Array | None = None
    ) -> "CovarianceChart":
        """From the covariances (n_windows, n, n), V², of a calibration; those of weight (n_windows,) 0 do not count."""
        if covs.ndim != 3 or covs.shape[0] < 2:
            raise InputError(f"covariances have shape {covs.shape}; wanted (n_windows, n, n), 2 windows or more")
        weight = jnp.ones(covs.shape[0], covs.dtype) if weight is None else weight
        whitening = inv_sqrtm(riemannian_mean(covs, weight))
        distances = jax.vmap(log_distance, in_axes=(None, 0))(whitening, covs)
        n = weight.sum()
        centre = weight @ distances / n
        variance = weight @ (distances - centre) ** 2 / (n - n / jnp.maximum((weight > 0).sum(), 1))
        return cls(whitening=whitening, centre=centre, scale=jnp.sqrt(variance), limit=limit, rate=rate)

    @property
    def tuned_by(self) -> str:
        return "limit"

    @property
    def rises(self) -> bool:
        return False

    def init(self) -> ChartState:
        return ChartState(jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.zeros((), bool))

    def update(self, state: ChartState, value: Array) -> tuple[ChartState, Array]:
        """Add the covariance ``value`` (n, n) of a window: (state, alarm () bool)."""
        old = restart(state.alarm, self.init(), state)
        finite = jnp.isfinite(value).all()
        cov = jnp.where(finite, value, jnp.eye(value.shape[-1], dtype=value.dtype))
        deviation = (log_distance(self.whitening, cov) - self.centre) / self.scale
        level = (1 - self.rate) * old.level + self.rate * deviation
        n = old.n + 1
        # Exact for any n: the average starts at 0, so early on its spread is smaller.
        error = jnp.sqrt(self.rate / (2.0 - self.rate) * (1.0 - (1.0 - self.rate) ** (2 * n)))
        alarm = level > self.limit * error
        return skip(value, (ChartState(level, n, alarm), alarm), state)
