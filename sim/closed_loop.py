"""A plant and a policy in closed loop for as long as wanted, checked chunk by chunk."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .chunks import Progress, count_windows, run_chunks
from .errors import InputError
from .keys import stream_key
from .plant import Plant, PlantState, Window

Policy = Callable[[Any, Window], tuple[Any, Array]]
"""(memory, the last window) -> (memory, action (n_stim,) A for the next)."""


@dataclasses.dataclass(frozen=True)
class Run:
    """records: what was collected, leaves (n_windows, ...); state, memory, action: where to go on from (pass the run as
    ``start``); status: "ok", or when the brain left its physiological bounds (what came before is kept)."""

    records: Any
    state: PlantState
    memory: Any
    action: Array
    status: str

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def collect(window: Window) -> dict[str, Array]:
    """What is kept of a window by default: power (n_channels,) V^2, mean square of the samples; applied (n_stim,) A."""
    return {"power": jnp.mean(window.v**2, axis=1), "applied": window.stim.applied}


def closed_loop(
    plant: Plant,
    policy: Policy,
    seconds: float,
    key: Array | None = None,
    memory: Any = (),
    keep: Callable[[Window], Any] = collect,
    start: Run | None = None,
    chunk_s: float = 60.0,
    progress: Progress | None = None,
) -> Run:
    """``seconds`` of brain time; the policy sees each window and acts on the next (nothing acts on the first).

    key: of a new run, from which everything random derives; start: a run to go on from, instead; memory: the policy's
    at the start; keep(window): what is recorded; progress(seconds done, seconds). Policy and keep are traced by JAX and
    compiled once, so give them as functions, not anew in every call. After every ``chunk_s`` s the run is checked: it
    stops at the first window with a voltage that is not finite or a brain out of its bounds, keeps what came before,
    and says so. Memory grows with what is kept only.
    """
    source: Any = plant.source
    if not source.jittable:
        raise InputError(f"{type(source).__name__} cannot be traced; step it with neurodrift.sim.host.rollout_host")
    n_windows = count_windows(seconds, source)
    if start is None:
        if key is None:
            raise InputError("key is missing; give one, such as jax.random.key(0), or a run to go on from as start")
        state = jax.jit(plant.init)(stream_key(key, "closed loop"))
        carry = (state, memory, jnp.zeros(source.n_stim))
    else:
        carry = (start.state, start.memory, start.action)
    records = []

    def advance(_: int, n: int) -> Array:
        nonlocal carry
        carry, (kept, fine) = _chunk(policy, keep, n, plant, carry)
        records.append(jax.tree.map(np.asarray, kept))
        return fine

    done, status = run_chunks(advance, seconds, chunk_s, source, progress), "ok"
    if done < n_windows:
        lasted = done * source.n_times / source.sfreq
        status = f"the brain left its physiological bounds after {lasted:g} s; weaken the stimulation"
    whole = jax.tree.map(lambda *leaves: np.concatenate(leaves)[:done], *records)
    state, memory, action = carry
    return Run(whole, state, memory, action, status)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _chunk(policy: Policy, keep: Callable[[Window], Any], n: int, plant: Plant, carry: Any) -> Any:
    def step(carry: Any, _: None) -> Any:
        state, memory, action = carry
        state, window = plant.step(state, action)
        memory, action = policy(memory, window)
        fine = jnp.all(jnp.isfinite(window.v)) & window.truth.get("in_bounds", jnp.asarray(True))
        return (state, memory, action), (keep(window), fine)

    return jax.lax.scan(step, carry, None, length=n)
