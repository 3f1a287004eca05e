"""What a loop is judged by."""

from typing import NamedTuple, Protocol, TypeVar

from jax import Array

from ..plant import Plant, PlantState, Window

S = TypeVar("S")


class Judgement(NamedTuple):
    """reward (); terminated () bool: the task itself has ended (not when watching it stops); marker (): how bad the
    symptom is, from ground truth, in the task's own unit; cost (): a constraint is put on it, besides the shield's."""

    reward: Array
    terminated: Array
    marker: Array
    cost: Array


class Task(Protocol[S]):
    """Judges control windows in their order; it may see all of the ground truth, and no policy sees it."""

    def init(self) -> S: ...

    def judge(self, memory: S, plant: Plant, state: PlantState, window: Window) -> tuple[S, Judgement]:
        """``state`` is the plant's after the window."""
        ...
