"""A network of one hidden layer on features that were computed before: band powers, line lengths, rates."""

from typing import Any, Self

import jax
from flax import nnx
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component, static
from ..contract import Trials, Variables
from .nets import Readout, as_variables, dropout, linear
from .norm import Statistics, Stored
from .training import fit_network, refit_linear


class _Parameters(nnx.Module):
    def __init__(self, net: "FeatureNet", rngs: nnx.Rngs) -> None:
        n_inputs = net.n_channels * net.n_times
        self.hidden = Readout(rngs, n_inputs, net.n_hidden)
        self.readout = Readout(rngs, net.n_hidden, net.n_classes)


@component
class FeatureNet:
    """Hidden layer, ELU, dropout, linear readout, on windows (n_channels, n_times) of features of about unit variance.

    n_channels: features; n_times: moments at which they are seen, often 1. It has no norm of its own: features are
    standardised by who gives them, so that a new person's or night's can be.
    """

    n_channels: int = static()
    n_times: int = static()
    n_classes: int = static()
    n_hidden: int = static(default=32)
    dropout: float = static(default=0.25)
    epochs: int = static(default=30)
    batch_size: int = static(default=128)
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    momentum: float = 0.1
    prior: float = 1.0

    @classmethod
    def create(cls, n_channels: int, n_times: int, n_classes: int, sfreq: float = 1.0, **options: Any) -> Self:
        """The network for so many features; ``sfreq`` plays no part here, ``options`` are fields."""
        if min(n_channels, n_times) < 1 or n_classes < 2:
            raise InputError(
                f"FeatureNet got {n_channels} features at {n_times} moments and {n_classes} classes; wanted 1, 1 and 2 "
                "or more"
            )
        return cls(n_channels=n_channels, n_times=n_times, n_classes=n_classes, **options)

    @property
    def layers(self) -> tuple[str, ...]:
        return ("hidden", "readout")

    @property
    def n_features(self) -> int:
        return self.n_hidden

    def init(self, key: Array) -> Variables:
        """Untrained variables, Glorot uniform."""
        return as_variables(_Parameters(self, nnx.Rngs(key)), self.n_channels)

    def features(self, variables: Variables, x: Array, statistics: Statistics, key: Array | None) -> Array:
        """What the readout sees (n_hidden,)."""
        hidden = jax.nn.elu(linear(variables.params["hidden"], (variables.align @ x).ravel()))
        return dropout(hidden, self.dropout, key, layer=0)

    def apply(self, variables: Variables, x: Array, *, key: Array | None = None) -> Array:
        """Logits (n_classes,) of one window of features."""
        return linear(variables.params["readout"], self.features(variables, x, Stored(variables.stats), key))

    def moments(self, variables: Variables, x: Array) -> dict[str, Any]:
        """Nothing: there is no norm."""
        return {}

    def fit(self, variables: Variables, trials: Trials, key: Array) -> Variables:
        """Train both layers from ``variables`` on; see :func:`training.fit_network`."""
        return fit_network(self, variables, trials, key)

    def refit_readout(self, variables: Variables, trials: Trials) -> Variables:
        """Recalibrate the readout alone; see :func:`training.refit_linear`."""
        return refit_linear(self, variables, trials)
