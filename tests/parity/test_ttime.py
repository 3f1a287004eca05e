"""Steps of T-TIME and TENT on EEGNet against PyTorch, written from the paper, on the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurodrift.adaptation.contract import Feedback, Trials
from neurodrift.adaptation.decoders.eegnet import EEGNet
from neurodrift.adaptation.methods import Composed
from neurodrift.adaptation.methods.entropy import InformationMaximisation
from neurodrift.adaptation.methods.testtime import UnlabelledTraining

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
N_CHANNELS, N_TIMES, N_CLASSES = 8, 256, 2
N_WINDOWS, N_STREAM, RATE = 8, 10, 1e-3


def pair():
    """Our EEGNet at 128 Hz, its variables as read out of a randomised one of the peer, and that one."""
    theirs = randomised(lambda: models.EEGNet(n_chans=N_CHANNELS, n_outputs=N_CLASSES, n_times=N_TIMES))
    ours = EEGNet.create(N_CHANNELS, N_TIMES, N_CLASSES, 128.0, momentum=0.01)  # the peer's momentum
    return ours, read_out(ours, theirs, EEGNET, EEGNET_NORMS), theirs


def theirs_after(network, x, temperature, diversity, parameters):
    """The network after a step on every 8 successive windows, batch statistics on and dropout off."""
    adam = torch.optim.Adam(parameters, lr=RATE, eps=1e-7)
    train_without_dropout(network)
    for i in range(N_WINDOWS, len(x) + 1):
        p = torch.softmax(network(torch.from_numpy(x[i - N_WINDOWS : i])) / temperature, dim=1)
        mean = p.mean(0)
        loss = -(p * torch.log(p + 1e-5)).sum(1).mean() + diversity * (mean * torch.log(mean + 1e-5)).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return network


@pytest.mark.parametrize(
    ("moves", "temperature", "diversity"), [("all", 2.0, 1.0), ("affine", 1.0, 0.0)], ids=["ttime", "tent"]
)
def test_steps_on_eegnet_equal_those_of_pytorch(moves, temperature, diversity):
    ours, variables, theirs = pair()
    x = np.random.default_rng(6).standard_normal((N_STREAM, N_CHANNELS, N_TIMES)).astype(np.float32)
    rule = InformationMaximisation(temperature=temperature, diversity=diversity)
    adapter = Composed(parts=(UnlabelledTraining(rule=rule, moves=moves),))
    calibration = Trials(jnp.asarray(x), jnp.zeros(N_STREAM, jnp.int32), jnp.ones(N_STREAM))

    def whole(x):
        state = adapter.init(ours, variables, calibration, jax.random.key(0))
        told = Feedback(jnp.int32(0), jnp.bool_(False), x[0], jnp.bool_(False))
        return jax.lax.scan(lambda s, x: (adapter.update(s, x, told), None), state, x)[0]

    state = jax.jit(whole)(jnp.asarray(x))
    affine = [theirs.get_submodule(norm) for norm in EEGNET_NORMS.values()]
    chosen = list(theirs.parameters()) if moves == "all" else [p for norm in affine for p in norm.parameters()]
    theirs_after(theirs, x, temperature, diversity, chosen)
    weights = dict(theirs.named_parameters())
    steps = N_STREAM - N_WINDOWS + 1
    for (layer, key), name in EEGNET.items():
        found = np.asarray(state.variables.params[layer][key])
        expected = weights[name].detach().numpy().reshape(found.shape)
        before = np.asarray(variables.params[layer][key])
        if (layer, key) == ("temporal", "bias"):
            # A bias before a norm has no gradient but rounding, of which Adam makes steps of either sign.
            assert np.abs(found - before).max() <= steps * RATE * 1.01
            continue
        # Float32 sums in another order, divided by their own size: a hundredth of a step, a few entries more.
        error = np.abs(found - expected)
        assert np.quantile(error, 0.95) < 0.01 * RATE, (layer, key)
        assert error.max() < 0.5 * RATE, (layer, key)
        moved = np.abs(expected - before).max()
        assert moved > RATE if moves == "all" or (key in ("scale", "bias") and layer != "readout") else moved == 0
    reference = running(theirs, EEGNET_NORMS)
    for layer in EEGNET_NORMS:
        for key in ("mean", "var"):
            np.testing.assert_allclose(state.variables.stats[layer][key], reference[layer][key], rtol=1e-4, atol=1e-5)
