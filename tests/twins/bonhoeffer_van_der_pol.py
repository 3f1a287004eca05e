"""Ensemble of Bonhoeffer-van der Pol neurons, one per node, coupled by their mean: Krylov, Dylov & Rosenblum (2020).

Reinforcement learning for suppression of collective activity in oscillatory ensembles, Chaos 30:033126.
Time in the model's own unit.
"""

import numpy as np

VARIABLES = ("x", "y")
TIME_UNIT = 1.0
PARAMETERS = {"synchronous": {"eps": 0.03, "I_mean": 0.6, "I_sd": 0.1}}
"""Optional: I (n_nodes,), the currents."""


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    """Spread over (-1, 1)^2 without a random number."""
    index = np.arange(n_nodes)
    return np.stack([2 * ((index * 0.618034) % 1) - 1, 2 * ((index * 0.414214) % 1) - 1])


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    return np.array([1.0, 0.0])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) is a current."""
    x = y[0]
    current = parameters.get("I", parameters["I_mean"])
    return np.stack(
        [x - x**3 / 3 - y[1] + current + parameters["eps"] * np.mean(x) + stim, 0.1 * (x - 0.8 * y[1] + 0.7)]
    )
