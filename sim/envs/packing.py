"""A pytree as one vector of 32-bit words, bit by bit.

One call of a compiled function pays for every array that goes in or out. With the state, and everything that comes
back, as one array each, a step costs two buffers however many components the plant has; the words are what is
pickled, too.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


class Field(NamedTuple):
    """Where one leaf lies: words[start:stop], as an array of ``shape`` and ``dtype`` ("key" for a random key)."""

    start: int
    stop: int
    shape: tuple[int, ...]
    dtype: str
    impl: str  # of a random key, otherwise ""


@dataclasses.dataclass(frozen=True)
class Packing:
    """How a pytree of a fixed structure lies in its words; hashable, so it can be static."""

    treedef: Any
    fields: tuple[Field, ...]

    @classmethod
    def of(cls, tree: Any) -> "Packing":
        """The packing of trees like ``tree`` (of arrays or of their shapes and dtypes)."""
        leaves, treedef = jax.tree.flatten(tree)
        fields, start = [], 0
        for leaf in leaves:
            shape, dtype, impl = tuple(leaf.shape), str(leaf.dtype), ""
            n_words = math.prod(shape)
            if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
                dtype = "key"
                impl, n_words = _of_key(leaf)
            elif dtype != "bool" and leaf.dtype.itemsize not in (4, 8):
                raise TypeError(f"a leaf of type {dtype} cannot be packed; use 32 or 64 bits")
            elif leaf.dtype.itemsize == 8:
                n_words *= 2
            fields.append(Field(start, start + n_words, shape, dtype, impl))
            start += n_words
        return cls(treedef, tuple(fields))

    @property
    def n_words(self) -> int:
        return self.fields[-1].stop if self.fields else 0

    def pack(self, tree: Any) -> Array:
        """(n_words,) uint32 of a tree of this structure."""
        leaves = jax.tree.leaves(tree)
        if not leaves:
            return jnp.zeros(0, jnp.uint32)
        return jnp.concatenate([_to_words(leaf, field) for leaf, field in zip(leaves, self.fields)])

    def unpack(self, words: Array) -> Any:
        """The tree that was packed into words (n_words,)."""
        leaves = [_from_words(words[field.start : field.stop], field) for field in self.fields]
        return jax.tree.unflatten(self.treedef, leaves)

    def view(self, words: np.ndarray) -> Any:
        """The tree as NumPy arrays over words (..., n_words), without a copy where none is needed; random keys
        come as their words."""
        leaves = []
        for start, stop, shape, dtype, _ in self.fields:
            if dtype == "key":
                leaves.append(words[..., start:stop])
                continue
            part = words[..., start:stop]
            part = part != 0 if dtype == "bool" else part.view(dtype)
            leaves.append(part.reshape(words.shape[:-1] + shape)[()])
        return jax.tree.unflatten(self.treedef, leaves)


def _of_key(leaf: Any) -> tuple[str, int]:
    """Name of the generator and number of words of an array of random keys, or of its shape and dtype."""
    impl = []

    def words(key: Array) -> Array:
        impl.append(str(jax.random.key_impl(key)))
        return jax.random.key_data(key)

    shape = jax.eval_shape(words, jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)).shape
    return impl[0], math.prod(shape)


def _to_words(leaf: Array, field: Field) -> Array:
    if field.dtype == "key":
        leaf = jax.random.key_data(leaf)
    if field.dtype == "bool":
        return leaf.astype(jnp.uint32).reshape(-1)
    return jax.lax.bitcast_convert_type(leaf, jnp.uint32).reshape(-1)


def _from_words(words: Array, field: Field) -> Array:
    if field.dtype == "key":
        spec = jax.eval_shape(lambda: jax.random.key_data(jax.random.key(0, impl=field.impl)))
        return jax.random.wrap_key_data(words.reshape(field.shape + spec.shape), impl=field.impl)
    if field.dtype == "bool":
        return (words != 0).reshape(field.shape)
    dtype = jnp.dtype(field.dtype)
    if dtype.itemsize == 8:
        words = words.reshape(-1, 2)
    return jax.lax.bitcast_convert_type(words, dtype).reshape(field.shape)
