"""Sources of brain activity."""

from .base import Source, Truth
from .connectome import Connectome, MeanField
from .entry import CurrentInput, FieldShift, InformationalLesion
from .models.jansen_rit import JansenRit
from .models.stn_gpe import StnGpe
from .models.wendling import Wendling
from .models.wilson_cowan import WilsonCowan
from .motor_imagery import MotorImagery
from .neural_mass import NeuralMass
from .replay import Replay
from .spiking import SpikingColumn

__all__ = [
    "Connectome", "CurrentInput", "FieldShift", "InformationalLesion", "JansenRit", "MeanField", "MotorImagery",
    "NeuralMass", "Replay", "Source", "SpikingColumn", "StnGpe", "Truth", "Wendling", "WilsonCowan",
]  # fmt: skip
