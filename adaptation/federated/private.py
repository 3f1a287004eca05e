"""Local training under differential privacy: what a site sends tells little of any one trial (DP-SGD, Abadi 2016)."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree
from scipy.stats import binom

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder, Trials, Variables
from ..decoders.training import weighted_cross_entropy
from .accountant import epsilon

_CUT_OFF = 1e-12


@component
class PrivateTraining:
    """``n_steps`` of SGD a round on trials drawn each with probability ``rate``, gradients clipped and noised.

    A step goes along (sum of the trials' gradients, each shortened to norm ``clip``, + noise · clip · N(0, I)) / (rate
    · n_trials). Norms use their stored statistics, which stay as they came: a batch's own would tie trials together.
    So start from statistics that owe nothing to the sites' trials, and share "params". What is not covered: the
    alignment, made of all of a person's windows before they get here, and how many trials a site has.

    Epsilon holds against whoever sees what a site sends and is sent, the coordinator and the other sites among them, as
    draws and noise come of a key that stays at the site (:class:`Site`); not against one who knows that key. Numbers
    come from JAX's generator, which is good statistics and no cryptography.
    """

    private: ClassVar[bool] = True
    n_steps: int = static(default=10)
    rate: float = static(default=0.1)
    clip: float = 1.0
    noise: float = 1.0
    learning_rate: float = 0.05
    momentum: float = 0.0

    def train(self, decoder: Decoder, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Variables after a round at a site; ``trials`` are aligned."""
        flat, unflatten = ravel_pytree(variables.params)
        there = trials.weight > 0
        n_trials = there.sum()
        most = room(trials.y.shape[0], self.rate)

        def gradient(theta: Array, x: Array, y: Array) -> Array:
            def loss(theta: Array) -> Array:
                logits = decoder.apply(variables._replace(params=unflatten(theta)), x)
                return weighted_cross_entropy(logits[None], y[None], jnp.ones(1))

            g = jax.grad(loss)(theta)
            return g / jnp.maximum(1.0, jnp.sqrt(jnp.sum(g**2)) / self.clip)

        def step(carry: tuple[Array, Array], i: Array) -> tuple[tuple[Array, Array], None]:
            theta, velocity = carry
            drawn = there & (jax.random.uniform(stream_key(key, "draw", i), there.shape) < self.rate)
            index = jnp.argsort(~drawn)[:most]
            each = jax.vmap(gradient, (None, 0, 0))(theta, trials.x[index], trials.y[index])
            total = jnp.where(drawn[index][:, None], each, 0.0).sum(0)
            total = total + self.noise * self.clip * jax.random.normal(stream_key(key, "noise", i), theta.shape)
            velocity = self.momentum * velocity + total / jnp.maximum(self.rate * n_trials, 1e-12)
            return (theta - self.learning_rate * velocity, velocity), None

        (theta, _), _ = jax.lax.scan(step, (flat, jnp.zeros_like(flat)), jnp.arange(self.n_steps))
        return variables._replace(params=unflatten(theta))

    def epsilon(self, n_rounds: int, delta: float) -> float:
        """What a site has spent after it took part in ``n_rounds``."""
        return epsilon(self.rate, float(self.noise), n_rounds * self.n_steps, delta)[0]


def room(n_trials: int, rate: float) -> int:
    """For how many trials a step has room. With a chance of 10^-12, by which delta grows a step, more of ``n_trials``
    are drawn: those would be cut off, and one trial more would then displace another."""
    if not 0 < rate <= 1:
        raise InputError(f"trials are drawn at a rate of {rate:g}; wanted one in (0, 1], the share of a site's trials")
    return int(binom.isf(_CUT_OFF, n_trials, rate))


def spent(rounds: list[Any], training: PrivateTraining, delta: float) -> dict[str, float]:
    """Epsilon of every site that took part in ``rounds`` (records of the coordinator), by name."""
    times: dict[str, int] = {}
    for told in rounds:
        for name in told.sites:
            times[name] = times.get(name, 0) + 1
    by_count = {n: training.epsilon(n, delta) for n in set(times.values())}
    return {name: by_count[n] for name, n in times.items()}
