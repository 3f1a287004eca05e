"""An 8-bit decoder in a file: integers and scales as safetensors, its shapes as JSON in the header."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ...sim.errors import InputError
from ..contract import Variables
from ..decoders.eegnet import EEGNet
from .cost import stored
from .grid import Grid, grids, replaced
from .int8 import Int8EEGNet, Ranges

FORMAT = "neurodrift int8 eegnet 1"
_FIELDS = tuple(field.name for field in dataclasses.fields(EEGNet))
_SIZES = tuple(field.name for field in dataclasses.fields(EEGNet) if field.type is int)
#: No decoder of a window is larger: a file that says so is not believed, before anything is allocated.
_MOST = 4096


def save_int8(path: Path | str, decoder: Int8EEGNet, variables: Variables, meta: dict[str, Any] | None = None) -> None:
    """Write the 8-bit decoder; ``meta`` (anything JSON can hold) goes into the header, an alignment with the arrays.

    Weights that learning has moved off the grid are rounded to it, as they are for every prediction.
    """
    tensors = stored(decoder, variables)
    align = np.asarray(variables.align, np.float32)
    if not np.array_equal(align, np.eye(len(align), dtype=np.float32)):
        tensors["align"] = align
    numbers = {name: (int if name in _SIZES else float)(getattr(decoder.net, name)) for name in _FIELDS}
    shapes = numbers | {"converter_bits": decoder.converter_bits}
    header = {"format": FORMAT, "decoder": json.dumps(shapes), "meta": json.dumps(meta or {}, allow_nan=False)}
    data = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata=header)
    path = Path(path)
    unfinished = path.with_name(f".unfinished-{path.name}")
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path} ({error.strerror}): choose a writable, existing folder") from error


def is_int8(path: Path | str) -> bool:
    """Whether there is a file of :func:`save_int8`, of any version; by its header alone."""
    try:
        with safe_open(path, framework="np") as file:
            return (file.metadata() or {}).get("format", "").startswith("neurodrift int8")
    except (OSError, SafetensorError):
        return False


def load_int8(path: Path | str) -> tuple[Int8EEGNet, Variables, dict[str, Any]]:
    """(decoder, variables, meta) of a file of :func:`save_int8`; InputError where it is none, or is inconsistent."""
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise InputError(f"{path} is marked {header.get('format')!r}, not {FORMAT!r}: give a file of save_int8")
            net, bits = _network(path, header)
            wanted = _wanted(net)
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            described = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in found.items()}
            if set(described) - {"align"} != set(wanted) - {"align"}:
                odd = sorted((set(described) ^ set(wanted)) - {"align"})
                raise InputError(
                    f"{path} lacks, or has beside what is wanted, {', '.join(odd)}: give a file of save_int8"
                )
            for name, got in described.items():
                if got != wanted[name]:
                    raise InputError(f"{path} has {name} as {got}, wanted {wanted[name]}: give a file of save_int8")
            arrays = {name: file.get_tensor(name) for name in described}
        meta = json.loads(header.get("meta", "{}"))
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise error if isinstance(error, InputError) else InputError(f"{path} cannot be read ({error})") from error
    _check(path, arrays)
    return Int8EEGNet(net=net, ranges=_ranges(arrays), converter_bits=bits), _variables(net, arrays), meta


def _network(path: Path | str, header: dict[str, str]) -> tuple[EEGNet, int]:
    shapes = json.loads(header.get("decoder", "null"))
    if not isinstance(shapes, dict) or set(shapes) != {*_FIELDS, "converter_bits"}:
        raise InputError(f"{path} does not say the shapes of its decoder: give a file of save_int8")
    bits = shapes.pop("converter_bits")
    for name, value in shapes.items():
        whole = name in _SIZES
        if type(value) is not (int if whole else float) or not whole <= value <= _MOST:
            raise InputError(f"{path} gives its decoder {name} {value!r}: wanted a number of at most {_MOST}")
    if bits not in range(8, 17):
        raise InputError(f"{path} gives its converter {bits!r} bits: wanted 8 to 16")
    dimensions = [shapes.pop(name) for name in ("n_channels", "n_times", "n_classes", "sfreq")]
    return EEGNet.create(*dimensions, **shapes), bits


def _wanted(net: EEGNet) -> dict[str, tuple[str, tuple[int, ...]]]:
    like = jax.eval_shape(net.init, jax.random.key(0))
    kernels = jax.eval_shape(grids, like.params)
    out: dict[str, tuple[str, tuple[int, ...]]] = {"ranges": ("F32", (len(Ranges._fields),))}
    for layer, leaves in like.params.items():
        out |= {f"{layer}.{name}": ("F32", leaf.shape) for name, leaf in leaves.items()}
    for layer, leaves in like.stats.items():
        out |= {f"stats.{layer}.{name}": ("F32", leaf.shape) for name, leaf in leaves.items()}
    for path, grid in kernels.items():
        out[path], out[f"{path}.scale"] = ("I8", grid.steps.shape), ("F32", grid.scale.shape[:1])
    return out | {"align": ("F32", (net.n_channels, net.n_channels))}


def _check(path: Path | str, arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        # A norm's own scale, "layer.scale", may have any sign; a grid's, "layer.kernel.scale", may not.
        positive = name == "ranges" or name.endswith(".var") or (name.endswith(".scale") and name.count(".") == 2)
        if not np.isfinite(array).all() or (positive and (array < 0).any()):
            raise InputError(f"{path} has a value in {name} that is not finite, or negative where none can be")


def _ranges(arrays: dict[str, np.ndarray]) -> Ranges:
    return Ranges(*(jnp.float32(value) for value in arrays["ranges"]))


def _variables(net: EEGNet, arrays: dict[str, np.ndarray]) -> Variables:
    like = jax.eval_shape(net.init, jax.random.key(0))
    params = {
        layer: {name: jnp.asarray(arrays[f"{layer}.{name}"], jnp.float32) for name in leaves}
        for layer, leaves in like.params.items()
    }
    steps = {path: arrays[path] for path in arrays if f"{path}.scale" in arrays}
    kernels = {
        path: Grid(jnp.asarray(s, jnp.float32), jnp.asarray(arrays[f"{path}.scale"])[:, None])
        for path, s in steps.items()
    }
    stats = {
        layer: {name: jnp.asarray(arrays[f"stats.{layer}.{name}"]) for name in leaves}
        for layer, leaves in like.stats.items()
    }
    align = jnp.asarray(arrays["align"]) if "align" in arrays else jnp.eye(net.n_channels)
    return Variables(align, replaced(params, kernels), stats)
