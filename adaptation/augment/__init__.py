"""More trials out of few: what is drawn beside a new user's own, and what it assumes of the brain or the cap."""

from .apply import Augmentation, augmented
from .channel_dropout import ChannelDropout
from .electrode_shift import ElectrodeShift
from .generative import ClassGaussian
from .mixup import Mixup
from .surrogate import SurrogatePhases

__all__ = [
    "Augmentation",
    "ChannelDropout",
    "ClassGaussian",
    "ElectrodeShift",
    "Mixup",
    "SurrogatePhases",
    "augmented",
]
