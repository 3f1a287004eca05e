"""Periodic recalibration: collect a few labelled trials, then fit again. Labels: n_labels per period."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.keys import stream_key
from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from .gate import when


class RecalibrationMemory(NamedTuple):
    """x: (n_labels, n_channels, n_times), y: (n_labels,) int32, the trials collected in this period;
    n_collected: () int32, n_labels once the refit is done; age: () int32, windows since the period began;
    n_fits: () int32; key: of the fits."""

    x: Array
    y: Array
    n_collected: Array
    age: Array
    n_fits: Array
    key: Array


@component
class Recalibration:
    """At the start of each period, the first ``n_labels`` labels to arrive refit the decoder.

    A period starts every ``period`` windows and at an announced session end; the calibration itself counts as
    the first. ``mode`` "readout" refits the last layer, "scratch" everything, on these trials alone. Nothing is
    refitted when a class has fewer than two of them.
    """

    n_labels: int = static(default=20)
    period: int = static(default=100)
    mode: str = static(default="readout")

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> RecalibrationMemory:
        zero = jnp.zeros((), jnp.int32)
        return RecalibrationMemory(
            x=jnp.zeros((self.n_labels, *calibration.x.shape[1:]), calibration.x.dtype),
            y=jnp.zeros(self.n_labels, jnp.int32),
            n_collected=zero + self.n_labels,
            age=zero,
            n_fits=zero,
            key=key,
        )

    def observe(
        self, memory: RecalibrationMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[RecalibrationMemory, Variables]:
        return memory._replace(age=memory.age + 1), variables

    def learn(
        self, memory: RecalibrationMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[RecalibrationMemory, Variables, Array]:
        used = feedback.available & (memory.n_collected < self.n_labels)
        slot = jnp.minimum(memory.n_collected, self.n_labels - 1)
        x = memory.x.at[slot].set(jnp.where(used, feedback.window, memory.x[slot]))
        y = memory.y.at[slot].set(jnp.where(used, feedback.label, memory.y[slot]))
        n_collected = memory.n_collected + used.astype(jnp.int32)
        counts = jax.nn.one_hot(y, decoder.n_classes).sum(0)
        complete = used & (n_collected == self.n_labels) & (counts >= 2).all()
        trials = Trials(x, y, jnp.ones(self.n_labels))
        key = stream_key(memory.key, "refit", memory.n_fits)
        variables = when(complete, self._refit, variables, decoder, trials, key)
        # The period may end with this very window: the labels that follow belong to the next one.
        new_period = feedback.session_end | (memory.age >= self.period)
        memory = RecalibrationMemory(
            x=x,
            y=y,
            n_collected=jnp.where(new_period, 0, n_collected),
            age=jnp.where(new_period, 0, memory.age),
            n_fits=memory.n_fits + complete.astype(jnp.int32),
            key=memory.key,
        )
        return memory, variables, used

    def _refit(self, variables: Variables, decoder: Any, trials: Trials, key: Array) -> Variables:
        if self.mode == "readout":
            return decoder.refit_readout(variables, trials)
        return decoder.fit(decoder.init(stream_key(key, "init"))._replace(align=variables.align), trials, key)
