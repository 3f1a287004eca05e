"""Renormalisation: move the stored feature statistics towards those of the windows that come. No labels."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component
from ..contract import Decoder, Feedback, Trials, Variables


@component
class Renormalisation:
    """stats <- (1 - a) stats + a · statistics of the window: alpha-BN, AdaBN window by window (Li 2018).

    Mean and variance are those of the mixture, so a feature with one value per window (variance 0 within it)
    gets its variance from how the values scatter. ``rate`` 2/33 gives the moving average the effective memory
    of the 32-trial buffer in use for it.
    """

    rate: float = 2 / 33

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> tuple[()]:
        return ()

    def observe(
        self, memory: tuple[()], decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[tuple[()], Variables]:
        own = decoder.moments(variables, x)
        stats = {name: self._mixture(variables.stats[name], own[name]) for name in variables.stats}
        return memory, variables._replace(stats=stats)

    def learn(
        self, memory: tuple[()], decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[tuple[()], Variables, Array]:
        return memory, variables, jnp.zeros((), bool)

    def _mixture(self, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        a, difference = self.rate, new["mean"] - old["mean"]
        return {
            "mean": old["mean"] + a * difference,
            # Law of total variance of the two-component mixture.
            "var": (1 - a) * old["var"] + a * new["var"] + a * (1 - a) * difference**2,
        }
