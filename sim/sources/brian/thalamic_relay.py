"""Sensorimotor pulses to the thalamus, and how faithfully it relays them: the error index of So, Kent and Grill.

Pulses come at a rate drawn anew for each from a gamma law (mean 14 Hz, coefficient of variation 0.2), the same for all
thalamic cells of a network. A cell errs when it answers a pulse with no spike or more than one within 25 ms (a miss, a
burst), and once for every other spike until the next pulse. The error index is the mean number of errors per pulse.
"""

from typing import Any

import numpy as np

PULSE_RATE = 14.0  # Hz
PULSE_CV = 0.2
PULSE_S = 5e-3
PULSE_CURRENT = 3.5  # uA/cm2
ANSWER_S = 25e-3


class CorticalPulses:
    """Pulse onsets of ``n_networks``, in integration steps from ``start`` on; ``memory`` is where the state lives."""

    def __init__(
        self, memory: dict[str, Any], n_networks: int, start: int, dt: float, rng: np.random.Generator
    ) -> None:
        self._memory, self._rng, self._dt = memory, rng, dt
        self._width = round(PULSE_S / dt)
        memory["pulse"] = np.full(n_networks, start - 10**9, np.int64)  # onset of the last one
        memory["next_pulse"] = np.array([start + self._interval() for _ in range(n_networks)])

    def _interval(self) -> int:
        shape = PULSE_CV**-2
        return max(1, round(1.0 / (self._rng.gamma(shape, PULSE_RATE / shape) * self._dt)))

    def step(self, now: int) -> np.ndarray | None:
        """(n_networks,) bool, which get a pulse at step ``now``; None when none does."""
        memory = self._memory
        due = memory["next_pulse"] == now
        if not due.any():
            return None
        for network in np.flatnonzero(due):
            memory["pulse"][network] = now
            memory["next_pulse"][network] = now + self._interval()
        return due

    def current(self, now: int) -> np.ndarray:
        """(n_networks,) uA/cm2 into every thalamic cell at step ``now``."""
        return np.where(now - self._memory["pulse"] < self._width, PULSE_CURRENT, 0.0)


class ErrorIndex:
    """Errors of ``n_cells`` thalamic cells in each network, counted when a pulse's interval is over."""

    def __init__(self, memory: dict[str, Any], n_networks: int, n_cells: int, dt: float) -> None:
        self._memory, self._n_cells = memory, n_cells
        self._answer = round(ANSWER_S / dt)
        memory["answers"] = np.zeros((n_networks, n_cells), np.int64)
        memory["late"] = np.zeros((n_networks, n_cells), np.int64)
        memory["relaying"] = np.zeros(n_networks, bool)  # has had a first pulse
        memory["errors"] = np.zeros(n_networks)
        memory["pulses"] = np.zeros(n_networks)

    def pulse(self, due: np.ndarray) -> None:
        """A new pulse in the networks ``due`` (n_networks,) bool ends the interval of the one before."""
        memory = self._memory
        closed = due & memory["relaying"]
        wrong = (memory["answers"] != 1) + memory["late"]
        memory["errors"][closed] += wrong[closed].mean(axis=1)
        memory["pulses"][closed] += 1
        memory["answers"][due] = 0
        memory["late"][due] = 0
        memory["relaying"] |= due

    def spikes(self, cells: np.ndarray, now: int) -> None:
        """Thalamic cells (indices over all networks) spike at step ``now``."""
        networks, own = np.divmod(cells, self._n_cells)
        answering = now - self._memory["pulse"][networks] < self._answer
        self._memory["answers"][networks[answering], own[answering]] += 1
        self._memory["late"][networks[~answering], own[~answering]] += 1

    def take(self) -> dict[str, np.ndarray]:
        """Errors per cell and pulses since the last call, (n_networks,) each: their sums' ratio is the index."""
        taken = {name: self._memory[name].copy() for name in ("errors", "pulses")}
        for name in taken:
            self._memory[name][:] = 0
        return taken
