"""The upper bound: a decoder that knows the drift, its variables prepared beforehand for each stretch of the stream."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables


class ScheduledState(NamedTuple):
    """decoder: its hyper-parameters; blocks: Variables stacked on a leading axis (n_blocks, ...);
    block_of_trial: (n_trials,) int32; trial: () int32; labels_used: () int32."""

    decoder: Any
    blocks: Variables
    block_of_trial: Array
    trial: Array
    labels_used: Array

    @property
    def variables(self) -> Variables:
        """The variables in force for the coming window."""
        block = self.block_of_trial[jnp.minimum(self.trial, self.block_of_trial.shape[0] - 1)]
        return jax.tree.map(lambda leaf: leaf[block], self.blocks)


@component
class Scheduled:
    """Window t is decoded by ``blocks[block_of_trial[t]]``; nothing is learnt during the stream.

    The oracle: whoever runs the scenario trains the blocks on labelled trials from after the drift, which no
    causal method has. ``labels`` () int32 says how many that took. The trial counter is a clock: it advances
    with every update, whatever the window holds.
    """

    blocks: Variables
    block_of_trial: Array
    labels: Array

    def init(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> ScheduledState:
        labels = jnp.asarray(self.labels, jnp.int32)
        return ScheduledState(decoder, self.blocks, self.block_of_trial, jnp.zeros((), jnp.int32), labels)

    def predict(self, state: ScheduledState, x: Array) -> Array:
        """Logits (n_classes,) for x; equal ones for a window that is not finite."""
        logits = state.decoder.apply(state.variables, x)
        return jnp.where(jnp.isfinite(logits).all(), logits, 0.0)

    def update(self, state: ScheduledState, x: Array, feedback: Feedback) -> ScheduledState:
        return state._replace(trial=state.trial + 1)
