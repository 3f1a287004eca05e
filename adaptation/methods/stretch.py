"""Stretch: windows scatter about their mean as widely as the calibration's did. No labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from ..trials import usable
from .alignment import SESSION_WEIGHT
from .gate import select


def require_stretchable(decoder: Decoder, variables: Variables, name: str) -> None:
    """InputError unless the scatter of what ``decoder`` sees is in its statistics."""
    if "reference" not in variables.params:
        raise InputError(
            f"{name} got {type(decoder).__name__}; it scales covariances seen from a mean: use tangent_lr or mdm."
        )


def squared_radius(decoder: Decoder, variables: Variables, x: Array) -> Array:
    """Squared Riemannian distance () of a window from the decoder's reference, up to a constant factor."""
    moments = decoder.moments(variables, x)
    # A tangent vector is as long as the window is far away.
    return (moments["features"]["mean"] ** 2).sum() if "features" in moments else moments["dispersion"]["var"]


def stretched(stats: dict[str, Any], power: Array) -> dict[str, Any]:
    """Statistics with which a decoder sees C as it saw C^power with ``stats``, C seen from its reference.

    The tangent vector of C^p is p times C's: less the mean and over the deviation, that is mean/p and var/p². MDM has
    the power itself.
    """
    if "features" in stats:
        old = stats["features"]
        return {"features": {"mean": old["mean"] / power, "var": old["var"] / power**2}}
    old = stats["dispersion"]
    return {"dispersion": {"mean": old["mean"], "var": old["var"] / power**2}}


class StretchMemory(NamedTuple):
    """dispersion () mean squared distance from the reference; prior () that of the calibration; stats: as trained;
    n_windows () float32, the weight of ``dispersion`` in windows."""

    dispersion: Array
    prior: Array
    stats: dict[str, Any]
    n_windows: Array


@component
class Stretch:
    """C <- C^p, C recentred and p = (d₀/d)^½, d the running and d₀ the calibration's dispersion (Rodrigues 2019).

    A power is no change of sensors, so ``align`` cannot hold it; the decoder's statistics can (``stretched``), exactly,
    for decoders that see covariances from a reference. Put it behind recentring. d <- (1 - a) d + a · squared
    distance, a = max(1/(n + 1), floor) as in RiemannianRecentering, with the same restart at announced session ends.
    """

    floor: float = 0.05
    session_weight: float = SESSION_WEIGHT

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> StretchMemory:
        require_stretchable(decoder, variables, "stretching")
        calibration = usable(calibration)
        squared = jax.vmap(lambda x: squared_radius(decoder, variables, x))(calibration.x)
        total = calibration.weight.sum()
        prior = (calibration.weight * squared).sum() / jnp.maximum(total, 1e-12)
        prior = jnp.maximum(prior, jnp.finfo(prior.dtype).tiny)
        return StretchMemory(prior, prior, variables.stats, total)

    def observe(
        self, memory: StretchMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[StretchMemory, Variables]:
        a = jnp.maximum(1.0 / (memory.n_windows + 1.0), self.floor)
        dispersion = (1 - a) * memory.dispersion + a * squared_radius(decoder, variables, x)
        memory = memory._replace(dispersion=dispersion, n_windows=memory.n_windows + 1.0)
        return memory, variables._replace(stats=stretched(memory.stats, jnp.sqrt(memory.prior / dispersion)))

    def learn(
        self, memory: StretchMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[StretchMemory, Variables, Array]:
        weight = jnp.minimum(memory.n_windows, self.session_weight)
        again = memory._replace(dispersion=memory.prior, n_windows=weight)
        return select(feedback.session_end, again, memory), variables, jnp.zeros((), bool)
