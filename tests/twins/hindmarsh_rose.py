"""Ensemble of Hindmarsh-Rose neurons, one per node, coupled by their mean.

Hindmarsh & Rose (1984), Proc. R. Soc. B 221:87; coupled as in Krylov, Dylov & Rosenblum (2020), Chaos 30:033126.
Time in the model's own unit.
"""

import numpy as np

VARIABLES = ("x", "y", "z")
TIME_UNIT = 1.0
PARAMETERS = {"bursting": {"eps": 0.2, "I_mean": 3.0, "I_sd": 0.02, "r": 0.006, "s": 4.0, "x1": -1.56}}
"""Optional: I (n_nodes,), the currents."""


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    """Spread without a random number."""
    index = np.arange(n_nodes)
    return np.stack(
        [2 * ((index * 0.618034) % 1) - 1, 2 * ((index * 0.414214) % 1) - 6, 3 + 0.5 * ((index * 0.732051) % 1)]
    )


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    return np.array([1.0, 0.0, 0.0])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) is a current."""
    q, x = parameters, y[0]
    current = q.get("I", q["I_mean"])
    return np.stack(
        [
            y[1] + 3 * x**2 - x**3 - y[2] + current + q["eps"] * np.mean(x) + stim,
            1 - 5 * x**2 - y[1],
            q["r"] * (q["s"] * (x - q["x1"]) - y[2]),
        ]
    )
