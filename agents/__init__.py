"""Stimulation policies: those that do not look, the controllers that clinics use, and their tuner."""

from .averaging import Average, RelativeToTrend
from .burst import Burst
from .controller import Controller, Law
from .devices import adaptive_dbs, responsive
from .feedback import PI, Proportional
from .open_loop import Coin, Constant, Off, Random
from .policy import Policy
from .pulse_skipping import PulseSkipping
from .random_matched import RandomMatched
from .shaping import Persistence, Ramp, Ramped
from .threshold import DualThreshold, Threshold
from .tuning import AtLeastBenefit, AtMostDose, Candidate, Range, Tuned, Weighted, evaluate, front, tune

__all__ = [
    "PI", "AtLeastBenefit", "AtMostDose", "Average", "Burst", "Candidate", "Coin", "Constant", "Controller",
    "DualThreshold", "Law", "Off", "Persistence", "Policy", "Proportional", "PulseSkipping", "Ramp", "Ramped",
    "Random", "RandomMatched", "Range", "RelativeToTrend", "Threshold", "Tuned", "Weighted", "adaptive_dbs",
    "evaluate", "front", "responsive", "tune",
]  # fmt: skip
