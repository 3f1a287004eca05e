"""A decoder trained on several subjects before it meets its user, and its weights in a file."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..sim.errors import InputError
from .contract import Decoder, Trials, Variables
from .spd import covariance, inv_sqrtm, weighted_mean

FORMAT = "neurodrift decoder 1"
_HEADER = "neurodrift"


@jax.jit
def euclidean_align(trials: Trials) -> Trials:
    """The trials whitened by the inverse root of their own weighted mean covariance (He & Wu 2020)."""
    whitening = inv_sqrtm(weighted_mean(jax.vmap(covariance)(trials.x), trials.weight))
    return trials._replace(x=jnp.einsum("ij,njt->nit", whitening, trials.x))


def pretrain(
    decoder: Decoder,
    subjects: Sequence[Trials] | Trials,
    key: Array,
    *,
    epochs: int | None = None,
    start: Variables | None = None,
) -> Variables:
    """Variables fitted on the pooled trials of several subjects, each aligned by its own mean covariance.

    ``subjects``: a list of Trials, or one Trials with a leading subject axis (n_subjects, n_trials, ...). ``align``
    stays the identity: a new subject brings the alignment of their own. ``epochs`` overrides the decoder's, where
    it has any; ``start`` continues from earlier variables.
    """
    if isinstance(subjects, Trials):
        subjects = [jax.tree.map(lambda a, i=i: a[i], subjects) for i in range(subjects.y.shape[0])]
    if not subjects:
        raise InputError("pretraining got no subject but needs at least one: check the subject selection.")
    shapes = sorted({tuple(trials.x.shape[1:]) for trials in subjects})
    if len(shapes) > 1:
        raise InputError(
            f"pretraining got windows of shapes {shapes} but needs one (n_channels, n_times): "
            "pick the same channels, sampling rate and window for every subject."
        )
    if epochs is not None and hasattr(decoder, "epochs"):
        decoder = dataclasses.replace(decoder, epochs=epochs)  # type: ignore[type-var]
    key_init, key_fit = jax.random.split(key)
    aligned = [euclidean_align(trials) for trials in subjects]
    pooled = jax.tree.map(lambda *parts: jnp.concatenate(parts), *aligned)
    start = decoder.init(key_init) if start is None else start
    return _fit(decoder, start, pooled, key_fit)


@jax.jit
def _fit(decoder: Decoder, start: Variables, trials: Trials, key: Array) -> Variables:
    return decoder.fit(start, trials, key)


def save_variables(path: Path | str, variables: Variables, meta: dict[str, Any] | None = None) -> None:
    """Write the arrays as safetensors, ``meta`` (anything JSON can hold) in its header, in one atomic step."""
    tensors = {name: np.ascontiguousarray(value) for name, value in _named(variables).items()}
    header = {"format": FORMAT, _HEADER: json.dumps(meta or {}, sort_keys=True, allow_nan=False)}
    data = save(tensors, metadata=header)
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"cannot write decoder weights to {path} ({error.strerror}): choose a writable, existing folder."
        ) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_variables(path: Path | str, like: Variables) -> tuple[Variables, dict[str, Any]]:
    """(variables, meta) of a file of :func:`save_variables`; InputError unless it fits ``like`` name by name.

    ``like``: variables, or their shapes (``jax.eval_shape(decoder.init, key)``), of the decoder to be filled.
    """
    try:
        with safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read as decoder weights ({error}): give a file written by save_variables."
        ) from error
    if header.get("format") != FORMAT:
        raise InputError(f"{path} is marked {header.get('format')!r}, not {FORMAT!r}: give neurodrift decoder weights.")
    wanted = _named(like)
    for name in sorted(wanted.keys() | found.keys()):
        got = _describe(found.get(name))
        want = _describe(wanted.get(name))
        if got != want:
            raise InputError(
                f"{path} has {name} as {got} but the decoder needs {want}: "
                "use the weights of a decoder with the same channels, window, rate and classes."
            )
    leaves = [jnp.asarray(found[name]) for name in wanted]
    return jax.tree.unflatten(jax.tree.structure(like), leaves), json.loads(header[_HEADER])


def _named(variables: Variables) -> dict[str, Any]:
    """Leaves by a dotted name, in the order of the pytree."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _describe(array: Any) -> str:
    return "nothing" if array is None else f"{np.dtype(array.dtype).name}{list(array.shape)}"
