"""Weights of braindecode that do not fit are refused; that those that do give its outputs is in tests/parity."""

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from neurodrift.adaptation.decoders.csp_lda import CSPLDA
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.transfer.braindecode import EEGNET, from_braindecode, load_braindecode
from neurodrift.sim.errors import InputError

NET = EEGNet.create(3, 128, 2, 128.0)


def state():
    """What braindecode's EEGNet holds, in its four-dimensional shapes."""
    like = jax.eval_shape(NET.init, jax.random.key(0))
    rng = np.random.default_rng(0)
    made = {
        name: rng.standard_normal((*like.params[layer][key].shape, 1, 1)).astype(np.float32)
        for (layer, key), name in EEGNET.params.items()
    }
    for layer, norm in EEGNET.norms.items():
        for end, key in (("running_mean", "mean"), ("running_var", "var")):
            made[f"{norm}.{end}"] = np.ones(like.stats[layer][key].shape, np.float32)
        made[f"{norm}.num_batches_tracked"] = np.array(3)
    return made


def test_every_array_lands_in_its_layer(tmp_path):
    save_file(state(), tmp_path / "net.safetensors")
    found = load_braindecode(tmp_path / "net.safetensors", NET)
    for (layer, key), name in EEGNET.params.items():
        np.testing.assert_array_equal(found.params[layer][key], state()[name][..., 0, 0])
    np.testing.assert_array_equal(found.align, np.eye(3))


def test_what_does_not_fit_is_refused(tmp_path):
    whole = state()
    with pytest.raises(InputError, match="not CSPLDA"):
        from_braindecode(whole, CSPLDA.create(3, 128))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"lacks conv_temporal\.weight"):
        from_braindecode({k: v for k, v in whole.items() if k != "conv_temporal.weight"}, NET)
    with pytest.raises(InputError, match="holds conv_extra, which EEGNet of braindecode has not"):
        from_braindecode({**whole, "conv_extra": np.zeros(1)}, NET)
    with pytest.raises(InputError, match=r"but the decoder needs \[16, 4\]"):
        from_braindecode(whole, EEGNet.create(4, 128, 2, 128.0))
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        load_braindecode(tmp_path / "absent.safetensors", NET)
