"""Tasks of the closed loop: a symptom, a stimulator, what drifts, how it is judged. Importing this imports no JAX."""

from .registry import TASKS, TaskSpec, draw_task, make_task

__all__ = ["TASKS", "TaskSpec", "draw_task", "make_task"]
