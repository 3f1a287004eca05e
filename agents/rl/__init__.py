"""Reinforcement learning inside one compiled program: algorithms, probes with known answers, trained policies."""

from .constraint import Limit
from .context import FeedbackSensing, HistorySensing, WithFeedback, WithHistory
from .continual import Continual
from .environment import Environment, Transition
from .gradient import ShortHorizon
from .learned import Learned, load_trained, save_trained
from .loop_environment import LoopEnvironment
from .ppo import PPO
from .sac import SAC
from .trained import Trained
from .training import Evaluation, Progress, Training, evaluate, train

__all__ = [
    "PPO", "SAC", "Continual", "Environment", "Evaluation", "FeedbackSensing", "HistorySensing", "Learned", "Limit",
    "LoopEnvironment", "Progress", "ShortHorizon", "Trained", "Training", "Transition", "WithFeedback", "WithHistory",
    "evaluate", "load_trained", "save_trained", "train",
]  # fmt: skip
