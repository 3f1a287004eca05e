"""What a site does with the decoder it is sent: a few epochs of SGD on its own trials, sharpness-aware or not."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.flatten_util import ravel_pytree

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder, Trials, Variables
from ..decoders.training import apply_batch, cross_entropy, weighted_cross_entropy


@component
class LocalTraining:
    """SGD with momentum on minibatches drawn without replacement, ``n_epochs`` times over, of the trials of weight.

    Defaults: FedBS (Jia et al 2024): two epochs, rate .005, momentum .9, sharpness-aware radius .1. ``radius`` > 0:
    each gradient is taken ``radius`` uphill of where it is used (SAM, Foret 2021). ``batch_norm``: norms use the
    batch's own statistics and keep running ones, as networks are trained; False: the stored ones, which then stay as
    they are, for decoders whose norms hold one value a window. ``n_steps`` > 0: only so many steps a round.
    """

    private: ClassVar[bool] = False
    n_epochs: int = static(default=2)
    batch_size: int = static(default=32)
    n_steps: int = static(default=0)
    batch_norm: bool = static(default=True)
    dropout: bool = static(default=True)
    radius: float = static(default=0.1)
    learning_rate: float = 5e-3
    momentum: float = 0.9

    def train(self, decoder: Decoder, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Variables after this site's epochs on ``trials``, which are aligned; its optimiser starts afresh.

        Trials of no weight count for nothing: there are as many steps as without them.
        """
        there = trials.weight > 0
        n_rows = there.shape[0]
        size = min(self.batch_size, n_rows)
        n_batches = jnp.maximum(there.sum() // size, 1)
        n_own = jnp.where(there.any(), self.n_epochs * n_batches, 0)
        flat, unflatten = ravel_pytree(variables.params)
        most = self.n_epochs * (n_rows // size)
        steps = jnp.arange(min(most, self.n_steps) if self.n_steps else most)

        def shuffled(key: Array) -> Array:
            order = jax.random.permutation(key, n_rows)
            return order[jnp.argsort(~there[order], stable=True)]

        orders = jax.vmap(shuffled)(jax.random.split(stream_key(key, "order"), self.n_epochs))
        first = steps % n_batches * size
        batches = orders[(steps // n_batches)[:, None], first[:, None] + jnp.arange(size)]

        def loss(theta: Array, stats: Any, batch: Trials, key: Array) -> tuple[Array, Any]:
            now = Variables(variables.align, unflatten(theta), stats)
            if not self.batch_norm:
                return cross_entropy(decoder, now, batch, key if self.dropout else None), stats
            keys = jax.random.split(key, size) if self.dropout else None
            logits, stats = apply_batch(decoder, now, batch.x, batch.weight, keys)  # type: ignore[arg-type]
            return weighted_cross_entropy(logits, batch.y, batch.weight), stats

        def step(carry: tuple[Any, ...], inputs: tuple[Array, Array]) -> tuple[tuple[Any, ...], None]:
            theta, velocity, stats = carry
            index, i = inputs
            batch = jax.tree.map(lambda a: a[index], trials)
            k = stream_key(key, "dropout", i)
            gradient, after = jax.grad(loss, has_aux=True)(theta, stats, batch, k)
            gradient = self._sharpened(loss, theta, gradient, stats, batch, k)
            moved = self.momentum * velocity + gradient
            carry = jax.tree.map(
                lambda new, old: jnp.where(i < n_own, new, old),
                (theta - self.learning_rate * moved, moved, after),
                (theta, velocity, stats),
            )
            return carry, None

        start = (flat, jnp.zeros_like(flat), variables.stats)
        (theta, _, stats), _ = jax.lax.scan(step, start, (batches, steps))
        return variables._replace(params=unflatten(theta), stats=stats)

    def _sharpened(self, loss: Any, theta: Array, gradient: Array, stats: Any, batch: Trials, key: Array) -> Array:
        if self.radius == 0:
            return gradient
        uphill = theta + self.radius * gradient / jnp.maximum(jnp.sqrt(jnp.sum(gradient**2)), 1e-12)
        return jax.grad(loss, has_aux=True)(uphill, stats, batch, key)[0]
