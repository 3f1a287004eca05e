"""What reaches a controller."""

from typing import NamedTuple

from jax import Array


class Reading(NamedTuple):
    """What a controller has at the end of a control window; nothing of the ground truth is in it.

    v (n_channels, n_times) V: the newest samples that have arrived, late by the loop's latency. blanked (n_times,)
    bool: samples that are unusable (blanked or clipped). age () s between the newest sample and the moment at which a
    command that answers it takes effect. fresh () bool: False where the packet was lost, so that v repeats the last
    one. applied (n_stim,): amplitude delivered in the last window, relative to the largest, -1 to 1.
    """

    v: Array
    blanked: Array
    age: Array
    fresh: Array
    applied: Array
