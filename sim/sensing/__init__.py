"""Features and estimators of readings: what a controller decides on."""

from .applied import Applied
from .band_power import BandPower
from .bands import RHYTHMS, band_features
from .base import Sensing
from .compose import Mixed, Ratio, Stack, Standard
from .envelope import Envelope
from .history import History
from .iir import Filter
from .line_length import LineLength

__all__ = [
    "RHYTHMS", "Applied", "BandPower", "Envelope", "Filter", "History", "LineLength", "Mixed", "Ratio", "Sensing",
    "Stack", "Standard", "band_features",
]  # fmt: skip
