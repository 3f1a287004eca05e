"""PMean: the bias of a linear readout follows the mean of what comes, whatever its class. No labels."""

import jax.numpy as jnp
from jax import Array

from ...sim.errors import InputError
from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables


@component
class PooledMean:
    """m <- (1 - rate) m + rate · x and bias -w'm (Vidaurre 2011, PMean), x the features of a window.

    The readout sees features less their stored mean, so moving that mean is moving the bias: b - w'(m - m₀), which is
    -w'm for an LDA calibrated on as many trials of each class. Weights and variances stay. The window itself is in m
    before it is classified: that shrinks the logits' differences by 1 - rate and leaves every decision as it was.
    ``rate`` is the published update coefficient. For decoders with one set of features and a linear readout.
    """

    rate: float = 0.05

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> tuple[()]:
        if set(variables.stats) != {"features"}:
            raise InputError(
                f"pmean got a decoder with statistics of {', '.join(variables.stats) or 'nothing'}; it moves the bias "
                "of a linear readout of features: use csp_lda or tangent_lr."
            )
        return ()

    def observe(
        self, memory: tuple[()], decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[tuple[()], Variables]:
        stats = variables.stats["features"]
        new = decoder.moments(variables, x)["features"]["mean"]
        mean = (1 - self.rate) * stats["mean"] + self.rate * new
        return memory, variables._replace(stats={"features": {**stats, "mean": mean}})

    def learn(
        self, memory: tuple[()], decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[tuple[()], Variables, Array]:
        return memory, variables, jnp.zeros((), bool)
