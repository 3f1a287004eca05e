"""Low-rank adaptation: the trained matrices stay, a product of two thin ones is learnt beside each."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder
from .layers import Params, rms

Theta = dict[str, dict[str, Array]]


@component
class LowRank:
    """W + (alpha / rank) B A for every matrix W (n_out, n_in) of the params (Hu et al 2021); the rest is frozen.

    A (rank, n_in) starts uniform on ±√(3 / n_in), B (n_out, rank) at zero: until the first step the decoder is as it
    was. The params belong to this part alone: what another part does to them is overwritten. A step of relative rate r
    moves W's elements by about r times their root mean square while alpha = rank.
    """

    rank: int = static(default=1)
    alpha: float = 1.0

    def start(self, decoder: Decoder, params: Params, key: Array) -> Theta:
        if self.rank < 1:
            raise InputError(f"the rank of a low-rank adaptation is {self.rank}; wanted 1 or more")
        matrices = _matrices(params)
        if not matrices:
            raise InputError(
                f"low-rank adaptation got {type(decoder).__name__}, whose params hold no matrix: wanted a decoder with "
                "one, such as csp_lda or eegnet"
            )
        theta = {}
        for i, (name, w) in enumerate(matrices.items()):
            a = jax.random.uniform(stream_key(key, "lora", i), (self.rank, w.shape[1]), w.dtype, -1.0, 1.0)
            theta[name] = {"a": a * (3.0 / w.shape[1]) ** 0.5, "b": jnp.zeros((w.shape[0], self.rank), w.dtype)}
        return theta

    def theta(self, decoder: Decoder, own: Theta, params: Params) -> Theta:
        return own

    def keep(self, own: Theta, theta: Theta) -> Theta:
        return theta

    def params(self, base: Params, params: Params, theta: Theta) -> Params:
        def moved(path: Any, w: Array) -> Array:
            low = theta.get(jax.tree_util.keystr(path))
            return w if low is None else w + (self.alpha / self.rank) * (low["b"] @ low["a"])

        return jax.tree_util.tree_map_with_path(moved, base)

    def rates(self, decoder: Decoder, base: Params, rate: Array | float) -> Theta:
        # A has elements of order 1/√n_in, so rank of them beside B sum to √rank/√n_in of an element of B.
        return {
            name: {"a": rate / w.shape[1] ** 0.5, "b": rate * rms(w) * (w.shape[1] / self.rank) ** 0.5}
            for name, w in _matrices(base).items()
        }

    def n_trained(self, params: Params) -> tuple[int, int]:
        """(numbers that are trained, numbers in ``params``)."""
        trained = sum(self.rank * sum(w.shape) for w in _matrices(params).values())
        return trained, sum(leaf.size for leaf in jax.tree.leaves(params))


def _matrices(params: Params) -> dict[str, Array]:
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves if leaf.ndim == 2}
