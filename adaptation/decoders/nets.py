"""What the networks share: parameter declarations in flax nnx, the max-norm constraint and dropout."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from ..contract import Variables

Initializer = Callable[[Array, tuple[int, ...]], Array]


def glorot(fan_in: int, fan_out: int) -> Initializer:
    """Uniform on +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""
    limit = (6.0 / (fan_in + fan_out)) ** 0.5
    return lambda key, shape: jax.random.uniform(key, shape, jnp.float32, -limit, limit)


class Filters(nnx.Module):
    """Kernels of one layer, by name: (shape, initialiser)."""

    def __init__(self, rngs: nnx.Rngs, **kernels: tuple[tuple[int, ...], Initializer]) -> None:
        for name, (shape, initializer) in kernels.items():
            setattr(self, name, nnx.Param(initializer(rngs.params(), shape)))


class NormedFilters(Filters):
    """Kernels followed by a norm over ``n_features``: its scale and bias, and running mean and var."""

    def __init__(self, rngs: nnx.Rngs, n_features: int, **kernels: tuple[tuple[int, ...], Initializer]) -> None:
        super().__init__(rngs, **kernels)
        self.scale = nnx.Param(jnp.ones(n_features))
        self.bias = nnx.Param(jnp.zeros(n_features))
        self.mean = nnx.BatchStat(jnp.zeros(n_features))
        self.var = nnx.BatchStat(jnp.ones(n_features))


class Readout(nnx.Module):
    """Linear layer of n_features to n_classes logits."""

    def __init__(self, rngs: nnx.Rngs, n_features: int, n_classes: int) -> None:
        self.kernel = nnx.Param(glorot(n_features, n_classes)(rngs.params(), (n_classes, n_features)))
        self.bias = nnx.Param(jnp.zeros(n_classes))


def as_variables(module: nnx.Module, n_channels: int) -> Variables:
    """The module's parameters and statistics as plain dicts, with ``align`` the identity."""
    _, params, stats = nnx.split(module, nnx.Param, nnx.BatchStat)
    return Variables(jnp.eye(n_channels), nnx.to_pure_dict(params), nnx.to_pure_dict(stats))


def max_norm(kernel: Array, limit: float) -> Array:
    """Rows of kernel (n_rows, n) scaled down to norm ``limit`` where they exceed it (Lawhern et al 2018)."""
    square = jnp.sum(kernel**2, axis=-1, keepdims=True)
    norm = jnp.sqrt(jnp.where(square > limit**2, square, 1.0))
    return kernel * jnp.where(square > limit**2, limit / norm, 1.0)


def dropout(x: Array, rate: float, key: Array | None, layer: int = 0) -> Array:
    """Zero each value of x with probability ``rate`` and scale up the rest; no key, no dropout.

    The bits are a hash of (key, layer, position): drawing them by threefry takes longer to compile, and to run, than
    the layer that is dropped out. ``layer`` tells apart the places where one key is used.
    """
    if key is None or rate == 0:
        return x
    low, high = jax.random.key_data(key).reshape(-1)[-2:]
    position = jnp.arange(x.size, dtype=jnp.uint32).reshape(x.shape) * jnp.uint32(0x9E3779B9)
    bits = _mix(_mix(position + low + jnp.uint32(layer)) + high)
    return jnp.where(bits >= jnp.uint32(min(round(rate * 2**32), 2**32 - 1)), x / (1 - rate), 0.0)


def _mix(x: Array) -> Array:
    """A bijection of uint32 that avalanches (constants of C. Wellons' lowbias32)."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x7FEB352D)
    x = (x ^ (x >> 15)) * jnp.uint32(0x846CA68B)
    return x ^ (x >> 16)


def linear(layer: dict[str, Array], features: Array) -> Array:
    """Logits (n_classes,) of features (n_features,)."""
    return layer["kernel"] @ features + layer["bias"]
