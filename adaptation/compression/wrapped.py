"""What a compressed decoder takes over from the network it is of."""

from typing import Any

from jax import Array


class OfNetwork:
    """A decoder made of the network ``net``: how it is trained and shaped is the network's business."""

    net: Any

    @property
    def layers(self) -> tuple[str, ...]:
        return self.net.layers

    @property
    def n_channels(self) -> int:
        return self.net.n_channels

    @property
    def n_times(self) -> int:
        return self.net.n_times

    @property
    def n_classes(self) -> int:
        return self.net.n_classes

    @property
    def epochs(self) -> int:
        return self.net.epochs

    @property
    def batch_size(self) -> int:
        return self.net.batch_size

    @property
    def learning_rate(self) -> Array | float:
        return self.net.learning_rate

    @property
    def weight_decay(self) -> Array | float:
        return self.net.weight_decay

    @property
    def momentum(self) -> Array | float:
        return self.net.momentum

    @property
    def prior(self) -> Array | float:
        return self.net.prior
