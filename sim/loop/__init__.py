"""The closed loop: plant, shield, latency and task, one control window at a time."""

from .latency import Latency
from .loop import Loop, LoopState, Outcome
from .reading import Reading
from .rollout import run_loop
from .task import Judgement, Task

__all__ = ["Judgement", "Latency", "Loop", "LoopState", "Outcome", "Reading", "Task", "run_loop"]
