"""A loop and a policy for a number of windows, in one scan."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ..keys import stream_key
from .loop import Loop, Outcome


def kept(outcome: Outcome) -> dict[str, Array]:
    """What is kept of a window by default: ``marker``, ``reward``, ``cost`` (), ``requested``, ``applied`` (n_stim,)
    relative, ``vetoes``, ``mode``, ``charge`` C, ``energy`` J, ``seconds`` of drift time, ``in_bounds`` ()."""
    window = outcome.window
    return {
        "marker": outcome.marker, "reward": outcome.reward, "cost": outcome.cost, "requested": outcome.requested,
        "applied": outcome.applied, "vetoes": outcome.vetoes, "mode": outcome.mode, "charge": window.stim.charge,
        "energy": window.stim.energy, "seconds": window.clock.seconds,
        "in_bounds": window.truth.get("in_bounds", jnp.asarray(True)),
    }  # fmt: skip


def run_loop(loop: Loop, policy: Any, n_windows: int, key: Array, keep: Callable[[Outcome], Any] = kept) -> Any:
    """``n_windows`` windows of the loop under ``policy`` (init(), act(memory, reading, key)): what ``keep`` keeps,
    leaves (n_windows, ...). The first window is without stimulation; the policy sees each and acts on the next. Wrap in
    jit, vmap over keys, or over the leaves of loop and policy."""
    policy_key = stream_key(key, "policy")

    def window(carry: Any, tick: Array) -> Any:
        state, memory, action = carry
        state, outcome = loop.step(state, action)
        memory, action = policy.act(memory, outcome.reading, stream_key(policy_key, "act", tick))
        return (state, memory, action), keep(outcome)

    start = (loop.init(stream_key(key, "loop")), policy.init(), jnp.zeros(loop.n_stim))
    return jax.lax.scan(window, start, jnp.arange(1, n_windows + 1))[1]
