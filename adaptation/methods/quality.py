"""Is a window fit to learn from? Flat, saturated or far too loud ones are not."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ..contract import Trials
from ..trials import usable


class Quality(NamedTuple):
    """power: (n_channels,) V², mean power of each channel in the calibration."""

    power: Array

    @classmethod
    def of(cls, calibration: Trials) -> "Quality":
        """What is usual, from the calibration."""
        calibration = usable(calibration)
        share = calibration.weight / jnp.maximum(calibration.weight.sum(), 1e-12)
        return cls(jnp.tensordot(share, (calibration.x**2).mean(-1), axes=1))

    def passes(self, x: Array, amplitude: float | Array, flat: float | Array, plateau: float | Array) -> Array:
        """() bool: x (n_channels, n_times) is finite, every channel's amplitude is between ``flat`` times and
        ``amplitude`` times that of the calibration (a channel that was flat then may stay so), and no channel spends
        more than ``plateau`` of its samples at its largest value.
        """
        finite = jnp.isfinite(x).all()
        x = jnp.where(finite, x, 0.0)
        power = (x**2).mean(-1)
        was_flat = self.power <= 1e-6 * self.power.mean()
        level = self.power + was_flat * self.power.mean()
        loud = power > amplitude**2 * level
        silent = (power < flat**2 * level) & ~was_flat
        size = jnp.abs(x)
        largest = size.max(-1, keepdims=True)
        stuck = ((size >= 0.999 * largest) & (largest > 0)).mean(-1) > plateau
        return finite & ~(loud | silent | stuck).any()
