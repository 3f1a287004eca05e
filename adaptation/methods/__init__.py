"""Recalibration methods: parts that each move their own share of a decoder, and the adapters made of them."""

from .alignment import EuclideanAlignment, RiemannianRecentering, SlidingAlignment, with_alignment
from .composed import Composed, Part, labels_used
from .finetuning import ContinualFineTuning
from .online import OnlineReadout
from .recalibration import Recalibration
from .renormalisation import Renormalisation
from .scheduled import Scheduled

__all__ = [
    "Composed",
    "ContinualFineTuning",
    "EuclideanAlignment",
    "OnlineReadout",
    "Part",
    "Recalibration",
    "Renormalisation",
    "RiemannianRecentering",
    "Scheduled",
    "SlidingAlignment",
    "labels_used",
    "with_alignment",
]
