"""alpha-BN: source statistics mixed with those of the latest windows. No labels."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from ...sim.pytree import component, static
from ..contract import Decoder, Feedback, Trials, Variables
from .testtime import pooled, towards


class AlphaBNMemory(NamedTuple):
    """moments: as ``stats`` with a leading axis (n_windows,), a ring of the latest windows' own;
    n_seen: () int32, windows of this session; source: statistics before the stream."""

    moments: Any
    n_seen: Array
    source: Any


@component
class AlphaBN:
    """stats <- (1 - alpha) source + alpha · statistics of the latest ``n_windows`` (You 2021; Wimpff 2024 for EEG).

    alpha 1 is the batch's statistics alone. Until the buffer is full, and again after an announced session end, the
    source stands in for the windows that are missing, so that no window is normalised by itself. One forward pass a
    window: its moments are taken once, behind the statistics in force then.
    """

    alpha: float = 0.1
    n_windows: int = static(default=32)

    def start(self, decoder: Decoder, variables: Variables, calibration: Trials, key: Array) -> AlphaBNMemory:
        ring = jax.tree.map(lambda a: jnp.zeros((self.n_windows, *a.shape), a.dtype), variables.stats)
        return AlphaBNMemory(ring, jnp.zeros((), jnp.int32), variables.stats)

    def observe(
        self, memory: AlphaBNMemory, decoder: Decoder, variables: Variables, x: Array
    ) -> tuple[AlphaBNMemory, Variables]:
        own, slot = decoder.moments(variables, x), memory.n_seen % self.n_windows
        ring = jax.tree.map(lambda kept, new: kept.at[slot].set(new), memory.moments, own)
        n_seen = memory.n_seen + 1
        filled = jnp.minimum(n_seen, self.n_windows)
        weight = (jnp.arange(self.n_windows) < filled).astype(x.dtype)
        share = self.alpha * filled / self.n_windows
        stats = {name: towards(memory.source[name], pooled(ring[name], weight), share) for name in variables.stats}
        return memory._replace(moments=ring, n_seen=n_seen), variables._replace(stats=stats)

    def learn(
        self, memory: AlphaBNMemory, decoder: Decoder, variables: Variables, feedback: Feedback
    ) -> tuple[AlphaBNMemory, Variables, Array]:
        n_seen = jnp.where(feedback.session_end, 0, memory.n_seen)
        return memory._replace(n_seen=n_seen), variables, jnp.zeros((), bool)
