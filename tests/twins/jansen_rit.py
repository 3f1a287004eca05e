"""Jansen & Rit (1995), Biol. Cybern. 73:357: one column, or a network coupled by delayed firing rates."""

import numpy as np

VARIABLES = ("y0", "y1", "y2", "y3", "y4", "y5")
TIME_UNIT = 1.0
PARAMETERS = {
    "alpha": {
        "A": 3.25, "B": 22.0, "a": 100.0, "b": 50.0, "e0": 2.5, "v0": 6.0, "r": 0.56,
        "C1": 135.0, "C2": 108.0, "C3": 33.75, "C4": 33.75, "p": 220.0,
    },
}  # fmt: skip
"""Optional: coupling (n_nodes, n_nodes), [i, j] from j to i; delay (n_nodes, n_nodes) s."""


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    return np.repeat(np.array([[0.1], [18.0], [15.0], [0.0], [0.0], [0.0]]), n_nodes, axis=1)


def delays(parameters: dict) -> tuple:
    return (parameters["delay"],) if "delay" in parameters else ()


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[1] - y[2]


def noise_gain(parameters: dict) -> np.ndarray:
    """White noise of density sigma (s^-1/2) on p."""
    return np.array([0, 0, 0, 0, parameters["A"] * parameters["a"], 0])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) 1/s adds to p."""
    q = parameters
    A, B, a, b = q["A"], q["B"], q["a"], q["b"]

    def rate(v: np.ndarray) -> np.ndarray:
        return 2 * q["e0"] / (1 + np.exp(q["r"] * (q["v0"] - v)))

    drive = q["p"] + stim
    if "coupling" in q:
        sender = past[0] if past else y[:, None, :]  # (n_variables, receiver, sender)
        drive = drive + np.sum(q["coupling"] * rate(sender[1] - sender[2]), axis=1)
    return np.stack(
        [
            y[3],
            y[4],
            y[5],
            A * a * rate(y[1] - y[2]) - 2 * a * y[3] - a**2 * y[0],
            A * a * (drive + q["C2"] * rate(q["C1"] * y[0])) - 2 * a * y[4] - a**2 * y[1],
            B * b * q["C4"] * rate(q["C3"] * y[0]) - 2 * b * y[5] - b**2 * y[2],
        ]
    )
