"""Motor cortical units, what is not chance: tuning and firing rates from numbers that somebody else has drawn.

Rates b exp(w . latent) of a latent state: intended velocity x, y, its size, and fluctuations that units share. Written
from the equations in the model's description. Time in s.
"""

import numpy as np

PARAMETERS = {
    "default": {
        "rate": 8.0, "rate_sd": 0.7, "depth": 0.6, "depth_sd": 0.3, "speed_sd": 0.2, "shared_sd": 0.2,
        "wander_sd": 0.2, "tau": 0.2, "coupling": 2e5, "rest_s": 0.5, "reach_s": 1.0, "n_classes": 8, "ceiling": 200.0,
    },
}  # fmt: skip


def tuning(parameters: dict, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Baseline (n_units,) 1/s and loadings (n_units, 3 + n_shared) from standard normal z (n_units, 5 + n_shared)."""
    q = parameters
    baseline, loadings = np.empty(len(z)), np.empty((len(z), z.shape[1] - 2))
    for unit, draw in enumerate(z):
        baseline[unit] = q["rate"] * np.exp(q["rate_sd"] * draw[0])
        angle = np.arctan2(draw[2], draw[1])
        modulation = q["depth"] * np.exp(q["depth_sd"] * draw[3])
        loadings[unit, :2] = modulation * np.cos(angle), modulation * np.sin(angle)
        loadings[unit, 2] = q["speed_sd"] * draw[4]
        loadings[unit, 3:] = q["shared_sd"] * draw[5:]
    return baseline, loadings


def fluctuate(parameters: dict, start: np.ndarray, noise: np.ndarray, sfreq: float) -> np.ndarray:
    """Ornstein-Uhlenbeck processes of unit variance, exact from sample to sample: (n, n_processes)."""
    values, x = np.empty(noise.shape), np.array(start, float)
    decay = 1.0 / (sfreq * parameters["tau"])
    for k, normal in enumerate(noise):
        # the variance gained in a step is 1 - exp(-2 decay)
        x = x * np.exp(-decay) + np.sqrt(-np.expm1(-2.0 * decay)) * normal
        values[k] = x
    return values


def latents(parameters: dict, t: np.ndarray, target: int, slow: np.ndarray) -> np.ndarray:
    """(3 + n_shared, n) at ``t`` (n,) s from the start of the trial; slow (n, 2 + n_shared) fluctuations."""
    q, rows = parameters, []
    direction = 2.0 * np.pi * target / q["n_classes"]
    for k, now in enumerate(t):
        progress = (now - q["rest_s"]) / q["reach_s"]
        # a bell that begins and ends at rest
        speed = 0.5 * (1.0 - np.cos(2.0 * np.pi * progress)) if 0.0 < progress < 1.0 else 0.0
        x = speed * np.cos(direction) + q["wander_sd"] * slow[k, 0]
        y = speed * np.sin(direction) + q["wander_sd"] * slow[k, 1]
        rows.append([x, y, np.hypot(x, y), *slow[k, 2:]])
    return np.array(rows).T


def rates(
    parameters: dict, baseline: np.ndarray, loadings: np.ndarray, state: np.ndarray, stim: np.ndarray,
    modulation: float = 1.0, shared: float = 1.0, efficacy: float = 1.0, gain: np.ndarray | float = 1.0,
) -> np.ndarray:  # fmt: skip
    """(n_units, n) 1/s, of latents (3 + n_shared, n) and a current stim (n,) A that reaches all units alike.

    modulation, shared: factors on the log-rates from the first three latents and from the others; efficacy: on the
    current; gain (n_units,): on the whole rate. Between 0 and the ceiling.
    """
    log_rate = modulation * loadings[:, :3] @ state[:3] + shared * loadings[:, 3:] @ state[3:]
    driven = baseline[:, None] * np.exp(log_rate) + parameters["coupling"] * efficacy * stim
    return np.minimum(np.maximum(driven * np.reshape(gain, (-1, 1)), 0.0), parameters["ceiling"])
