"""Masked reconstruction: what is hidden of a spectrogram is told from the rest, no label asked (Wang et al 2023)."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from .encoder import Encoder, Params
from .masking import Masking


@component
class MaskedPretraining:
    """AdamW over minibatches of windows, warm-up then cosine, in one scan.

    The loss is BrainBERT's: mean absolute error over what is masked, and ``content`` times that over what is masked and
    further than ``threshold`` deviations from the mean, where there is something to tell.
    """

    masking: Masking = Masking()
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    content: float = 2.0
    threshold: float = 1.0
    n_steps: int = static(default=600)
    batch_size: int = static(default=16)

    def loss(self, net: Encoder, params: Params, spectrum: Array, positions: Array, mask: Array) -> Array:
        """() of one window's spectrum (n_channels, n_frames, n_freqs)."""
        error = jnp.abs(net.reconstruct(params, spectrum, positions, mask) - spectrum)
        hidden = jnp.broadcast_to(mask[..., None], error.shape)
        telling = hidden & (jnp.abs(spectrum) > self.threshold)
        return _mean(error, hidden) + self.content * _mean(error, telling)


@functools.partial(jax.jit, static_argnums=0)
def pretrain_masked(
    net: Encoder, spectra: Array, positions: Array, key: Array, method: MaskedPretraining, start: Any = None
) -> tuple[Params, Array]:
    """(parameters, loss (n_steps,) of each minibatch) from spectra (n_windows, n_channels, n_frames, n_freqs), each on
    its own person's scale. No label is taken; ``start`` continues from earlier parameters."""
    params = net.init(stream_key(key, "init")) if start is None else start
    warm = max(1, method.n_steps // 10)
    shape = optax.warmup_cosine_decay_schedule(0.0, 1.0, warm, method.n_steps)
    optimizer = optax.adamw(lambda i: method.learning_rate * shape(i), weight_decay=method.weight_decay)

    def loss(params: Params, batch: Array, keys: Array) -> Array:
        masks = jax.vmap(lambda k: method.masking(k, *spectra.shape[1:3]))(keys)
        return jax.vmap(lambda s, m: method.loss(net, params, s, positions, m))(batch, masks).mean()

    def step(carry: Any, i: Array) -> tuple[Any, Array]:
        params, state = carry
        now = stream_key(key, "step", i)
        rows = jax.random.randint(stream_key(now, "rows"), (method.batch_size,), 0, spectra.shape[0])
        value, gradient = jax.value_and_grad(loss)(params, spectra[rows], jax.random.split(now, method.batch_size))
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), value

    (params, _), losses = jax.lax.scan(step, (params, optimizer.init(params)), jnp.arange(method.n_steps))
    return params, losses


def _mean(values: Array, where: Array) -> Array:
    return jnp.where(where, values, 0.0).sum() / jnp.maximum(where.sum(), 1)
