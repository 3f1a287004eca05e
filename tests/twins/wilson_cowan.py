"""Wilson & Cowan (1972), Biophys. J. 12:1: excitatory and inhibitory fractions of active cells. Time in ms.

S(x) = 1 / (1 + exp(-x)) with x = a (input - threshold). The 1972 paper subtracts S at rest, so that zero input leaves
zero activity; that offset is left out here, as the targets do (``subtract_rest`` restores it).
Rows: E, I and, where asked for, two Ornstein-Uhlenbeck inputs xi_E, xi_I that add to P and Q.
"""

import numpy as np

VARIABLES = ("E", "I", "xi_E", "xi_I")
TIME_UNIT = 1e-3
_OU = {"tau_ou": 5.0}
PARAMETERS = {
    "beta": _OU | {
        "c_ee": 10.0, "c_ei": 6.0, "c_ie": 10.0, "c_ii": 1.0, "a_e": 1.2, "a_i": 2.0, "th_e": 2.0, "th_i": 3.5,
        "tau_e": 10.0, "tau_i": 10.0, "r_e": 0.0, "r_i": 0.0, "P": 0.5, "Q": 0.0,
    },
    "gamma": _OU | {
        "c_ee": 16.0, "c_ei": 12.0, "c_ie": 15.0, "c_ii": 3.0, "a_e": 1.5, "a_i": 1.5, "th_e": 3.0, "th_i": 3.0,
        "tau_e": 2.5, "tau_i": 3.75, "r_e": 1.0, "r_i": 1.0, "P": 1.9, "Q": 0.0,
    },
    "classic": _OU | {
        "c_ee": 16.0, "c_ei": 12.0, "c_ie": 15.0, "c_ii": 3.0, "a_e": 1.3, "a_i": 2.0, "th_e": 4.0, "th_i": 3.7,
        "tau_e": 8.0, "tau_i": 8.0, "r_e": 1.0, "r_i": 1.0, "P": 1.25, "Q": 0.0,
    },
}  # fmt: skip


def initial(parameters: dict, n_nodes: int = 1, with_ou: bool = False) -> np.ndarray:
    start = [[0.1], [0.05], [0.0], [0.0]]
    return np.repeat(np.array(start if with_ou else start[:2]), n_nodes, axis=1)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    """sd of the stationary Ornstein-Uhlenbeck input, times this, per ms^1/2."""
    return np.array([0, 0, 1, 1]) * np.sqrt(2 / parameters["tau_ou"])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) adds to P."""
    q = parameters
    E, I = y[0], y[1]  # noqa: E741
    xi_E, xi_I = (y[2], y[3]) if len(y) == 4 else (0.0, 0.0)

    def active(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    to_E = q["a_e"] * (q["c_ee"] * E - q["c_ei"] * I + q["P"] + stim + xi_E - q["th_e"])
    to_I = q["a_i"] * (q["c_ie"] * E - q["c_ii"] * I + q["Q"] + xi_I - q["th_i"])
    rows = [
        (-E + (1 - q["r_e"] * E) * active(to_E)) / q["tau_e"],
        (-I + (1 - q["r_i"] * I) * active(to_I)) / q["tau_i"],
    ]
    if len(y) == 4:
        rows += [-xi_E / q["tau_ou"], -xi_I / q["tau_ou"]]
    return np.stack(rows)
