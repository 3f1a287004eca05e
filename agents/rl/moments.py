"""Running statistics of training: of observations, to normalise them, and of returns, to scale rewards."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

CLIP = 10.0  # standard deviations beyond which an observation says no more


class Moments(NamedTuple):
    """Running mean and variance (n_observations,), and the number of observations that they rest on."""

    mean: Array
    var: Array
    count: Array


def no_moments(n: int) -> Moments:
    """Before any observation: normalising leaves it as it is."""
    return Moments(jnp.zeros(n), jnp.ones(n), jnp.zeros(()))


def seen(moments: Moments, x: Array, weight: Array) -> Moments:
    """The moments after observations x (n, n_observations) with weight (n,) 0 or 1 (Chan et al 1979, in parallel).

    Observations without weight, or not finite, do not count. The count stops at 1e7, so that the mean keeps moving.
    """
    weight = jnp.where(jnp.all(jnp.isfinite(x), axis=-1), weight, 0.0)
    x = jnp.where(weight[:, None] > 0, x, 0.0)
    n = jnp.sum(weight)
    mean = jnp.sum(weight[:, None] * x, axis=0) / jnp.maximum(n, 1.0)
    var = jnp.sum(weight[:, None] * (x - mean) ** 2, axis=0) / jnp.maximum(n, 1.0)
    total = moments.count + n
    share = n / jnp.maximum(total, 1.0)
    delta = mean - moments.mean
    return Moments(
        moments.mean + share * delta,
        # before anything was seen, the variance 1 stands for nothing
        jnp.where(total > 0, (1 - share) * moments.var + share * var + share * (1 - share) * delta**2, moments.var),
        jnp.minimum(total, 1e7),
    )


def normalise(moments: Moments, x: Array) -> Array:
    """x (..., n_observations) as standard deviations from the mean, within +-10; 0 where it is not finite."""
    # a constant feature (variance 0) carries nothing and must not blow rounding up
    z = jnp.clip((x - moments.mean) / jnp.sqrt(moments.var + 1e-8), -CLIP, CLIP)
    return jnp.where(jnp.isfinite(x), z, 0.0)


class Scale(NamedTuple):
    """Running mean square of the discounted return, and its number of samples; running (n_envs,) the return so far."""

    square: Array
    count: Array
    running: Array


def no_scale(n_envs: int) -> Scale:
    """Before any reward: rewards stay as they are."""
    return Scale(jnp.ones(()), jnp.zeros(()), jnp.zeros(n_envs))


def accumulate(running: Array, reward: Array, done: Array, discount: Array | float) -> tuple[Array, Array]:
    """(the running discounted return for the next step, its value in this one), (n_envs,) each."""
    value = discount * running + reward
    return jnp.where(done, 0.0, value), value


def grown(scale: Scale, values: Array, running: Array) -> Scale:
    """The scale after values (any shape) of :func:`accumulate`."""
    n = float(values.size)
    total = scale.count + n
    share = n / total
    return Scale((1 - share) * scale.square + share * jnp.mean(values**2), jnp.minimum(total, 1e7), running)


def unit(scale: Scale) -> Array:
    """() > 0, by which rewards are divided: the root mean square of the discounted return.

    The root of the mean square, not the standard deviation, which is 0 where every return is the same.
    """
    return jnp.sqrt(jnp.maximum(scale.square, 1e-8))
