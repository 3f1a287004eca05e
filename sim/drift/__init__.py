"""Drift: processes that change the conditions over simulated time, composed in a tuple."""

from .anaesthesia import Anaesthesia
from .base import Drift
from .brain import Fatigue, StateSwitch
from .cap import CapShift
from .contact import ChannelLoss, GainDrift, GelDrying, ReferenceSwitch
from .episode import Episode
from .medication import Circadian, Levodopa
from .null import NullDrift
from .registry import DRIFTS, DriftSpec, make_drift
from .seizure import ExcitabilityRamp, SeizureRamp
from .session import SessionJumps
from .skull import SkullConductivity
from .sleep import SleepSchedule
from .stimulation import EfficacyLoss, Encapsulation, PhaseWalk
from .task import LabelShift
from .tremor import TremorDrift
from .units import RateWalk, UnitTurnover

__all__ = [
    "DRIFTS", "Anaesthesia", "CapShift", "ChannelLoss", "Circadian", "Drift", "DriftSpec", "EfficacyLoss",
    "Encapsulation", "Episode", "ExcitabilityRamp", "Fatigue", "GainDrift", "GelDrying", "LabelShift", "Levodopa",
    "NullDrift", "PhaseWalk", "RateWalk", "ReferenceSwitch", "SeizureRamp", "SessionJumps", "SkullConductivity",
    "SleepSchedule", "StateSwitch", "TremorDrift", "UnitTurnover", "make_drift",
]  # fmt: skip
