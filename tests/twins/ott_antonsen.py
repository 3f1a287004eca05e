"""Mean field of infinitely many Kuramoto oscillators of Lorentzian frequencies.

Ott & Antonsen (2008), Chaos 18:037113. With z = r e^(i psi) = x + i y and Z(th) = -sin(th):
z' = (i w0 - g) z + (K/2) z (1 - |z|^2) + (u/2) (1 - z^2).
"""

import numpy as np

VARIABLES = ("x", "y")
TIME_UNIT = 1.0
PARAMETERS = {"Lorentzian": {"w0": 0.0, "g": 1.0, "K": 4.0}}


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    return np.repeat(np.array([[0.5], [0.2]]), n_nodes, axis=1)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return y[0]


def noise_gain(parameters: dict) -> np.ndarray:
    return np.ones(2)


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) multiplies Z of every oscillator of the node's population."""
    q, z = parameters, y[0] + 1j * y[1]
    dz = (1j * q["w0"] - q["g"]) * z + q["K"] / 2 * z * (1 - np.abs(z) ** 2) + stim / 2 * (1 - z**2)
    return np.stack([dz.real, dz.imag])
