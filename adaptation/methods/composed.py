"""One adapter made of parts, each moving its own share of a decoder's variables."""

from typing import Any, NamedTuple, Protocol, TypeVar

import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables
from .gate import select

M = TypeVar("M")


class Part(Protocol[M]):
    """A rule of adaptation. It keeps a memory (a pytree of fixed shape) and returns changed variables.

    The one that composes it checks what comes in: a part sees finite windows only, and labels that are usable
    wherever ``feedback.available`` is set.
    """

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> M: ...

    def observe(self, memory: M, decoder: Decoder, variables: Variables, x: Array) -> tuple[M, Variables]:
        """Learn from the window itself, before it is predicted and before anything is known of its class."""
        ...

    def learn(
        self, memory: M, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[M, Variables, Array]:
        """Learn from feedback. The third value, () bool, says whether a label was used."""
        ...


class ComposedState(NamedTuple):
    """decoder: its hyper-parameters; variables: as adapted so far; memories: one per part;
    labels_used: () int32, how many labels were spent on learning."""

    decoder: Any
    variables: Variables
    memories: tuple[Any, ...]
    labels_used: Array


@component
class Composed:
    """Its parts applied in order: put alignment before what should see aligned windows. No part: frozen.

    The current window is observed before it is predicted (causal, no label), the labels come after. A window
    with a value that is not finite is neither observed nor learnt from, nor is a label outside the classes.
    """

    parts: tuple[Any, ...] = ()

    @property
    def learns_unlabelled(self) -> bool:
        """Whether one of the parts declares that it moves ``params`` by windows without labels."""
        return any(getattr(part, "learns_unlabelled", False) for part in self.parts)

    def init(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> ComposedState:
        """State before the first window; ``calibration`` are the trials the decoder's ``align`` comes from."""
        memories = tuple(
            part.start(decoder, variables, calibration, stream_key(key, "part", i)) for i, part in enumerate(self.parts)
        )
        return ComposedState(decoder, variables, memories, jnp.zeros((), jnp.int32))

    def predict(self, state: ComposedState, x: Array) -> Array:
        """Logits (n_classes,) for x; equal ones for a window that is not finite, which is no evidence."""
        state = self._observe(state, x)
        logits = state.decoder.apply(state.variables, x)
        return jnp.where(jnp.isfinite(logits).all(), logits, 0.0)

    def update(self, state: ComposedState, x: Array, feedback: Feedback) -> ComposedState:
        """Observe x, then learn from ``feedback``, whose window may be an earlier one."""
        state = self._observe(state, x)
        in_range = (feedback.label >= 0) & (feedback.label < state.decoder.n_classes)
        usable = feedback.available & in_range & jnp.isfinite(feedback.window).all()
        feedback = feedback._replace(available=usable)
        variables, memories, used = state.variables, [], jnp.zeros((), bool)
        for part, memory in zip(self.parts, state.memories, strict=True):
            memory, variables, used_here = part.learn(memory, state.decoder, variables, feedback)
            memories.append(memory)
            used = used | used_here
        return ComposedState(state.decoder, variables, tuple(memories), state.labels_used + used.astype(jnp.int32))

    def _observe(self, state: ComposedState, x: Array) -> ComposedState:
        variables, memories = state.variables, []
        for part, memory in zip(self.parts, state.memories, strict=True):
            memory, variables = part.observe(memory, state.decoder, variables, x)
            memories.append(memory)
        finite = jnp.isfinite(x).all()
        variables, memories = select(finite, (variables, tuple(memories)), (state.variables, state.memories))
        return state._replace(variables=variables, memories=memories)


def labels_used(state: Any) -> Array:
    """How many labels () int32 the adapter of this state has spent on learning so far."""
    return state.labels_used
