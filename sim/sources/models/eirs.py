"""EIRS, the corticothalamic field: the alpha rhythm of wakefulness, spindles and anaesthesia from one loop.

Robinson, Rennie, Rowe & O'Connor (2002), Phys. Rev. E 65:041924; Abeysuriya, Rennie & Robinson (2014), J. Theor.
Biol. 344:70. Excitatory (e), inhibitory (i, with the inputs of e and so its potential), reticular (r) and relay (s)
rates Q = Q_max / (1 + exp(-(V - theta) / sigma)), sensory input phi_n:
D V_e = nu_ee phi + nu_ei Q(V_e) + nu_es Q_s(t - t0),   D V_r = nu_re phi(t - t0) + nu_rs Q_s
D V_s = nu_se phi(t - t0) + nu_sr Q_r + nu_sn phi_n,    D = (1/(alpha beta)) d2/dt2 + (1/alpha + 1/beta) d/dt + 1
(1/gamma^2 d2/dt2 + 2/gamma d/dt + 1 - range^2 laplacian) phi = Q_e.
Inhibitory synapses have rates of their own, alpha_g and beta_g, which anaesthetics lower.
"""

import dataclasses
from typing import ClassVar

import jax
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from ...conditions import Conditions
from ...errors import InputError
from ...pytree import component
from ..connectome import Connectome
from ..model import Inputs, Model, Values, Variable
from .letters import leaves
from .letters import preset as chosen

RANGE = 0.086  # m, of cortico-cortical axons


@component
class Eirs(Model):
    """A node alone is the cortex as a whole (its uniform mode); nodes wired by :func:`sheet` are patches of it.

    Stimulation adds to the sensory input phi_n, in 1/s; a transcranial field shifts V_e inside the firing rate. The
    output is phi less its steady state, in 1/s. The bounds of the variables are those of the alpha rhythm: a
    second state of high rates, in which phi swings up to 30 or 200 1/s, lies close and is reported as out of bounds.
    Awake, 4 % more sensory input, or four times the noise once inhibition is slowed, throw the loop into it; with the
    eyes closed, a gaba_rate below 0.72.
    """

    nu_ee: Array  # mV s, coupling to e from e (all letters: configurations of the NFTsim program, see ``PRESETS``)
    nu_ei: Array  # mV s
    nu_es: Array  # mV s
    nu_re: Array  # mV s
    nu_rs: Array  # mV s
    nu_se: Array  # mV s
    nu_sr: Array  # mV s
    nu_sn: Array  # mV s
    alpha: Array  # 1/s, 83.3: decay rate of excitatory synapses
    beta: Array  # 1/s, 769: their rise rate
    alpha_g: Array  # 1/s, 83.3: decay rate of inhibitory synapses
    beta_g: Array  # 1/s, 769
    gamma: Array  # 1/s, 116: damping of the cortical field
    t0: Array  # s, 0.0425: delay from cortex to thalamus, and as long back
    theta: Array  # mV, 12.92: potential at half of the maximal rate
    sigma: Array  # mV, 3.8: width of the rate function
    Q_max: Array  # 1/s, 340
    phi_n: Array  # 1/s, 1: mean of the sensory input
    sigma_n: Array  # s^-1/2, its noise as a density
    Q_e: Array  # 1/s, the steady state, from ``create``: phi's, and Q_e's
    Q_r: Array  # 1/s
    Q_s: Array  # 1/s

    VARIABLES: ClassVar[tuple[Variable, ...]] = (
        Variable("phi", "1/s", -5.0, 15.0), Variable("phi'", "1/s2", -5e4, 5e4),
        Variable("V_ex", "mV", -20.0, 150.0), Variable("V_ex'", "mV/s", -5e4, 5e4),
        Variable("V_ei", "mV", -150.0, 20.0), Variable("V_ei'", "mV/s", -2e5, 2e5),
        Variable("V_r", "mV", -20.0, 20.0), Variable("V_r'", "mV/s", -1e5, 1e5),
        Variable("V_sx", "mV", -50.0, 75.0), Variable("V_sx'", "mV/s", -2e5, 2e5),
        Variable("V_sr", "mV", -75.0, 20.0), Variable("V_sr'", "mV/s", -1e5, 1e5),
    )  # fmt: skip
    BURN_IN_S: ClassVar[float] = 2.0
    OUTPUT_UNIT: ClassVar[str] = "1/s"
    MOMENT: ClassVar[float] = 0.25e-6  # sd .043 1/s awake: 11 nA·m
    # 2 mA add 2 % to the sensory input, the most that the state awake bears
    STIM_PER_AMPERE: ClassVar[float] = 10.0

    @classmethod
    def create(cls, preset: str = "wake", **letters: ArrayLike) -> "Eirs":
        """presets: "wake", "eyes_closed", "spindle", and "propofol", wake with inhibitory synapses that decay at 60/s.

        Letters are overridden by keyword, () or (n_nodes,), but for Q_e, Q_r and Q_s, the steady state, which is solved
        for (unless letters are traced: then it stays the preset's). InputError where there is none near the preset's.
        """
        solved = [name for name in letters if name in _STEADY]
        if solved:
            raise InputError(f"{solved[0]} is solved for from the other letters of Eirs; leave it out")
        defaults = _PARAMETERS | chosen(cls, preset, PRESETS)
        if any(isinstance(value, Tracer) for value in letters.values()):
            return cls(**leaves(cls, defaults, letters))
        values = {name: np.asarray(letters.get(name, value), float) for name, value in defaults.items()}
        return cls(**leaves(cls, defaults, {**letters, **steady_state(values)}))

    def start(self) -> tuple[ArrayLike, ...]:
        """The steady state."""
        return (
            self.Q_e, 0.0, self.nu_ee * self.Q_e + self.nu_es * self.Q_s, 0.0, self.nu_ei * self.Q_e, 0.0,
            self.nu_re * self.Q_e + self.nu_rs * self.Q_s, 0.0,
            self.nu_se * self.Q_e + self.nu_sn * self.phi_n, 0.0, self.nu_sr * self.Q_r, 0.0,
        )  # fmt: skip

    def largest_step(self) -> float:
        """0.5 ms at beta = 769/s: the response at 1 to 35 Hz is within 0.3 % of that with an eighth of the step."""
        return 0.385 / float(max(np.max(self.beta), np.max(self.beta_g), 770.0))

    def noise(self) -> tuple[Array | None, ...]:
        density = self.alpha * self.beta * self.nu_sn * self.sigma_n
        return tuple(density if v.name == "V_sx'" else None for v in self.VARIABLES)

    def drifted(self, conditions: Conditions) -> "Eirs":
        """Reads gaba_rate (alpha_g) and excitability (mean sensory input: phi_n times 1 + excitability).

        Full propofol takes gaba_rate to 0.72, which "wake" and "eyes_closed" bear; less is borne awake alone, down to
        0.66. "propofol" is slowed already: it bears 0.92.
        """
        return dataclasses.replace(
            self,
            alpha_g=self.alpha_g * conditions.gaba_rate.astype(self.alpha_g.dtype),
            phi_n=self.phi_n * (1.0 + conditions.excitability).astype(self.phi_n.dtype),
        )

    def output(self, y: Values) -> Array:
        return y[0] - self.Q_e

    def sent(self, y: Values) -> Values:
        return (y[0],)

    def remembered(self, y: Values) -> Values:
        """phi on its way to the thalamus, Q_s on its way to the cortex."""
        return y[0], self.rate(y[8] + y[10])

    def lags(self) -> tuple[Array, ...]:
        return self.t0, self.t0

    def slope(self, y: Values, inputs: Inputs) -> Values:
        phi, dphi, V_ex, dV_ex, V_ei, dV_ei, V_r, dV_r, V_sx, dV_sx, V_sr, dV_sr = y
        phi_then, Q_s_then = inputs.past
        Q_e, Q_r, Q_s = self.rate(V_ex + V_ei + inputs.field), self.rate(V_r), self.rate(V_sx + V_sr)
        phi_n = self.phi_n + inputs.stim
        excited, excited_damping = self.alpha * self.beta, self.alpha + self.beta
        inhibited, inhibited_damping = self.alpha_g * self.beta_g, self.alpha_g + self.beta_g
        field = Q_e - phi
        if inputs.coupled:
            field = field + inputs.coupled[0] - inputs.row * phi
        return (
            dphi,
            self.gamma * (self.gamma * field - 2.0 * dphi),
            dV_ex,
            excited * (self.nu_ee * phi + self.nu_es * Q_s_then - V_ex) - excited_damping * dV_ex,
            dV_ei,
            inhibited * (self.nu_ei * Q_e - V_ei) - inhibited_damping * dV_ei,
            dV_r,
            excited * (self.nu_re * phi_then + self.nu_rs * Q_s - V_r) - excited_damping * dV_r,
            dV_sx,
            excited * (self.nu_se * phi_then + self.nu_sn * phi_n - V_sx) - excited_damping * dV_sx,
            dV_sr,
            inhibited * (self.nu_sr * Q_r - V_sr) - inhibited_damping * dV_sr,
        )

    def rate(self, V: Array) -> Array:
        return self.Q_max * jax.nn.sigmoid((V - self.theta) / self.sigma)


def sheet(n_side: int, size: float = 0.5, reach: float = RANGE) -> Connectome:
    """The cortex as (n_side, n_side) patches on a torus of ``size`` m: the five-point Laplacian as a wiring.

    ``reach`` m is the range of the axons. InputError for a sheet of fewer than 3 patches a side.
    """
    if n_side < 3:
        raise InputError(f"n_side = {n_side}; wanted 3 patches or more")
    if not (0.0 < size < np.inf and 0.0 < reach < np.inf):
        raise InputError(f"size = {size:g} m, reach = {reach:g} m; wanted both above 0")
    index = np.arange(n_side**2).reshape(n_side, n_side)
    weights = np.zeros((n_side**2, n_side**2))
    for shift, axis in ((1, 0), (-1, 0), (1, 1), (-1, 1)):
        weights[index.ravel(), np.roll(index, shift, axis).ravel()] = (reach * n_side / size) ** 2
    return Connectome.create(weights)


def steady_state(letters: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Q_e, Q_r and Q_s (1/s) at rest, given all other letters of the model, () or (n_nodes,): of several states the one
    nearest to Q_e in ``letters``. InputError where there is none within a factor of thirty.
    """
    names = tuple(letters)
    values = np.broadcast_arrays(*(np.asarray(letters[name], float) for name in names))
    nodes = [_one_steady_state(dict(zip(names, node))) for node in zip(*(np.ravel(v) for v in values))]
    return {name: np.reshape([node[name] for node in nodes], values[0].shape) for name in _STEADY}


def _one_steady_state(p: dict[str, float]) -> dict[str, float]:
    def fired(V: np.ndarray) -> np.ndarray:
        return p["Q_max"] / (1.0 + np.exp(-(V - p["theta"]) / p["sigma"]))

    def follow(Q_e: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """V_e gives Q_s, then V_r gives Q_r, then V_s gives Q_s again: how far apart they are, Q_r and Q_s."""
        V_e = p["theta"] - p["sigma"] * np.log(p["Q_max"] / Q_e - 1.0)
        Q_s = (V_e - (p["nu_ee"] + p["nu_ei"]) * Q_e) / p["nu_es"]
        Q_r = fired(p["nu_re"] * Q_e + p["nu_rs"] * Q_s)
        return fired(p["nu_se"] * Q_e + p["nu_sr"] * Q_r + p["nu_sn"] * p["phi_n"]) - Q_s, Q_r, Q_s

    grid = p["Q_e"] * np.geomspace(1 / 30, 30, 4001)
    grid = grid[grid < p["Q_max"]]
    with np.errstate(over="ignore"):
        above = follow(grid)[0] > 0.0
        crossings = np.flatnonzero(above[1:] != above[:-1])
        if not len(crossings):
            raise InputError("Eirs has no steady state near the preset's with these letters; change them less")
        k = crossings[np.argmin(np.abs(np.log(grid[crossings] / p["Q_e"])))]
        low, high = grid[k], grid[k + 1]
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if (follow(middle)[0] > 0.0) == above[k] else (low, middle)
        _, Q_r, Q_s = follow(low)
    return {"Q_e": float(low), "Q_r": float(Q_r), "Q_s": float(Q_s)}


def gains(model: Eirs) -> dict[str, np.ndarray]:
    """G_ab = nu_ab dQ_a/dV_a at the steady state: the numbers by which such models are compared."""
    p = {f.name: np.asarray(getattr(model, f.name), float) for f in dataclasses.fields(model)}
    slopes = {a: p[f"Q_{a}"] * (1.0 - p[f"Q_{a}"] / p["Q_max"]) / p["sigma"] for a in "ers"}
    return {name[3:]: p[name] * slopes[name[3]] for name in p if name.startswith("nu_")}


def spectrum(model: Eirs, f: np.ndarray, n_side: int = 1, size: float = 0.5, reach: float = RANGE) -> np.ndarray:
    """One-sided power spectral density of phi, (1/s)^2/Hz at frequencies ``f`` Hz, of the model linearised about its
    steady state: closed form, for letters of shape ().

    ``n_side`` 1 is the uniform mode; above, the mean over the patches of :func:`sheet`, each with noise of its own.
    For changed conditions give it ``model.drifted(conditions)``.
    """
    waves = np.sin(np.pi * np.arange(n_side) / n_side) ** 2
    modes = (2.0 * reach * n_side / size) ** 2 * (waves[:, None] + waves).ravel() if n_side > 1 else np.zeros(1)
    levels, count = np.unique(modes.round(9), return_counts=True)
    power = [c * np.abs(transfer(model, f, k)) ** 2 for k, c in zip(levels, count)]
    return 2.0 * float(model.sigma_n) ** 2 * np.sum(power, axis=0) / len(modes)


def cortex_spectrum(model: Eirs, f: np.ndarray) -> np.ndarray:
    """As :func:`spectrum` for a patch of an endless cortex, up to a constant factor: the integral over wave numbers q
    of |phi / phi_n|^2 q dq. Its peaks are what the literature lists; those of the uniform mode lie up to .4 Hz lower.
    """
    waves = np.linspace(0.0, 30.0, 601)[1:]  # q times range; the field falls off as its fourth power
    power = [q * np.abs(transfer(model, f, q**2)) ** 2 for q in waves]
    return 2.0 * float(model.sigma_n) ** 2 * np.sum(power, axis=0) * (waves[1] - waves[0])


def transfer(model: Eirs, f: np.ndarray, wave: float = 0.0) -> np.ndarray:
    """phi over phi_n at ``f`` Hz, complex, of the linearised model; ``wave`` is (wave number times range)^2."""
    p = {x.name: float(getattr(model, x.name)) for x in dataclasses.fields(model)}
    G, s = gains(model), 2j * np.pi * np.asarray(f, float)
    L = 1.0 / ((1.0 + s / p["alpha"]) * (1.0 + s / p["beta"]))
    L_g = 1.0 / ((1.0 + s / p["alpha_g"]) * (1.0 + s / p["beta_g"]))
    late = np.exp(-s * p["t0"])
    inner = 1.0 - L * L_g * G["sr"] * G["rs"]  # between reticular and relay cells
    outer = late**2 * L * G["es"] * (L * G["se"] + L * L_g * G["sr"] * G["re"]) / inner  # through the thalamus
    cortex = ((1.0 + s / p["gamma"]) ** 2 + wave) * (1.0 - L_g * G["ei"]) - L * G["ee"]
    return late * L**2 * G["es"] * G["sn"] / inner / (cortex - outer)


_STEADY = ("Q_e", "Q_r", "Q_s")
_PARAMETERS: dict[str, float] = {
    "alpha": 1000 / 12, "beta": 1000 / 1.3, "alpha_g": 1000 / 12, "beta_g": 1000 / 1.3, "gamma": 116.0, "t0": 0.0425,
    "theta": 12.92, "sigma": 3.8, "Q_max": 340.0, "phi_n": 1.0, "sigma_n": 0.005,
}  # fmt: skip
_WAKE = {
    "nu_ee": 1.525377176, "nu_ei": -3.022754434, "nu_es": 0.5674779589, "nu_re": 0.1695899041,
    "nu_rs": 0.05070036187, "nu_se": 3.447358203, "nu_sr": -1.465128967, "nu_sn": 3.593330094,
    "Q_e": 5.248361515, "Q_r": 15.39601978, "Q_s": 8.789733431,
}  # fmt: skip
PRESETS: dict[str, dict[str, float]] = {
    "wake": _WAKE,  # eirs-corticothalamic
    "eyes_closed": {  # eirs-eyes-closed; a fifth of the noise, with which the alpha branch survives full propofol
        "nu_ee": 1.531636806, "nu_ei": -9.639064111, "nu_es": 9.732241956, "nu_re": 0.142800436,
        "nu_rs": 0.05770265844, "nu_se": 1.135474559, "nu_sr": -1.221647707, "nu_sn": 8.221863792,
        "Q_e": 6.985843075, "Q_r": 15.34663006, "Q_s": 5.638256604, "sigma_n": 0.001,
    },
    "spindle": {  # eirs-spindles
        "nu_ee": 3.061748529, "nu_ei": -3.240615958, "nu_es": 0.9211367354, "nu_re": 0.2596543172,
        "nu_rs": 2.875869297, "nu_se": 4.726224113, "nu_sr": -1.950047993, "nu_sn": 2.698609035,
        "Q_e": 8.458982357, "Q_r": 27.83507912, "Q_s": 0.5348286593,
        "alpha": 45.0, "beta": 185.0, "alpha_g": 45.0, "beta_g": 185.0, "sigma_n": 0.03,
    },
    "propofol": _WAKE | {"alpha_g": 60.0},
}  # fmt: skip
