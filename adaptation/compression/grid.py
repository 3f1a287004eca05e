"""Weights on a grid of 8-bit numbers: one scale a row, symmetric about zero."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from .integer import INT8

#: Of a scale's mantissa: 127 times such a scale is exact in float32, so what is on a grid stays on it, bit by bit.
_SCALE_BITS = 16

#: A row of zeros has a scale all the same.
SMALLEST = 1e-30


class Grid(NamedTuple):
    """steps (n_rows, n) integers in [-127, 127]; scale (n_rows, 1), or (1, 1), what a step is worth."""

    steps: Array
    scale: Array

    @property
    def values(self) -> Array:
        return self.steps * self.scale


def by_row(weights: Array) -> Grid:
    """Weights (n_rows, n) rounded to the grid that reaches each row's largest; a row on such a grid stays as it is."""
    return _on(weights, jnp.max(jnp.abs(weights), axis=-1, keepdims=True))


def as_one(weights: Array) -> Grid:
    """Weights (n_rows, n) rounded to one grid, so that sums of their rows can be compared as integers."""
    return _on(weights, jnp.max(jnp.abs(weights), keepdims=True))


def _on(weights: Array, largest: Array) -> Grid:
    mantissa, exponent = jnp.frexp(jnp.maximum(largest / INT8, SMALLEST))
    scale = jnp.ldexp(jnp.ceil(mantissa * 2**_SCALE_BITS), exponent - _SCALE_BITS)
    return Grid(jnp.round(weights / scale), scale)


def grids(params: dict[str, Any]) -> dict[str, Grid]:
    """Every kernel of an EEGNet on its grid, by "layer.kernel"."""
    return {
        "temporal.kernel": by_row(params["temporal"]["kernel"]),
        "spatial.kernel": by_row(params["spatial"]["kernel"]),
        "separable.depthwise": by_row(params["separable"]["depthwise"]),
        "separable.pointwise": by_row(params["separable"]["pointwise"]),
        "readout.kernel": as_one(params["readout"]["kernel"]),
    }


def replaced(params: dict[str, Any], kernels: dict[str, Grid]) -> dict[str, Any]:
    """``params`` with the kernels' values from their grids."""
    out = {name: dict(layer) for name, layer in params.items()}
    for path, grid in kernels.items():
        layer, name = path.split(".")
        out[layer][name] = grid.values
    return out
