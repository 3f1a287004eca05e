"""Spiking networks in Brian2, behind one hand-over of windows."""

from .basal_ganglia import BasalGanglia, error_index
from .brunel import BrunelNetwork
from .column import SpikingColumn
from .cortical import CorticalColumn
from .source import SpikingSource
from .standalone import OpenLoop, simulate_standalone

__all__ = [
    "BasalGanglia", "BrunelNetwork", "CorticalColumn", "OpenLoop", "SpikingColumn", "SpikingSource",
    "error_index", "simulate_standalone",
]  # fmt: skip
