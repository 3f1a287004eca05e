"""A limit on cost, held by a Lagrangian multiplier that learns beside the policy."""

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static


@component
class Limit:
    """Mean cost is to stay at or below ``limit``, per step, or per episode where ``per_episode``.

    The policy maximises reward - multiplier * cost, both in their own units, and the multiplier rises by ``rate`` times
    the excess at every update, never below 0 (the dual of the constrained problem, Altman 1999; for deep policies Ray
    et al 2019). ``gain`` adds the excess itself, which damps the swing that the integral alone has (Stooke et al 2020).
    """

    limit: Array | float
    rate: Array | float = 0.05
    gain: Array | float = 0.0
    start: Array | float = 0.0
    per_episode: bool = static(default=False)

    def moved(self, multiplier: Array, cost: Array) -> Array:
        """The multiplier's integral part after a mean cost (); one that is not finite changes nothing."""
        excess = jnp.where(jnp.isfinite(cost), cost - self.limit, 0.0)
        return jnp.maximum(multiplier + self.rate * excess, 0.0)

    def weight(self, multiplier: Array, cost: Array | float) -> Array:
        """What cost counts against reward, () >= 0."""
        excess = jnp.where(jnp.isfinite(cost), cost - self.limit, 0.0)
        return jnp.maximum(multiplier + self.gain * excess, 0.0)
