"""The trade-off of benefit against energy: which arms another one beats in both beyond doubt."""

from typing import NamedTuple

import numpy as np

from .uncertainty import Weights, mean_over


class Point(NamedTuple):
    """An arm: benefit and effort (n_policies, n_seeds), in % of OFF and of continuous stimulation."""

    name: str
    benefit: np.ndarray
    effort: np.ndarray


def dominated(mine: Point, other: Point, weights: Weights) -> bool:
    """Whether ``other`` has more benefit for less effort, both by more than the 95 % interval of the difference, paired
    over patients."""
    if mine.name == other.name:
        return False
    better = mean_over(other.benefit.mean(0) - mine.benefit, weights)
    cheaper = mean_over(mine.effort - other.effort.mean(0), weights)
    return bool(better.lo > 0 and cheaper.lo > 0)
