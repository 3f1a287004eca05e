"""Stuart-Landau oscillator, the normal form of a Hopf bifurcation: z' = (a + 2 pi i f) z - |z|^2 z + u, z = x + i y."""

import numpy as np

VARIABLES = ("x", "y")
TIME_UNIT = 1.0
PARAMETERS = {"damped": {"a": -6.0, "f": 10.0}, "cycle": {"a": 4.0, "f": 20.0}}


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    return np.repeat(np.array([[1.0], [0.0]]), n_nodes, axis=1)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    """s, the same density for both, independent."""
    return np.ones(2)


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) is real."""
    z = y[0] + 1j * y[1]
    dz = (parameters["a"] + 2j * np.pi * parameters["f"]) * z - np.abs(z) ** 2 * z + stim
    return np.stack([dz.real, dz.imag])
