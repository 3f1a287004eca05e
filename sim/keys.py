"""Random keys: derived by folding in (run, stream, tick), so that adding a component shifts no other stream."""

import zlib

import jax
from jax import Array


def stream_key(key: Array, stream: str, tick: Array | int | None = None) -> Array:
    """The key of the named ``stream`` at integer ``tick``; the same arguments give the same key for ever."""
    key = jax.random.fold_in(key, zlib.crc32(stream.encode()))
    return key if tick is None else jax.random.fold_in(key, tick)
