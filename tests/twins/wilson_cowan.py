"""Wilson & Cowan (1972), Biophys. J. 12:1: excitatory and inhibitory fractions of active cells. Time in ms.

S(x) = 1 / (1 + exp(-x)) with x = a (input - threshold). The 1972 paper subtracts S at rest, s0 = S(-a threshold), so
that without input there is no activity, and lets E rise to k = 1 - s0: rest = 1; rest = 0 leaves s0 out of both.
Rows: E, I and, where asked for, two Ornstein-Uhlenbeck inputs xi_E, xi_I that add to P and Q.
"""

import numpy as np

VARIABLES = ("E", "I", "xi_E", "xi_I")
TIME_UNIT = 1e-3
_OU = {"tau_ou": 5.0, "rest": 0.0}
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
        "tau_e": 8.0, "tau_i": 8.0, "r_e": 1.0, "r_i": 1.0, "P": 1.25, "Q": 0.0, "rest": 1.0,
    },
}  # fmt: skip
SLOWER = 7.8
PARAMETERS["tremor"] = PARAMETERS["gamma"] | {
    "tau_e": SLOWER * 2.5, "tau_i": SLOWER * 3.75, "P": 0.75,
}  # fmt: skip
"""A stable focus (5.0 Hz, decaying at 3.1/s) below the Hopf point at P = 0.783: a choice in the spirit of Duchet et al.
(2020), J. Math. Neurosci. 10:4, whose patients' fits are stable foci; not their numbers."""


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
    s_E, s_I = (q["rest"] * active(-q[a] * q[th]) for a, th in (("a_e", "th_e"), ("a_i", "th_i")))
    rows = [
        (-E + (1 - s_E - q["r_e"] * E) * (active(to_E) - s_E)) / q["tau_e"],
        (-I + (1 - s_I - q["r_i"] * I) * (active(to_I) - s_I)) / q["tau_i"],
    ]
    if len(y) == 4:
        rows += [-xi_E / q["tau_ou"], -xi_I / q["tau_ou"]]
    return np.stack(rows)
