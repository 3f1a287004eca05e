"""Heun's method with additive noise and with delays of whole steps."""

from collections.abc import Callable, Sequence

import numpy as np

Past = tuple[np.ndarray, ...]
Slope = Callable[[np.ndarray, np.ndarray, Past], np.ndarray]


def whole_steps(delays: Sequence[float | np.ndarray], dt: float) -> tuple[np.ndarray, ...]:
    """Delays as numbers of steps; ValueError where one is not a whole number of them."""
    steps = []
    for delay in delays:
        exact = np.asarray(delay, np.float64) / dt
        if np.any(np.abs(exact - np.rint(exact)) > 1e-6):
            raise ValueError(f"delay {delay} is not a whole number of steps of {dt}")
        steps.append(np.rint(exact).astype(int))
    return tuple(steps)


def heun(
    slope: Slope,
    y0: np.ndarray,
    dt: float,
    n_steps: int,
    noise: np.ndarray | None = None,
    delays: Sequence[float | np.ndarray] | None = None,
    stim: np.ndarray | None = None,
) -> np.ndarray:
    """States (n_steps + 1, n_variables, n_nodes) from y0 on.

    slope(y, stim, past); y0 (n_variables, n_nodes). noise (n_steps, n_variables, n_nodes) holds finished increments
    (gain x sqrt(dt) x normal), the same in predictor and corrector. stim (n_steps, n_nodes) is held over a step. Each
    of ``delays`` is a scalar, then its past is y(t - d), or (n_nodes, n_nodes), then its past is
    (n_variables, n_nodes, n_nodes) with [:, i, j] = y_j(t - d_ij). Before t = 0 the state is y0.
    """
    y = np.array(y0, np.float64)
    n_variables, n_nodes = y.shape
    lags = whole_steps(delays or (), dt)
    longest = max((int(lag.max()) for lag in lags), default=0)
    ring = np.repeat(y[None], longest + 1, axis=0)  # ring[n % len]: the state after n steps
    column = np.arange(n_nodes)

    def looked_up(now: int, present: np.ndarray) -> Past:
        past = []
        for lag in lags:
            if lag.ndim == 0:
                past.append(present if lag == 0 else ring[(now - lag) % len(ring)])
                continue
            old = ring[(now - lag) % len(ring), :, column[None, :]]  # (n_nodes, n_nodes, n_variables)
            past.append(np.where(lag == 0, present[:, None, :], np.moveaxis(old, -1, 0)))
        return tuple(past)

    states = np.empty((n_steps + 1, n_variables, n_nodes))
    states[0] = y
    for n in range(n_steps):
        u = np.zeros(n_nodes) if stim is None else stim[n]
        increment = 0.0 if noise is None else noise[n]
        first = slope(y, u, looked_up(n, y))
        guess = y + dt * first + increment
        second = slope(guess, u, looked_up(n + 1, guess))
        y = y + 0.5 * dt * (first + second) + increment
        ring[(n + 1) % len(ring)] = y
        states[n + 1] = y
    return states
