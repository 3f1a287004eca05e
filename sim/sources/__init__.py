"""Sources of brain activity."""

from .base import Source, Truth
from .jansen_rit import JansenRit
from .motor_imagery import MotorImagery
from .replay import Replay
from .spiking import SpikingColumn

__all__ = ["JansenRit", "MotorImagery", "Replay", "Source", "SpikingColumn", "Truth"]
