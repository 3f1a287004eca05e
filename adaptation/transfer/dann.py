"""Domain-adversarial training: who it is must not be told from the features (Ganin 2016, Özdenizci 2020)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..decoders.nets import glorot, linear
from ..decoders.training import weighted_cross_entropy
from .contract import Batch


@jax.custom_vjp
def reverse_gradient(x: Any, strength: Array | float) -> Any:
    """``x`` as it is; its gradient comes back times -``strength`` (the gradient reversal layer)."""
    return x


def _forward(x: Any, strength: Array | float) -> tuple[Any, Array]:
    return x, jnp.asarray(strength)


def _backward(strength: Array, cotangent: Any) -> tuple[Any, Array]:
    return jax.tree.map(lambda g: -strength * g, cotangent), jnp.zeros_like(strength)


reverse_gradient.defvjp(_forward, _backward)


def strength_at(progress: Array | float, steepness: Array | float = 10.0) -> Array:
    """() 2/(1 + exp(-10 p)) - 1: from 0, where the discriminator knows nothing, to 1 in the end."""
    return 2.0 / (1.0 + jnp.exp(-steepness * jnp.asarray(progress, jnp.float32))) - 1.0


@component
class DANN:
    """Cross-entropy of a discriminator of people, one hidden layer, behind reversed gradients.

    Its value is large where people are alike: log(n_people) where nothing tells them apart.
    """

    steepness: float = 10.0
    n_hidden: int = static(default=64)

    def init(self, n_features: int, n_people: int, key: Array) -> dict[str, dict[str, Array]]:
        k_hidden, k_out = jax.random.split(key)
        return {
            name: {"kernel": glorot(n_in, n_out)(k, (n_out, n_in)), "bias": jnp.zeros(n_out)}
            for name, k, n_in, n_out in (
                ("hidden", k_hidden, n_features, self.n_hidden),
                ("out", k_out, self.n_hidden, n_people),
            )
        }

    def __call__(self, extra: Any, features: Array, logits: Array, batch: Batch) -> Array:
        seen = reverse_gradient(features, strength_at(batch.progress, self.steepness))
        points = seen.reshape(-1, features.shape[-1])
        guesses = jax.vmap(lambda f: linear(extra["out"], jax.nn.relu(linear(extra["hidden"], f))))(points)
        who = jnp.repeat(batch.person, features.shape[1])
        return weighted_cross_entropy(guesses, who, batch.trials.weight.reshape(-1))
