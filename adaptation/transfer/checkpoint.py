"""Checkpoints: a trained decoder in two files, NAME.safetensors with its arrays and NAME.json with its card."""

import dataclasses
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ...sim.errors import InputError
from .. import registry
from ..contract import Decoder, Variables
from .card import Card


class Checkpoint(NamedTuple):
    """decoder and variables, ready to apply; card: what they were trained on and how."""

    decoder: Decoder
    variables: Variables
    card: Card


def save_checkpoint(path: Path | str, variables: Variables, card: Card) -> Path:
    """Write NAME.safetensors and NAME.json, each whole or not at all; the path of the weights.

    The weights come first: a card that is there has its weights. InputError where the folder cannot be written.
    """
    weights, facts = files_of(path)
    tensors = {name: np.ascontiguousarray(value) for name, value in named(variables).items()}
    data = save(tensors, metadata={"format": "neurodrift"})
    told = card.dumps(hashlib.sha256(data).hexdigest()).encode()  # a card that cannot be written leaves no weights
    write_whole(weights, data)
    write_whole(facts, told)
    return weights


def load_checkpoint(path: Path | str, decoder: Decoder | None = None) -> Checkpoint:
    """The checkpoint at NAME, NAME.safetensors or NAME.json.

    decoder: one of your own, where the card names none of the registry. InputError, in one line, for files that are
    absent, damaged, of another version, or that do not fit the decoder.
    """
    weights, facts = files_of(path)
    card, seal = _read_card(facts)
    try:
        data = weights.read_bytes()
    except OSError as error:
        raise InputError(
            f"{weights} cannot be read ({error.strerror}): keep it beside its card {facts.name}"
        ) from error
    if hashlib.sha256(data).hexdigest() != seal:
        raise InputError(f"{weights} does not match the checksum in {facts.name}: it is damaged, or of another card")
    try:
        found = load(data)
    except SafetensorError as error:
        raise InputError(f"{weights} cannot be read as safetensors ({error}): make the checkpoint again") from error
    decoder = make_decoder(card, facts) if decoder is None else decoder
    like = jax.eval_shape(decoder.init, jax.random.key(0))
    return Checkpoint(decoder, filled(like, found, weights), card)


def read_card(path: Path | str) -> Card:
    """The card alone, without the weights."""
    return _read_card(files_of(path)[1])[0]


def make_decoder(card: Card, where: Path | str = "the card") -> Decoder:
    """The decoder that the card describes; InputError where this release has none like it."""
    made = registry.decoder(card.decoder).make(
        len(card.ch_names), card.n_times, len(card.class_names), float(card.sfreq)
    )
    known = {f.name for f in dataclasses.fields(made)}  # type: ignore[arg-type]
    strange = sorted(set(card.fields) - known)
    if strange:
        raise InputError(f"{where} gives {card.decoder} {', '.join(strange)}, which it has not: update neurodrift")
    return dataclasses.replace(made, **card.fields)  # type: ignore[type-var]


def filled(like: Any, found: dict[str, np.ndarray], where: Path | str) -> Any:
    """``found``, by dotted name, in the shape of ``like``; InputError unless they fit name by name."""
    wanted = named(like)
    for name in sorted(wanted.keys() | found.keys()):
        got, want = _describe(found.get(name)), _describe(wanted.get(name))
        if got != want:
            raise InputError(
                f"{where} has {name} as {got} but the decoder needs {want}: "
                "use the weights of a decoder with the same channels, window, rate and classes."
            )
    broken = [name for name, value in found.items() if not np.isfinite(value).all()]
    if broken:
        raise InputError(f"{where} has values that are not finite in {', '.join(broken)}: train again")
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(found[name]) for name in wanted])


def named(variables: Any) -> dict[str, Any]:
    """Leaves by a dotted name, in the order of the pytree."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(variables)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def _describe(array: Any) -> str:
    return "nothing" if array is None else f"{np.dtype(array.dtype).name}{list(array.shape)}"


def files_of(path: Path | str) -> tuple[Path, Path]:
    """(weights, card) of the checkpoint at NAME, NAME.safetensors or NAME.json."""
    path = Path(path).expanduser()
    base = path.with_suffix("") if path.suffix in (".safetensors", ".json") else path
    return base.with_name(base.name + ".safetensors"), base.with_name(base.name + ".json")


def refuse_to_overwrite(path: Path | str) -> None:
    """InputError where a file of the checkpoint at ``path`` is there."""
    there = [file for file in files_of(path) if file.exists()]
    if there:
        raise InputError(f"{there[0]} is there already: name another with --out, or --overwrite it")


def _read_card(facts: Path) -> tuple[Card, str]:
    try:
        found = json.loads(facts.read_bytes())
    except OSError as error:
        raise InputError(
            f"{facts} cannot be read ({error.strerror}): give a checkpoint of neurodrift pretrain, its two files "
            "beside each other"
        ) from error
    except ValueError as error:
        raise InputError(f"{facts} is not JSON ({error}): give the card of a checkpoint") from error
    card = Card.from_json(found, str(facts))
    return card, str(found.get("weights_sha256"))


def write_whole(path: Path, data: bytes) -> None:
    """The file whole or not at all; InputError where the folder cannot be written."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"cannot write a checkpoint to {path} ({error.strerror}): choose a writable, existing folder."
        ) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
