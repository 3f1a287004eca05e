"""Monitors: detectors of drift in what a decoder sees or says, one value a trial."""

from .adwin import ADWIN
from .contract import Monitor, alarms
from .covariance import CovarianceChart
from .kswin import KSWIN
from .mmd import MMDTest, permutation_p_value
from .page_hinkley import PageHinkley
from .run_length import RunLength, in_control_run_length, tune_to_run_length

__all__ = [
    "ADWIN",
    "KSWIN",
    "CovarianceChart",
    "MMDTest",
    "Monitor",
    "PageHinkley",
    "RunLength",
    "alarms",
    "in_control_run_length",
    "permutation_p_value",
    "tune_to_run_length",
]
