"""Drift: processes that change the conditions over simulated time, composed in a tuple."""

from .base import Drift
from .brain import Fatigue, StateSwitch
from .cap import CapShift
from .contact import ChannelLoss, GainDrift, GelDrying, ReferenceSwitch
from .null import NullDrift
from .registry import DRIFTS, DriftSpec, make_drift
from .session import SessionJumps

__all__ = [
    "DRIFTS", "CapShift", "ChannelLoss", "Drift", "DriftSpec", "Fatigue", "GainDrift", "GelDrying", "NullDrift",
    "ReferenceSwitch", "SessionJumps", "StateSwitch", "make_drift",
]  # fmt: skip
