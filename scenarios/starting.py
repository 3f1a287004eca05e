"""Where a scenario's networks start from: a checkpoint, checked against what the scenario feeds it."""

import functools
from typing import NamedTuple

from ..adaptation import registry
from ..adaptation.transfer.channels import ChannelMap, map_channels
from ..adaptation.transfer.checkpoint import Checkpoint
from ..adaptation.transfer.zoo import find_checkpoint
from ..sim.errors import InputError


class Start(NamedTuple):
    """The checkpoint, and the map from the scenario's channels to its; None where they are the same."""

    checkpoint: Checkpoint
    channels: ChannelMap | None


@functools.lru_cache(maxsize=4)
def start_from(
    name: str, decoder: str, class_names: tuple[str, ...], ch_names: tuple[str, ...], sfreq: float, n_times: int
) -> Start:
    """The checkpoint called ``name`` (of the zoo, or a path) for windows like these.

    Channels are mapped by electrode position. InputError where decoder, band, rate, window or classes are others.
    """
    found = find_checkpoint(name)
    card, spec = found.card, registry.decoder(decoder)
    if card.decoder != decoder:
        raise InputError(
            f"--start {name} is of {card.decoder}, the run decodes with {decoder}: --decoder {card.decoder}"
        )
    if spec.covariance_only:
        raise InputError(f"--start {name} is of {decoder}, which starts from nothing: use --decoder eegnet or shallow")
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
