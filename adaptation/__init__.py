"""Decoders and everything that changes them online.

``registry`` lists them by name; ``contract`` says what any decoder and any method must do. The networks are
imported where they are asked for, not here.
"""

from .contract import Adapter, Decoder, Feedback, Trials, Variables
from .methods import labels_used, with_alignment
from .preprocessing import Preprocessing
from .registry import DECODERS, METHODS
from .spec import DecoderSpec, MethodSpec

__all__ = [
    "DECODERS",
    "METHODS",
    "Adapter",
    "Decoder",
    "DecoderSpec",
    "Feedback",
    "MethodSpec",
    "Preprocessing",
    "Trials",
    "Variables",
    "labels_used",
    "with_alignment",
]
