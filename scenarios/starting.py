"""Where a scenario's networks start from: a checkpoint, checked against what the scenario feeds it."""

import functools
from typing import NamedTuple

import jax.numpy as jnp

from ..adaptation import registry
from ..adaptation.compression.file import is_int8
from ..adaptation.transfer.channels import ChannelMap, map_channels
from ..adaptation.transfer.checkpoint import Checkpoint
from ..adaptation.transfer.zoo import find_checkpoint, weights_of
from ..sim.errors import InputError


class Start(NamedTuple):
    """The checkpoint, and the map from the scenario's channels to its; None where they are the same."""

    checkpoint: Checkpoint
    channels: ChannelMap | None


def checkpoint_called(name: str) -> Checkpoint:
    """The checkpoint called ``name`` (of the zoo, or a path), of any decoder. InputError where there is none."""
    if is_int8(weights_of(name)):
        raise InputError(
            f"--start {name} is an 8-bit decoder, of save_int8: wanted a checkpoint in floats; start from the one that "
            "it was made of, and quantise what comes of it"
        )
    return find_checkpoint(name)


@functools.lru_cache(maxsize=4)
def checkpoint_for(name: str, decoder: str) -> Checkpoint:
    """The checkpoint called ``name`` (of the zoo, or a path), ``align`` the identity: whoever starts from it brings an
    alignment of their own, and that of a calibrated one is its user's. InputError where it is not of this decoder, a
    network."""
    found = checkpoint_called(name)
    if found.card.decoder != decoder:
        raise InputError(
            f"--start {name} is of {found.card.decoder}, the run decodes with {decoder}: --decoder {found.card.decoder}"
        )
    if registry.decoder(decoder).covariance_only:
        raise InputError(f"--start {name} is of {decoder}, which starts from nothing: use --decoder eegnet or shallow")
    align = found.variables.align
    return found._replace(variables=found.variables._replace(align=jnp.eye(len(align), dtype=align.dtype)))


@functools.lru_cache(maxsize=4)
def start_from(
    name: str, decoder: str, class_names: tuple[str, ...], ch_names: tuple[str, ...], sfreq: float, n_times: int
) -> Start:
    """:func:`checkpoint_for` windows like these.

    Channels are mapped by electrode position. InputError where band, rate, window or classes are others.
    """
    found = checkpoint_for(name, decoder)
    card, spec = found.card, registry.decoder(decoder)
    band = tuple(card.preprocessing.get(key) for key in ("l_freq", "h_freq"))
    for what, got, wanted in (
        ("the band (Hz)", band, (spec.l_freq, spec.h_freq)),
        ("the rate (Hz)", card.sfreq, sfreq),
        ("samples in a window", card.n_times, n_times),
        ("classes", len(card.class_names), len(class_names)),
    ):
        if got != wanted:
            raise InputError(f"--start {name}: {what}: {got}, but the scenario has {wanted}; pretrain one that fits")
    same = card.ch_names == ch_names
    return Start(found, None if same else map_channels(ch_names, card.ch_names))
