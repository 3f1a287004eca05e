"""How much privacy training spends: Rényi differential privacy of the subsampled Gaussian mechanism.

Each step takes every trial with probability ``rate`` and adds Gaussian noise of ``noise`` times the clipping norm to
the sum of clipped gradients. Mironov, Talwar & Zhang 2019 give its Rényi divergence at any order, orders add up over
steps (Mironov 2017), and Canonne, Kamath & Steinke 2020 (proposition 12) turn them into (epsilon, delta). Neighbours
differ by one trial that is there or not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from ...sim.errors import InputError

ORDERS: tuple[float, ...] = (*(1 + x / 10 for x in range(1, 100)), *range(11, 64), 80, 96, 128, 192, 256, 512)
_LARGEST_NOISE = 1e4


def renyi(rate: float, noise: float, orders: Sequence[float] = ORDERS) -> NDArray[np.float64]:
    """Rényi divergence (n_orders,) of one step. 0 without sampling, inf without noise."""
    _check(rate, noise)
    alphas = np.asarray(orders, float)
    if rate == 0:
        return np.zeros(alphas.shape)
    if noise == 0:
        return np.full(alphas.shape, np.inf)
    if rate == 1:
        return alphas / (2 * noise**2)
    return np.array([_log_moment(rate, noise, a) / (a - 1) for a in alphas])


def _log_moment(q: float, sigma: float, alpha: float) -> float:
    """log E[((1 - q) + q e^((2z - 1) / 2 sigma^2))^alpha], z normal of deviation sigma."""
    if float(alpha).is_integer():
        k = np.arange(int(alpha) + 1)
        binomial = gammaln(alpha + 1) - gammaln(k + 1) - gammaln(alpha - k + 1)
        terms = binomial + k * np.log(q) + (alpha - k) * np.log1p(-q) + (k * k - k) / (2 * sigma**2)
        return float(np.asarray(logsumexp(terms)))
    # Of the binomial series of other orders a thousand terms are not always enough. The integrand is analytic and
    # falls as a Gaussian on either side, where equal steps lose nothing: a 20th of a deviation is exact to rounding.
    z = np.arange(-12 * sigma, alpha + 12 * sigma, sigma / 20)
    ratio = np.logaddexp(np.log1p(-q), np.log(q) + (2 * z - 1) / (2 * sigma**2))
    total = np.asarray(logsumexp(alpha * ratio - z * z / (2 * sigma**2)))
    return float(total) - float(np.log(20 * np.sqrt(2 * np.pi)))


def epsilon(
    rate: float, noise: float, n_steps: int, delta: float, orders: Sequence[float] = ORDERS
) -> tuple[float, float]:
    """(epsilon, the order at which it was found) after ``n_steps`` steps; inf without noise."""
    if not 0 < delta < 1:
        raise InputError(f"delta is {delta:g}; wanted one in (0, 1), well below one over the number of trials")
    if n_steps < 0:
        raise InputError(f"the number of steps is {n_steps}; wanted 0 or more")
    if n_steps == 0:
        _check(rate, noise)
        return 0.0, float("nan")
    alphas = np.asarray(orders, float)
    spent = n_steps * renyi(rate, noise, orders)
    found = spent + np.log1p(-1 / alphas) - (np.log(delta) + np.log(alphas)) / (alphas - 1)
    best = int(np.argmin(found))
    return max(0.0, float(found[best])), float(alphas[best])


def noise_for(target: float, rate: float, n_steps: int, delta: float) -> float:
    """The least noise (to a thousandth) whose epsilon is at most ``target``. InputError where none is enough."""
    low, high = 0.0, 1.0
    while epsilon(rate, high, n_steps, delta)[0] > target:
        low, high = high, 2 * high
        if high > _LARGEST_NOISE:
            raise InputError(f"epsilon {target:g} asks for more noise than {_LARGEST_NOISE:g}; allow a larger one")
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if epsilon(rate, middle, n_steps, delta)[0] <= target else (middle, high)
    return high


def _check(rate: float, noise: float) -> None:
    if not 0 <= rate <= 1 or not noise >= 0:
        raise InputError(f"a rate of {rate:g} and noise of {noise:g}; wanted a rate in [0, 1] and noise of 0 or more")
