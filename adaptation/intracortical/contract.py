"""Decoding that never stops: spike counts of one bin in, a velocity out, and what is learnt from what follows."""

from typing import Any, NamedTuple, Protocol, TypeVar

import jax
import jax.numpy as jnp
from jax import Array

S = TypeVar("S")


class Session(NamedTuple):
    """Bins with the movement that was meant, to fit a decoder on.

    counts (n_bins, n_units) spikes per bin; velocity (n_bins, 2), in m/s or whatever unit the cursor moves in; weight
    (n_bins,), 0 leaves a bin out (so that sessions have one shape).
    """

    counts: Array
    velocity: Array
    weight: Array

    @classmethod
    def of(cls, counts: Any, velocity: Any) -> "Session":
        """Every bin counts once."""
        counts, velocity = jnp.asarray(counts, float), jnp.asarray(velocity, float)
        return cls(counts, velocity, jnp.ones(counts.shape[0], counts.dtype))


class Feedback(NamedTuple):
    """What is known after a bin was decoded; of one session with a leading axis of bins.

    cursor, target: (2,) positions; intent: (2,) the velocity that was meant, as in a training session; has_target,
    has_intent: () bool, whether those two are known at all (cursor always is); selected: () bool, something was
    selected with this bin (a click, a dwell); session_end: () bool, the last bin of a day or of a block.
    """

    cursor: Array
    target: Array
    intent: Array
    has_target: Array
    has_intent: Array
    selected: Array
    session_end: Array

    @classmethod
    def nothing(cls, n_bins: int | None = None) -> "Feedback":
        """No feedback for one bin, or for ``n_bins``."""
        shape = () if n_bins is None else (n_bins,)
        place, no = jnp.zeros((*shape, 2)), jnp.zeros(shape, bool)
        return cls(place, place, place, no, no, no, no)


class ContinuousAdapter(Protocol[S]):
    """A decoder of movement with its way of staying calibrated, as the adapters of windows: ``predict`` never changes
    the state, ``update`` moves on by a bin and learns. All are jittable and vmapped for more people."""

    def init(self, calibration: Session, key: Array) -> S:
        """Fit the decoder on a labelled session; the key is for what is drawn on the way."""
        ...

    def predict(self, state: S, counts: Array) -> Array:
        """Velocity (2,) from the counts (n_units,) of the bin at hand and all before."""
        ...

    def update(self, state: S, counts: Array, feedback: Feedback) -> S:
        """Past this bin, whose decoding is taken into account, with what was learnt from ``feedback``."""
        ...


def decode_session(adapter: Any, state: S, counts: Array, feedback: Feedback) -> tuple[S, Array]:
    """A whole recorded session as one scan: the last state, and velocities (n_bins, 2) each decoded before anything was
    learnt from its bin."""

    def step(state: S, bin_: tuple[Array, Feedback]) -> tuple[S, Array]:
        velocity = adapter.predict(state, bin_[0])
        return adapter.update(state, *bin_), velocity

    return jax.lax.scan(step, state, (counts, feedback))
