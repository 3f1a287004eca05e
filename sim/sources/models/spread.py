"""How the oscillators of an ensemble differ: standard distributions, drawn or as evenly spaced quantiles."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.special import ndtri

from ...errors import InputError

SPREADS = ("lorentzian", "gaussian")


def spread(distribution: str, n: int, key: Array | None = None) -> Array:
    """(n,) numbers of unit half-width (lorentzian) or unit standard deviation (gaussian), centred on 0.

    With ``key`` drawn at random; without it the n quantiles (i + 1/2) / n, so that a small ensemble has the law of a
    large one. InputError for another name.
    """
    if distribution not in SPREADS:
        raise InputError(f"unknown distribution {distribution!r}; use one of {', '.join(SPREADS)}")
    if n < 1:
        raise InputError(f"an ensemble of {n} oscillators; wanted 1 or more")
    if key is None:
        p = (np.arange(n) + 0.5) / n
        return jnp.asarray(np.tan(np.pi * (p - 0.5)) if distribution == "lorentzian" else ndtri(p))
    return jax.random.cauchy(key, (n,)) if distribution == "lorentzian" else jax.random.normal(key, (n,))
