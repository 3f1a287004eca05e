"""How the network on features is trained from scratch, on many and on: settings that transfers choose."""

from typing import NamedTuple

from ...adaptation.decoders.feature_net import FeatureNet
from .alignments import Standardised
from .arms import Fitting, tuned_as


class Settings(NamedTuple):
    """n_source individuals, epochs and steps of training; start, most: see :class:`.alignments.Alignment`;
    balanced: see :class:`.arms.Fitting`."""

    n_source: int = 12
    source_epochs: int = 60
    scratch_epochs: int = 200
    tuned_epochs: int = 60
    scratch_rate: float = 3e-3
    tuned_rate: float = 1e-3
    start: float = 10.0
    most: float = 200.0
    balanced: bool = False

    def fitting(self, n_features: int, n_classes: int) -> Fitting:
        """A hidden layer of 16 on features that are standardised for each individual."""
        net = FeatureNet.create(n_features, 1, n_classes, n_hidden=16)
        return Fitting(
            decoder=tuned_as(net, epochs=self.scratch_epochs, batch_size=16, learning_rate=self.scratch_rate),
            source=tuned_as(net, epochs=self.source_epochs, batch_size=64),
            tuned=tuned_as(net, epochs=self.tuned_epochs, batch_size=16, learning_rate=self.tuned_rate),
            alignment=Standardised(start=self.start, most=self.most),
            balanced=self.balanced,
        )
