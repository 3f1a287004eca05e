"""EEGNet and ShallowFBCSPNet against braindecode with the same weights; needs torch and braindecode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.decoders.shallow import ShallowFBCSPNet
from neurodrift.adaptation.decoders.training import apply_batch, weighted_cross_entropy
from neurodrift.adaptation.transfer.braindecode import SHALLOW as NAMES

from .peers import (
    DEPRECATED,
    EEGNET,
    EEGNET_NORMS,
    models,
    randomised,
    read_out,
    running,
    torch,
    train_without_dropout,
)

pytestmark = DEPRECATED
N_CHANNELS, N_TIMES, N_CLASSES, N_TRIALS = 22, 500, 4, 6
TOLERANCE = 1e-5  # relative to the largest value: float32 sums of up to 22 * 501 terms in another order

SHALLOW, SHALLOW_NORMS = NAMES.params, NAMES.norms


def pair(name):
    """Our network, the variables read out of a randomised braindecode network, that network, the name table."""
    sizes = {"n_chans": N_CHANNELS, "n_outputs": N_CLASSES, "n_times": N_TIMES}
    if name == "EEGNet":
        # at 128 Hz the lengths are braindecode's; its momentum and eps are those of the paper
        ours, table, norms = EEGNet.create(N_CHANNELS, N_TIMES, N_CLASSES, 128.0, momentum=0.01), EEGNET, EEGNET_NORMS
    else:
        ours, table, norms = ShallowFBCSPNet.create(N_CHANNELS, N_TIMES, N_CLASSES, 250.0), SHALLOW, SHALLOW_NORMS
    theirs = randomised(lambda: getattr(models, name)(**sizes))
    with torch.no_grad():
        if name == "EEGNet":  # some spatial filters beyond the max-norm, some within
            original = theirs.conv_spatial.parametrizations.weight.original
            original.mul_(torch.linspace(0.5, 3.0, 16).reshape(-1, 1, 1, 1))
        for norm in norms.values():
            module = theirs.get_submodule(norm)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    return ours, read_out(ours, theirs, table, norms), theirs, table, norms


def data():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((N_TRIALS, N_CHANNELS, N_TIMES)).astype(np.float32)
    return x, np.arange(N_TRIALS) % N_CLASSES


def assert_close(ours, theirs, scale=None):
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    scale = np.abs(theirs).max() if scale is None else scale
    assert np.abs(ours - theirs).max() <= TOLERANCE * scale


@pytest.mark.parametrize("name", ["EEGNet", "ShallowFBCSPNet"])
def test_eval_forward_equals_braindecode(name):
    ours, variables, theirs, _, _ = pair(name)
    x, _ = data()
    theirs.eval()
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    assert_close(jax.jit(jax.vmap(lambda x: ours.apply(variables, x)))(x), expected)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", ["EEGNet", "ShallowFBCSPNet"])
def test_gradient_of_every_parameter_equals_braindecode(name, mode):
    ours, variables, theirs, table, _norms = pair(name)
    x, y = data()
    train_without_dropout(theirs) if mode == "train" else theirs.eval()

    def loss(params):
        current = variables._replace(params=params)
        if mode == "train":
            logits, _ = apply_batch(ours, current, x, jnp.ones(N_TRIALS), None)
        else:
            logits = jax.vmap(lambda x: ours.apply(current, x))(x)
        return weighted_cross_entropy(logits, y, jnp.ones(N_TRIALS))

    value, gradient = jax.jit(jax.value_and_grad(loss))(variables.params)
    reference = torch.nn.functional.cross_entropy(theirs(torch.from_numpy(x)), torch.from_numpy(y))
    reference.backward()
    assert_close(value, reference.item())
    weights = dict(theirs.named_parameters())
    expected = {}
    for (layer, key), their_name in table.items():
        expected[layer, key] = weights[their_name].grad.numpy().reshape(gradient[layer][key].shape)
    # Some gradients vanish identically (a bias just before a norm): measured against the layer's largest.
    for (layer, key), g in expected.items():
        largest = max(np.abs(v).max() for (other, _), v in expected.items() if other == layer)
        assert_close(gradient[layer][key], g, scale=largest)


@pytest.mark.parametrize("name", ["EEGNet", "ShallowFBCSPNet"])
def test_training_forward_and_running_statistics_equal_braindecode(name):
    ours, variables, theirs, _, norms = pair(name)
    x, _ = data()
    train_without_dropout(theirs)
    expected = theirs(torch.from_numpy(x)).detach().numpy()
    logits, stats = jax.jit(lambda v, x: apply_batch(ours, v, x, jnp.ones(N_TRIALS), None))(variables, x)
    assert_close(logits, expected)
    reference = running(theirs, norms)
    for layer in norms:
        for key in ("mean", "var"):
            assert_close(stats[layer][key], reference[layer][key])
