"""A small transformer over the channels and frames of a spectrogram."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..decoders.nets import Filters, glorot

Params = dict[str, Any]


class _Block(nnx.Module):
    def __init__(self, rngs: nnx.Rngs, d: int, n_heads: int) -> None:
        def ones(key: Array, shape: tuple[int, ...]) -> Array:
            return jnp.ones(shape)

        def zeros(key: Array, shape: tuple[int, ...]) -> Array:
            return jnp.zeros(shape)

        norm = {"scale": ((d,), ones), "bias": ((d,), zeros)}
        for axis in ("frames", "channels"):
            heads = ((3, n_heads, d // n_heads, d), glorot(d, d))
            setattr(self, axis, Filters(rngs, **norm, qkv=heads, out=((d, d), glorot(d, d))))
        wide = {"up": ((4 * d, d), glorot(d, 4 * d)), "down": ((d, 4 * d), glorot(4 * d, d))}
        self.mlp = Filters(rngs, **norm, **wide)


class _Parameters(nnx.Module):
    def __init__(self, net: "Encoder", rngs: nnx.Rngs) -> None:
        d, f = net.width, net.n_freqs
        scale = glorot(d, d)
        self.embed = Filters(rngs, kernel=((d, f), glorot(f, d)), place=((d, 9), glorot(9, d)), mask=((d,), scale))
        for i in range(net.n_blocks):
            setattr(self, f"block{i}", _Block(rngs, d, net.n_heads))
        self.head = Filters(rngs, kernel=((f, d), glorot(d, f)))


@component
class Encoder:
    """Pre-norm transformer (Vaswani et al 2017; Xiong et al 2020) whose attention goes over frames, then over channels.

    A token is one channel's frame of ``n_freqs`` log-powers, with where the electrode is (nine harmonics of its
    direction, so that any set of channels can be given) and when. BrainBERT (Wang et al 2023) sees one channel at a
    time; attention over channels as well lets a masked rhythm be told from the same source under other electrodes.
    """

    n_freqs: int = static()
    width: int = static(default=32)
    n_heads: int = static(default=4)
    n_blocks: int = static(default=2)

    def init(self, key: Array) -> Params:
        """Untrained parameters. InputError where the heads do not divide the width."""
        if self.width % self.n_heads or self.width % 2:
            raise InputError(f"width is {self.width} with {self.n_heads} heads: wanted an even multiple of the heads")
        return nnx.to_pure_dict(nnx.state(_Parameters(self, nnx.Rngs(key)), nnx.Param))

    def encode(self, params: Params, spectrum: Array, positions: Array, mask: Array | None = None) -> Array:
        """Representations (n_channels, n_frames, width) of a spectrum (n_channels, n_frames, n_freqs) on its person's
        scale; positions (n_channels, 3) of any length; mask (n_channels, n_frames) bool hides tokens."""
        embed = params["embed"]
        tokens = jnp.einsum("df,cnf->cnd", embed["kernel"], spectrum)
        if mask is not None:
            tokens = jnp.where(mask[..., None], embed["mask"], tokens)
        tokens = tokens + jnp.einsum("dk,ck->cd", embed["place"], directions(positions))[:, None]
        tokens = tokens + sinusoids(spectrum.shape[1], self.width)
        for i in range(self.n_blocks):
            block = params[f"block{i}"]
            tokens = tokens + attention(block["frames"], tokens)
            tokens = tokens + jnp.swapaxes(attention(block["channels"], jnp.swapaxes(tokens, 0, 1)), 0, 1)
            wide = jax.nn.gelu(jnp.einsum("wd,cnd->cnw", block["mlp"]["up"], _normed(block["mlp"], tokens)))
            tokens = tokens + jnp.einsum("dw,cnw->cnd", block["mlp"]["down"], wide)
        return tokens

    def reconstruct(self, params: Params, spectrum: Array, positions: Array, mask: Array) -> Array:
        """The spectrum (n_channels, n_frames, n_freqs) as told from what is not masked."""
        tokens = self.encode(params, spectrum, positions, mask)
        return jnp.einsum("fd,cnd->cnf", params["head"]["kernel"], _standardised(tokens))


def attention(layer: Params, tokens: Array) -> Array:
    """Self-attention over the second axis of tokens (n_rows, n, width), rows apart; what is to be added to them."""
    normed = _normed(layer, tokens)
    q, k, v = jnp.einsum("shed,rnd->srnhe", layer["qkv"], normed)
    scores = jnp.einsum("rnhe,rmhe->rhnm", q, k) / np.sqrt(q.shape[-1])
    heads = jnp.einsum("rhnm,rmhe->rnhe", jax.nn.softmax(scores), v)
    return jnp.einsum("od,rnd->rno", layer["out"], heads.reshape(tokens.shape))


def _normed(layer: Params, tokens: Array) -> Array:
    return layer["scale"] * _standardised(tokens) + layer["bias"]


def _standardised(tokens: Array) -> Array:
    return (tokens - tokens.mean(-1, keepdims=True)) * jax.lax.rsqrt(tokens.var(-1, keepdims=True) + 1e-5)


def directions(positions: Array) -> Array:
    """Spherical harmonics to the second degree (n_channels, 9), not normalised, of positions (n_channels, 3)."""
    x, y, z = (positions * jax.lax.rsqrt((positions**2).sum(-1, keepdims=True))).T
    return jnp.stack([jnp.ones_like(x), x, y, z, x * y, y * z, x * z, x**2 - y**2, 3 * z**2 - 1], axis=-1)


def sinusoids(n_frames: int, width: int) -> np.ndarray:
    """Sinusoidal positions (n_frames, width) of the frames."""
    rate = 1e3 ** (-np.arange(0, width, 2) / width)
    angle = np.arange(n_frames)[:, None] * rate
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1).astype(np.float32)
