"""What the comparisons with braindecode share: the peer's networks, its names, and its weights in ours; the tests that
import this are skipped where torch or braindecode is missing."""

import jax
import jax.numpy as jnp
import pytest

torch = pytest.importorskip("torch")

from neurodrift.adaptation.contract import Variables  # noqa: E402
from neurodrift.adaptation.transfer.braindecode import EEGNET as NAMES  # noqa: E402
from neurodrift.scenarios.bench.braindecode import braindecode_models  # noqa: E402

try:
    models = braindecode_models()
except ImportError as error:
    pytest.skip(f"braindecode does not import: {error}", allow_module_level=True)

DEPRECATED = pytest.mark.filterwarnings(
    "ignore:Parameter 'final_layer_with_constraint=False' is deprecated:DeprecationWarning"
)
EEGNET, EEGNET_NORMS = NAMES.params, NAMES.norms


def randomised(make):
    """The network that ``make`` gives, every parameter moved at random."""
    torch.manual_seed(3)
    network = make()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


def read_out(ours, network, table, norms):
    """The network's weights and running statistics, copied into variables of our decoder."""
    variables = ours.init(jax.random.key(0))
    weights = {name: weight.detach().numpy() for name, weight in network.named_parameters()}
    params = {
        layer: {key: jnp.array(weights[table[layer, key]].reshape(leaf.shape)) for key, leaf in leaves.items()}
        for layer, leaves in variables.params.items()
    }
    return Variables(variables.align, params, running(network, norms))


def running(network, norms):
    """Running statistics of the network's norms, by our layer."""
    modules = {layer: network.get_submodule(name) for layer, name in norms.items()}
    return {
        layer: {"mean": jnp.array(m.running_mean.numpy()), "var": jnp.array(m.running_var.numpy())}
        for layer, m in modules.items()
    }


def train_without_dropout(network):
    """Batch statistics on, dropout off."""
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
