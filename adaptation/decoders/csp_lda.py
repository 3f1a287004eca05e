"""Common spatial patterns, log-power, linear discriminant: the classical motor-imagery decoder."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from ..linalg import eigh
from ..spd import covariance, inv_sqrtm, weighted_mean
from ..trials import usable
from .lda import fit_lda


def csp_filters(class_covs: Array, n_filters: int) -> Array:
    """Spatial filters (n_filters, n_channels) of class covariances (n_classes, n_channels, n_channels).

    Two classes: generalised eigenvectors of C₀ against C₀ + C₁, furthest eigenvalue from ½ first, scaled to
    w(C₀ + C₁)wᵀ = 1 (Koles 1991; Blankertz 2008). More classes: each against the sum of all, the
    ``n_filters / n_classes`` of greatest power per class (one versus rest, Dornhege 2004).
    """
    n_classes = class_covs.shape[0]
    whitening = inv_sqrtm(class_covs.sum(0))
    if n_classes == 2:
        values, vectors = eigh(whitening @ class_covs[0] @ whitening)
        order = jnp.argsort(-jnp.abs(values - 0.5))[:n_filters]
        return vectors.T[order] @ whitening
    _, vectors = jax.vmap(lambda c: eigh(whitening @ c @ whitening))(class_covs)
    strongest = vectors[:, :, ::-1][:, :, : n_filters // n_classes]
    return jnp.swapaxes(strongest, 1, 2).reshape(n_filters, -1) @ whitening


@component
class CSPLDA:
    """CSP log-power features, standardised by ``stats``, read out by shrinkage LDA.

    params: spatial {"w": (n_filters, n_channels)}, readout {"w": (n_classes, n_filters), "b": (n_classes,)}
    stats:  features {"mean": (n_filters,), "var": (n_filters,)}
    Windows must already be band-passed to the rhythm of interest.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    n_filters: int = static()

    @classmethod
    def create(
        cls,
        n_channels: int,
        n_times: int,
        n_classes: int = 2,
        sfreq: float | None = None,
        n_filters: int | None = None,
    ) -> "CSPLDA":
        """Four filters for two classes, two per class for more; ``sfreq`` plays no part here."""
        if n_filters is None:
            n_filters = min(4, n_channels) if n_classes == 2 else 2 * n_classes
        if n_classes < 2:
            raise InputError(f"n_classes is {n_classes} but a classifier needs at least 2; check the labels.")
        if n_channels < 1:
            raise InputError(f"n_channels is {n_channels} but a decoder needs at least 1; check the channel selection.")
        if n_classes == 2 and n_filters > n_channels:
            raise InputError(
                f"n_filters is {n_filters} but there are {n_channels} channels; ask for at most that many."
            )
        if n_classes > 2 and (n_filters % n_classes or n_filters // n_classes > n_channels):
            raise InputError(
                f"n_filters is {n_filters}; with {n_classes} classes it must be a multiple of {n_classes} "
                f"and at most {n_channels} per class."
            )
        return cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes, n_filters=n_filters)

    @property
    def layers(self) -> tuple[str, ...]:
        return ("spatial", "readout")

    def init(self, key: Array) -> Variables:
        """Random unit-norm filters, a zero readout, unit statistics."""
        w = jax.random.normal(key, (self.n_filters, self.n_channels))
        n = self.n_filters
        return Variables(
            align=jnp.eye(self.n_channels),
            params={
                "spatial": {"w": w / jnp.linalg.norm(w, axis=1, keepdims=True)},
                "readout": {"w": jnp.zeros((self.n_classes, n)), "b": jnp.zeros(self.n_classes)},
            },
            stats={"features": {"mean": jnp.zeros(n), "var": jnp.ones(n)}},
        )

    def features(self, variables: Variables, x: Array) -> Array:
        """Log-power (n_filters,) of the spatially filtered window, before standardisation."""
        filtered = (variables.params["spatial"]["w"] @ variables.align) @ x
        power = (filtered**2).mean(-1)
        return jnp.log(jnp.maximum(power, jnp.finfo(power.dtype).tiny))

    def standardised(self, variables: Variables, x: Array) -> Array:
        """What the readout sees of the window (n_filters,): log-power less its mean, over its deviation."""
        stats = variables.stats["features"]
        return (self.features(variables, x) - stats["mean"]) * jax.lax.rsqrt(stats["var"] + 1e-6)

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window x (n_channels, n_times); there is no dropout to switch on."""
        readout = variables.params["readout"]
        return readout["w"] @ self.standardised(variables, x) + readout["b"]

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """One window gives one value per feature: that is its mean, and its variance is 0."""
        mean = self.features(variables, x)
        return {"features": {"mean": mean, "var": jnp.zeros_like(mean)}}

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Filters from the class covariances, then statistics and LDA from the features."""
        trials = usable(trials)
        members = jax.nn.one_hot(trials.y, self.n_classes, axis=0) * trials.weight
        window_covs = jax.vmap(covariance)(trials.x)
        covs = jax.vmap(lambda member: weighted_mean(window_covs, member))(members)
        covs = variables.align @ covs @ variables.align.T
        params = {**variables.params, "spatial": {"w": csp_filters(covs, self.n_filters)}}
        fitted = variables._replace(params=params)
        features = jax.vmap(lambda x: self.features(fitted, x))(trials.x)
        share = (trials.weight / jnp.maximum(trials.weight.sum(), 1e-12))[:, None]
        mean = (share * features).sum(0)
        var = (share * (features - mean) ** 2).sum(0)
        stats = {"features": {"mean": mean, "var": jnp.where(var > 0, var, 1.0)}}
        return self.refit_readout(fitted._replace(stats=stats), trials)

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """A new LDA on these trials alone, filters and statistics kept."""
        features = jax.vmap(lambda x: self.standardised(variables, x))(trials.x)
        readout = fit_lda(features, trials.y, trials.weight, self.n_classes)
        return variables._replace(params={**variables.params, "readout": readout})
