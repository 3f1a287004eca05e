"""Stimulation policies: those that do not look, the controllers that clinics use, and their tuner."""

from .averaging import Average, RelativeToTrend
from .burst import Burst
from .clicks import Clicks
from .controller import Controller, Law
from .delayed_feedback import delayed_feedback, proportional_feedback, pyragas
from .devices import adaptive_dbs, responsive
from .feedback import PI, Proportional
from .open_loop import Coin, Constant, Off, Random
from .phase_locked import PhaseLocked
from .policy import Policy
from .pulse_skipping import PulseSkipping
from .random_matched import RandomMatched
from .shaping import Persistence, Ramp, Ramped
from .threshold import DualThreshold, Threshold
from .tuning import AtLeastBenefit, AtMostDose, Candidate, Range, Tuned, Weighted, evaluate, front, tune

__all__ = [
    "PI", "AtLeastBenefit", "AtMostDose", "Average", "Burst", "Candidate", "Clicks", "Coin", "Constant", "Controller",
    "DualThreshold", "Law", "Off", "Persistence", "PhaseLocked", "Policy", "Proportional", "PulseSkipping", "Ramp",
    "Ramped", "Random", "RandomMatched", "Range", "RelativeToTrend", "Threshold", "Tuned", "Weighted", "adaptive_dbs",
    "delayed_feedback", "evaluate", "front", "proportional_feedback", "pyragas", "responsive", "tune",
]  # fmt: skip
