"""Subthalamic nucleus and external pallidum in a delayed loop.

Nevado-Holgado, Terry & Bogacz (2010), J. Neurosci. 30:12340.

Time in ms, rates in spikes/s. ``interpolated(k)`` is K(t): 0 healthy, 1 Parkinsonian.
"""

import numpy as np

VARIABLES = ("S", "G")
TIME_UNIT = 1e-3
_COMMON = {
    "tau_S": 6.0, "tau_G": 14.0, "d": 6.0, "d_GG": 4.0, "M_S": 300.0, "B_S": 17.0, "M_G": 400.0, "B_G": 75.0,
    "Ctx": 27.0, "Str": 2.0,
}  # fmt: skip
PARAMETERS = {
    "healthy": _COMMON | {"w_SG": 19.0, "w_GS": 1.12, "w_GG": 6.60, "w_CS": 2.42, "w_XG": 15.1},
    "parkinsonian": _COMMON | {"w_SG": 20.0, "w_GS": 10.7, "w_GG": 12.3, "w_CS": 9.2, "w_XG": 139.4},
}


def interpolated(k: float) -> dict:
    healthy, ill = PARAMETERS["healthy"], PARAMETERS["parkinsonian"]
    return {name: (1 - k) * healthy[name] + k * ill[name] for name in healthy}


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    return np.repeat(np.array([[18.0], [54.0]]), n_nodes, axis=1)


def delays(parameters: dict) -> tuple:
    return (parameters["d"], parameters["d_GG"])


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    """White noise outside F, of density sigma in (spikes/s) ms^1/2; the targets are without noise."""
    return np.array([1 / parameters["tau_S"], 1 / parameters["tau_G"]])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple) -> np.ndarray:
    """stim (n_nodes,) spikes/s adds to the input of the subthalamic nucleus; past: states d and d_GG ago."""
    q = parameters
    across, within = past

    def rate(x: np.ndarray, M: float, B: float) -> np.ndarray:
        return M / (1 + (M - B) / B * np.exp(-4 * x / M))

    to_S = -q["w_GS"] * across[1] + q["w_CS"] * q["Ctx"] + stim
    to_G = q["w_SG"] * across[0] - q["w_GG"] * within[1] - q["w_XG"] * q["Str"]
    return np.stack(
        [
            (rate(to_S, q["M_S"], q["B_S"]) - y[0]) / q["tau_S"],
            (rate(to_G, q["M_G"], q["B_G"]) - y[1]) / q["tau_G"],
        ]
    )
