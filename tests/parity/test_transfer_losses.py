"""Penalties of pretraining and their gradients against PyTorch, and against skada where it is installed, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from neurodrift.adaptation.transfer.coral import coral_distance  # noqa: E402
from neurodrift.adaptation.transfer.dann import reverse_gradient  # noqa: E402
from neurodrift.adaptation.transfer.mcc import class_confusion  # noqa: E402
from neurodrift.adaptation.transfer.mmd import mmd_squared  # noqa: E402

N, D = 12, 5


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.fixture
def skada():
    with pytest.MonkeyPatch.context():
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip("skada.deep", exc_type=ImportError)
            from skada.deep import losses, modules
    return losses, modules


def two_people():
    rng = np.random.default_rng(4)
    return rng.standard_normal((N, D)), 0.7 * rng.standard_normal((N, D)) + 0.4


def compare(ours, theirs, *arrays):
    """Value and gradient by every array."""
    value, gradients = jax.value_and_grad(ours, argnums=tuple(range(len(arrays))))(*(jnp.asarray(a) for a in arrays))
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    expected = theirs(*tensors)
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-9)
    for gradient, tensor in zip(gradients, tensors):
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-7, atol=1e-12)


def as_domains(distance):
    return lambda a, b: distance(jnp.stack([a, b]), jnp.ones((2, N)))


def dan(a, b, mul=2.0, n_kernels=5):
    """The multi-kernel discrepancy as its authors compute it: width the mean squared distance over all pairs, without
    gradient; five kernels a factor of two apart about it; their mean."""
    total = torch.cat([a, b])
    squares = ((total[None] - total[:, None]) ** 2).sum(2)
    width = squares.detach().sum() / (len(total) * (len(total) - 1)) / mul ** (n_kernels // 2)
    kernel = sum(torch.exp(-squares / (width * mul**i)) for i in range(n_kernels)) / n_kernels
    xx, yy, xy, yx = kernel[:N, :N], kernel[N:, N:], kernel[:N, N:], kernel[N:, :N]
    return torch.mean(xx + yy - xy - yx)


def test_the_discrepancy_and_its_gradient_are_those_of_dan_in_torch():
    compare(as_domains(mmd_squared), dan, *two_people())


def test_coral_and_its_gradient_are_those_of_skada(skada):
    compare(as_domains(coral_distance), skada[0].deepcoral_loss, *two_people())


def test_confusion_is_that_of_skada(skada):
    logits = 3 * np.random.default_rng(5).standard_normal((N, 3))
    ours = class_confusion(jnp.asarray(logits), jnp.ones(N), 2.0)
    theirs = skada[0].mcc_loss(torch.tensor(logits), T=2.0, eps=0.0)
    np.testing.assert_allclose(ours, theirs.item(), rtol=1e-9)


def mcc(logits, temperature=2.5):
    """As its authors compute it: the weights of trials without gradient."""
    p = torch.softmax(logits / temperature, dim=1)
    entropy = -(p * torch.log(p)).sum(1).detach()
    sure = 1 + torch.exp(-entropy)
    sure = len(logits) * sure / sure.sum()
    confusion = (p * sure[:, None]).T @ p
    confusion = confusion / confusion.sum(1)
    return (confusion.sum() - torch.trace(confusion)) / logits.shape[1]


def test_confusion_and_its_gradient_are_those_of_mcc_in_torch():
    logits = 3 * np.random.default_rng(6).standard_normal((N, 3))
    compare(lambda z: class_confusion(z, jnp.ones(N)), mcc, logits)


def test_reversed_gradients_are_those_of_skada(skada):
    x = two_people()[0]
    compare(
        lambda x: jnp.sum(jnp.sin(reverse_gradient(x, 0.4))),
        lambda x: torch.sin(skada[1].GradientReversalLayer.apply(x, 0.4)).sum(),
        x,
    )
