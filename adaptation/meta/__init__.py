"""Meta-learning: a start from which a few steps on a new user's trials go far.

MAML (Finn et al 2017) differentiates through the steps, ANIL (Raghu et al 2020) lets them move the readout alone,
Reptile (Nichol et al 2018) needs no derivative of a step at all.
"""

from .anil import ANIL
from .episodes import Episode, draw_episode
from .maml import MAML
from .reptile import Reptile
from .steps import descend
from .strategy import OverPeople
from .training import MetaLearner, meta_train, recalibrate

__all__ = [
    "ANIL",
    "MAML",
    "Episode",
    "MetaLearner",
    "OverPeople",
    "Reptile",
    "descend",
    "draw_episode",
    "meta_train",
    "recalibrate",
]
