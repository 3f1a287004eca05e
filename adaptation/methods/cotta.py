"""CoTTA: a student follows a slow teacher, who is the one that predicts; now and then the student is set back."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component
from .testtime import Adam, Batch


class CoTTAMemory(NamedTuple):
    """student: (n_params,), what descends; the teacher's parameters are the decoder's own."""

    student: Array


@component
class CoTTA:
    """Cross-entropy of the student to the teacher's predictions; teacher <- ``memory`` · teacher + rest · student;
    each of the student's parameters is set back to the source with probability ``restore`` (Wang 2022).

    The teacher's predictions are not averaged over augmented windows: those in use for images have no counterpart
    here, and the authors who ran it on EEG left them out as well (Li 2024).
    """

    memory: float = 0.999
    restore: float = 0.01

    def start(self, fisher: Callable[[], Array], theta: Array, n_classes: int) -> CoTTAMemory:
        return CoTTAMemory(theta)

    def step(self, memory: CoTTAMemory, theta: Array, adam: Adam, batch: Batch) -> tuple[CoTTAMemory, Array, Adam, Any]:
        target = jax.nn.softmax(batch.logits(theta, None)[0])

        def objective(student: Array) -> tuple[Array, Any]:
            logits, stats = batch.forward(student)
            return -(target * jax.nn.log_softmax(logits)).sum(-1).mean(), stats

        gradient, stats = jax.grad(objective, has_aux=True)(memory.student)
        student, adam = batch.descend(memory.student, adam, gradient)
        teacher = self.memory * theta + (1 - self.memory) * student
        back = jax.random.uniform(stream_key(batch.key, "restore"), student.shape) < self.restore
        return CoTTAMemory(jnp.where(back, batch.source, student)), teacher, adam, stats
