"""Simulated time: an integer tick, from which seconds are computed and never accumulated."""

from typing import NamedTuple

from jax import Array


class Clock(NamedTuple):
    """When a control window happens.

    tick:     () int32, number of control windows since the start
    window_s: () float, seconds of drift time that one window stands for: its own duration, or more where the
              pauses between trials are skipped
    """

    tick: Array
    window_s: Array

    @property
    def seconds(self) -> Array:
        """() s since the start; a product of the integer tick, so that it cannot freeze or lose steps."""
        return self.tick * self.window_s
