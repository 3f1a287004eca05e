"""What a stimulation policy is: a component that sees readings and answers with an amplitude."""

from typing import TYPE_CHECKING, Protocol, TypeVar

from jax import Array

if TYPE_CHECKING:
    from ..sim.loop.reading import Reading

M = TypeVar("M")


class Policy(Protocol[M]):
    """A controller or a learned policy: a component whose parameters are leaves, so that it can be tuned and vmapped.

    It sees readings alone, never ground truth, and what it asks for passes through the shield.
    """

    def init(self) -> M:
        """The memory before the first window."""
        ...

    def act(self, memory: M, reading: "Reading", key: Array) -> tuple[M, Array]:
        """(memory, request (n_stim,) in [-1, 1] of the largest current) for the next window."""
        ...
