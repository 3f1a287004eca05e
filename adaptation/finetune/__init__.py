"""A trained decoder on ten or twenty trials of a new user: which layers move, when to stop, and how sure one may be."""

from .calibration import Calibrated, calibrate, held_out, zero_shot
from .confidence import AccuracyEstimate, clopper_pearson, estimate_accuracy, prior_of_people
from .folds import folds_of
from .steps import FewTrials
from .stopping import Stopping, cross_validated
from .temperature import fit_temperature

__all__ = [
    "AccuracyEstimate",
    "Calibrated",
    "FewTrials",
    "Stopping",
    "calibrate",
    "clopper_pearson",
    "cross_validated",
    "estimate_accuracy",
    "fit_temperature",
    "folds_of",
    "held_out",
    "prior_of_people",
    "zero_shot",
]
