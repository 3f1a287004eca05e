"""What the figures of the spiking networks share: runs on the host."""

from typing import Any

import jax
import numpy as np

from ...sim.conditions import Conditions

CONDITIONS = Conditions.nominal(1)


def run(
    source: Any, n_windows: int, conditions: Conditions = CONDITIONS, current: Any = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """field (n_sources, n) and the truth of each window (n_windows, ...); current (n_stim,) A held, None for none."""
    stim = np.zeros((source.n_stim, source.n_times))
    if current is not None:
        stim = stim + np.asarray(current, float)[:, None]
    inputs = source.inputs(stim, conditions)
    state = source.init(jax.random.key(0), conditions)
    windows = [state.advance(inputs) for _ in range(n_windows)]
    state.close()
    truths = {name: np.stack([truth[name] for _, truth in windows]) for name in windows[0][1]}
    return np.concatenate([field for field, _ in windows], axis=1), truths
