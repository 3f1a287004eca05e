"""How the updates of several sites become one: their mean, or a rule that some of them cannot bend at will.

``updates`` (n_sites, n) float32, ``admitted`` (n_sites,) bool: rows that are not admitted count for nothing, whatever
they hold. jittable; one shape serves all rounds.
"""

import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError

RULES = ("mean", "median", "trimmed_mean", "krum", "multi_krum")


def weighted_mean(updates: Array, admitted: Array, weight: Array) -> Array:
    """Mean weighted by ``weight`` (n_sites,), numbers of trials (FedAvg, McMahan 2017); 0 where none is admitted."""
    weight = jnp.where(admitted, weight, 0.0)
    return weight @ _zeroed(updates, admitted) / jnp.maximum(weight.sum(), 1e-12)


def median(updates: Array, admitted: Array) -> Array:
    """Median of every coordinate (Yin 2018), of the two middle ones the mean."""
    ordered, m = _sorted(updates, admitted), admitted.sum()
    return jnp.where(m > 0, 0.5 * (ordered[(m - 1) // 2] + ordered[m // 2]), 0.0)


def trimmed_mean(updates: Array, admitted: Array, trim: float) -> Array:
    """Mean of every coordinate without the share ``trim`` of the sites at either end (Yin 2018)."""
    ordered, m = _sorted(updates, admitted), admitted.sum()
    # Half a thousandth, as .2 of 5 sites is 1 site, in float32 too.
    cut = jnp.floor(trim * m + 5e-4).astype(jnp.int32)
    place = jnp.arange(updates.shape[0])
    kept = (place >= cut) & (place < m - cut)
    return jnp.where(kept[:, None], ordered, 0.0).sum(0) / jnp.maximum(kept.sum(), 1)


def krum(updates: Array, admitted: Array, n_bad: int, n_kept: int = 1) -> Array:
    """Mean of the ``n_kept`` updates nearest to their neighbours (Blanchard 2017; more than one: multi-Krum).

    An update's score is the sum of its squared distances to the m - n_bad - 2 nearest others of m admitted, one at the
    least.
    """
    clean, m = _zeroed(updates, admitted), admitted.sum()
    n_sites = updates.shape[0]
    square = (clean**2).sum(1)
    distance = jnp.maximum(square[:, None] + square[None, :] - 2 * clean @ clean.T, 0.0)
    far = ~(admitted[:, None] & admitted[None, :]) | jnp.eye(n_sites, dtype=bool)
    nearest = jnp.sort(jnp.where(far, jnp.inf, distance), axis=1)
    counted = jnp.arange(n_sites) < jnp.maximum(m - n_bad - 2, 1)
    score = jnp.where(counted & jnp.isfinite(nearest), nearest, 0.0).sum(1)
    order = jnp.argsort(jnp.where(admitted, score, jnp.inf))
    kept = (jnp.zeros(n_sites).at[order].set(jnp.arange(n_sites) < n_kept)) * admitted
    return kept @ clean / jnp.maximum(kept.sum(), 1.0)


def aggregate(rule: str, updates: Array, admitted: Array, weight: Array, trim: float = 0.2, n_bad: int = 2) -> Array:
    """One update (n,) by the rule of that name; ``trim`` for the trimmed mean, ``n_bad`` for Krum."""
    if rule == "mean":
        return weighted_mean(updates, admitted, weight)
    if rule == "median":
        return median(updates, admitted)
    if rule == "trimmed_mean":
        return trimmed_mean(updates, admitted, trim)
    if rule == "krum":
        return krum(updates, admitted, n_bad)
    if rule == "multi_krum":
        return krum(updates, admitted, n_bad, max(1, updates.shape[0] - n_bad))
    raise InputError(f"the rule of aggregation is {rule!r}; wanted one of {', '.join(RULES)}")


def _zeroed(updates: Array, admitted: Array) -> Array:
    return jnp.where(admitted[:, None], updates, 0.0)


def _sorted(updates: Array, admitted: Array) -> Array:
    return jnp.sort(jnp.where(admitted[:, None], updates, jnp.inf), axis=0)
