"""Weights of braindecode's networks, read without torch: a state dict saved as safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ...sim.errors import InputError
from ..contract import Variables
from ..decoders.eegnet import EEGNet
from ..decoders.shallow import ShallowFBCSPNet


class Names(NamedTuple):
    """params: (layer, name) of ours -> braindecode's parameter; norms: layer -> its batch norm; ignored: buffers that
    say nothing."""

    params: Mapping[tuple[str, str], str]
    norms: Mapping[str, str]


EEGNET = Names(
    {
        ("temporal", "kernel"): "conv_temporal.weight",
        ("temporal", "scale"): "bnorm_temporal.weight",
        ("temporal", "bias"): "bnorm_temporal.bias",
        ("spatial", "kernel"): "conv_spatial.parametrizations.weight.original",
        ("spatial", "scale"): "bnorm_1.weight",
        ("spatial", "bias"): "bnorm_1.bias",
        ("separable", "depthwise"): "conv_separable_depth.weight",
        ("separable", "pointwise"): "conv_separable_point.weight",
        ("separable", "scale"): "bnorm_2.weight",
        ("separable", "bias"): "bnorm_2.bias",
        ("readout", "kernel"): "final_layer.conv_classifier.weight",
        ("readout", "bias"): "final_layer.conv_classifier.bias",
    },
    {"temporal": "bnorm_temporal", "spatial": "bnorm_1", "separable": "bnorm_2"},
)
SHALLOW = Names(
    {
        ("temporal", "kernel"): "conv_time_spat.conv_time.weight",
        ("temporal", "bias"): "conv_time_spat.conv_time.bias",
        ("spatial", "kernel"): "conv_time_spat.conv_spat.weight",
        ("spatial", "scale"): "bnorm.weight",
        ("spatial", "bias"): "bnorm.bias",
        ("readout", "kernel"): "final_layer.conv_classifier.weight",
        ("readout", "bias"): "final_layer.conv_classifier.bias",
    },
    {"spatial": "bnorm"},
)


def load_braindecode(path: Path | str, decoder: EEGNet | ShallowFBCSPNet) -> Variables:
    """``decoder``'s variables from the file of a braindecode EEGNet or ShallowFBCSPNet of the same sizes.

    The file is ``safetensors.torch.save_file(model.state_dict(), path)`` (braindecode 1.x); torch is not needed to
    read it. ``align`` is the identity: bring windows to the scale that the network was trained on. Raises InputError
    for a file that cannot be read, for other networks, and where a weight is missing or of another size.
    """
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read as safetensors ({error}): save the state dict with safetensors.torch.save_file"
        ) from error
    return from_braindecode(found, decoder, str(path))


def from_braindecode(
    state: Mapping[str, np.ndarray], decoder: EEGNet | ShallowFBCSPNet, where: str = "the state dict"
) -> Variables:
    """The same from arrays by braindecode's names."""
    if not isinstance(decoder, EEGNet | ShallowFBCSPNet):
        raise InputError(f"braindecode weights are for EEGNet and ShallowFBCSPNet, not {type(decoder).__name__}")
    table = EEGNET if isinstance(decoder, EEGNet) else SHALLOW
    like = jax.eval_shape(decoder.init, jax.random.key(0))
    known = {*table.params.values()}
    known |= {f"{norm}.{end}" for norm in table.norms.values() for end in (*_STATS.values(), "num_batches_tracked")}
    strange = sorted(set(state) - known)
    if strange:
        raise InputError(
            f"{where} holds {', '.join(strange[:3])}, which {type(decoder).__name__} of braindecode has not"
        )

    def taken(name: str, shape: tuple[int, ...]) -> Array:
        if name not in state:
            raise InputError(f"{where} lacks {name}: give the state dict of braindecode's {type(decoder).__name__}")
        value = np.asarray(state[name])
        if value.size != int(np.prod(shape)):
            raise InputError(
                f"{where} has {name} of shape {list(value.shape)} but the decoder needs {list(shape)}: use the same "
                "channels, window, filters and classes"
            )
        return jnp.asarray(value.reshape(shape), jnp.float32)

    params: dict[str, Any] = {
        layer: {key: taken(table.params[layer, key], leaf.shape) for key, leaf in leaves.items()}
        for layer, leaves in like.params.items()
    }
    stats = {
        layer: {key: taken(f"{norm}.{end}", like.stats[layer][key].shape) for key, end in _STATS.items()}
        for layer, norm in table.norms.items()
    }
    return Variables(jnp.eye(decoder.n_channels), params, stats)


_STATS = {"mean": "running_mean", "var": "running_var"}
