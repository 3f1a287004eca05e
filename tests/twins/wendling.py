"""Wendling et al. (2002), Eur. J. Neurosci. 15:1499, and (2005), J. Clin. Neurophysiol. 22:343.

The two papers' rate constants belong to their own gains and must not be mixed.
"""

import numpy as np

VARIABLES = ("y0", "y1", "y2", "y3", "y4", "y5", "y6", "y7", "y8", "y9")
TIME_UNIT = 1.0
_COMMON = {
    "a": 100.0, "e0": 2.5, "v0": 6.0, "r": 0.56, "p": 90.0,
    "C1": 135.0, "C2": 108.0, "C3": 33.75, "C4": 33.75, "C5": 40.5, "C6": 13.5, "C7": 108.0,
}  # fmt: skip
REGIMES_2002 = {
    "background": (5.0, 50.0, 15.0),
    "sporadic spikes": (5.0, 40.0, 15.0),
    "sustained spike-wave": (5.0, 25.0, 15.0),
    "slow rhythmic": (5.0, 10.0, 15.0),
    "low-voltage fast": (5.0, 5.0, 25.0),
    "quasi-sine": (5.0, 15.0, 0.0),
}
"""(A, B, G) mV of the six types of activity, with the rates of 2002."""

PARAMETERS = {
    name: _COMMON | {"b": 50.0, "g": 500.0, "A": A, "B": B, "G": G} for name, (A, B, G) in REGIMES_2002.items()
} | {"2005": _COMMON | {"b": 30.0, "g": 350.0, "A": 3.5, "B": 20.0, "G": 15.0}}


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    return np.zeros((10, n_nodes))


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[1] - y[2] - y[3]


def noise_gain(parameters: dict) -> np.ndarray:
    """White noise of density sigma (s^-1/2) on p."""
    gain = np.zeros(10)
    gain[6] = parameters["A"] * parameters["a"]
    return gain


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) 1/s adds to p."""
    q = parameters

    def rate(v: np.ndarray) -> np.ndarray:
        return 2 * q["e0"] / (1 + np.exp(q["r"] * (q["v0"] - v)))

    def synapse(gain: float, speed: float, inflow: np.ndarray, row: int) -> np.ndarray:
        return gain * speed * inflow - 2 * speed * y[row + 5] - speed**2 * y[row]

    return np.concatenate(
        [
            y[5:],
            np.stack(
                [
                    synapse(q["A"], q["a"], rate(y[1] - y[2] - y[3]), 0),
                    synapse(q["A"], q["a"], q["p"] + stim + q["C2"] * rate(q["C1"] * y[0]), 1),
                    synapse(q["B"], q["b"], q["C4"] * rate(q["C3"] * y[0]), 2),
                    synapse(q["G"], q["g"], q["C7"] * rate(q["C5"] * y[0] - q["C6"] * y[4]), 3),
                    synapse(q["B"], q["b"], rate(q["C3"] * y[0]), 4),
                ]
            ),
        ]
    )
