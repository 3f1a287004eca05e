"""Checkpoints that training goes on from to the bit: arrays and JSON, no code in them, whole or not at all."""

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...sim.errors import InputError

FORMAT = "neurodrift training 1"
NEWEST, BEFORE = "checkpoint.npz", "checkpoint.before.npz"
_HEADER = "header"
LARGEST = 2**34  # bytes: nothing that claims to be larger is allocated


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What a file held: arrays by name, and ``meta``. ``passed_over``: why a newer file could not be used, or ""."""

    path: Path
    values: dict[str, np.ndarray]
    meta: dict[str, Any]
    passed_over: str = ""

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of the flat dict that was saved as ``name``."""
        return {key.split(".", 1)[1]: a for key, a in self.values.items() if key.startswith(f"{name}.")}

    def tree(self, name: str, like: Any) -> Any:
        """The pytree saved as ``name``, of the structure, shapes and dtypes of ``like``; InputError if it differs."""
        return fill(self.arrays(name), like, self.path)


def save(folder: Path | str, trees: dict[str, Any], meta: dict[str, Any]) -> Path:
    """Write pytrees by name and ``meta`` (what JSON can hold) as the newest checkpoint of ``folder``; the one that was
    the newest is kept as the one before. Each file is written under another name, flushed and renamed."""
    folder = Path(folder)
    arrays = {f"{name}.{key}": a for name, tree in trees.items() for key, a in named(tree).items()}
    data = to_bytes(arrays, meta)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / ".unfinished", data, rename=False)
        newest = folder / NEWEST
        if newest.exists():
            # what is corrupt does not take the place of a good one
            try:
                read(newest)
                os.replace(newest, folder / BEFORE)
            except InputError:
                pass
        os.replace(folder / ".unfinished", newest)
    except OSError as error:
        raise InputError(f"cannot write a checkpoint to {folder} ({error.strerror}): choose another folder") from error
    return newest


def resume(folder: Path | str) -> Checkpoint | None:
    """The newest checkpoint of ``folder`` that is whole, or None where there is none at all.

    Where the newest is corrupt, it is the one before, and ``passed_over`` says why; InputError where both are.
    """
    reasons = []
    for name in (NEWEST, BEFORE):
        path = Path(folder) / name
        if not path.exists():
            continue
        try:
            return dataclasses.replace(read(path), passed_over="; ".join(reasons))
        except InputError as error:
            reasons.append(str(error))
    if reasons:
        raise InputError(f"no checkpoint in {folder} can be used: {'; '.join(reasons)}; remove it to begin anew")
    return None


def read(path: Path | str) -> Checkpoint:
    """One file of :func:`save`. InputError where it is not whole, or not one."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); give a checkpoint") from None
    values, meta = from_bytes(data, str(path))
    return Checkpoint(path, values, meta)


def to_bytes(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> bytes:
    """An npz archive of arrays, with ``meta`` and the SHA-256 of it all inside."""
    header = {"format": FORMAT, "meta": meta, "sha256": _seal(arrays, meta)}
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{_HEADER: text}, **arrays)
    return buffer.getvalue()


def from_bytes(data: bytes, what: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """(arrays, meta) of :func:`to_bytes`; InputError where anything is not as it was written."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > min(LARGEST, 2 * len(data) + 2**20):
            raise ValueError(f"it claims {size} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            values = {name: archive[name] for name in archive.files}
        header = json.loads(values.pop(_HEADER).tobytes())
        if not isinstance(header, dict) or header.get("format") != FORMAT:
            raise ValueError(f"it is not marked {FORMAT!r}")
        if header["sha256"] != _seal(values, header["meta"]):
            raise ValueError("its content does not match its checksum")
    except Exception as error:
        # a hostile archive raises anything at all
        raise InputError(f"{what} is not a whole checkpoint ({error}); use the one before it") from None
    return values, header["meta"]


def named(tree: Any) -> dict[str, np.ndarray]:
    """The leaves of a pytree by a dotted name; random keys as their words."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {_name(path): np.asarray(_words(leaf)) for path, leaf in leaves}


def fill(arrays: dict[str, np.ndarray], like: Any, what: Any) -> Any:
    """A pytree like ``like`` (arrays, or their shapes and dtypes) of arrays by name. InputError where any is missing,
    too many, or of another shape or type."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(like)
    wanted = {_name(path): leaf for path, leaf in paths}
    shapes = {name: jax.eval_shape(_words, leaf) for name, leaf in wanted.items()}
    for name in sorted(wanted.keys() | arrays.keys()):
        got, want = _describe(arrays.get(name)), _describe(shapes.get(name))
        if got != want:
            raise InputError(
                f"{what} has {name or 'a value'} as {got}, wanted is {want}; give the same settings and environment"
            )
    leaves = []
    for name, leaf in wanted.items():
        value = jnp.asarray(arrays[name])
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            value = jax.random.wrap_key_data(value, impl=_impl(leaf))
        leaves.append(value)
    return jax.tree.unflatten(treedef, leaves)


def write_atomic(path: Path, data: bytes, rename: bool = True) -> None:
    """Write ``data`` under another name, flush it to the disk and, unless told not to, give it its name in one step."""
    if not rename:
        with open(path, "wb") as stream:
            _flush(stream, data)
        return
    # not by tempfile, whose files only their owner may read, where others of the folder follow the umask
    name = path.parent / f".unfinished-{secrets.token_hex(8)}"
    try:
        with open(name, "xb") as stream:
            _flush(stream, data)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _flush(stream: Any, data: bytes) -> None:
    stream.write(data)
    stream.flush()
    os.fsync(stream.fileno())


def _seal(arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(meta, sort_keys=True, allow_nan=False).encode())
    for name in sorted(arrays):
        digest.update(f"{name} {_describe(arrays[name])}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _words(leaf: Any) -> Any:
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def _impl(leaf: Any) -> str:
    found: list[str] = []

    def look(key: Any) -> Any:
        found.append(str(jax.random.key_impl(key)))
        return 0

    jax.eval_shape(look, leaf)
    return found[0]


def _describe(array: Any) -> str:
    return "nothing" if array is None else f"{np.dtype(array.dtype).name}{list(array.shape)}"
