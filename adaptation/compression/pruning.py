"""Magnitude pruning: the smallest weights are zero, and stay so whatever learns afterwards (Han et al 2015)."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component
from ..contract import Trials, Variables
from ..decoders.norm import Statistics
from ..decoders.training import Network, fit_network, refit_linear
from .wrapped import OfNetwork

Masks = dict[str, dict[str, Array]]
SCOPES = ("global", "layer")


def magnitude_masks(params: dict[str, Any], sparsity: float, scope: str = "global") -> Masks:
    """1 where a weight is kept, 0 where not, for every kernel (n_rows, n) of ``params``; norms and biases are kept.

    ``sparsity``: the share of weights to leave out, the smallest in magnitude; of all kernels together ("global"), each
    measured by its own root mean square, since layers differ in scale, or of every kernel alone ("layer").
    """
    _check_sparsity(sparsity)
    if scope not in SCOPES:
        raise InputError(f"the scope of pruning is {scope!r}; wanted one of {', '.join(SCOPES)}")
    kernels = {(layer, name): leaf for layer, of in params.items() for name, leaf in of.items() if leaf.ndim == 2}
    if not kernels:
        raise InputError("pruning got params without a matrix: give those of a network, such as eegnet or shallow")
    size = {at: jnp.abs(w) / jnp.sqrt(jnp.mean(w**2) + jnp.finfo(w.dtype).tiny) for at, w in kernels.items()}
    everywhere = jnp.concatenate([s.ravel() for s in size.values()])
    masks: Masks = {}
    for (layer, name), s in size.items():
        masks.setdefault(layer, {})[name] = _largest(s, everywhere if scope == "global" else s.ravel(), sparsity)
    return masks


def _check_sparsity(sparsity: float) -> None:
    if not 0.0 <= sparsity < 1.0:
        raise InputError(
            f"the sparsity is {sparsity:g}; wanted a share of weights to leave out, at least 0 and below 1"
        )


def _largest(size: Array, among: Array, sparsity: float) -> Array:
    n_out = int(sparsity * among.size)
    if n_out == 0:
        return jnp.ones_like(size)
    return (size > jnp.sort(among)[n_out - 1]).astype(size.dtype)


def masked(params: dict[str, Any], masks: Masks) -> dict[str, Any]:
    """``params`` with the weights that are left out at zero."""
    return {
        layer: {name: leaf * masks[layer][name] if name in masks.get(layer, {}) else leaf for name, leaf in of.items()}
        for layer, of in params.items()
    }


@component
class Pruned(OfNetwork):
    """A network some of whose weights are zero for good: every prediction and every gradient sees ``masks``.

    net: EEGNet, ShallowFBCSPNet, or their 8-bit form; masks as :func:`magnitude_masks` gives them.
    """

    net: Any
    masks: Masks

    @property
    def in_floats(self) -> "Pruned":
        """The same of what learns in floats, see :class:`.int8.Int8EEGNet`."""
        return dataclasses.replace(self, net=getattr(self.net, "in_floats", self.net))

    def init(self, key: Array) -> Variables:
        return self.masked(self.net.init(key))

    def masked(self, variables: Variables) -> Variables:
        return variables._replace(params=masked(variables.params, self.masks))

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        return self.net.apply(self.masked(variables), x, key=key)

    def features(self, variables: Variables, x: Array, statistics: Statistics, key: Array | None) -> Array:
        return self.net.features(self.masked(variables), x, statistics, key)

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        return self.net.moments(self.masked(variables), x)

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Train what is left."""
        return self.masked(fit_network(self, self.masked(variables), trials, key))

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Recalibrate what is left of the readout."""
        return self.masked(refit_linear(self, self.masked(variables), trials))


def prune(
    net: Network,
    variables: Variables,
    trials: Trials,
    key: Array,
    *,
    sparsity: float,
    scope: str = "global",
    n_steps: int = 3,
) -> tuple[Pruned, Variables]:
    """(decoder, variables) with ``sparsity`` of the weights left out, in ``n_steps`` rounds of pruning and training.

    After round i of n the share 1 - (1 - i/n)³ of it is reached (Zhu & Gupta 2017): most is left out early, while the
    rest can still make up for it. Each round trains for ``net.epochs`` on trials (as ``fit`` takes them).
    """
    _check_sparsity(sparsity)
    if n_steps < 1:
        raise InputError(f"pruning got {n_steps} rounds; wanted 1 or more")
    pruned = Pruned(net=net, masks=magnitude_masks(variables.params, 0.0, scope))
    for i in range(1, n_steps + 1):
        share = sparsity * (1.0 - (1.0 - i / n_steps) ** 3)
        pruned = Pruned(net=net, masks=magnitude_masks(variables.params, share, scope))
        variables = _train(pruned, variables, trials, jax.random.fold_in(key, i))
    return pruned, variables


@jax.jit
def _train(net: Any, variables: Variables, trials: Trials, key: Array) -> Variables:
    return net.fit(variables, trials, key)
