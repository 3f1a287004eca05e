"""Features and estimators of readings: what a controller decides on."""

from .applied import Applied
from .ar_hilbert import ArHilbert
from .area import Area
from .band_power import BandPower
from .bands import RHYTHMS, band_features
from .base import Sensing
from .compose import Mixed, Ratio, Stack, Standard
from .delay_difference import DelayDifference
from .deviation import Deviation
from .ec_hilbert import EcHilbert
from .educated import EducatedPrediction
from .envelope import Envelope
from .filtered import Filtered
from .history import History
from .iir import Filter
from .kalman import KalmanPhase
from .line_length import LineLength
from .phase import phase_of
from .phase_locked_loop import PhaseLockedLoop
from .window_mean import WindowMean

__all__ = [
    "RHYTHMS", "Applied", "ArHilbert", "Area", "BandPower", "DelayDifference", "Deviation", "EcHilbert",
    "EducatedPrediction", "Envelope", "Filter", "Filtered", "History", "KalmanPhase", "LineLength", "Mixed",
    "PhaseLockedLoop", "Ratio", "Sensing", "Stack", "Standard", "WindowMean", "band_features", "phase_of",
]  # fmt: skip
