"""Which of a decoder's parameters fine-tuning moves, and how far a step: all layers, faster towards the readout, or
the readout alone."""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder

Params = dict[str, Any]


class Reach(Protocol):
    """What is trained, theta (any pytree), and the params (those of a decoder) that it stands for.

    ``own`` is what it remembers of the session, () where theta can be read off the params.
    """

    def start(self, decoder: Decoder, params: Params, key: Array) -> Any:
        """``own`` before the first label."""
        ...

    def theta(self, decoder: Decoder, own: Any, params: Params) -> Any: ...

    def params(self, base: Params, params: Params, theta: Any) -> Params:
        """The decoder's params under ``theta``: ``base`` as they were trained, ``params`` as they are now."""
        ...

    def keep(self, own: Any, theta: Any) -> Any:
        """``own`` after theta was trained."""
        ...

    def rates(self, decoder: Decoder, base: Params, rate: Array | float) -> Any:
        """Learning rates shaped as theta (or as its upper levels): ``rate`` times what each array's size asks for."""
        ...


class _Direct:
    """theta is some layers of the params themselves: there is nothing to remember."""

    def start(self, decoder: Decoder, params: Params, key: Array) -> tuple[()]:
        return ()

    def keep(self, own: tuple[()], theta: Params) -> tuple[()]:
        return ()

    def params(self, base: Params, params: Params, theta: Params) -> Params:
        return {**params, **theta}


@component
class AllLayers(_Direct):
    """Every layer; those below the readout at ``lower`` times its rate (0 freezes them).

    Rates are relative to the root mean square of each layer's first parameters (Shazeer & Stern 2018), so that
    readouts of order 1, as LDA's, and of order .1, as a network's, move alike.
    """

    lower: float = 0.1

    def theta(self, decoder: Decoder, own: tuple[()], params: Params) -> Params:
        return params

    def rates(self, decoder: Decoder, base: Params, rate: Array | float) -> Params:
        scales = {name: 1.0 if name == decoder.layers[-1] else self.lower for name in decoder.layers}
        return {name: rate * rms(base[name]) * scales[name] for name in base}


@component
class LayerDecay(_Direct):
    """Every layer, its rate ``decay`` times that of the layer above (.9: LaBraM, Jiang 2024); relative as in
    AllLayers."""

    decay: float = 0.9

    def theta(self, decoder: Decoder, own: tuple[()], params: Params) -> Params:
        return params

    def rates(self, decoder: Decoder, base: Params, rate: Array | float) -> Params:
        depth = {name: i for i, name in enumerate(reversed(decoder.layers))}
        return {name: rate * rms(base[name]) * self.decay ** depth[name] for name in base}


@component
class LastLayer(_Direct):
    """The readout alone, its rate relative as in AllLayers: no gradient is computed below it."""

    def theta(self, decoder: Decoder, own: tuple[()], params: Params) -> Params:
        return {decoder.layers[-1]: params[decoder.layers[-1]]}

    def rates(self, decoder: Decoder, base: Params, rate: Array | float) -> Params:
        return {decoder.layers[-1]: rate * rms(base[decoder.layers[-1]])}


@component
class PlainRates(_Direct):
    """Every layer at the same absolute rate, as an optimiser of the networks' libraries has it."""

    def theta(self, decoder: Decoder, own: tuple[()], params: Params) -> Params:
        return params

    def rates(self, decoder: Decoder, base: Params, rate: Array | float) -> Params:
        return {name: jnp.asarray(rate) for name in base}


def rms(layer: Any) -> Array:
    """Root mean square of a layer's parameters, at least 1e-3 (Adafactor's bound, for layers that start at zero)."""
    leaves = jax.tree.leaves(layer)
    mean = sum((leaf**2).sum() for leaf in leaves) / sum(leaf.size for leaf in leaves)
    return jnp.maximum(jnp.sqrt(mean), 1e-3)
