"""Learning from windows that nobody labelled: a small transformer that fills in what was masked of a spectrogram."""

from .encoder import Encoder
from .masked import MaskedPretraining, pretrain_masked
from .masking import Masking
from .probe import band_power, encoded, fit_probe
from .spectrogram import Scale, Spectrogram

__all__ = [
    "Encoder",
    "MaskedPretraining",
    "Masking",
    "Scale",
    "Spectrogram",
    "band_power",
    "encoded",
    "fit_probe",
    "pretrain_masked",
]
