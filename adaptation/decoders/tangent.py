"""Tangent space and logistic regression: the strongest classical decoder of motor imagery."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..blocks import by_block, diagonal_blocks, mean_by_block
from ..contract import Trials, Variables
from ..spd import covariance, inv_sqrtm, oas, regularised, riemannian_mean, tangent_vector
from ..trials import usable
from .logistic import fit_logistic


@component
class TangentLR:
    """Covariance in the tangent space at the training mean, read out by logistic regression (Barachant 2013).

    params: reference {"whitening": (n_channels, n_channels)}, the mean's inverse square root,
            readout {"w": (n_classes, n_features), "b": (n_classes,)}, n_features = n_channels(n_channels+1)/2
    stats:  features {"mean": (n_features,), "var": (n_features,)}
    ``c`` is scikit-learn's inverse penalty, on features before standardisation. Covariances are shrunk by
    OAS (off with ``shrinkage`` False, for windows that are shrunk already), which keeps windows shorter than
    n_channels samples invertible. The reference is found by Karcher
    steps, not by descent: no gradient passes it. Windows of a filter bank (``neurodrift.adaptation.blocks.stacked``)
    have a block-diagonal covariance of ``n_blocks`` blocks; n_features then counts the entries of the blocks alone.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    c: float = 1.0
    shrinkage: bool = static(default=True)
    n_blocks: int = static(default=1)

    @classmethod
    def create(
        cls, n_channels: int, n_times: int, n_classes: int = 2, sfreq: float | None = None, c: float = 1.0
    ) -> "TangentLR":
        """The decoder for these shapes; ``sfreq`` plays no part here."""
        if n_classes < 2:
            raise InputError(f"n_classes is {n_classes} but a classifier needs at least 2; check the labels.")
        if n_channels < 1:
            raise InputError(f"n_channels is {n_channels} but a decoder needs at least 1; check the channel selection.")
        return cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes, c=c)

    @property
    def layers(self) -> tuple[str, ...]:
        return ("reference", "readout")

    @property
    def n_features(self) -> int:
        m = self.n_channels // self.n_blocks
        return self.n_blocks * m * (m + 1) // 2

    def init(self, key: Array) -> Variables:
        """Reference the identity, readout zero: nothing here is random."""
        d = self.n_features
        return Variables(
            align=jnp.eye(self.n_channels),
            params={
                "reference": {"whitening": jnp.eye(self.n_channels)},
                "readout": {"w": jnp.zeros((self.n_classes, d)), "b": jnp.zeros(self.n_classes)},
            },
            stats={"features": {"mean": jnp.zeros(d), "var": jnp.ones(d)}},
        )

    def features(self, variables: Variables, x: Array) -> Array:
        """Tangent vector (n_features,) of the window's covariance, before standardisation."""
        cov = self.aligned_covariance(variables, x)
        whitening = variables.params["reference"]["whitening"]
        # The gradient of eigh is undefined at equal eigenvalues, which whitening brings about.
        return jax.lax.stop_gradient(self._tangent(cov, whitening))

    def standardised(self, variables: Variables, x: Array) -> Array:
        """What the readout sees of the window (n_features,): features less their mean, over their deviation."""
        stats = variables.stats["features"]
        return (self.features(variables, x) - stats["mean"]) * jax.lax.rsqrt(stats["var"])

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window x (n_channels, n_times); there is no dropout to switch on."""
        readout = variables.params["readout"]
        return readout["w"] @ self.standardised(variables, x) + readout["b"]

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """One window gives one value per feature: that is its mean, and its variance is 0."""
        mean = self.features(variables, x)
        return {"features": {"mean": mean, "var": jnp.zeros_like(mean)}}

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Reference, statistics and readout from these trials; ``variables`` gives ``align``."""
        trials = usable(trials)
        covs = jax.vmap(lambda x: self.aligned_covariance(variables, x))(trials.x)
        mean = mean_by_block(riemannian_mean, self.n_blocks)(covs, trials.weight)
        whitening = by_block(inv_sqrtm, self.n_blocks)(mean)
        features = jax.vmap(lambda cov: self._tangent(cov, whitening))(covs)
        share = (trials.weight / jnp.maximum(trials.weight.sum(), 1e-12))[:, None]
        mean = (share * features).sum(0)
        var = (share * (features - mean) ** 2).sum(0)
        # A feature that hardly varies (a flat channel) is left small, not blown up to unit variance.
        var = jnp.maximum(var, 1e-6 * var.mean() + jnp.finfo(var.dtype).tiny)
        readout = fit_logistic(features - mean, trials.y, trials.weight, self.n_classes, self.c)
        readout = {"w": readout["w"] * jnp.sqrt(var), "b": readout["b"]}
        params = {"reference": {"whitening": whitening}, "readout": readout}
        return Variables(align=variables.align, params=params, stats={"features": {"mean": mean, "var": var}})

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Logistic regression on these trials, its penalty centred on the previous readout."""
        stats, readout = variables.stats["features"], variables.params["readout"]
        scale = jnp.sqrt(stats["var"])
        features = jax.vmap(lambda x: self.features(variables, x))(trials.x) - stats["mean"]
        prior = {"w": readout["w"] / scale, "b": readout["b"]}
        new = fit_logistic(features, trials.y, trials.weight, self.n_classes, self.c, prior)
        new = {"w": new["w"] * scale, "b": new["b"]}
        return variables._replace(params={**variables.params, "readout": new})

    def _tangent(self, cov: Array, whitening: Array) -> Array:
        if self.n_blocks == 1:
            return tangent_vector(cov, whitening)
        of_blocks = (diagonal_blocks(a, self.n_blocks) for a in (cov, whitening))
        return jax.vmap(tangent_vector)(*of_blocks).ravel()

    def aligned_covariance(self, variables: Variables, x: Array) -> Array:
        """Covariance (n_channels, n_channels) of the window behind ``align``, shrunk."""
        cov = variables.align @ covariance(x) @ variables.align.T
        # Shrunk after alignment: towards an identity that means equal variance in every whitened direction.
        return oas(cov, self.n_times) if self.shrinkage else regularised(cov)
