"""Corticothalamic field, its global mode: Robinson, Rennie, Rowe & O'Connor (2002), Phys. Rev. E 65:041924.

Excitatory (e), inhibitory (i, with the same inputs as e, hence the same potential), reticular (r), relay (s) and
sensory (n) rates. Time in s, potentials in mV. Inhibitory synapses may have their own rates alpha_g, beta_g. Two forms
over the same twelve rows: with ``nu_*`` (mV s) the sigmoid; with gains ``G_*`` its linearisation about the steady
state, in which a potential is measured by the change of rate that it causes (1/s). The ``nu_*`` and steady rates are
those of the public NFTsim configurations; the gains follow from them, G_ab = nu_ab Q_a (1 - Q_a / Q_max) / sigma.
"""

import numpy as np

VARIABLES = (
    "phi", "phi'", "V_ex", "V_ex'", "V_ei", "V_ei'", "V_r", "V_r'", "V_sx", "V_sx'", "V_sr", "V_sr'",
)  # fmt: skip
TIME_UNIT = 1.0
_COMMON = {
    "alpha": 83.3, "beta": 769.0, "alpha_g": 83.3, "beta_g": 769.0, "gamma": 116.0, "t0": 0.0425,
    "theta": 12.92, "sigma": 3.8, "Q_max": 340.0, "phi_n": 1.0, "r": 0.086,
}  # fmt: skip
NAMES = ("ee", "ei", "es", "re", "rs", "se", "sr", "sn")


def _gains(*values: float) -> dict:
    return {f"G_{name}": value for name, value in zip(NAMES, values)}


def _couplings(*values: float) -> dict:
    return {f"nu_{name}": value for name, value in zip(NAMES, values)}


SLOWER = {"alpha": 45.0, "beta": 185.0, "alpha_g": 45.0, "beta_g": 185.0}
PARAMETERS = {
    "wake": _COMMON | _gains(2.07, -4.11, 0.77, 0.66, 0.20, 7.77, -3.30, 8.10),
    "eyes closed": _COMMON | _gains(2.76, -17.4, 17.5, 0.55, 0.22, 1.66, -1.78, 12.0),
    "spindle": _COMMON | SLOWER | _gains(6.65, -7.03, 2.0, 1.75, 19.3, 0.66, -0.27, 0.38),
    "wake, sigmoid": _COMMON
    | _couplings(
        1.525377176, -3.022754434, 0.5674779589, 0.1695899041, 0.05070036187, 3.447358203, -1.465128967, 3.593330094
    )
    | {"Q_e": 5.248361515, "Q_r": 15.39601978, "Q_s": 8.789733431},
    "eyes closed, sigmoid": _COMMON
    | _couplings(
        1.531636806, -9.639064111, 9.732241956, 0.142800436, 0.05770265844, 1.135474559, -1.221647707, 8.221863792
    )
    | {"Q_e": 6.985843075, "Q_r": 15.34663006, "Q_s": 5.638256604},
    "spindle, sigmoid": _COMMON
    | SLOWER
    | _couplings(
        3.061748529, -3.240615958, 0.9211367354, 0.2596543172, 2.875869297, 4.726224113, -1.950047993, 2.698609035
    )
    | {"Q_e": 8.458982357, "Q_r": 27.83507912, "Q_s": 0.5348286593},
}


def delays(parameters: dict) -> tuple:
    return (parameters["t0"],)


def rate(parameters: dict, V: np.ndarray) -> np.ndarray:
    return parameters["Q_max"] / (1 + np.exp(-(V - parameters["theta"]) / parameters["sigma"]))


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    """The steady state: of a sigmoid set from its rates, of a linear one zero."""
    q, y = parameters, np.zeros(12)
    if "nu_ee" in q:
        Q_e, Q_r, Q_s = q["Q_e"], q["Q_r"], q["Q_s"]
        y[0], y[2], y[4] = Q_e, q["nu_ee"] * Q_e + q["nu_es"] * Q_s, q["nu_ei"] * Q_e
        y[6] = q["nu_re"] * Q_e + q["nu_rs"] * Q_s
        y[8], y[10] = q["nu_se"] * Q_e + q["nu_sn"] * q["phi_n"], q["nu_sr"] * Q_r
    return np.repeat(y[:, None], n_nodes, axis=1)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    """White noise of density sigma_n (s^-1/2) on phi_n."""
    gain = np.zeros(12)
    into = parameters["nu_sn"] if "nu_sn" in parameters else parameters["G_sn"]
    gain[9] = parameters["alpha"] * parameters["beta"] * into
    return gain


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple) -> np.ndarray:
    """stim (n_nodes,) 1/s adds to the sensory input phi_n; past: the state t0 ago."""
    q, (old,) = parameters, past
    linear = "G_ee" in q
    weight = {name: q[f"{'G' if linear else 'nu'}_{name}"] for name in NAMES}

    def fired(V: np.ndarray) -> np.ndarray:
        return V if linear else rate(q, V)

    Q_e, Q_r, Q_s = fired(y[2] + y[4]), fired(y[6]), fired(y[8] + y[10])
    old_s = fired(old[8] + old[10])
    phi_n = (0.0 if linear else q["phi_n"]) + stim
    excited = (q["alpha"] * q["beta"], q["alpha"] + q["beta"])
    inhibited = (q["alpha_g"] * q["beta_g"], q["alpha_g"] + q["beta_g"])
    drives = (
        (q["gamma"] ** 2, 2 * q["gamma"], Q_e),
        (*excited, weight["ee"] * y[0] + weight["es"] * old_s),
        (*inhibited, weight["ei"] * Q_e),
        (*excited, weight["re"] * old[0] + weight["rs"] * Q_s),
        (*excited, weight["se"] * old[0] + weight["sn"] * phi_n),
        (*inhibited, weight["sr"] * Q_r),
    )
    rows = []
    for k, (square, damping, drive) in enumerate(drives):
        rows += [y[2 * k + 1], square * (drive - y[2 * k]) - damping * y[2 * k + 1]]
    return np.stack(rows)


def transfer(parameters: dict, f: np.ndarray, k: float = 0.0) -> np.ndarray:
    """phi_e over phi_n at the frequencies f (Hz) and wave number k (1/m), of a linear set: complex."""
    q, w = parameters, 2j * np.pi * np.asarray(f)
    L = 1 / ((1 + w / q["alpha"]) * (1 + w / q["beta"]))
    L_g = 1 / ((1 + w / q["alpha_g"]) * (1 + w / q["beta_g"]))
    late = np.exp(-w * q["t0"])
    G = {name: q[f"G_{name}"] for name in NAMES}
    # Q_r = L (G_re late phi + G_rs Q_s), put into Q_s = L (G_se late phi + G_sn phi_n) + L_g G_sr Q_r:
    loop = 1 - L * L_g * G["sr"] * G["rs"]
    s_from_phi = late * (L * G["se"] + L * L_g * G["sr"] * G["re"]) / loop
    s_from_n = L * G["sn"] / loop
    wave = (1 + w / q["gamma"]) ** 2 + (k * q["r"]) ** 2
    cortex = wave * (1 - L_g * G["ei"]) - L * G["ee"]
    return L * G["es"] * late * s_from_n / (cortex - L * G["es"] * late * s_from_phi)


def whole_cortex_power(parameters: dict, f: np.ndarray, k_max: float = 200.0, n: int = 400) -> np.ndarray:
    """Relative power of phi_e over an infinite sheet driven by white noise: |transfer|^2 integrated over k dk."""
    return sum(k * np.abs(transfer(parameters, f, k)) ** 2 for k in np.linspace(0, k_max, n + 1)[1:]) * k_max / n
