"""Thalamocortical column asleep: K-complexes and spindles of stage N2, slow oscillations of N3.

Schellenberger Costa et al. (2016), PLoS Comput. Biol. 12:e1005022, after Weigenand et al. (2014), PLoS Comput. Biol.
10:e1003923. Pyramidal (p) and inhibitory (i) cells of the cortex, relay (t) and reticular (r) cells of the thalamus;
time in ms, potentials in mV, rates in 1/ms:
tau Vp' = -(Vp + 64) - s_ep Vp - s_gp (Vp + 70) - tau g_KNa w(Na) (Vp + 100),  Vi' the same without the last term
Vt' = -[(Vt + 70) + s_et Vt + s_gt (Vt + 70)]/20 - (g_LK (Vt + 100) + I_T + I_h),  Vr' the same without I_h
s'' = gamma^2 (sum of N Q - s) - 2 gamma s' for every synapse and every axon. The thalamus hears the cortex and the
cortex the thalamus through axons; models of the thalamus alone leave the cortical input of the relay cells out.
"""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...pytree import component
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as chosen

DOWN = -68.0  # mV; Vp below it is a K-complex's or slow oscillation's down state (threshold of the published program)
CLICK = 700.0  # 1/s for 80 ms; the published program's "70 Hz" enters once per step of 0.1 ms, so ten times as much


@component
class Thalamocortical(Model):
    """Stimulation is auditory: it adds to the sensory input of the relay cells, in 1/s (a click is ``CLICK`` for
    80 ms; there is no less than silence, so negative values count as none). A transcranial field shifts Vp inside the
    pyramidal firing rate; wiring adds synapses times the pyramidal axons' flux (1/ms) to both cortical populations.
    """

    sigma_p: Array  # mV, 4.7 (N2) and 6 (N3): slope of the pyramidal firing rate (all letters: the 2016 paper)
    g_KNa: Array  # 1/ms, 1.33 and 2: sodium-dependent potassium current, which ends the up state
    g_LK: Array  # 1/ms, 0.030 and 0.026: potassium leak of the thalamus
    g_h: Array  # 1/ms, 0.049: h current of relay cells, which ends and spaces spindles
    N_tp: Array  # 2.6: cortex to relay cells
    N_rp: Array  # 2.6: cortex to reticular cells
    N_pt: Array  # 5: thalamus to pyramidal cells
    N_it: Array  # 10: thalamus to cortical inhibitory cells
    N_pp: Array  # 115: synapses within the cortex, to p from p
    N_ip: Array  # 72
    N_pi: Array  # 90
    N_ii: Array  # 90
    N_rt: Array  # 3: synapses within the thalamus, to r from t
    N_tr: Array  # 5
    N_rr: Array  # 25
    gamma_e: Array  # 1/ms, 0.07: excitatory synapses
    gamma_g: Array  # 1/ms, 0.0586: inhibitory synapses of the cortex
    gamma_r: Array  # 1/ms, 0.1: inhibitory synapses of the thalamus
    nu: Array  # 1/ms, 0.12: axons between cortex and thalamus
    noise_c: Array  # ms^-1/2, 2 sqrt(0.1): noise of the cortical input, a density (2 per ms in steps of 0.1 ms)
    noise_t: Array  # ms^-1/2, 0.02 sqrt(0.1): noise of the sensory input
    depth: Array  # 1, 0 with the letters of N2 and 1 with those of N3: from where ``sleep_depth`` counts

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("Vp", "mV", -105.0, 0.0), Variable("Vi", "mV", -105.0, 0.0), Variable("Na", "mM", 1.0, 60.0),
        Variable("s_ep", "1", -20.0, 40.0), Variable("s_ei", "1", -20.0, 40.0),
        Variable("s_gp", "1", -1.0, 20.0), Variable("s_gi", "1", -1.0, 20.0), Variable("y_p", "1/ms", -0.01, 0.05),
        Variable("x_ep", "1/ms", -2.0, 2.0), Variable("x_ei", "1/ms", -2.0, 2.0),
        Variable("x_gp", "1/ms", -1.0, 1.0), Variable("x_gi", "1/ms", -1.0, 1.0), Variable("x_p", "1/ms2", -0.1, 0.1),
        Variable("Vt", "mV", -105.0, 60.0), Variable("Vr", "mV", -105.0, 60.0), Variable("Ca", "uM", 0.0, 0.1),
        Variable("h_t", "1", -0.01, 1.01), Variable("h_r", "1", -0.01, 1.01),
        Variable("m1", "1", -0.01, 1.01), Variable("m2", "1", -0.01, 1.01),
        Variable("s_et", "1", -1.0, 10.0), Variable("s_er", "1", -1.0, 10.0),
        Variable("s_gt", "1", -1.0, 10.0), Variable("s_gr", "1", -1.0, 20.0), Variable("y_t", "1/ms", -0.1, 0.6),
        Variable("x_et", "1/ms", -1.0, 1.0), Variable("x_er", "1/ms", -1.0, 1.0),
        Variable("x_gt", "1/ms", -1.0, 1.0), Variable("x_gr", "1/ms", -2.0, 2.0), Variable("x_t", "1/ms2", -0.1, 0.1),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 5.0  # sodium and the h current settle within two seconds
    MOMENT: ClassVar[float] = 6e-9  # sd 2.6 mV in N2 and 5 in N3: 15 and 30 nA·m
    MEAN: ClassVar[float] = -54.0  # mV, of Vp in N2 (computed)
    STIM_PER_AMPERE: ClassVar[float] = CLICK / 2e-3  # the usual ceiling of 2 mA stands for a click

    @classmethod
    def create(cls, preset: str = "N2", **letters: ArrayLike) -> "Thalamocortical":
        """presets: "N2" and "N3"; letters are overridden by keyword, () or (n_nodes,)."""
        return cls(**leaves(cls, _PARAMETERS | chosen(cls, preset, PRESETS), letters))

    @property
    def time_unit(self) -> float:
        return 1e-3

    def start(self) -> tuple[ArrayLike, ...]:
        rest = {"Vp": -64.0, "Vi": -64.0, "Na": 9.5, "Vt": -70.0, "Vr": -70.0, "Ca": _CA}
        return tuple(rest.get(variable.name, 0.0) for variable in self.VARIABLES)

    def largest_step(self) -> float:
        """0.1 ms, that of the paper: Vp stays within 0.003 mV, and Vt at the upstroke of a burst within 1 mV, of a
        run with an eighth of the step."""
        return 1e-4

    def noise(self) -> tuple[Array | None, ...]:
        drawn = {"x_ep": self.noise_c, "x_ei": self.noise_c, "x_et": self.noise_t}
        return tuple(drawn[v.name] * self.gamma_e * self.gamma_e if v.name in drawn else None for v in self.VARIABLES)

    def drifted(self, conditions: Conditions) -> "Thalamocortical":
        """Reads sleep_depth: sigma_p, g_KNa and g_LK go straight from N2 (0) to N3 (1), from where the letters are."""
        depth = jnp.clip(self.depth + conditions.sleep_depth.astype(self.depth.dtype), 0.0, 1.0)
        further = depth - self.depth
        lighter, deeper = PRESETS["N2"], PRESETS["N3"]
        moved = {name: getattr(self, name) + further * (deeper[name] - lighter[name]) for name in _MOVING}
        return dataclasses.replace(self, **moved)

    def output(self, y: Values) -> Array:
        return y[0]

    def sent(self, y: Values) -> Values:
        """The pyramidal axons' flux, 1/ms."""
        return (y[7],)

    def truth(self, y: Values) -> dict[str, Array]:
        """down_state (n_nodes,) bool, Vp below -68 mV; relay_inhibition (n_nodes,), s_gt: the spindle as the reticular
        cells impose it; h_current (n_nodes,) its activation: while high after a spindle, none can follow."""
        return {"down_state": y[0] < DOWN, "relay_inhibition": y[22], "h_current": y[18] + 2.0 * y[19]}

    def slope(self, y: Values, inputs: Inputs) -> Values:
        Vp, Vi, Na, s_ep, s_ei, s_gp, s_gi, y_p, x_ep, x_ei, x_gp, x_gi, x_p = y[:13]
        Vt, Vr, Ca, h_t, h_r, m1, m2, s_et, s_er, s_gt, s_gr, y_t, x_et, x_er, x_gt, x_gr, x_t = y[13:]
        Qp = 0.03 * _rate(Vp + inputs.field, self.sigma_p)
        Qi, Qt, Qr = 0.06 * _rate(Vi, 6.0), 0.4 * _rate(Vt, 6.0), 0.4 * _rate(Vr, 6.0)
        others = inputs.coupled[0] if inputs.coupled else 0.0
        # where, not maximum: at silence a gradient must see the click that could come
        sound = 1e-3 * jnp.where(jnp.asarray(inputs.stim) >= 0.0, inputs.stim, 0.0)

        w = 0.37 * _hill(Na, 38.7)
        pump = 0.09 * (Na**3 / (Na**3 + 3375.0) - _NA_REST)
        I_Tt = 3.0 * jax.nn.sigmoid((Vt + 59.0) / 6.2) ** 2 * h_t * (Vt - 120.0)
        I_Tr = 2.3 * jax.nn.sigmoid((Vr + 52.0) / 7.4) ** 2 * h_r * (Vr - 120.0)
        I_h = self.g_h * (m1 + 2.0 * m2) * (Vt + 40.0)

        tau_t = (30.8 + (211.4 + jnp.exp((Vt + 115.2) / 5.0)) / (1.0 + jnp.exp((Vt + 86.0) / 3.2))) / _Q10
        tau_r = (85.0 + 1.0 / (jnp.exp((Vr + 48.0) / 4.0) + jnp.exp(-(Vr + 407.0) / 50.0))) / _Q10
        tau_m = 20.0 + 1000.0 / (jnp.exp((Vt + 71.5) / 14.2) + jnp.exp(-(Vt + 89.0) / 11.6))
        # calcium in units of its rest: its fourth power would come near the smallest float32
        binding = _BINDING * (Ca / _CA) ** 4
        bound = 0.1 * binding / (binding + 4e-4) * m1 - 1e-3 * m2

        def synapse(speed: Array, inflow: Array, s: Array, x: Array) -> Array:
            return speed * speed * (inflow - s) - 2.0 * speed * x

        e, g, r, nu = self.gamma_e, self.gamma_g, self.gamma_r, self.nu
        return (
            -((Vp + 64.0) + s_ep * Vp + s_gp * (Vp + 70.0)) / 30.0 - self.g_KNa * w * (Vp + 100.0),
            -((Vi + 64.0) + s_ei * Vi + s_gi * (Vi + 70.0)) / 30.0,
            (2.0 * Qp - pump) / 1.7,
            x_ep,
            x_ei,
            x_gp,
            x_gi,
            x_p,
            synapse(e, self.N_pp * Qp + self.N_pt * y_t + others, s_ep, x_ep),
            synapse(e, self.N_ip * Qp + self.N_it * y_t + others, s_ei, x_ei),
            synapse(g, self.N_pi * Qi, s_gp, x_gp),
            synapse(g, self.N_ii * Qi, s_gi, x_gi),
            synapse(nu, Qp, y_p, x_p),
            -((Vt + 70.0) + s_et * Vt + s_gt * (Vt + 70.0)) / 20.0 - (self.g_LK * (Vt + 100.0) + I_Tt + I_h),
            -((Vr + 70.0) + s_er * Vr + s_gr * (Vr + 70.0)) / 20.0 - (self.g_LK * (Vr + 100.0) + I_Tr),
            -51.8e-6 * I_Tt - (Ca - _CA) / 10.0,
            (jax.nn.sigmoid(-(Vt + 81.0) / 4.0) - h_t) / tau_t,
            (jax.nn.sigmoid(-(Vr + 80.0) / 5.0) - h_r) / tau_r,
            (jax.nn.sigmoid(-(Vt + 75.0) / 5.5) * (1.0 - m2) - m1) / tau_m - bound,
            bound,
            x_et,
            x_er,
            x_gt,
            x_gr,
            x_t,
            synapse(e, self.N_tp * y_p + sound, s_et, x_et),
            synapse(e, self.N_rt * Qt + self.N_rp * y_p, s_er, x_er),
            synapse(r, self.N_tr * Qr, s_gt, x_gt),
            synapse(r, self.N_rr * Qr, s_gr, x_gr),
            synapse(nu, Qt, y_t, x_t),
        )


def _rate(V: Array, sigma: ArrayLike) -> Array:
    """Share of the largest firing rate at V mV; half of it at -58.5 mV."""
    return jax.nn.sigmoid(_STEEP * (V + 58.5) / sigma)


def _hill(x: Array, half: float) -> Array:
    """1 / (1 + (half / x)^3.5)."""
    ratio = half / x
    return 1.0 / (1.0 + ratio**3 * jnp.sqrt(ratio))


_STEEP = float(np.pi / np.sqrt(3.0))  # makes sigma the standard deviation of the thresholds
_MOVING = ("sigma_p", "g_KNa", "g_LK")
_CA = 2.4e-4  # uM, calcium at rest
_BINDING = 2.5e7 * _CA**4  # 1/ms, k1 Ca^4 at rest
_NA_REST = 9.5**3 / (9.5**3 + 3375.0)
_Q10 = 3.737  # 3^1.2, from 24 to 36 degrees
_PARAMETERS: dict[str, float] = {
    "g_h": 0.049, "N_tp": 2.6, "N_rp": 2.6, "N_pt": 5.0, "N_it": 10.0,
    "N_pp": 115.0, "N_ip": 72.0, "N_pi": 90.0, "N_ii": 90.0, "N_rt": 3.0, "N_tr": 5.0, "N_rr": 25.0,
    "gamma_e": 0.07, "gamma_g": 0.0586, "gamma_r": 0.1, "nu": 0.12,
    "noise_c": 2.0 * 0.1**0.5, "noise_t": 0.02 * 0.1**0.5, "depth": 0.0,
}  # fmt: skip
PRESETS: dict[str, dict[str, float]] = {
    "N2": {"sigma_p": 4.7, "g_KNa": 1.33, "g_LK": 0.030, "depth": 0.0},
    "N3": {"sigma_p": 6.0, "g_KNa": 2.0, "g_LK": 0.026, "depth": 1.0},
}
