"""The class that a trial asks for."""

import jax
import jax.numpy as jnp
from jax import Array


def next_label(key: Array, previous: Array, prior: Array) -> tuple[Array, Array]:
    """Class () int32 of a new trial, and what to hand in as ``previous`` () for the next; -1 where no pair is open.

    Where the second class is asked for with probability ``prior`` () .5, classes come in balanced pairs, a coin for the
    first of a pair, the other class for the second; otherwise every trial has a coin of its own.
    """
    coin = jax.random.bernoulli(key, prior).astype(jnp.int32)
    paired = prior == 0.5
    is_second = (previous >= 0) & paired
    label = jnp.where(is_second, 1 - previous, coin)
    return label, jnp.where(is_second | ~paired, -1, label)
