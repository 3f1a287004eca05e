"""How contingent stimulation changes a person's imagery: what learns in mi_neurofeedback besides the decoder."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component


class PlasticState(NamedTuple):
    gain: Array  # () depth of the desynchronisation relative to the first day
    usual: Array  # () running mean of the lateralisation
    n_trials: Array  # () how many it is of


@component
class Plasticity:
    """Operant conditioning of the desynchronisation (assumed; no published time course was found).

    The gain of the modulation moves by ``rate`` () times the dose of a trial (1: stimulated) times what the trial's
    true lateralisation, log of ipsilateral over contralateral mu power, exceeds the usual one by: a three-factor rule,
    in which stimulation says that now was right. Stimulation that does not depend on the trial changes nothing on
    average. The usual one is the mean of the trials so far, later a running mean of weight ``usual`` (), and has to be
    known from ``warm_up`` () trials before anything changes; the gain stays between ``low`` and ``high`` ().
    """

    rate: Array | float = 0.05
    usual: Array | float = 0.1
    low: Array | float = 0.3
    high: Array | float = 2.0
    warm_up: Array | float = 10.0

    def init(self) -> PlasticState:
        return PlasticState(jnp.ones(()), jnp.zeros(()), jnp.zeros(()))

    def step(self, state: PlasticState, dose: Array, lateralisation: Array) -> PlasticState:
        """dose (), lateralisation () of one trial."""
        beyond = lateralisation - state.usual
        moved = jnp.clip(state.gain + self.rate * dose * beyond, self.low, self.high)
        gain = jnp.where(state.n_trials >= self.warm_up, moved, state.gain)
        weight = jnp.maximum(1.0 / (state.n_trials + 1.0), self.usual)
        return PlasticState(gain, state.usual + weight * beyond, state.n_trials + 1.0)
