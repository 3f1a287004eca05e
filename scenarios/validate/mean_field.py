"""Mean-field rates of Brunel's network (2000): the rate at which cells drive each other to just that rate."""

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf, erfcx

THRESHOLD, RESET, TAU, REFRACTORY = 20.0, 10.0, 20e-3, 2e-3


def siegert(mean: float, sd: float) -> float:
    """1/s, an integrate-and-fire cell whose membrane has ``mean`` and ``sd`` mV without a threshold, in white noise
    (Siegert 1951; Brunel 2000, equation 21)."""
    u = np.linspace((RESET - mean) / sd, (THRESHOLD - mean) / sd, 4001)
    # e^(u^2) (1 + erf u), in a form that does not overflow below 0
    f = np.where(u < 0, erfcx(-np.minimum(u, 0)), np.exp(np.clip(u, 0, 20) ** 2) * (1 + erf(u)))
    return 1.0 / (REFRACTORY + TAU * np.sqrt(np.pi) * np.trapezoid(f, u))


def brunel_rate(weight: float, in_degree: tuple[int, int], g: float, eta: float) -> float:
    """1/s of every cell in the asynchronous state; weight mV (J), in_degree (C_E, C_I)."""
    c_e, c_i = in_degree
    external = eta * THRESHOLD / (weight * TAU)

    def excess(rate: float) -> float:
        mean = TAU * weight * (external + c_e * rate - g * c_i * rate)
        variance = TAU * weight**2 * (external + c_e * rate + g**2 * c_i * rate)
        return siegert(mean, np.sqrt(variance)) - rate

    rate: Any = brentq(excess, 0.1, 0.99 / REFRACTORY)
    return float(rate)
