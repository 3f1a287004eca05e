"""Jirsa et al. (2014), Brain 137:2210; permittivity coupling of Proix et al. (2014), J. Neurosci. 34:15009.

Time in the model's own unit (a choice: about 10 ms). With W (n_nodes, n_nodes) and K: the slow variable gets
-r K sum_j W_ij (x1_j - x1_i), so that a seizing neighbour lowers z and recruits.
"""

import numpy as np

VARIABLES = ("x1", "y1", "z", "x2", "y2", "g")
TIME_UNIT = 1e-2
PARAMETERS = {"seizure": {"I1": 3.1, "I2": 0.45, "r": 0.00035, "x0": -1.6}}
"""Optional: coupling W (n_nodes, n_nodes), [i, j] from j to i, and K."""


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    return np.repeat(np.array([[-1.5], [-10.0], [3.5], [-1.0], [0.0], [0.0]]), n_nodes, axis=1)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[3] - y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    return np.array([0.0, 0.0, 0.0, 1.0, 1.0, 0.0])


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) adds to I1."""
    q = parameters
    x1, y1, z, x2, y2, g = y
    f1 = np.where(x1 < 0, x1**3 - 3 * x1**2, (x2 - 0.6 * (z - 4) ** 2) * x1)
    pull = 4 * (x1 - q["x0"]) - z - np.where(z < 0, 0.1 * z**7, 0.0)
    if "coupling" in q:
        pull = pull - q["K"] * np.sum(q["coupling"] * (x1[None, :] - x1[:, None]), axis=1)
    f2 = np.where(x2 >= -0.25, 6 * (x2 + 0.25), 0.0)
    return np.stack(
        [
            y1 - f1 - z + q["I1"] + stim,
            1 - 5 * x1**2 - y1,
            q["r"] * pull,
            -y2 + x2 - x2**3 + q["I2"] + 2 * g - 0.3 * (z - 3.5),
            (-y2 + f2) / 10,
            -0.01 * (g - 0.1 * x1),
        ]
    )
