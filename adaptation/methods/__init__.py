"""Recalibration methods: parts that each move their own share of a decoder, and the adapters made of them."""

from .alignment import EuclideanAlignment, RiemannianRecentering, SlidingAlignment, with_alignment
from .composed import Composed, Part, labels_used
from .finetuning import ContinualFineTuning
from .gated import Gated
from .guard import Decision, Guard, Reason, report
from .online import OnlineReadout
from .recalibration import Recalibration
from .renormalisation import Renormalisation
from .scheduled import Scheduled

__all__ = [
    "Composed",
    "ContinualFineTuning",
    "Decision",
    "EuclideanAlignment",
    "Gated",
    "Guard",
    "OnlineReadout",
    "Part",
    "Reason",
    "Recalibration",
    "Renormalisation",
    "RiemannianRecentering",
    "Scheduled",
    "SlidingAlignment",
    "labels_used",
    "report",
    "with_alignment",
]
