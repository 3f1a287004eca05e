"""Spiking networks in Brian2, behind one hand-over of windows."""

from .column import SpikingColumn

__all__ = ["SpikingColumn"]
