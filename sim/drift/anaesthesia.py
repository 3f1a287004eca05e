"""Depth of anaesthesia: a drug that slows GABA-A synapses, through its effect site."""

import dataclasses

import jax.numpy as jnp
from jax import Array

from ..clock import Clock
from ..conditions import Conditions
from ..pytree import component


@component
class Anaesthesia:
    """A propofol infusion: the effect site follows the plasma at first order, and slows GABA-A decay with its level.

    target () effect-site depth at steady state: 1 takes the rate constant to 60/83.3 of its value (83 to 60 /s, where
    alpha power has risen by 4 dB; the corticothalamic model is stable down to 50-55 /s); ke0 () 1/s, effect-site rate
    constant (0.456 /min for propofol; Schnider et al. 1999, Anesthesiology 90:1502); start_s, stop_s () s.
    """

    target: Array
    ke0: Array
    start_s: Array
    stop_s: Array
    SLOWING = 1.0 - 60.0 / 83.3

    @classmethod
    def propofol(
        cls, target: float | Array = 1.0, onset_s: float | Array = 0.0, duration_s: float = 1800.0,
        ke0: float = 0.456 / 60.0,
    ) -> "Anaesthesia":  # fmt: skip
        """An infusion that holds the plasma constant for ``duration_s`` s."""
        start = jnp.asarray(onset_s, jnp.float32)
        return cls(
            target=jnp.asarray(target, jnp.float32), ke0=jnp.float32(ke0), start_s=start, stop_s=start + duration_s
        )

    def init(self, key: Array) -> Array:
        return jnp.zeros_like(self.target)

    def step(self, state: Array, conditions: Conditions, clock: Clock, key: Array) -> tuple[Array, Conditions]:
        plasma = jnp.where((clock.seconds >= self.start_s) & (clock.seconds < self.stop_s), self.target, 0.0)
        # exact for a plasma level that is constant over the window
        state = plasma + (state - plasma) * jnp.exp(-self.ke0 * clock.window_s)
        return state, dataclasses.replace(conditions, gaba_rate=conditions.gaba_rate * (1.0 - self.SLOWING * state))
