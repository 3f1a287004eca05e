"""Stimulation policies."""

from .open_loop import Constant, Off, Random

__all__ = ["Constant", "Off", "Random"]
