"""How contingent stimulation changes a person's imagery: the one thing in mi_neurofeedback that learns besides the decoder."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component


class PlasticState(NamedTuple):
    gain: Array  # () depth of the desynchronisation relative to the first day
    usual: Array  # () running mean of the lateralisation


@component
class Plasticity:
    """Operant conditioning of the desynchronisation (assumed; no published time course was found).

    The gain of the modulation moves by ``rate`` () times the dose of a trial (1: stimulated) times what the trial's
    true lateralisation, log of ipsilateral over contralateral mu power, exceeds the usual one by: a three-factor rule,
    in which stimulation says that now was right. Stimulation that does not depend on the trial changes nothing on
    average. The usual one is a running mean of weight ``usual`` (); the gain stays between ``low`` and ``high`` ().
    """

    rate: Array | float = 0.05
    usual: Array | float = 0.1
    low: Array | float = 0.3
    high: Array | float = 2.0

    def init(self) -> PlasticState:
        return PlasticState(jnp.ones(()), jnp.zeros(()))

    def step(self, state: PlasticState, dose: Array, lateralisation: Array) -> PlasticState:
        """dose (), lateralisation () of one trial."""
        gain = state.gain + self.rate * dose * (lateralisation - state.usual)
        usual = state.usual + self.usual * (lateralisation - state.usual)
        return PlasticState(jnp.clip(gain, self.low, self.high), usual)
