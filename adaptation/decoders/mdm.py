"""Minimum distance to the mean of each class, in the geometry of covariance matrices."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from ..spd import covariance, inv_sqrtm, oas, powm, regularised, riemannian_mean, squared_distance
from ..trials import usable


@component
class MDM:
    """Logits are minus the squared Riemannian distances to the class means (Barachant 2012).

    So their softmax are the probabilities of pyRiemann's MDM, those of a Gaussian of variance ½ about each mean.

    params: reference {"whitening": (n_channels, n_channels), "dispersion": ()}, the inverse square root of the training
            mean and the mean squared distance of the training windows from it,
            readout {"whitening": (n_classes, n_channels, n_channels)}, the inverse square root of each class's mean as
            seen from the reference
    stats:  dispersion {"mean": (), "var": ()}, mean squared distance of the windows from the reference in units of the
            training's; "mean" is 0 and there because statistics have one. Windows are drawn in by the power
            var^-½ about the reference (1 after training: nothing moves).
    Covariances are shrunk as in TangentLR.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    shrinkage: bool = static(default=True)

    @classmethod
    def create(cls, n_channels: int, n_times: int, n_classes: int = 2, sfreq: float | None = None) -> "MDM":
        """The decoder for these shapes; ``sfreq`` plays no part here."""
        if n_classes < 2:
            raise InputError(f"n_classes is {n_classes} but a classifier needs at least 2; check the labels.")
        if n_channels < 1:
            raise InputError(f"n_channels is {n_channels} but a decoder needs at least 1; check the channel selection.")
        return cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes)

    @property
    def layers(self) -> tuple[str, ...]:
        return ("reference", "readout")

    def init(self, key: Array) -> Variables:
        """Reference and all means the identity: nothing here is random."""
        eye = jnp.eye(self.n_channels)
        return Variables(
            align=eye,
            params={
                "reference": {"whitening": eye, "dispersion": jnp.ones(())},
                "readout": {"whitening": jnp.tile(eye, (self.n_classes, 1, 1))},
            },
            stats={"dispersion": {"mean": jnp.zeros(()), "var": jnp.ones(())}},
        )

    def recentred(self, variables: Variables, x: Array) -> Array:
        """Covariance (n_channels, n_channels) of the window as seen from the reference, drawn in."""
        power = jax.lax.rsqrt(jnp.maximum(variables.stats["dispersion"]["var"], 1e-6))
        return powm(self._seen(variables, x), power)

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window x (n_channels, n_times); there is no dropout to switch on."""
        cov = self.recentred(variables, x)
        return -jax.vmap(lambda whitening: squared_distance(cov, whitening))(variables.params["readout"]["whitening"])

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """The window's squared distance from the reference, in units of the training's mean."""
        squared = squared_distance(self._seen(variables, x), jnp.eye(self.n_channels, dtype=x.dtype))
        relative = squared / variables.params["reference"]["dispersion"]
        return {"dispersion": {"mean": jnp.zeros_like(relative), "var": relative}}

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Reference, dispersion and class means from these trials; ``variables`` gives ``align``."""
        trials = usable(trials)
        covs = jax.vmap(lambda x: self.aligned_covariance(variables, x))(trials.x)
        whitening = inv_sqrtm(riemannian_mean(covs, trials.weight))
        eye = jnp.eye(self.n_channels, dtype=covs.dtype)
        squared = jax.vmap(lambda c: squared_distance(c, eye))(whitening @ covs @ whitening)
        dispersion = (trials.weight * squared).sum() / jnp.maximum(trials.weight.sum(), 1e-12)
        # One trial alone does not scatter: distances are then taken as they are.
        reference = {"whitening": whitening, "dispersion": jnp.where(dispersion > 1e-6, dispersion, 1.0)}
        stats = {"dispersion": {"mean": jnp.zeros((), covs.dtype), "var": jnp.ones((), covs.dtype)}}
        fitted = Variables(variables.align, {**variables.params, "reference": reference}, stats)
        return self.refit_readout(fitted, trials)

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """The class means of these trials, seen from the reference as it is; a class without trials is put there."""
        covs = jax.vmap(lambda x: self.recentred(variables, x))(trials.x)
        members = jax.nn.one_hot(trials.y, self.n_classes, axis=0) * trials.weight
        whitening = jax.vmap(lambda member: inv_sqrtm(class_mean(covs, member)))(members)
        return variables._replace(params={**variables.params, "readout": {"whitening": whitening}})

    def _seen(self, variables: Variables, x: Array) -> Array:
        whitening = variables.params["reference"]["whitening"]
        return whitening @ self.aligned_covariance(variables, x) @ whitening.T

    def aligned_covariance(self, variables: Variables, x: Array) -> Array:
        """Covariance (n_channels, n_channels) of the window behind ``align``, shrunk."""
        cov = variables.align @ covariance(x) @ variables.align.T
        return oas(cov, self.n_times) if self.shrinkage else regularised(cov)


def class_mean(covs: Array, weight: Array, n_steps: int = 10) -> Array:
    """Riemannian mean (n, n) of covs (n_matrices, n, n) seen from a reference; the identity where ``weight`` is 0."""
    some = weight.sum() > 0
    mean = riemannian_mean(covs, jnp.where(some, weight, 1.0), n_steps)
    return jnp.where(some, mean, jnp.eye(covs.shape[-1], dtype=covs.dtype))
