"""Units whose tuning turns a little every day, and the simulated person's first decoders."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...adaptation.intracortical.factor_analysis import FactorModel, fit_factors, readout
from ...adaptation.intracortical.retrospective import Sums, regress
from ...adaptation.intracortical.stabiliser import Stabilised
from ...adaptation.linalg import qr
from .activity import linear, open_loop
from .cursor import BIN_S

N_UNITS = 192
CORRELATION = 0.91  # of the tuning of one day and the next
FIRST_SNR = 0.5
# A person's signal-to-noise ratio from day to day: a mixture of two normal distributions.
SNR_SHARE, SNR_MEANS, SNR_SDS = 0.672, (0.502, 0.892), (0.1135, 0.0919)


def snr(key: Array) -> Array:
    """() the length of a direction's tuning vector on some day."""
    k_which, k_value = jax.random.split(key)
    low = jax.random.uniform(k_which) < SNR_SHARE
    mean, sd = (jnp.where(low, *pair) for pair in (SNR_MEANS, SNR_SDS))
    return jnp.maximum(mean + sd * jax.random.normal(k_value), 0.05)


def first_tuning(key: Array, n_units: int = N_UNITS) -> Array:
    """(n_units, 2): tuning to x and to y, orthogonal, of length FIRST_SNR."""
    return FIRST_SNR * qr(jax.random.normal(key, (n_units, 2)))[0]


def next_day(key: Array, tuning: Array, correlation: Array | float = CORRELATION) -> Array:
    """The tuning (n_units, 2) a day later: each direction's vector correlates by ``correlation`` with what it was and
    is as long as the new day's signal-to-noise ratio."""
    k_new, k_snr = jax.random.split(key)
    old = tuning / jnp.sqrt((tuning**2).sum(0))
    fresh = qr(jax.random.normal(k_new, tuning.shape))[0]
    fresh = fresh - old * (old * fresh).sum(0)
    fresh = fresh / jnp.sqrt((fresh**2).sum(0))
    moved = correlation * old + jnp.sqrt(1.0 - correlation**2) * fresh
    return snr(k_snr) * moved / jnp.sqrt((moved**2).sum(0))


class First(NamedTuple):
    """What is made of the training block of day 0: plain weights (2, n_units) and offset (2,), rows of length 1; and
    the stabiliser."""

    weights: Array
    offset: Array
    stabilised: Stabilised


def unit_rows(weights: Array, offset: Array) -> tuple[Array, Array]:
    size = jnp.sqrt((weights**2).sum(1))
    return weights / size[:, None], offset / size


def first_decoders(key: Array, tuning: Array, n_bins: int, n_latents: int, n_iterations: int) -> First:
    """Fitted on a training block of ``n_bins`` bins."""
    sums = open_loop(key, tuning, n_bins)
    factors = factors_of(sums, n_latents, n_iterations)
    to_latents = readout(factors)
    inner, middle = regress(latent_sums(sums, factors.mean, to_latents))
    weights = inner @ to_latents
    size = jnp.sqrt((weights**2).sum(1))
    decoder = linear(inner / size[:, None], middle / size)
    stabilised = Stabilised(factors, decoder, factors, jnp.eye(n_latents))
    return First(*unit_rows(*regress(sums)), stabilised)


def factors_of(sums: Sums, n_latents: int, n_iterations: int) -> FactorModel:
    """Factor analysis of a block, from its sums."""
    return fit_factors(*moments_of(sums), n_latents, n_iterations)


def moments_of(sums: Sums) -> tuple[Array, Array]:
    """Mean (n_units,) and covariance (n_units, n_units)."""
    mean = sums.y / sums.n
    return mean, sums.yy / sums.n - jnp.outer(mean, mean)


def latent_sums(sums: Sums, mean: Array, to_latents: Array) -> Sums:
    """The sums of latents = to_latents (y - mean) from those of y."""
    n = sums.n
    centred = sums.yy - jnp.outer(sums.y, mean) - jnp.outer(mean, sums.y) + n * jnp.outer(mean, mean)
    crossed = sums.yw - jnp.outer(mean, sums.w)
    return Sums(to_latents @ centred @ to_latents.T, to_latents @ crossed, to_latents @ (sums.y - n * mean), sums.w, n)


def minutes(n_bins: int) -> float:
    """Length of a block in min."""
    return n_bins * BIN_S / 60.0
