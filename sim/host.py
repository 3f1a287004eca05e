"""Stepping a plant from Python: for sources that cannot be traced (Brian2, NumPy models, live streams).

Everything but the source is the same compiled code as in the scan, so a traceable source gives the same run both
ways, up to the last bits that fusing or not fusing two operations may change.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from .plant import Plant, PlantState, Window

Policy = Callable[[Window | None, int], Array]
"""(the last window, None at first; index of the next) -> action (n_stim,) A."""


class HostPlant:
    """A plant whose source steps on the host. ``close`` ends what the source keeps running.

    ``init`` and ``step`` are those of :class:`~neurodrift.sim.plant.Plant`; a source that is jittable is compiled.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        source = plant.source
        self._source_step = jax.jit(source.step) if source.jittable else source.step
        self._before = jax.jit(plant.before)
        self._after = jax.jit(plant.after)

    def init(self, key: Array) -> PlantState:
        return self.plant.init(key)

    def step(self, state: PlantState, action: Array) -> tuple[PlantState, Window]:
        """One control window: action (n_stim,) A -> the recorded window."""
        prepared = self._before(state._replace(source=None), action)
        source, moments, truth = self._source_step(
            state.source, prepared.current, prepared.conditions, prepared.source_key
        )
        rest, window = self._after(state._replace(source=None), prepared, moments, truth)
        return rest._replace(source=source), window

    def close(self, state: PlantState) -> None:
        """End the run that ``state`` belongs to; harmless for a source that keeps nothing running."""
        close: Callable[[], Any] | None = getattr(state.source, "close", None)
        if close is not None:
            close()


def rollout_host(plant: Plant, key: Array, n_windows: int, policy: Policy | None = None) -> tuple[PlantState, Window]:
    """Run ``n_windows`` control windows from Python, with actions of ``policy`` (default: no stimulation).

    Returns the last state and the windows, every leaf with a leading axis n_windows. A source that keeps a network
    running is closed at the end, also when the policy raises.
    """
    host = HostPlant(plant)
    state = host.init(key)
    silence = jnp.zeros(plant.source.n_stim)
    windows: list[Window] = []
    with contextlib.ExitStack() as stack:
        stack.callback(lambda first=state: host.close(first))
        for n in range(n_windows):
            action = silence if policy is None else policy(windows[-1] if windows else None, n)
            state, window = host.step(state, action)
            windows.append(window)
    return state, jax.tree.map(lambda *leaves: jnp.stack(leaves), *windows)
