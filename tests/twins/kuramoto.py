"""Kuramoto phases, one oscillator per node: th' = w + K r sin(psi - th) + u Z(th), r e^(i psi) their mean e^(i th).

Z(th) = -sin(th): an impulse e shifts th to th - e sin(th), to first order (Weerasinghe et al. 2019, PLoS Comput. Biol.
15:e1006575).
"""

import numpy as np

VARIABLES = ("th",)
TIME_UNIT = 1.0
PARAMETERS = {"Lorentzian": {"w0": 0.0, "g": 1.0, "K": 4.0}}
"""Optional: omega (n_nodes,) in place of the equally likely quantiles of the Lorentzian of centre w0, half-width g."""


def frequencies(parameters: dict, n_nodes: int) -> np.ndarray:
    if "omega" in parameters:
        return parameters["omega"]
    quantile = (np.arange(n_nodes) + 0.5) / n_nodes
    return parameters["w0"] + parameters["g"] * np.tan(np.pi * (quantile - 0.5))


def initial(parameters: dict, n_nodes: int = 1) -> np.ndarray:
    """Golden-angle phases, shuffled with respect to the frequencies but without a random number."""
    return (np.arange(n_nodes)[None, :] * np.pi * (3 - np.sqrt(5))) % (2 * np.pi)


def observe(parameters: dict, y: np.ndarray) -> np.ndarray:
    return np.cos(y[0])


def noise_gain(parameters: dict) -> np.ndarray:
    return np.ones(1)


def slope(parameters: dict, y: np.ndarray, stim: np.ndarray, past: tuple = ()) -> np.ndarray:
    """stim (n_nodes,) multiplies Z."""
    mean = np.mean(np.exp(1j * y[0]))
    pull = parameters["K"] * np.imag(mean * np.exp(-1j * y[0]))
    return (frequencies(parameters, y.shape[1]) + pull - stim * np.sin(y[0]))[None, :]
