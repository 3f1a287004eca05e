"""Sources of brain activity."""

from .base import Source, Truth
from .motor_imagery import MotorImagery
from .replay import Replay

__all__ = ["MotorImagery", "Replay", "Source", "Truth"]
