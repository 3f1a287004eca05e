"""braindecode's networks saved and read back without torch: the same outputs from the same windows."""

import jax
import numpy as np
import pytest

from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.shallow import ShallowFBCSPNet
from neurodrift.adaptation.transfer.braindecode import load_braindecode

from .peers import DEPRECATED, models, randomised, torch

pytestmark = DEPRECATED
SIZES = {"n_chans": 5, "n_outputs": 3, "n_times": 256}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (EEGNet.create(5, 256, 3, 128.0), lambda: models.EEGNet(**SIZES)),
        (ShallowFBCSPNet.create(5, 256, 3, 250.0), lambda: models.ShallowFBCSPNet(**SIZES)),
    ],
    ids=["EEGNet", "ShallowFBCSPNet"],
)
def test_a_saved_network_of_braindecode_gives_its_outputs_without_torch(ours, theirs, tmp_path):
    from safetensors.torch import save_file

    network = randomised(theirs)
    x = np.random.default_rng(0).standard_normal((4, 5, 256)).astype(np.float32)
    network(torch.from_numpy(x))  # moves the running statistics
    network.eval()
    expected = network(torch.from_numpy(x)).detach().numpy()
    save_file({k: v.contiguous() for k, v in network.state_dict().items()}, tmp_path / "net.safetensors")
    variables = load_braindecode(tmp_path / "net.safetensors", ours)
    found = jax.jit(jax.vmap(lambda x: ours.apply(variables, x)))(x)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
