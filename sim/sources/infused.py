"""A source under a drug: the current of the stimulator stands for the pump of an infusion.

Plasma and effect site are compartments of first order; concentrations are relative to the one that slows GABA-A decay
from 83.3 to 60 /s. Effect-site rate constant .456 /min, of propofol (Schnider et al. 1999, Anesthesiology 90:1502).
"""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from ..conditions import Conditions
from ..drift.anaesthesia import Anaesthesia
from ..errors import InputError
from ..pytree import component
from .base import Truth
from .wrapping import Wrapping

KE0 = 0.456 / 60.0  # 1/s


class InfusedState(NamedTuple):
    source: Any
    plasma: Array  # () concentration
    effect: Array  # ()
    tick: Array  # () int32 windows since the start


@component
class Infused(Wrapping):
    """``source`` whose GABA-A synapses the infusion slows.

    per_ampere () 1/A: plasma concentration in steady state per A of "current", of all contacts together; k10 () 1/s,
    elimination from plasma; ke0 () 1/s, between plasma and effect site; sensitivity () of the brain: depth is that
    times the concentration in the effect site; deepest () depth beyond which the synapses slow no further, as the
    corticothalamic loop leaves its rhythm there; drug_window_s () s of drug time that a control window stands for;
    opens_s () s of it before the line is open; conditions.stim_efficacy scales the infusion. truth gains ``plasma``,
    ``concentration`` (the effect site's) and ``depth``, all ().
    """

    source: Any
    per_ampere: Array
    k10: Array
    ke0: Array
    sensitivity: Array
    deepest: Array
    drug_window_s: Array
    opens_s: Array

    @classmethod
    def create(
        cls, source: Any, *, per_ampere: float = 1.0, half_life_s: float = 300.0, ke0: float = KE0,
        sensitivity: float = 1.0, deepest: float = 1.0, drug_window_s: float | None = None,
        opens_s: float = 0.0,
    ) -> "Infused":  # fmt: skip
        """half_life_s s in plasma (assumed: the distribution of the first minutes, not the hours of elimination);
        drug_window_s by default the window's own duration. InputError for rates that cannot be."""
        seconds = source.n_times / source.sfreq if drug_window_s is None else drug_window_s
        if not (per_ampere > 0 and half_life_s > 0 and ke0 > 0 and sensitivity > 0 and deepest > 0 and seconds > 0):
            raise InputError(
                f"per_ampere {per_ampere:g}, half_life_s {half_life_s:g}, ke0 {ke0:g}, sensitivity {sensitivity:g},"
                f" deepest {deepest:g}, drug_window_s {seconds:g}; wanted all above 0"
            )
        f32 = jnp.float32
        return cls(
            source=source, per_ampere=f32(per_ampere), k10=f32(jnp.log(2.0) / half_life_s), ke0=f32(ke0),
            sensitivity=f32(sensitivity), deepest=f32(deepest), drug_window_s=f32(seconds), opens_s=f32(opens_s),
        )  # fmt: skip

    def init(self, key: Array, conditions: Conditions) -> InfusedState:
        """Without any drug."""
        zero = jnp.zeros(())
        return InfusedState(self.source.init(key, conditions), zero, zero, jnp.int32(0))

    def step(
        self, state: InfusedState, stim: Array, conditions: Conditions, key: Array
    ) -> tuple[InfusedState, Array, Truth]:
        """One window: stim (n_stim, n_times) A is what the pump gives, held over the window; less than nothing is
        nothing. The source itself is given no current."""
        pump = jnp.maximum(jnp.mean(jnp.sum(stim, axis=0)), 0.0) * conditions.stim_efficacy
        pump = jnp.where(state.tick * self.drug_window_s >= self.opens_s, pump, 0.0)
        plasma, effect = compartments(
            state.plasma, state.effect, self.per_ampere * pump, self.k10, self.ke0, self.drug_window_s
        )
        depth = self.sensitivity * effect
        slowed = conditions.gaba_rate * (1.0 - Anaesthesia.SLOWING * jnp.minimum(depth, self.deepest))
        source, moments, truth = self.source.step(
            state.source, jnp.zeros_like(stim), dataclasses.replace(conditions, gaba_rate=slowed), key
        )
        truth = {**truth, "plasma": plasma, "concentration": effect, "depth": depth}
        return InfusedState(source, plasma, effect, state.tick + 1), moments, truth


def compartments(
    plasma: Array, effect: Array, steady: Array, k10: Array, ke0: Array, seconds: Array
) -> tuple[Array, Array]:
    """Plasma and effect site ``seconds`` s later, exact for an infusion that is held.

    plasma' = k10 (steady - plasma), effect' = ke0 (plasma - effect); the drug in the effect site is too little to be
    missed in the plasma. With k10 = ke0 the formula is 0 / 0: the rates are kept apart by a thousandth.
    """
    k10 = jnp.where(jnp.abs(k10 / ke0 - 1.0) < 1e-3, k10 * 1.001, k10)
    fast, slow = jnp.exp(-k10 * seconds), jnp.exp(-ke0 * seconds)
    away = plasma - steady
    new = steady + away * fast
    share = ke0 / (ke0 - k10)
    # effect - steady is what has decayed, and what the plasma's decay feeds into it
    return new, steady + (effect - steady) * slow + away * share * (fast - slow)
