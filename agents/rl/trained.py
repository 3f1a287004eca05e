"""What training leaves behind: a network with its parameters and the moments of what it observes."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.noise import normal
from ...sim.pytree import component, static
from .moments import Moments, normalise
from .networks import ActorCritic, look, squash


@component
class Trained:
    """A policy on observations. ``squashed``: its Gaussian goes through tanh, otherwise it is clipped to [-1, 1].

    unit (): that of the network's values, in rewards.
    """

    params: Any
    moments: Moments
    unit: Array
    net: ActorCritic = static()
    squashed: bool = static(default=False)

    @property
    def n_observations(self) -> int:
        return self.moments.mean.shape[-1]

    def init(self) -> Array:
        """The empty memory, (recurrent,)."""
        return jnp.zeros(self.net.recurrent)

    def act(self, memory: Array, observation: Array, key: Array | None = None) -> tuple[Array, Array]:
        """(memory, action (n_actions,) in [-1, 1]): the Gaussian's middle, or drawn with a key."""
        memory, head = look(self.net, self.params, memory, normalise(self.moments, observation))
        noise = jnp.zeros_like(head.mean) if key is None else normal(key, head.mean.shape)
        if self.squashed:
            return memory, squash(head, noise)[0]
        return memory, jnp.clip(head.mean + jnp.exp(head.log_std) * noise, -1.0, 1.0)

    def value(self, memory: Array, observation: Array) -> Array:
        """(n_values,): expected discounted return in the reward's unit, then that of the cost; NaN without a critic."""
        _, head = look(self.net, self.params, memory, normalise(self.moments, observation))
        if not self.net.n_values:
            return jnp.full(1, jnp.nan)
        return head.values * jnp.concatenate([self.unit[None], jnp.ones(self.net.n_values - 1)])


def act_all(trained: Trained, memory: Array, observation: Array) -> tuple[Array, Array]:
    """Middle actions of many: memory (n, recurrent), observation (n, n_observations)."""
    return jax.vmap(lambda m, o: trained.act(m, o))(memory, observation)
